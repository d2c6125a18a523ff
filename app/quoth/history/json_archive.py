"""Conversations as JSON text and back. Everything is checked before anything is stored."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from quoth.chat import Attachment
from quoth.errors import InputError
from quoth.history.records import ORIGINS, REASONS, ROLES, Conversation, Turn
from quoth.history.sqlite_history import History

_FORMAT = "quoth-history"
_VERSION = 1
_TRY = 'Pass what "quoth history export --format json" wrote'
_KINDS = {str: "text", int: "a whole number", float: "a number", dict: "an object", list: "a list"}
_PLAIN: dict[str, type] = {  # fields of a turn that are text or numbers
    **dict.fromkeys(("text", "thought", "model", "notice"), str),
    **dict.fromkeys(("id", "prompt_tokens", "reused_tokens", "generated_tokens"), int),
    **dict.fromkeys(("read_seconds", "write_seconds", "created", "ended"), float),
}

Tree = tuple[Conversation, list[Turn]]
T = TypeVar("T")


def export(history: History, ids: Sequence[int] | None = None) -> str:
    """Conversations with their whole trees as JSON; None: all of them, the last changed last."""
    chosen = [each.id for each in history.conversations(-1)][::-1] if ids is None else ids
    conversations = [_conversation_fields(history.conversation(id_), history.tree(id_)) for id_ in chosen]
    whole = {"format": _FORMAT, "version": _VERSION, "conversations": conversations}
    return printable(json.dumps(whole, ensure_ascii=False, indent=1)) + "\n"


def import_into(history: History, text: str, name: str = "the text") -> list[int]:
    """Add what `export` wrote; returns the new ids. Raises InputError naming the place; nothing is added then."""
    return history.add_copies(from_json(text, name))


def printable(text: str) -> str:
    """JSON text with everything invisible as an escape, so that no filter on its way removes anything."""
    return re.sub(r"[^\n -~]", lambda match: match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1], text)


def _conversation_fields(conversation: Conversation, turns: Sequence[Turn]) -> dict[str, Any]:
    """A conversation as JSON has it, its turns numbered from 1."""
    numbers: dict[int | None, int | None] = {turn.id: number for number, turn in enumerate(turns, 1)}
    return {
        **{name: getattr(conversation, name) for name in ("title", "system", "origin", "created", "changed")},
        "leaf": numbers.get(conversation.leaf),
        "turns": [{**turn_fields(turn), "id": numbers[turn.id], "parent": numbers.get(turn.parent)} for turn in turns],
    }


def turn_fields(turn: Turn) -> dict[str, Any]:
    """A turn as JSON has it."""
    fields = {name: getattr(turn, name) for name in Turn.__slots__ if name != "conversation"}
    documents = [{"name": each.name, "text": each.text} for each in turn.documents]
    return {**fields, "documents": documents, "settings": dict(turn.settings)}


def from_json(text: str, name: str) -> list[Tree]:
    """The trees of a JSON text. Raises InputError that names the place in it."""
    try:
        whole = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is not JSON", str(error) or "it is nested too deeply", _TRY) from None
    try:
        return _trees(whole)
    except _InvalidArchive as error:
        raise InputError(f"{name} is not a history", str(error), _TRY) from None


class _InvalidArchive(Exception):
    """What is wrong, and where."""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number of JSON")


def _trees(whole: Any) -> list[Tree]:
    head = _of_kind(dict, whole, "the whole")
    if head.get("format") != _FORMAT:
        raise _InvalidArchive(f'"format" is not "{_FORMAT}"')
    if head.get("version") != _VERSION:
        raise _InvalidArchive(f'"version" is {_short(head.get("version"))}; this program reads {_VERSION}')
    conversations = _of_kind(list, head.get("conversations"), "conversations")
    return [_tree(each, f"conversations[{at}]") for at, each in enumerate(conversations)]


def _tree(value: Any, place: str) -> Tree:
    fields = _of_kind(dict, value, place)
    turns: list[Turn] = []
    for at, each in enumerate(_of_kind(list, fields.get("turns"), f"{place}.turns")):
        turn = _turn(_of_kind(dict, each, f"{place}.turns[{at}]"), f"{place}.turns[{at}]")
        if turn.id != at + 1:
            raise _InvalidArchive(f"{place}.turns[{at}].id is {turn.id}; the turns must be numbered from 1")
        if turn.parent is not None and not 1 <= turn.parent <= at:
            raise _InvalidArchive(f"{place}.turns[{at}].parent is {turn.parent}, which is not an earlier turn")
        turns.append(turn)
    leaf = fields.get("leaf")
    if leaf is not None and (type(leaf) is not int or not 1 <= leaf <= len(turns)):
        raise _InvalidArchive(f"{place}.leaf is {_short(leaf)}, which is not a turn")
    get = _getter(fields, place)
    conversation = Conversation(
        id=0,
        title=get("title", str),
        system=get("system", str),
        origin=_one_of(fields.get("origin", "import"), ORIGINS, f"{place}.origin"),
        created=get("created", float),
        changed=get("changed", float),
        turns=len(turns),
        leaf=leaf,
    )
    return conversation, turns


def _turn(fields: Mapping[str, Any], place: str) -> Turn:
    get = _getter(fields, place)
    parent = fields.get("parent")
    if parent is not None and type(parent) is not int:
        raise _InvalidArchive(f"{place}.parent is {_short(parent)}, not a number or null")
    return Turn(
        conversation=0,
        parent=parent,
        role=_one_of(fields.get("role"), ROLES, f"{place}.role"),
        documents=tuple(_documents(fields.get("documents", []), f"{place}.documents")),
        settings=_of_kind(dict, fields.get("settings", {}), f"{place}.settings"),
        reason=_one_of(fields.get("reason", "stop"), ("", *REASONS), f"{place}.reason"),
        **{name: get(name, kind) for name, kind in _PLAIN.items()},
    )


def _documents(value: Any, place: str) -> list[Attachment]:
    documents = []
    for at, each in enumerate(_of_kind(list, value, place)):
        get = _getter(_of_kind(dict, each, f"{place}[{at}]"), f"{place}[{at}]")
        documents.append(Attachment(get("name", str), get("text", str)))
    return documents


def _getter(fields: Mapping[str, Any], place: str) -> Callable[[str, type], Any]:
    """Reads fields by name and kind; one that is absent is empty or zero."""

    def get(name: str, kind: type[Any]) -> Any:
        value: Any = fields.get(name, kind())
        if kind is float and type(value) is int and abs(value) < 2**53:
            value = float(value)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise _InvalidArchive(f"{place}.{name} is {_short(value)}, not {_KINDS[kind]}")
        if kind is not str and not (math.isfinite(value) and abs(value) < 2**53):
            raise _InvalidArchive(f"{place}.{name} is {_short(value)}, which is out of range")
        return value

    return get


def _of_kind(kind: type[T], value: Any, place: str) -> T:
    if not isinstance(value, kind):
        raise _InvalidArchive(f"{place} is {_short(value)}, not {_KINDS[kind]}")
    return value


def _one_of(value: Any, allowed: Sequence[Any], place: str) -> Any:
    if not isinstance(value, str) or value not in allowed:
        raise _InvalidArchive(f"{place} is {_short(value)}, not one of {', '.join(each for each in allowed if each)}")
    return value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:39]}…"
