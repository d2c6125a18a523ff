"""A tokenizer as GGUF has it, from the files of a checkpoint's tokenizer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from quoth.errors import ModelError, escaped

END: Final = "<|endoftext|>"
MAX_TOKENS: Final = 1 << 21
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# Role of a special token: its key under tokenizer.ggml.
ROLE_KEYS: Final = {
    "bos": "bos_token_id",
    "eos": "eos_token_id",
    "eot": "eot_token_id",
    "pad": "padding_token_id",
    "unk": "unknown_token_id",
}


class Type(IntEnum):
    """tokenizer.ggml.token_type; CONTROL is never printed, USER_DEFINED is matched before all else and printed."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The `tokenizer.*` keys of a GGUF. `special` is role ("bos", "eos", "eot", "pad", "unk") to token id.

    `exact` says that the source has precisely this many rows (a character table); a subword vocabulary may be padded.
    `appended` counts tokens at the end that the source does not have: their rows are zero, and they are suppressed.
    """

    model: str  # "gpt2" for byte-level BPE, "llama" for SentencePiece
    pre: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    origin: str
    special: Mapping[str, int] = field(default_factory=dict)
    add_bos: bool = False
    add_eos: bool = False
    add_space_prefix: bool | None = None  # of SentencePiece: whether a text gets a space before it
    scores: tuple[float, ...] = ()
    suppressed: tuple[int, ...] = ()
    chat_template: str = ""
    named_templates: Mapping[str, str] = field(default_factory=dict)
    exact: bool = False
    appended: int = 0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.tokens)


def finished(vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary as llama.cpp can load it: distinct tokens, an end of text, ids in range.

    Without an end of text llama.cpp would take token 11 for it. So one is appended that no source row
    stands behind, and suppressed, so that it is never chosen.
    """
    tokens = vocabulary.tokens
    if not tokens or len(tokens) > MAX_TOKENS:
        raise ModelError("the tokenizer has no tokens" if not tokens else "the tokenizer has too many tokens")
    if nul := [token for token in tokens if "\0" in token]:
        raise ModelError("a token contains a zero byte", escaped(nul[0]))
    texts = [*tokens, vocabulary.chat_template, *vocabulary.named_templates, *vocabulary.named_templates.values()]
    if broken := [text for text in texts if _SURROGATE.search(text)]:
        raise ModelError("a text of the tokenizer is not Unicode", escaped(broken[0]))
    if "" in tokens:
        raise ModelError("a token has no name", f"number {tokens.index('')}")
    if len(set(tokens)) != len(tokens):
        twice = next(token for token, times in Counter(tokens).items() if times > 1)
        raise ModelError("two tokens of the tokenizer are the same", escaped(twice))
    special = {role: token for role, token in vocabulary.special.items() if 0 <= token < len(tokens)}
    vocabulary = replace(vocabulary, special=special)
    if "eos" not in special:
        vocabulary = _with_end(vocabulary)
    if vocabulary.model == "gpt2" and not vocabulary.merges:
        # The key is required and an empty list cannot be written; byte 0xFF occurs in no UTF-8.
        vocabulary = replace(vocabulary, merges=("ÿ ÿ",))
    return vocabulary


def _with_end(vocabulary: Vocabulary) -> Vocabulary:
    end = len(vocabulary)
    name = next(name for name in (END, "<|quoth_end|>") if name not in vocabulary.tokens)
    return replace(
        vocabulary,
        tokens=(*vocabulary.tokens, name),
        types=(*vocabulary.types, Type.CONTROL),
        scores=(*vocabulary.scores, 0.0) if vocabulary.scores else (),
        special={"bos": end, **vocabulary.special, "eos": end},
        suppressed=(*vocabulary.suppressed, end),
        appended=vocabulary.appended + 1,
        notes=(*vocabulary.notes, f"the tokenizer has no end of text: {name} is added and never chosen"),
    )
