"""A conversation that no longer fits: its oldest messages are dropped, or a summary stands for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Static

from quoth.errors import EngineError
from tests.scripted_engine import ScriptedAnswer
from tests.tui.driving import (
    chat,
    say,
    texts,
    until,
)
from tests.tui.scripted_app import ScriptedModels


@pytest.mark.more
async def test_a_summary_stands_for_what_was_said_and_can_be_edited(home: Path) -> None:
    models = ScriptedModels(["Rome.", "They spoke of Rome.", "Yes."])
    async with chat(home, models=models) as (app, pilot):
        await say(app, pilot, "Capital of Italy?")
        await say(app, pilot, "/compact")
        assert texts(app)[-1] == ("summary", "They spoke of Rome.")
        await pilot.press("ctrl+up", "e")
        await until(pilot, lambda: app.screen is not app.chat)
        app.screen.query_one("TextArea").load_text("They spoke of Rome and Milan.")  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: texts(app)[-1][1] == "They spoke of Rome and Milan.")
        await say(app, pilot, "Is it big?")
        sent = [m.text for m in models.requests[-1].input.messages]
        assert len(sent) == 1
        assert "They spoke of Rome and Milan." in sent[0]
        assert sent[0].endswith("Is it big?")


async def test_the_oldest_turns_are_left_out_and_a_line_says_so(home: Path) -> None:
    models = ScriptedModels(lambda request: "word " * 100)
    models.info = {"n_ctx": 400, "n_ctx_train": 400}
    async with chat(home, models=models) as (app, pilot):
        for number in range(4):
            await say(app, pilot, f"Question {number}")
        lines = [str(line.content) for line in app.chat.transcript.query(".dropped").results(Static)]
        assert lines
        assert "do not fit any more" in lines[-1]
        sent = [m.text for m in models.requests[-1].input.messages]
        assert sent[0].startswith("Question")
        assert sent[0] != "Question 0"
        assert sent[-1] == "Question 3"


@pytest.mark.more
@pytest.mark.parametrize(
    "failing",
    [
        ScriptedAnswer((), error=EngineError("the engine died", "", "")),
        ScriptedAnswer(("Half ",), error=EngineError("died", "", "")),
    ],
)
async def test_half_a_summary_does_not_stand_for_the_conversation(home: Path, failing: ScriptedAnswer) -> None:
    models = ScriptedModels(["Rome.", failing, "Yes."])
    async with chat(home, models=models) as (app, pilot):
        await say(app, pilot, "Capital of Italy?")
        await say(app, pilot, "/compact")
        assert texts(app) == [("user", "Capital of Italy?"), ("assistant", "Rome.")]
        assert len(app.chat.transcript.views) == 2
        await say(app, pilot, "Is it big?")
        assert [m.text for m in models.requests[-1].input.messages] == ["Capital of Italy?", "Rome.", "Is it big?"]
        number = app.chat.session.conversation.ref.id
        assert number is not None
        assert [t.role for t in app.workspace.history.path(number)] == ["user", "assistant", "user", "assistant"]


@pytest.mark.more
async def test_a_summary_is_made_again_by_retry(home: Path) -> None:
    async with chat(home, ["Rome.", "First summary.", "Second summary."]) as (app, pilot):
        await say(app, pilot, "Capital of Italy?")
        await say(app, pilot, "/compact")
        await say(app, pilot, "/retry")
        assert texts(app)[-2:] == [("assistant", "Rome."), ("summary", "Second summary.")]
        assert app.chat.transcript.views[-1].version == (2, 2)


@pytest.mark.more
async def test_a_summary_is_read_after_turns_were_left_out(home: Path) -> None:
    def script(request: Any) -> str:
        return "The summary." if "Summarize" in request.input.messages[-1].text else "word " * 100

    models = ScriptedModels(script)
    models.info = {"n_ctx": 500, "n_ctx_train": 500}
    async with chat(home, models=models) as (app, pilot):
        for number in range(7):
            await say(app, pilot, f"Question {number}")
        assert app.chat.session.conversation.messages_dropped > 0
        await say(app, pilot, "/compact")
        assert texts(app)[-1] == ("summary", "The summary.")
        await say(app, pilot, "Next")
        await say(app, pilot, "And then")
        sent = models.requests[-1].input.messages
        assert "The summary." in sent[0].text
        assert sent[-1].text == "And then"


@pytest.mark.more
async def test_one_line_says_what_is_left_out(home: Path) -> None:
    models = ScriptedModels(lambda request: "word " * 100)
    models.info = {"n_ctx": 400, "n_ctx_train": 400}
    async with chat(home, models=models) as (app, pilot):
        for number in range(5):
            await say(app, pilot, f"Question {number}")
        assert len(app.chat.transcript.query(".dropped")) == 1
