"""nanoGPT's ckpt.pt: {"model", "optimizer", "model_args", "iter_num", "best_val_loss", "config"}.

The matrices are those of nn.Linear, the head is tied, the vocabulary may be padded to 50304, and biases may be absent.
The tokenizer is not in the file: the data set's meta.pkl holds a character table, and without one it is GPT-2's.
Source: train.py, model.py and sample.py of nanoGPT.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from quoth.errors import ModelError, escaped
from quoth_converters.families import gpt2_blocks
from quoth_converters.families.family import Family, Options, integer
from quoth_converters.families.gpt2_blocks import MAX_CONTEXT, MAX_LAYERS, MAX_ROWS, MAX_WIDTH, Layout, has_biases
from quoth_converters.formats.source import Source
from quoth_converters.spec import ModelSpec
from quoth_converters.vocab import Vocabulary
from quoth_converters.vocab.characters import read_meta
from quoth_converters.vocab.finding import TRY, find_vocabulary


def match(source: Source) -> bool:
    return isinstance(source.config.get("model_args"), dict) and "transformer.wte.weight" in source.tensors


def describe(source: Source, options: Options) -> ModelSpec:
    settings: dict[str, Any] = source.config["model_args"]
    n_embd = integer(settings, "n_embd", most=MAX_WIDTH)
    layout = Layout(
        "nanoGPT",
        n_layer=integer(settings, "n_layer", most=MAX_LAYERS),
        n_head=integer(settings, "n_head", most=1024),
        n_embd=n_embd,
        n_ctx=integer(settings, "block_size", most=MAX_CONTEXT),
        n_rows=integer(settings, "vocab_size", most=MAX_ROWS),
        n_inner=4 * n_embd,
        prefix="transformer.",
    )
    if settings.get("bias") is True and not has_biases(source):
        raise ModelError("its biases are missing", "model_args says bias=True and no tensor is one")
    notes = () if has_biases(source) else ("trained without biases: zeros are written for them",)
    return gpt2_blocks.describe(source, layout, _vocabulary(source, options, layout.n_rows), notes)


def _vocabulary(source: Source, options: Options, rows: int) -> Vocabulary:
    if options.meta:
        return read_meta(_existing(options.meta))
    if options.tokenizer:
        return find_vocabulary({}, {}, options.tokenizer)
    if meta := _meta_of_data_set(source):
        return read_meta(meta)
    if source.files:
        return find_vocabulary(source.files, {})
    if rows in (50257, 50304):
        why = "it was trained with GPT-2's, which is not in the checkpoint"
        raise ModelError("the tokenizer is missing", why, TRY)
    why = f"it has {rows:,} tokens, and no meta.pkl lies beside the checkpoint or in data/DATASET"
    raise ModelError("the tokenizer is missing", why, "Give --meta the meta.pkl of the training data")


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ModelError(f"{escaped(path)} does not exist", "", "Give --meta the meta.pkl of the training data")
    return path


def _meta_of_data_set(source: Source) -> Path | None:
    """meta.pkl beside the checkpoint, or where train.py reads it: data/DATASET beside the output folder."""
    if "meta.pkl" in source.files:
        return source.files["meta.pkl"]
    config = source.config.get("config")
    name = config.get("dataset") if isinstance(config, dict) else None
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name):
        return None
    folder = source.origin if source.origin.is_dir() else source.origin.parent
    meta = folder.absolute().parent / "data" / name / "meta.pkl"
    return meta if meta.is_file() else None


NANOGPT = Family("nanoGPT", "gpt2", "exact", match, describe)
