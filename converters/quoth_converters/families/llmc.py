"""llm.c's model files: GPT-2 with nn.Linear's matrices, a tied head and rows of padding in the embedding."""

from __future__ import annotations

from typing import Final

from quoth.errors import ModelError, escaped
from quoth_converters.families.family import Family, Options, sizes_of, vocabulary_of_files
from quoth_converters.families.gpt2_names import gpt2_layout
from quoth_converters.families.tensor_map import Layout
from quoth_converters.formats.source import Source
from quoth_converters.vocab import Vocabulary

_SIZES: Final = {
    "width": ("channels",),
    "layers": ("num_layers",),
    "heads": ("num_heads",),
    "context": ("max_seq_len",),
    "rows": ("padded_vocab_size",),
}


def layout(source: Source, options: Options) -> Layout:
    return gpt2_layout("llm.c", source, sizes_of(source.config["llm.c"], _SIZES))


def vocabulary(source: Source, options: Options, layout: Layout) -> Vocabulary:
    found, said = vocabulary_of_files(source, options, layout), source.config["llm.c"]["vocab_size"]
    own = len(found) - found.appended
    if own != said:
        raise ModelError(
            "the tokenizer does not fit the checkpoint",
            f"{escaped(found.origin)} has {own:,} tokens and the header says {said:,}",
            "Give the right one with --tokenizer",
        )
    return found


LLMC: Final = Family("llm.c", lambda source: source.format == "llm.c", layout, vocabulary)
