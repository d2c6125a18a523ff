"""Summaries by a model: all of a text is read, in order, once; what is not supported is left out."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from quoth.engine import Chat, Done, ModelInfo, Notice, Request
from quoth.errors import InputError
from quoth.tasks.collection import Collection
from quoth.tasks.summaries.extractive_summary import summarize_by_extract
from quoth.tasks.summaries.part_notes import NoCache
from quoth.tasks.summaries.summarizer import Summarizer
from quoth.tasks.summaries.summary import Event, Noted, Planned, Sentence, Step, Summarized, SummaryOptions
from quoth.text.words import count_words
from tests.scripted_engine import Scripted, ScriptedAnswer
from tests.tasks.texts import HARBOURS, asked_text, collection, engine_info, harbours

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


@pytest.mark.parametrize(
    "invented",
    [
        "The mayor, Roderick Blenkinsop, opened it.",
        "It cost 4711 pounds.",
        "Dragons guard its golden treasure chamber.",
    ],
)
def test_what_the_text_does_not_say_is_left_out_and_counted(invented: str) -> None:
    true = "The harbour of Corley was opened in 1802."
    found, _ = events(
        collection(harbours(4)), lambda _: f"{true} {invented} Fishing boats leave it before dawn.", info=engine_info()
    )
    assert summary(found) == f"{true} Fishing boats leave it before dawn."
    assert end(found).unsupported == 1


def test_invented_notes_do_not_reach_the_summary() -> None:
    prompts: list[str] = []

    def inventing(request: Request) -> str:
        prompts.append(asked_text(request))
        return (
            f"{truthful(request)}\n2. Roderick Blenkinsop paid 4711 pounds." if is_note(request) else truthful(request)
        )

    found, _ = events(collection(harbours(24)), inventing)
    assert "Blenkinsop" not in summary(found)
    assert not any("Blenkinsop" in prompt for prompt in prompts)


def test_a_model_that_only_invents_leaves_the_texts_own_sentences() -> None:
    parts = collection(harbours(24))
    found, _ = events(parts, lambda _: "Roderick Blenkinsop paid 4711 pounds for golden dragons.")
    whole = " ".join(str(parts.documents[0].text).split())
    assert said(found)
    assert all(event.text in whole for event in said(found))
    assert end(found).dropped == 0


def test_a_summary_is_never_longer_than_its_source() -> None:
    text = harbours(1)
    long = " ".join(["The harbour of Aldmouth was opened in 1800 by the council of the county"] * 9)
    for answer in (long, f"{long}.", harbours(1) * 3, "It has 11 berths for ships. " * 40):
        found, _ = events(
            collection(text),
            always(answer),
            SummaryOptions(words=10_000),
            info=engine_info(),
        )
        assert 0 < count_words(summary(found)) <= count_words(text)


@pytest.mark.parametrize("words", [1, 20, 60])
def test_the_length_asked_for_ends_the_answer(words: int) -> None:
    found, engine = events(
        collection(harbours(12)), lambda _: harbours(12), SummaryOptions(words=words), info=engine_info()
    )
    assert count_words(summary(found)) <= max(2 * words, words + 30)
    length = {1: "one sentence", 20: "one sentence", 60: "3 sentences"}[words]
    assert f"in English in {length} of plain prose" in asked_text(engine.requests[0])


@pytest.mark.parametrize("text", ["", "Hello.", "One two three. " * 7])
def test_next_to_nothing_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="nothing to summarize"):
        events(collection(text))
    with pytest.raises(InputError, match="at least 25 words"):
        list(summarize_by_extract(collection(text), SummaryOptions(words=5)))


LISTED = "- The harbour of Corley was opened in 1802.\n- It has 13 berths for ships."


def test_bullets_are_a_list_and_prose_is_none_whatever_the_model_writes() -> None:
    plain = "The harbour of Corley was opened in 1802. It has 13 berths for ships."
    for written in (LISTED, plain):
        found, _ = events(
            collection(harbours(4)),
            always(written),
            SummaryOptions(style="bullets"),
            info=engine_info(),
        )
        assert summary(found) == LISTED
        found, _ = events(
            collection(harbours(4)),
            always(written),
            SummaryOptions(style="prose"),
            info=engine_info(),
        )
        assert summary(found) == plain


def test_an_outline_keeps_its_topics() -> None:
    outline = f"Harbour of Corley\n{LISTED}"
    found, engine = events(
        collection(harbours(4)), lambda _: outline, SummaryOptions(style="outline"), info=engine_info()
    )
    assert summary(found) == outline
    assert "outline" in asked_text(engine.requests[0])


def test_focus_and_the_texts_language_are_asked_for_in_every_prompt() -> None:
    _, engine = events(collection(harbours(24)), options=SummaryOptions(focus="lighthouses"))
    assert {is_note(request) for request in engine.requests} == {True, False}
    for request in engine.requests:
        assert "in English" in asked_text(request)
        assert is_merge(request) or "What matters: lighthouses." in asked_text(request)


def german(request: Request) -> str:
    """A model that translates what it is asked to translate, and else writes English."""
    text = asked_text(request)
    if "Translate into German" not in text:
        return truthful(request)
    name, year = re.findall(r"harbour of (\w+) was opened in (\d+)", text)[0]
    return f"Der Hafen von {name} wurde in dem Jahr {year} eröffnet."


@pytest.mark.parametrize("facts", [True, False])
def test_what_was_asked_for_in_another_language_is_checked_in_the_texts_own_and_then_translated(facts: bool) -> None:
    def inventing(request: Request) -> str:
        return german(request) + ("\n2. Dragons guard its treasure." if is_note(request) else "")

    found, engine = events(
        collection(harbours(24)), inventing, SummaryOptions(60, language="German"), info=SMALL if facts else None
    )
    assert said(found)
    assert all(re.fullmatch(r"Der Hafen von \w+ wurde in dem Jahr 18\d\d eröffnet\.", one.text) for one in said(found))
    assert not any(
        "Dragons" in asked_text(request) for request in engine.requests if "Translate" in asked_text(request)
    )


def test_what_is_written_in_the_wrong_language_is_translated_before_it_is_checked() -> None:
    def wrong(request: Request) -> str:
        text = asked_text(request)
        if "Translate into English" in text:
            return "The harbour of Corley was opened in 1802."
        return "Der Hafen von Corley wurde in dem Jahr 1802 eröffnet."

    found, _ = events(collection(harbours(4)), wrong, info=engine_info())
    assert summary(found) == "The harbour of Corley was opened in 1802."


def test_a_translation_that_changes_a_number_or_stays_in_the_language_is_left_out_and_said() -> None:
    def careless(request: Request) -> str:
        text = asked_text(request)
        if "Translate" not in text:
            return "The harbour of Corley was opened in 1802. It has 13 berths for ships. Boats leave it before dawn."
        if "1802" in text:
            return "Der Hafen von Corley wurde in dem Jahr 1803 eröffnet."
        return "It has 13 berths for the ships." if "13" in text else "Die Boote verlassen ihn vor der Dämmerung."

    found, _ = events(collection(harbours(4)), careless, SummaryOptions(language="German"), info=engine_info())
    assert summary(found) == "Die Boote verlassen ihn vor der Dämmerung."
    notices = [event.text for event in found if isinstance(event, Notice)]
    assert notices == ["the model could not put 2 sentences into German"]


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
