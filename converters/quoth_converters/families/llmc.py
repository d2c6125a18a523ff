"""llm.c's model files: GPT-2 with nn.Linear's matrices, a tied head and rows of padding in the embedding."""

from __future__ import annotations

from typing import Final

from quoth.errors import ModelError, escaped
from quoth_converters.families.family import Family, Options, sizes_of
from quoth_converters.families.gpt2_names import gpt2_layout
from quoth_converters.families.tensor_map import model_of
from quoth_converters.formats.source import Source
from quoth_converters.spec import ModelSpec
from quoth_converters.vocab.finding import find_vocabulary

_SIZES: Final = {
    "width": ("channels",),
    "layers": ("num_layers",),
    "heads": ("num_heads",),
    "context": ("max_seq_len",),
    "rows": ("padded_vocab_size",),
}


def match(source: Source) -> bool:
    return source.format == "llm.c"


def describe(source: Source, options: Options) -> ModelSpec:
    header = source.config["llm.c"]
    vocabulary = find_vocabulary(source.files, {}, options.tokenizer)
    own = len(vocabulary) - vocabulary.appended
    if own != header["vocab_size"]:
        raise ModelError(
            "this is not the tokenizer of this checkpoint",
            f"{escaped(vocabulary.origin)} has {own:,} tokens and the header says {header['vocab_size']:,}",
            "Give the right one with --tokenizer",
        )
    return model_of(source, gpt2_layout("llm.c", source, sizes_of(header, _SIZES)), vocabulary)


LLMC: Final = Family("llm.c", "gpt2", "exact", match, describe)
