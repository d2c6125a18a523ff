"""Summaries by a scripted model: what their tests share."""

from __future__ import annotations

import re
from collections.abc import Callable

from quoth.engine import ModelInfo, Request
from quoth.tasks.collection import Collection
from quoth.tasks.summaries.part_notes import NoCache
from quoth.tasks.summaries.summarizer import Summarizer
from quoth.tasks.summaries.summary import Event, Sentence, Summarized, SummaryOptions
from tests.scripted_engine import Scripted, ScriptedAnswer
from tests.tasks.texts import asked_text, engine_info

SMALL = engine_info(n_params=1_500_000_000, n_ctx=700)
Script = Callable[[Request], "ScriptedAnswer | str"]


class Kept(dict[str, str]):
    """A mapping as the store of notes is one."""

    def put(self, key: str, text: str) -> None:
        self[key] = text


def is_note(request: Request) -> bool:
    return "part by part" in asked_text(request)


def is_merge(request: Request) -> bool:
    return "notes on consecutive parts" in asked_text(request)


def truthful(request: Request) -> str:
    """A model that copies: the first sentence of what it is given, or all first lines of its notes."""
    text = asked_text(request)
    if is_note(request):
        return "\n2. ".join(re.findall(r"The harbour of \w+ was opened in \d+", text)) or "Nothing."
    found = re.findall(r"- (The harbour of \w+ was opened in \d+)", text)
    mark = "\n2. " if is_merge(request) else ". "
    return mark.join(found) + ("" if is_merge(request) else ".")


def always(text: str) -> Script:
    return lambda _: text


def judging(script: Script) -> Script:
    """A model that agrees to what has most of its words in the text above it."""

    def answer(request: Request) -> ScriptedAnswer | str:
        text, asked, statement = asked_text(request).partition("Is this right according to the text")
        if not asked:
            return script(request)
        words = {word.strip(".,").lower() for word in statement.split("\n")[2].split()}
        return "yes" if sum(word in text.lower() for word in words) > 0.5 * len(words) else "no"

    return answer


def events(
    parts: Collection,
    script: Script = truthful,
    options: SummaryOptions | None = None,
    *,
    info: ModelInfo | None = None,
    cache: Kept | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[list[Event], Scripted]:
    engine = Scripted(judging(script), info=info or engine_info(n_ctx=700))
    cache_ = NoCache() if cache is None else cache
    summarizer = Summarizer(engine, parts, options or SummaryOptions(), cache=cache_, model="m", cancelled=cancelled)
    found = list(summarizer.events())
    engine.requests = [request for request in engine.requests if "Reply only yes or no" not in asked_text(request)]
    return found, engine


def said(found: list[Event]) -> list[Sentence]:
    return [event for event in found if isinstance(event, Sentence)]


def end(found: list[Event]) -> Summarized:
    assert isinstance(found[-1], Summarized)
    return found[-1]


def summary(found: list[Event]) -> str:
    return "".join(event.before + event.text for event in said(found))
