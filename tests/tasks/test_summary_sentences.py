"""What a summary says: only what the text supports, in the length, the form and the language asked for."""

from __future__ import annotations

import re

import pytest

from quoth.engine import Notice, Request
from quoth.errors import InputError
from quoth.tasks.summaries.extractive_summary import summarize_by_extract
from quoth.tasks.summaries.summary import SummaryOptions
from quoth.text.words import count_words
from tests.tasks.summarizing import (
    SMALL,
    always,
    end,
    events,
    is_merge,
    is_note,
    said,
    summary,
    truthful,
)
from tests.tasks.texts import asked_text, collection, engine_info, harbours


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
