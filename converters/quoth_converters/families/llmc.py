"""llm.c's model files: GPT-2 with nn.Linear's matrices, a tied head and rows of padding in the embedding."""

from __future__ import annotations

from typing import Final

from quoth.errors import ModelError, escaped
from quoth_converters.families import gpt2_blocks
from quoth_converters.families.family import Family, Options
from quoth_converters.families.gpt2_blocks import Layout
from quoth_converters.formats.source import Source
from quoth_converters.spec import ModelSpec
from quoth_converters.vocab.finding import find_vocabulary


def match(source: Source) -> bool:
    return source.format == "llm.c"


def describe(source: Source, options: Options) -> ModelSpec:
    sizes = source.config["llm.c"]
    vocabulary = find_vocabulary(source.files, {}, options.tokenizer)
    own = len(vocabulary) - vocabulary.appended
    if own != sizes["vocab_size"]:
        raise ModelError(
            "this is not the tokenizer of this checkpoint",
            f"{escaped(vocabulary.origin)} has {own:,} tokens and the header says {sizes['vocab_size']:,}",
            "Give the right one with --tokenizer",
        )
    layout = Layout(
        "llm.c",
        n_layer=sizes["num_layers"],
        n_head=sizes["num_heads"],
        n_embd=sizes["channels"],
        n_ctx=sizes["max_seq_len"],
        n_rows=sizes["padded_vocab_size"],
        n_inner=4 * sizes["channels"],
        prefix="transformer.",
    )
    return gpt2_blocks.describe(source, layout, vocabulary)


LLMC: Final = Family("llm.c", "gpt2", "exact", match, describe)
