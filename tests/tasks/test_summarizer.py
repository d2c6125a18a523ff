"""How a text is read for a summary: all of it, in order, once; what is known from before is not read again."""

from __future__ import annotations

import re

import pytest

from quoth.engine import Chat, Done, Request
from quoth.errors import InputError
from quoth.tasks.summaries.summarizer import Summarizer
from quoth.tasks.summaries.summary import Event, Noted, Planned, Step, SummaryOptions
from tests.scripted_engine import Scripted
from tests.tasks.summarizing import (
    Kept,
    end,
    events,
    is_merge,
    is_note,
    judging,
    said,
    summary,
    truthful,
)
from tests.tasks.texts import HARBOURS, asked_text, collection, engine_info, harbours


def test_what_fits_is_read_in_one_pass() -> None:
    found, engine = events(
        collection(harbours(4)), lambda _: "The harbour of Corley was opened in 1802.", info=engine_info()
    )
    assert len(engine.requests) == 1
    assert asked_text(engine.requests[0]).count("berths for ships") == 4
    assert summary(found) == "The harbour of Corley was opened in 1802."
    assert (end(found).parts_read, end(found).dropped, end(found).reason) == (end(found).parts, 0, "stop")


def test_every_part_is_asked_about_once_and_nothing_is_left_out() -> None:
    parts = collection(harbours(24))
    found, engine = events(parts)
    asked = [asked_text(request) for request in engine.requests if is_note(request)]
    assert len(asked) == len(parts) > 8
    for number, text in enumerate(parts.texts()):
        assert sum(text.strip("\n") in prompt for prompt in asked) == 1, number
    last = end(found)
    assert (last.parts, last.parts_read, last.tokens_read) == (len(parts), len(parts), last.tokens)
    assert (last.dropped, last.known, last.reason) == (0, 0, "stop")
    assert [event.part for event in found if isinstance(event, Noted)] == [*range(len(parts))]


def test_many_notes_are_merged_in_a_tree_and_prose_comes_last() -> None:
    found, engine = events(collection(harbours(64)))
    kinds = ["note" if is_note(r) else "merge" if is_merge(r) else "prose" for r in engine.requests]
    assert kinds == sorted(kinds, key=["note", "merge", "prose"].index)
    assert kinds.count("merge") > 1
    assert kinds.count("prose") == 1
    assert all(re.search(r"\w_\w", asked_text(request)) is None for request in engine.requests)  # all of it is English
    steps = [event.verb for event in found if isinstance(event, Step)]
    assert steps.index("merging") > max(
        n for n, verb in enumerate(steps) if verb == "reading" and n < steps.index("merging")
    )


def test_the_order_of_the_text_is_kept_though_the_model_does_not_keep_it() -> None:
    def backwards(request: Request) -> str:
        text = truthful(request)
        return "\n2. ".join(reversed(text.split("\n2. "))) if is_merge(request) else text

    found, _ = events(collection(harbours(64)), backwards)
    years = [int(year) for event in said(found) for year in re.findall(r"1[89]\d\d", event.text)]
    assert len(years) > 3
    assert years == sorted(years)


def test_each_sentence_has_the_places_it_rests_on() -> None:
    parts = collection(harbours(24))
    found, _ = events(parts)
    for event in said(found):
        name = next(name for name in HARBOURS if name in event.text)
        stretches = [parts.documents[span.document].text[span.start : span.end] for span in event.spans]
        assert any(name in stretch for stretch in stretches)


def test_reading_costs_hardly_more_than_the_text() -> None:
    parts = collection(harbours(200), size=700)
    engine = Scripted(judging(truthful), info=engine_info(n_ctx=1500))
    last = end(list(Summarizer(engine, parts, SummaryOptions()).events()))
    text = sum(parts.sizes)
    prompts = [
        engine.count([list(r.input.messages)])[0]
        for r in engine.requests
        if is_note(r) and isinstance(r.input, Chat) and "Reply only yes or no" not in asked_text(r)
    ]
    shared = (
        engine.count(["system: " + engine.requests[0].input.messages[0].text])[0]
        if isinstance(engine.requests[0].input, Chat)
        else 0
    )
    assert last.tokens == text
    assert sum(prompts) - shared * (len(prompts) - 1) <= 1.15 * text


