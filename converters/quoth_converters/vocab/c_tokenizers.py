"""The tokenizers that llama2.c and llm.c write for their C programs: tokens one after the other, each with its length.

Source: export of llama2.c's tokenizer.py; write_tokenizer of llm.c's train_gpt2.py.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from quoth.errors import ModelError, escaped
from quoth_converters.formats.source import read_bounded
from quoth_converters.vocab import MAX_TOKENS, Type, Vocabulary
from quoth_converters.vocab.sentencepiece import BYTES, SPACE, checked
from quoth_converters.vocab.tiktoken_ranks import of_ranks

_MAX_BYTES: Final = 64 << 20
_LLMC_MAGIC: Final = struct.pack("<i", 20240328)
_LLMC_HEADER: Final = 1024  # bytes
_FIRST_BYTE: Final = 3  # behind <unk>, <s> and </s>, as in Llama 2's own
_MARKS: Final = (("<unk>", Type.UNKNOWN), ("<s>", Type.CONTROL), ("</s>", Type.CONTROL))


def read_c_tokenizer(path: Path) -> Vocabulary:
    """The tokenizer of either program, told apart by the first bytes."""
    data = read_bounded(path, _MAX_BYTES)
    return _of_llmc(data, path.name) if data[:4] == _LLMC_MAGIC else _of_llama2c(data, path.name)


def _of_llmc(data: bytes, name: str) -> Vocabulary:
    """GPT-2's tokenizer: the bytes of each token, by rank; the end of text is the last."""
    try:
        _, version, count, *_ = struct.unpack_from("<256i", data)
        if version not in (1, 2) or not 0 < count <= MAX_TOKENS:
            raise ValueError(f"its header says version {version} and {count} tokens")
        tokens, at = [], _LLMC_HEADER
        for _ in range(count):
            end = at + 1 + data[at]
            tokens.append(data[at + 1 : end])
            at = end
        if at != len(data):
            raise ValueError(f"its tokens take {at:,} bytes and it has {len(data):,}")
    except (ValueError, IndexError, struct.error) as error:
        raise ModelError(f"{escaped(name)} is not a tokenizer of llm.c", escaped(error)) from None
    return of_ranks({token: rank for rank, token in enumerate(tokens[:-1])}, name)


def _of_llama2c(data: bytes, name: str) -> Vocabulary:
    """A SentencePiece tokenizer: score and text of each token, ▁ as a space, bytes at 3 to 258."""
    scores: list[float] = []
    texts: list[str] = []
    at = 4
    try:
        (longest,) = struct.unpack_from("<I", data)
        while at < len(data):
            score, length = struct.unpack_from("<fI", data, at)
            text = data[at + 8 : at + 8 + length]
            if length > longest or len(text) != length or len(texts) >= MAX_TOKENS:
                raise ValueError(f"token {len(texts)} has an impossible length")
            scores.append(score)
            texts.append(text.decode("utf-8"))
            at += 8 + length
        if len(texts) < _FIRST_BYTE + 256 or [text.strip("\n") for text in texts[:3]] != [mark for mark, _ in _MARKS]:
            raise ValueError("it does not begin with <unk>, <s> and </s>")
    except (ValueError, struct.error) as error:
        raise ModelError(f"{escaped(name)} is not a tokenizer of llama2.c", escaped(error)) from None
    head = [*(mark for mark, _ in _MARKS), *BYTES]
    types = [*(kind for _, kind in _MARKS), *[Type.BYTE] * 256]
    pieces = [text.replace(" ", SPACE) for text in texts[len(head) :]]
    return checked(
        Vocabulary(
            "llama",
            "default",
            (*head, *pieces),
            (*types, *[Type.NORMAL] * len(pieces)),
            (),
            name,
            special={"unk": 0, "bos": 1, "eos": 2},
            add_bos=True,
            scores=tuple(scores),
            add_space_prefix=True,
        )
    )
