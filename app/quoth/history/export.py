"""Conversations as text: Markdown, one HTML page that loads and runs nothing, or the JSON that can be imported."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from html import escape

from quoth.chat import Attachment
from quoth.history import json_archive
from quoth.history.records import Conversation, Turn
from quoth.history.sqlite_history import History
from quoth.text import clean, one_line

_ENDINGS = {
    "": "still being written",
    "length": "ended at its limit",
    "context": "ended: the context was full",
    "loop": "ended: it repeated itself",
    "cancelled": "stopped",
    "died": "cut off: the engine died",
    "interrupted": "cut off: the program ended",
}
Page = tuple[Conversation, Sequence[Turn]]

STYLE = """
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 sans-serif; color: #222; background: #fff }
article { margin: 1.5rem 0; padding: .5rem 1rem; border-left: 4px solid #bbb }
article.user { border-color: #36c; background: #f4f7fd }
article.summary { border-color: #c90; background: #fdf9ee }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: .5rem 0 }
small { color: #666 }
"""


def exported(history: History, ids: Sequence[int] | None, kind: str) -> str:
    """Conversations as "json", "html" or "md"; None: all of them. Raises StorageError, and UsageError for an id."""
    if kind == "json":
        return json_archive.export(history, ids)
    chosen = history.conversations(-1)[::-1] if ids is None else [history.conversation(id_) for id_ in ids]
    read = [(each, history.path(each.id)) for each in chosen]
    return html(read) if kind == "html" else markdown(read)


def markdown(pages: Sequence[Page]) -> str:
    """The current path of each conversation, every text as it was written but for control codes."""
    return "\n".join(line for conversation, turns in pages for line in _markdown(conversation, turns))


def _markdown(conversation: Conversation, turns: Sequence[Turn]) -> Iterator[str]:
    yield f"# {_heading(conversation)}\n"
    yield f"{_about(conversation)}\n"
    if conversation.system:
        yield f"**System**\n\n{clean(conversation.system)[0]}\n"
    for turn in turns:
        yield f"## {_speaker(turn)}\n"
        if turn.thought:
            quoted = clean(turn.thought)[0].strip().replace("\n", "\n> ")
            yield f"> {quoted}\n"
        said = "\n\n".join([*map(_fenced, turn.documents), *([turn.text] if turn.text else [])])
        yield f"{clean(said)[0].strip()}\n"
        if note := _note(turn):
            yield f"*{note}*\n"


def _fenced(document: Attachment) -> str:
    """A document with its name, in a fence that its own text cannot close: longer than any run of backticks in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", document.text)), default=0))
    name = one_line(document.name, 200).replace("`", " ")
    return f"{name}:\n{fence}\n{document.text.rstrip()}\n{fence}"


def html(pages: Sequence[Page]) -> str:
    """One page. Nothing in the conversations is markup, and the policy forbids everything but the page's own style."""
    style = f"<style>{STYLE}</style>"
    policy = f"default-src 'none'; style-src '{_digest(STYLE)}'; base-uri 'none'; form-action 'none'"
    title = _heading(pages[0][0]) if len(pages) == 1 else f"{len(pages):,} conversations"
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{_safe(title)}</title>\n{style}\n</head>\n<body>\n'
    )
    return head + "".join(part for page in pages for part in _html(*page)) + "</body>\n</html>\n"


def _html(conversation: Conversation, turns: Sequence[Turn]) -> Iterator[str]:
    yield f"<h1>{_safe(_heading(conversation))}</h1>\n<p><small>{_safe(_about(conversation))}</small></p>\n"
    if conversation.system:
        yield f"<article><small>System</small>{_pre(conversation.system)}</article>\n"
    for turn in turns:
        yield f'<article class="{turn.role}">\n<small>{_safe(_speaker(turn))}</small>\n'
        if turn.thought:
            yield f"<details><summary>Thoughts</summary>{_pre(turn.thought)}</details>\n"
        for document in turn.documents:
            yield f"<details><summary>{_safe(document.name)}</summary>{_pre(document.text)}</details>\n"
        yield _pre(turn.text) + "\n"
        if note := _note(turn):
            yield f"<small>{_safe(note)}</small>\n"
        yield "</article>\n"


def _heading(conversation: Conversation) -> str:
    return one_line(conversation.title, 200) or f"Conversation {conversation.id}"


def _about(conversation: Conversation) -> str:
    return f"Conversation {conversation.id}, begun {_when(conversation.created)}"


def _speaker(turn: Turn) -> str:
    names = {"user": "You", "summary": "Summary of what came before"}
    return names.get(turn.role) or one_line(turn.model) or "Assistant"


def _note(turn: Turn) -> str:
    """How a turn ended, if that is worth saying."""
    return ". ".join(filter(None, [_ENDINGS.get(turn.reason, ""), one_line(turn.notice, 300)]))


def _when(seconds: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "at an unknown time"


def _pre(text: str) -> str:
    return f"<pre>{_safe(text)}</pre>"


def _safe(text: str) -> str:
    return escape(clean(text)[0])


def _digest(text: str) -> str:
    """As a Content-Security-Policy names an inline style (CSP Level 3, hash-source)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
