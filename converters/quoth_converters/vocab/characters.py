"""Character tables: nanoGPT's meta.pkl, where each character of the training text is a token.

Each character becomes a byte-level BPE token with the merges that join its own UTF-8 bytes from left to right. A merge
always appends a continuation byte, so none can join two characters: encoding and decoding are exact.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.formats import pickles
from quoth_converters.formats.source import read_bounded
from quoth_converters.vocab import Type, Vocabulary, finished
from quoth_converters.vocab.byte_level import spelled

# Of the pre-tokenizers of llama.cpp it is one that leaves spaces before punctuation alone when it decodes.
_PRE: Final = "qwen2"
TRY_META: Final = "Give --meta the meta.pkl of the training data"


def find_meta(origin: Path, files: Mapping[str, Path], config: Mapping[str, Any]) -> Path | None:
    """meta.pkl beside the checkpoint, or where nanoGPT's train.py reads it: data/DATASET beside the output folder."""
    if "meta.pkl" in files:
        return files["meta.pkl"]
    training = config.get("config")
    name = training.get("dataset") if isinstance(training, dict) else None
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name):
        return None
    folder = origin if origin.is_dir() else origin.parent
    meta = folder.absolute().parent / "data" / name / "meta.pkl"
    return meta if meta.is_file() else None


def read_meta(path: Path) -> Vocabulary:
    """The vocabulary of a meta.pkl: {"vocab_size", "itos": {id: character}, "stoi"}, plain values only."""
    if not path.is_file():
        raise ModelError(f"{escaped(path)} does not exist", "", TRY_META)
    meta: Any = pickles.load(read_bounded(path, pickles.MAX_BYTES), {})
    table = meta.get("itos") if isinstance(meta, dict) else None
    if isinstance(table, dict) and set(table) == set(range(len(table))):
        characters = [table[index] for index in range(len(table))]
    elif isinstance(table, (list, tuple)):
        characters = list(table)
    else:
        raise ModelError(
            f"{escaped(path.name)} is not a character table", "it has no itos with ids that count up from 0"
        )
    if not all(isinstance(character, str) for character in characters):
        raise ModelError(f"{escaped(path.name)} is not a character table", "a token is not text")
    return character_vocabulary(characters, path.name)


def character_vocabulary(characters: list[str], origin: str) -> Vocabulary:
    """A vocabulary in which each of these characters is one token, in this order."""
    if wrong := [character for character in characters if len(character) != 1 or "\ud800" <= character <= "\udfff"]:
        raise ModelError("the character table has an entry that is not one character", escaped(wrong[0]))
    if len(set(characters)) != len(characters):
        raise ModelError("the character table has a character twice")
    letters = [spelled(character.encode()) for character in characters]
    merges: Mapping[str, None] = {
        f"{word[:end]} {word[end]}": None for word in letters for end in range(1, len(word))
    }  # as an ordered set: characters that begin alike share merges
    return finished(
        Vocabulary("gpt2", _PRE, tuple(letters), (Type.NORMAL,) * len(letters), tuple(merges), origin, exact=True)
    )