def test_what_was_noted_before_is_not_asked_again() -> None:
    kept = Kept()
    events(collection(harbours(24)), cache=kept)
    found, engine = events(collection(harbours(24)), cache=kept)
    assert end(found).known == end(found).parts == len(collection(harbours(24)))
    assert not [request for request in engine.requests if is_note(request) or is_merge(request)]
    assert end(found).dropped == 0


def test_of_an_edited_text_only_the_changed_parts_are_read() -> None:
    kept = Kept()
    events(collection(harbours(24)), cache=kept)
    edited = harbours(24).replace("Dunmere was opened in 1811", "Dunmere was closed in 1811")
    found, engine = events(collection(edited), cache=kept)
    asked = [request for request in engine.requests if is_note(request)]
    assert len(asked) == 1
    assert "closed in 1811" in asked_text(asked[0])
    assert end(found).known == end(found).parts - 1


def test_another_model_focus_or_text_is_no_reason_to_reuse_notes() -> None:
    kept = Kept()
    events(collection(harbours(24)), cache=kept)
    found, _ = events(collection(harbours(24)), options=SummaryOptions(focus="ships"), cache=kept)
    assert end(found).known == 0
    engine = Scripted(judging(truthful), info=engine_info(n_ctx=700))
    found = list(Summarizer(engine, collection(harbours(24)), SummaryOptions(), cache=kept, model="another").events())
    assert end(found).known == 0


def test_a_stopped_summary_keeps_what_was_noted_and_goes_on() -> None:
    kept, parts = Kept(), collection(harbours(24))
    engine = Scripted(judging(truthful), info=engine_info(n_ctx=700))
    noted: list[int] = []
    stopped = Summarizer(engine, parts, SummaryOptions(), cache=kept, model="m", cancelled=lambda: len(noted) >= 5)
    found: list[Event] = []
    for event in stopped.events():
        found.append(event)
        noted += [event.part] if isinstance(event, Noted) else []
    assert (end(found).reason, end(found).parts_read) == ("cancelled", 5)
    assert end(found).dropped > 0
    assert not said(found)
    again, _ = events(parts, cache=kept)
    assert end(again).known == 5
    assert end(again).dropped == 0


def test_the_time_is_estimated_from_the_rates_of_the_first_part_and_of_the_last_time() -> None:
    class Slow(Scripted):
        def generate(self, requests, *, stop=lambda: False):  # type: ignore[no-untyped-def]
            for event in super().generate(requests, stop=stop):
                if isinstance(event, Done):
                    event = event._replace(usage=event.usage._replace(read_seconds=2.0, write_seconds=3.0))
                yield event

    kept, parts = Kept(), collection(harbours(24))
    for run in range(2):
        engine = Slow(judging(truthful), info=engine_info(n_ctx=700))
        options = SummaryOptions(focus=f"run {run}")
        found = list(Summarizer(engine, parts, options, cache=kept, model="m").events())
        planned = [(n, event) for n, event in enumerate(found) if isinstance(event, Planned)]
        assert len(planned) == 1
        at, plan = planned[0]
        noted_before = sum(isinstance(event, Noted) for event in found[:at])
        assert noted_before == 1 - run
        assert plan.seconds == pytest.approx(5.0 * (len(parts) - noted_before), rel=0.3)
        assert (plan.parts, plan.tokens) == (len(parts), parts.tokens)


def test_a_small_context_makes_smaller_parts_and_a_tiny_one_is_refused() -> None:
    from quoth.tasks.model_classes import model_class

    text = harbours(60)
    for n_ctx in (512, 700, 1024):
        info = engine_info(n_ctx=n_ctx)
        parts = collection(text, size=model_class(info.n_params, n_ctx).part)
        found, _ = events(parts, info=info, options=SummaryOptions(words=10_000))
        assert end(found).dropped == 0
        assert said(found)
    with pytest.raises(InputError, match="context of 300 tokens is too small"):
        events(collection(text), info=engine_info(n_ctx=300))
