"""The tables of a tokenizer.json: tokens, merges, and what surrounds every text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quoth.errors import ModelError, escaped
from quoth_converters.vocab import MAX_TOKENS, Type


def tokens_of(path: Path, table: Any, added: Any) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Tokens by id and their types; ids without a token get a name."""
    if not isinstance(table, dict) or not all(type(index) is int for index in table.values()):
        raise bad_file(path, "it has no table of tokens and ids")
    by_id = {index: text for text, index in table.items()}
    if len(by_id) != len(table):
        raise bad_file(path, "two tokens have the same id")
    if not isinstance(added, list):
        raise bad_file(path, "its added tokens are not a list")
    kinds: dict[int, int] = {}
    for token in added:
        if not isinstance(token, dict) or type(token.get("id")) is not int or not isinstance(token.get("content"), str):
            raise bad_file(path, "an added token is not described properly")
        index, text = token["id"], token["content"]
        if by_id.get(index, text) != text or table.get(text, index) != index:
            raise bad_file(path, f"token {escaped(text)} has two ids, or shares one")
        by_id[index] = text
        kinds[index] = Type.CONTROL if token.get("special", True) else Type.USER_DEFINED
    if by_id and (min(by_id) < 0 or max(by_id) >= MAX_TOKENS):
        raise bad_file(path, "an id is out of range")
    ids = range(max(by_id, default=-1) + 1)
    names = tuple(by_id.get(index, f"[PAD{index}]") for index in ids)
    return names, tuple(kinds.get(index, Type.NORMAL if index in by_id else Type.UNUSED) for index in ids)


def merges_of(path: Path, merges: Any) -> tuple[str, ...]:
    """Merges as "left right": older files write them so, newer ones as pairs."""
    if not isinstance(merges, list):
        raise bad_file(path, "it has no merges")
    texts = [pair if isinstance(pair, str) else _joined(pair) for pair in merges]
    for pair, text in zip(merges, texts, strict=True):
        if text.count(" ") != 1 or text[0] == " " or text[-1] == " ":
            raise bad_file(path, f"a merge is not a pair: {escaped(pair)}")
    return tuple(texts)


def _joined(pair: Any) -> str:
    """Two texts as one; empty for what is not a pair of texts."""
    is_pair = isinstance(pair, list) and len(pair) == 2 and all(isinstance(each, str) for each in pair)
    return " ".join(pair) if is_pair else ""


def added_around(processor: Any) -> tuple[str | None, str | None]:
    """The special tokens that a tokenizer puts before and after every text."""
    for step in steps_of(processor, "processors"):
        if step.get("type") == "TemplateProcessing" and isinstance(step.get("single"), list):
            names = [_special_name(piece) for piece in step["single"]]
            return (names[0], names[-1] if len(names) > 1 else None) if names else (None, None)
    return None, None


def _special_name(piece: Any) -> str | None:
    """The special token that a piece of a template is, if it is one."""
    token = piece.get("SpecialToken") if isinstance(piece, dict) else None
    name = token.get("id") if isinstance(token, dict) else None
    return name if isinstance(name, str) else None


def steps_of(part: Any, name: str) -> list[dict[str, Any]]:
    """The steps of a part of a tokenizer: those under this name if it is a sequence, else the part alone."""
    if not isinstance(part, dict):
        return []
    steps = part.get(name) if part.get("type") == "Sequence" else [part]
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def bad_file(path: Path, why: str) -> ModelError:
    return ModelError(f"{escaped(path.name)} is not a valid tokenizer", why)
