"""Whether the file's tokenizer gives the ids of the source's, and the bytes back: on hard texts and its own tokens."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from quoth.errors import escaped
from quoth_converters.checks.hard_texts import FIXED, SHORT, around, random_texts
from quoth_converters.checks.source_tokenizers import Oracle
from quoth_converters.checks.verification_report import Check, Level
from quoth_converters.llama_process import LlamaProcess
from quoth_converters.spec import ModelSpec
from quoth_converters.vocab import Type, Vocabulary

_AT_ONCE: Final = 4096
_MOST_SPECIAL: Final = 256
_ROUNDS: Final = 200  # of making a failing text smaller


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both tokenizers."""

    llama: LlamaProcess
    oracle: Oracle

    def ids(self, texts: Sequence[str]) -> Iterator[tuple[str, list[int], list[int]]]:
        """Each text with the source's ids and the file's."""
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            theirs, ours = self.oracle.encode(some), self.llama.tokenize(some)
            yield from zip(some, theirs, ours, strict=True)

    def differs(self, text: str) -> bool:
        return any(theirs != ours for _, theirs, ours in self.ids([text]))


def check_tokenizer(llama: LlamaProcess, spec: ModelSpec, oracle: Oracle | str, level: Level) -> Check:
    """Compare on the texts that the level asks for; where that is impossible the check says so, and fails `full`."""
    if isinstance(oracle, str):
        return Check("tokenizer", level != "full", f"not compared: {oracle}", warning="not compared")
    pair, vocabulary = _Pair(llama, oracle), spec.vocabulary
    pieces = llama.pieces()
    texts = list(dict.fromkeys(_texts(oracle, vocabulary, level)))
    if oracle.normal:
        texts = [unicodedata.normalize("NFC", text) for text in texts]
    if oracle.spaced:
        marks = tuple(oracle.special)
        texts = [t for t in texts if not t.startswith(" ") and (t in marks or not any(mark in t for mark in marks))]
    said = f"{len(texts):,} texts give the same ids as {oracle.name}"
    said += " (texts brought to NFC first)" if oracle.normal else ""
    said += " (spaces at the beginning and text around special tokens excepted)" if oracle.spaced else ""
    failing = _encoded_wrong(pair, texts) or _decoded_wrong(pair, texts, pieces) or _begun_wrong(llama, vocabulary)
    figures = {"tokenizer_texts": len(texts)}
    said = f"differs from {oracle.name}" if failing else said
    return Check("tokenizer", not failing, said, figures, failing=failing)


def _texts(oracle: Oracle, vocabulary: Vocabulary, level: Level) -> Iterator[str]:
    ordinary = [index for index, kind in enumerate(vocabulary.types) if kind == Type.NORMAL]
    ordinary = [index for index in ordinary if index < len(vocabulary) - vocabulary.appended]
    decoded = [text.decode("utf-8", "replace") for text in oracle.decode([[index] for index in ordinary])]
    own = [text for text in decoded if text and "\ufffd" not in text]
    special = oracle.special[: _MOST_SPECIAL if level == "full" else 4]
    yield from FIXED if level == "full" else SHORT
    yield from (text for token in special for text in around(token))
    yield from own if level == "full" else own[:: max(1, len(own) // 500)]
    yield from random_texts(1000 if level == "full" else 100, own)


def _encoded_wrong(pair: _Pair, texts: Sequence[str]) -> str:
    wrong = [text for text, theirs, ours in pair.ids(texts) if theirs != ours]
    if not wrong:
        return ""
    text = shortened(min(wrong, key=len), pair.differs)
    ((_, theirs, ours),) = pair.ids([text])
    what = f"{escaped(ascii(text))} is {_listed(theirs)} in the source and {_listed(ours)} here"
    return f"{len(wrong)} texts differ; {what}"


def _decoded_wrong(pair: _Pair, texts: Sequence[str], pieces: Sequence[bytes]) -> str:
    found = list(pair.ids(texts))
    decoded = pair.oracle.decode([ids for _, ids, _ in found])
    for (_, ids, _), theirs in sorted(zip(found, decoded, strict=True), key=lambda pair: len(pair[0][1])):
        ours = b"".join(pieces[index] for index in ids).decode("utf-8", "replace")
        if theirs.decode("utf-8", "replace") not in (ours, ours.removeprefix(" ")):
            return f"tokens {_listed(ids)} are {escaped(ascii(theirs))} in the source and {escaped(ascii(ours))} here"
    return ""


def _begun_wrong(llama: LlamaProcess, vocabulary: Vocabulary) -> str:
    """What is wrong with the token that a text begins with."""
    plain, begun = (llama.tokenize(["a"], bos=bos)[0] for bos in (False, True))
    expected = [vocabulary.special["bos"], *plain] if vocabulary.add_bos and "bos" in vocabulary.special else plain
    return "" if begun == expected else f"a text begins as {_listed(begun)} and not as {_listed(expected)}"


def shortened(text: str, fails: Callable[[str], bool]) -> str:
    """A smaller text that still fails: without runs of letters, shorter and shorter ones."""
    size, rounds = max(1, len(text) // 2), 0
    while size:
        at = 0
        while at < len(text) and rounds < _ROUNDS:
            rounds += 1
            shorter = text[:at] + text[at + size :]
            if shorter and fails(shorter):
                text = shorter
            else:
                at += size
        size //= 2
    return text


def _listed(ids: Sequence[int]) -> str:
    return escaped([*ids[:12], "..."] if len(ids) > 12 else list(ids)).replace("'", "")
