"""The source's tokenizer, to compare with: run by its library, or by exact code here."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Final, Protocol

from quoth.errors import escaped
from quoth_converters.formats.source import tokenizer_files
from quoth_converters.pipeline import Described
from quoth_converters.vocab import Type, Vocabulary
from quoth_converters.vocab.byte_level import raw
from quoth_converters.vocab.tiktoken_ranks import read_ranks


class OracleError(Exception):
    """The library refuses a tokenizer or a text."""


@contextmanager
def answering() -> Iterator[None]:
    """Turn every error of a library into an OracleError; a panic in Rust is not an Exception."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise OracleError(escaped(error)) from None
        raise


class Oracle(Protocol):
    """A tokenizer that is right by definition; `special` are the texts that are one token everywhere."""

    name: str
    special: Sequence[str] = ()
    normal: bool = False  # it brings text to NFC first
    spaced: bool = False  # it puts a space before a text that has none; llama.cpp before any, and behind special tokens

    def encode(self, texts: Sequence[str]) -> list[list[int]]: ...
    def decode(self, ids: Sequence[Sequence[int]]) -> list[bytes]: ...


def find_oracle(described: Described) -> Oracle | str:
    """The tokenizer that a conversion's vocabulary was made from; or why there is nothing to compare with."""
    vocabulary = described.spec.vocabulary
    if vocabulary.exact:
        return Characters(vocabulary)
    files = _files(described)
    path = files.get(vocabulary.origin)
    if path is not None and path.suffix == ".tiktoken":
        return Ranks(path)
    library = {".model": "sentencepiece", ".json": "tokenizers"}.get(path.suffix) if path is not None else None
    if path is None or library is None or (library == "sentencepiece" and find_spec(library) is None):
        return f"nothing else reads {escaped(vocabulary.origin)}"
    if find_spec(library) is None:
        return f"the library {library} is not installed"
    try:
        with answering():
            return SentencePiece(path) if library == "sentencepiece" else _library(path, files, vocabulary)
    except OracleError as error:
        return f"the library {library} does not read {escaped(path.name)}: {error}"


def _files(described: Described) -> Mapping[str, Path]:
    """Tokenizer files by name: those that were named, else the checkpoint's."""
    named = described.options.tokenizer
    if named is None:
        return described.source.files
    return tokenizer_files(named) if named.is_dir() else {**tokenizer_files(named.parent), named.name: named}


