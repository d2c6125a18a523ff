"""The tokenizer of another GGUF, unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth.gguf import read_header
from quoth_converters.vocab import ROLE_KEYS, Type, Vocabulary

_PREFIX: Final = "tokenizer.ggml."


def read_gguf_vocabulary(path: Path) -> Vocabulary:
    """The vocabulary of a GGUF with a byte-level BPE tokenizer or SentencePiece's."""
    header = read_header(path)
    names = [name for name in (*header.metadata, *header.arrays) if "tokenizer" in name]
    keys: dict[str, Any] = {name.removeprefix(_PREFIX): header.value(name) for name in names}
    model, tokens = keys.get("model"), keys.get("tokens")
    if model not in ("gpt2", "llama") or not isinstance(tokens, list):
        why = "only byte-level BPE and SentencePiece are taken"
        raise ModelError(f"the tokenizer of {escaped(path.name)} is {escaped(model)}", why)
    types = keys.get("token_type") or [Type.NORMAL] * len(tokens)
    special = {role: keys.get(name) for role, name in ROLE_KEYS.items()}
    return Vocabulary(
        model,
        str(keys.get("pre", "gpt-2" if model == "gpt2" else "default")),
        tuple(tokens),
        tuple(types),
        tuple(keys.get("merges") or ()),
        path.name,
        # An end of text that is an ordinary token is llama.cpp's default, 11, and not meant.
        special={
            r: i for r, i in special.items() if isinstance(i, int) and i < len(types) and types[i] == Type.CONTROL
        },
        add_bos=bool(keys.get("add_bos_token", model == "llama")),
        add_eos=bool(keys.get("add_eos_token", False)),
        add_space_prefix=bool(keys.get("add_space_prefix", True)) if model == "llama" else None,
        scores=tuple(keys.get("scores") or ()),
        chat_template=str(keys.get("tokenizer.chat_template", "")),
    )
