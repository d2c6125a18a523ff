"""tiktoken's rank files: a line for each token, its bytes in base 64 and its rank, which is its id.

The merges are not in the file; they follow from it: a token is made by joining the two parts that are left of it when
everything of a lower rank has been joined. The splitting expression and special tokens are not there either: they are
known by the number of ranks (tiktoken_ext/openai_public.py).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from quoth.errors import ModelError, escaped
from quoth_converters.vocab import END, Type, Vocabulary
from quoth_converters.vocab.byte_level import spelled

# Number of ranks: llama.cpp's pre-tokenizer, and the special tokens by id.
_KNOWN: Final[Mapping[int, tuple[str, Mapping[int, str]]]] = {
    50256: ("gpt-2", {50256: END}),
    100256: (
        "llama-bpe",
        {
            100257: END,
            100258: "<|fim_prefix|>",
            100259: "<|fim_middle|>",
            100260: "<|fim_suffix|>",
            100276: "<|endofprompt|>",
        },
    ),
}


def read_ranks(path: Path) -> Vocabulary:
    """The vocabulary of a .tiktoken file: GPT-2's or cl100k_base."""
    return of_ranks(_ranks(path), path.name)


def of_ranks(ranks: Mapping[bytes, int], origin: str) -> Vocabulary:
    """The vocabulary of such ranks, which count up from 0."""
    if len(ranks) not in _KNOWN:
        raise ModelError(f"{escaped(origin)} has {len(ranks):,} ranks", "only gpt2 and cl100k_base are known")
    pre, special = _KNOWN[len(ranks)]
    names = {**{rank: spelled(token) for token, rank in ranks.items()}, **special}
    ids = range(max(names) + 1)
    types = [Type.CONTROL if index in special else Type.NORMAL if index in names else Type.UNUSED for index in ids]
    return Vocabulary(
        "gpt2",
        pre,
        tuple(names.get(index, f"[PAD{index}]") for index in ids),
        tuple(types),
        tuple(f"{spelled(left)} {spelled(right)}" for left, right in _merges(ranks)),
        origin,
        special={"eos": next(iter(special))},
    )


def _ranks(path: Path) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    for line in path.read_bytes().splitlines():
        token, _, rank = line.partition(b" ")
        try:
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (binascii.Error, ValueError):
            raise ModelError(f"{escaped(path.name)} is not a rank file", escaped(line[:40])) from None
    if sorted(ranks.values()) != list(range(len(ranks))):
        raise ModelError(f"{escaped(path.name)} is not a rank file", "its ranks do not count up from 0")
    return ranks


def _merges(ranks: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        parts = [token[index : index + 1] for index in range(len(token))]
        while len(parts) > 2:
            joined = [ranks.get(a + b, rank) for a, b in pairwise(parts)]
            lowest = min(joined)
            if lowest >= rank:
                raise ModelError("the rank file is not BPE", f"token {rank} is not made of earlier ones")
            at = joined.index(lowest)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        if len(parts) == 2:
            merges.append((parts[0], parts[1]))
    return merges
