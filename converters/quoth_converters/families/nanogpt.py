"""nanoGPT's ckpt.pt: {"model", "optimizer", "model_args", "iter_num", "best_val_loss", "config"}.

The matrices are those of nn.Linear, the head is tied, the vocabulary may be padded to 50304, and biases may be absent.
The tokenizer is not in the file: the data set's meta.pkl holds a character table, and without one it is GPT-2's.
Source: train.py, model.py and sample.py of nanoGPT.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from quoth.errors import ModelError
from quoth_converters.families.family import GPT2_SIZES, Family, Options, model_args_and, sizes_of, vocabulary_of_files
from quoth_converters.families.gpt2_names import gpt2_layout
from quoth_converters.families.tensor_map import Layout
from quoth_converters.formats.source import Source
from quoth_converters.vocab import Vocabulary
from quoth_converters.vocab.characters import TRY_META, find_meta, read_meta
from quoth_converters.vocab.find_tokenizer import TRY


def layout(source: Source, options: Options) -> Layout:
    settings: dict[str, Any] = source.config["model_args"]
    sizes = sizes_of(settings, {**GPT2_SIZES, "context": ("block_size",)})
    found = gpt2_layout("nanoGPT", source, sizes)
    if found.biases:
        return found
    if settings.get("bias") is True:
        raise ModelError("its biases are missing", "model_args says bias=True and no tensor is one")
    return replace(found, notes=("trained without biases: zeros are written for them",))


def vocabulary(source: Source, options: Options, layout: Layout) -> Vocabulary:
    meta, rows = options.meta or find_meta(source.origin, source.files, source.config), layout.sizes.rows
    if meta and (options.meta or not options.tokenizer):
        return read_meta(meta)
    if options.tokenizer or source.files:
        return vocabulary_of_files(source, options, layout)
    if rows in (50257, 50304):
        why = "it was trained with GPT-2's, which is not in the checkpoint"
        raise ModelError("the tokenizer is missing", why, TRY)
    why = f"it has {rows:,} tokens, and no meta.pkl lies beside the checkpoint or in data/DATASET"
    raise ModelError("the tokenizer is missing", why, TRY_META)


NANOGPT: Final = Family("nanoGPT", model_args_and("transformer.wte.weight"), layout, vocabulary)
