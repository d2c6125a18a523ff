"""Which pre-tokenizer of llama.cpp splits text as a regular expression does: found by its alternatives, one by one.

The names and their expressions: llama-vocab.cpp, llm_tokenizer_bpe.
"""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = (r"[^\r\n\p{L}\p{N}]?\p{L}+",)
_OTHER: Final = r" ?[^\s\p{L}\p{N}]+"
_SPACES: Final = (r"\s+(?!\S)", r"\s+")
_LINES: Final = (r"\s*[\r\n]+", *_SPACES)
_CASED: Final = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
)
_ANY_CASE: Final = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LOWER: Final = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")

GPT2: Final = "gpt-2"
# Alternatives, in their order: the name in llama.cpp.
_KNOWN: Final = {
    (*_LOWER, r" ?\p{L}+", r" ?\p{N}+", _OTHER, *_SPACES): GPT2,
    (_ANY_CASE, *_WORDS, r"\p{N}{1,3}", _OTHER + r"[\r\n]*", *_LINES): "llama-bpe",
    (_ANY_CASE, *_WORDS, r"\p{N}", _OTHER + r"[\r\n]*", *_LINES): "qwen2",
    (_CASED[0] + _ANY_CASE + "?", _CASED[1] + _ANY_CASE + "?", r"\p{N}{1,3}", _OTHER + r"[\r\n/]*", *_LINES): "gpt-4o",
}
_CONTRACTIONS: Final = (
    ("'(?:[sdmt]|ll|ve|re)", "|".join(_LOWER)),
    ("'(?i:[sdmt]|ll|ve|re)", _ANY_CASE),
    ("(?i:'s|'t|'re|'ve|'m|'d|'ll)", _ANY_CASE),
    ("(?i:[sdmt]|ll|ve|re)", _ANY_CASE),
)
_POSSESSIVE: Final = re.compile(r"(?<=[+*?])\+|(?<=\d\})\+")


def pre_tokenizer(expression: str) -> str | None:
    """llama.cpp's name for a splitting expression, or None if it has none."""
    plain = _POSSESSIVE.sub("", expression)  # possessive or not, these expressions match the same
    for written, usual in _CONTRACTIONS:
        if plain.startswith(written):
            plain = usual + plain.removeprefix(written)
    return _KNOWN.get(alternatives(plain.replace(r"\s+$|", "")))


def alternatives(expression: str) -> tuple[str, ...]:
    """The parts of an expression between the bars outside of brackets."""
    parts, depth, inside, start, index = [], 0, False, 0, 0
    while index < len(expression):
        letter = expression[index]
        if letter == "\\":
            index += 1
        elif inside:
            inside = letter != "]"
        elif letter == "[":
            inside = True
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == "|" and depth == 0:
            parts.append(expression[start:index])
            start = index + 1
        index += 1
    return (*parts, expression[start:])