def _library(path: Path, files: Mapping[str, Path], vocabulary: Vocabulary) -> Library:
    """A tokenizer.json, or GPT-2's two files with the special tokens that the vocabulary found."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers  # of an extra

    if vocabulary.origin == "tokenizer.json":
        return Library(Tokenizer.from_file(str(path)))
    merges = files["merges.txt" if path.name == "vocab.json" else "vocab.bpe"]
    tokenizer = Tokenizer(models.BPE.from_file(str(path), str(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    own = len(vocabulary) - vocabulary.appended
    special = [vocabulary.tokens[i] for i in range(own) if vocabulary.types[i] in (Type.CONTROL, Type.USER_DEFINED)]
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in special])
    return Library(tokenizer)


class Library(Oracle):
    """A tokenizer of the tokenizers library."""

    name = "the library tokenizers"

    def __init__(self, tokenizer: Any) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.normal = type(tokenizer.normalizer).__name__ == "NFC"
        self.spaced = type(tokenizer.pre_tokenizer).__name__ == "Metaspace"
        self.special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        with answering():
            found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[bytes]:
        with answering():
            texts = self._tokenizer.decode_batch([list(line) for line in ids], skip_special_tokens=False)
        return [text.encode() for text in texts]


class Characters(Oracle):
    """A table of characters: each is a token, and others are lost."""

    name = "the character table"

    def __init__(self, vocabulary: Vocabulary) -> None:
        own = vocabulary.tokens[: len(vocabulary) - vocabulary.appended]
        self._letters = [(raw(token) or token.encode()).decode() for token in own]
        self._ids = {letter: index for index, letter in enumerate(self._letters)}

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [[self._ids[letter] for letter in text if letter in self._ids] for text in texts]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[bytes]:
        return ["".join(self._letters[index] for index in line).encode() for line in ids]


class SentencePiece(Oracle):
    """A model of the SentencePiece library. It never reads a special token out of text."""

    name = "the library sentencepiece"

    def __init__(self, path: Path) -> None:
        self._model: Any = import_module("sentencepiece").SentencePieceProcessor(model_file=str(path))
        pieces = [self._model.id_to_piece(index) for index in range(self._model.vocab_size())]
        self._bytes = [
            bytes([int(piece[3:5], 16)]) if self._model.is_byte(index) else piece.replace("▁", " ").encode()
            for index, piece in enumerate(pieces)
        ]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        with answering():
            return [self._model.encode(text) for text in texts]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[bytes]:
        return [b"".join(self._bytes[index] for index in line) for line in ids]


# Source: tiktoken_ext/openai_public.py.
_SPLITS: Final = {
    "gpt-2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama-bpe": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
}
_SPACES: Final = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # White_Space; re has four more


class Ranks(Oracle):
    """tiktoken's rank files: of two neighbours those are joined first whose token has the lowest rank."""

    name = "the rank file"

    def __init__(self, path: Path) -> None:
        vocabulary = read_ranks(path)
        named = dict(zip(vocabulary.tokens, vocabulary.types, strict=True))
        self.special = [token for token, kind in named.items() if kind == Type.CONTROL]
        self._special_ids = {token: vocabulary.tokens.index(token) for token in self.special}
        spelled = [raw(token) if kind == Type.NORMAL else None for token, kind in named.items()]
        self._bytes = [s if s is not None else t.encode() for s, t in zip(spelled, vocabulary.tokens, strict=True)]
        self._ranks = {token: index for index, token in enumerate(spelled) if token is not None}
        self._split = re.compile(with_classes(_SPLITS[vocabulary.pre]))
        self._marks = re.compile("(" + "|".join(re.escape(token) for token in self.special) + ")")

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [[index for part in self._marks.split(text) for index in self._part(part)] for text in texts]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[bytes]:
        return [b"".join(self._bytes[index] for index in line) for line in ids]

    def _part(self, text: str) -> Iterable[int]:
        if text in self._special_ids:
            return [self._special_ids[text]]
        return [index for word in self._split.findall(text) for index in self._word(word.encode())]

    def _word(self, word: bytes) -> list[int]:
        if word in self._ranks:
            return [self._ranks[word]]
        parts = [word[at : at + 1] for at in range(len(word))]
        while len(parts) > 1:
            joined = [self._ranks.get(a + b, sys.maxsize) for a, b in pairwise(parts)]
            lowest = min(joined)
            if lowest == sys.maxsize:
                break
            at = joined.index(lowest)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return [self._ranks[part] for part in parts]


def with_classes(expression: str) -> str:
    r"""The expression with \p{L}, \p{N}, \s and \S spelled out for Python's re, which has no classes of letters."""
    classes = {r"\p{L}": _ranges("L"), r"\p{N}": _ranges("N"), r"\s": _SPACES}
    written, inside = "", False
    for part in re.findall(r"\\p\{\w\}|\\.|.", expression):
        inside = part == "[" or (inside and part != "]")
        if part == r"\S":
            part = f"[^{_SPACES}]"
        elif part in classes:
            part = classes[part] if inside else f"[{classes[part]}]"
        written += part
    return written


def _ranges(category: str) -> str:
    """All characters of a general category, as written in brackets."""
    letters = (code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == category)
    runs = []
    for _, run in groupby(enumerate(letters), lambda pair: pair[1] - pair[0]):
        codes = [code for _, code in run]
        runs.append(f"\\U{codes[0]:08x}-\\U{codes[-1]:08x}")
    return "".join(runs)
