"""The chat, driven by its keys: what is asked, answered, stopped, tried again, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from quoth.chat import Attachment
from quoth.engine import Sampling
from quoth.errors import EngineError, ModelError, StorageError
from quoth.history import History
from quoth.library.answer_fields import sampling_fields
from quoth.tui.app import QuothApp
from quoth.tui.screens.help import Help
from quoth.tui.widgets.key_bar import KeyBar
from quoth.tui.widgets.probabilities import Probabilities
from quoth.tui.widgets.turn import TurnView
from quoth.tui.widgets.welcome import EXAMPLES, Welcome
from tests.scripted_engine import ScriptedAnswer, Timing
from tests.tui.scripted_app import ScriptedModels, backend_at

SLOW = Timing(piece=0.01)
LONG = "word " * 400
MORE_MARKUP = ("[link=http://x]y", "[red]", "a [/] b")


@asynccontextmanager
async def chat(
    home: Path,
    answers: Sequence[ScriptedAnswer | str] | Any = (),
    *,
    timing: Timing | None = None,
    size: tuple[int, int] = (100, 30),
    models: ScriptedModels | None = None,
    conversation: int | None = None,
    keys: dict[str, str] | None = None,
    **flags: Any,
) -> AsyncIterator[tuple[QuothApp, Pilot[None]]]:
    """The app with a scripted engine, its model loaded."""
    models = models or ScriptedModels(answers, timing)
    backend = backend_at(home, models, **flags)
    if keys:
        object.__setattr__(backend, "keys", keys)
    app = QuothApp(backend, conversation)
    async with app.run_test(size=size) as pilot:
        if models.present:
            await until(pilot, lambda: app.chat.model is not None or models.fails is not None)
        yield app, pilot


async def until(pilot: Pilot[None], condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Let the app run until a condition holds."""
    for _ in range(int(seconds / 0.02)):
        await pilot.pause()
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


async def say(app: QuothApp, pilot: Pilot[None], text: str, *, wait: bool = True) -> None:
    """Type a line and send it; then wait until its answer is over."""
    app.chat.prompt.focus()
    app.chat.prompt.take(text)
    await pilot.press("enter")
    await pilot.pause()
    if wait:
        await until(pilot, lambda: not app.chat.busy)


def texts(app: QuothApp) -> list[tuple[str, str]]:
    return [(entry.turn.role, entry.turn.text) for entry in app.chat.talk.path]


def banner(app: QuothApp) -> str:
    line = app.chat.query_one("#banner", Static)
    return str(line.content) if line.display else ""


def detail(app: QuothApp) -> str:
    lines = app.chat.query_one("#detail", Static)
    return str(lines.content) if lines.display else ""


def notices(app: QuothApp) -> list[str]:
    return [notification.message for notification in app._notifications]


async def test_a_turn_keeps_how_it_was_sampled(home: Path) -> None:
    async with chat(home, ["Hi."]) as (app, pilot):
        await say(app, pilot, "Hello")
        row = app.backend.history.last()
        assert row is not None
        assert app.backend.history.path(row.id)[-1].settings == sampling_fields(Sampling(temperature=0.0))


async def test_a_question_is_answered_and_both_are_in_the_history(home: Path) -> None:
    async with chat(home, ["The **capital** is Rome."]) as (app, pilot):
        await pilot.press(*"Which?")
        await pilot.press("enter")
        await until(pilot, lambda: not app.chat.busy and len(app.chat.talk.path) == 2)
        assert texts(app) == [("user", "Which?"), ("assistant", "The **capital** is Rome.")]
        row = app.backend.history.last()
        assert row is not None
        turns = app.backend.history.path(row.id)
        assert [(t.role, t.text, t.reason) for t in turns] == [
            ("user", "Which?", "stop"),
            ("assistant", "The **capital** is Rome.", "stop"),
        ]
        assert turns[1].model == "demo-1b"
        assert turns[1].generated_tokens > 0
        assert row.title == "Which?"


async def test_what_is_typed_behind_enter_is_the_next_question(home: Path) -> None:
    async with chat(home, [LONG], timing=SLOW) as (app, pilot):
        await pilot.press(*"one", "enter", *"two")
        await until(pilot, lambda: app.chat.busy)
        assert app.chat.prompt.text == "two"
        assert texts(app)[0] == ("user", "one")


async def test_enter_while_an_answer_comes_keeps_the_text(home: Path) -> None:
    async with chat(home, [LONG], timing=SLOW) as (app, pilot):
        await say(app, pilot, "one", wait=False)
        await say(app, pilot, "two", wait=False)
        assert app.chat.prompt.text == "two"
        assert len(app.chat.talk.path) == 2


async def test_escape_stops_within_300_ms_and_keeps_and_marks_what_was_said(home: Path) -> None:
    async with chat(home, lambda request: LONG, timing=SLOW) as (app, pilot):
        loop, waits = asyncio.get_running_loop(), list[float]()
        for _ in range(3):  # the machine may have something else to do once
            await say(app, pilot, "/retry" if waits else "Go", wait=False)
            await until(pilot, lambda: bool(app.chat.live and app.chat.live.turn.text))
            begin = loop.time()
            pressing = asyncio.create_task(pilot.press("escape"))  # it waits for more than the end of the answer
            while app.chat.busy:
                await asyncio.sleep(0.005)
            waits.append(loop.time() - begin)
            await pressing
        assert min(waits) < 0.3, waits
        said = texts(app)[1][1]
        assert 0 < len(said) < len(LONG)
        view = app.chat.transcript.views[-1]
        assert "stopped" in str(view.query_one(".foot", Static).content)
        row = app.backend.history.last()
        assert row is not None
        assert [(t.text, t.reason) for t in app.backend.history.path(row.id)][1] == (said, "cancelled")


async def test_continue_goes_on_from_what_was_said(home: Path) -> None:
    answers = [ScriptedAnswer(("Once ", "upon "), reason="length"), ScriptedAnswer(("a ", "time."))]
    models = ScriptedModels(answers)
    async with chat(home, models=models) as (app, pilot):
        await say(app, pilot, "Tell")
        await say(app, pilot, "/continue")
        assert texts(app) == [("user", "Tell"), ("assistant", "Once upon a time.")]
        assert models.requests[-1].input.continue_last
        assert [m.text for m in models.requests[-1].input.messages] == ["Tell", "Once upon "]
        row = app.backend.history.last()
        assert row is not None
        assert [(t.text, t.reason) for t in app.backend.history.path(row.id)][1] == ("Once upon a time.", "stop")


async def test_retry_makes_a_sibling_and_the_arrows_walk_between_them(home: Path) -> None:
    async with chat(home, ["first", "second"]) as (app, pilot):
        await say(app, pilot, "Say")
        await say(app, pilot, "/retry")
        assert texts(app) == [("user", "Say"), ("assistant", "second")]
        assert app.chat.transcript.views[-1].version == (2, 2)
        await pilot.press("ctrl+up", "left")
        await until(pilot, lambda: texts(app)[-1] == ("assistant", "first"))
        assert app.chat.transcript.views[-1].version == (1, 2)
        await until(pilot, lambda: isinstance(app.focused, TurnView))
        await pilot.press("right")
        await until(pilot, lambda: texts(app)[-1] == ("assistant", "second"))


async def test_an_edited_question_stands_beside_the_first(home: Path) -> None:
    async with chat(home, ["one", "two"]) as (app, pilot):
        await say(app, pilot, "Old question")
        await say(app, pilot, "/edit", wait=False)
        await until(pilot, lambda: app.screen is not app.chat)
        app.screen.query_one("TextArea").load_text("New question")  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: texts(app) == [("user", "New question"), ("assistant", "two")])
        assert app.chat.transcript.views[0].version == (2, 2)
        row = app.backend.history.last()
        assert row is not None
        assert len(app.backend.history.tree(row.id)) == 4


async def test_a_question_above_what_is_laid_out_is_gone_once_it_was_edited(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    history = History(home / "data" / "history.db")
    number, parent = history.new(title="tall"), None
    for role, text in (("user", "One"), ("assistant", "first"), ("user", "Two"), ("assistant", "tall " * 2000)):
        parent = history.add(number, parent, role, text)  # type: ignore[arg-type]
    history.close()
    async with chat(home, ["short"], conversation=number) as (app, pilot):
        await until(pilot, lambda: len(app.chat.transcript.views) == 1)  # the tall answer alone
        await say(app, pilot, "/edit", wait=False)
        await until(pilot, lambda: app.screen is not app.chat)
        app.screen.query_one("TextArea").load_text("Three")  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: [text for _, text in texts(app)] == ["One", "first", "Three", "short"])
        shown = [view.turn.text for view in app.chat.transcript.views]
        assert shown == ["One", "first", "Three", "short"]


async def test_a_fork_is_a_conversation_of_its_own(home: Path) -> None:
    async with chat(home, ["one", "two"]) as (app, pilot):
        await say(app, pilot, "Q")
        first = app.chat.talk.ref.id
        await say(app, pilot, "/fork", wait=False)
        await until(pilot, lambda: app.chat.talk.ref.id not in (None, first))
        await say(app, pilot, "More")
        assert [text for _, text in texts(app)] == ["Q", "one", "More", "two"]
        assert first is not None
        assert len(app.backend.history.path(first)) == 2


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
        lines = [str(line.content) for line in app.chat.transcript.query(".left-out").results(Static)]
        assert lines
        assert "do not fit any more" in lines[-1]
        sent = [m.text for m in models.requests[-1].input.messages]
        assert sent[0].startswith("Question")
        assert sent[0] != "Question 0"
        assert sent[-1] == "Question 3"


async def test_the_engines_death_is_told_and_the_next_turn_works(home: Path) -> None:
    died = ScriptedAnswer(("Half ", "an answer"), error=EngineError("the engine died", "SIGKILL", "Try again"))
    async with chat(home, [died, "whole"]) as (app, pilot):
        await say(app, pilot, "Q")
        assert "the engine died" in banner(app)
        assert texts(app)[1] == ("assistant", "Half an answer")
        assert "broken off" in str(app.chat.transcript.views[-1].query_one(".foot", Static).content)
        await say(app, pilot, "/retry")
        assert texts(app)[1] == ("assistant", "whole")
        assert banner(app) == ""


async def test_without_a_model_there_is_a_choice_and_a_question_waits_for_it(home: Path) -> None:
    models = ScriptedModels(["Here."])
    models.present = False
    async with chat(home, models=models) as (app, pilot):
        welcome = app.chat.query_one(Welcome)
        await until(pilot, lambda: "Which one?" in str(welcome.query_one(".title", Static).content))
        await say(app, pilot, "Are you there?", wait=False)
        assert "Are you there?" in banner(app)
        welcome.query_one(OptionList).focus()
        await pilot.press("enter")
        await until(pilot, lambda: texts(app) == [("user", "Are you there?"), ("assistant", "Here.")])


async def test_a_model_that_does_not_load_is_told_and_another_can_be_chosen(home: Path) -> None:
    models = ScriptedModels(["Fine."])
    models.fails = ModelError("demo.gguf is no model", "its magic is wrong", "Choose another")
    async with chat(home, models=models) as (app, pilot):
        await until(pilot, lambda: "its magic is wrong" in banner(app))
        models.fails = None
        await say(app, pilot, "/model other-3b", wait=False)
        await until(pilot, lambda: app.chat.model is not None)
        await say(app, pilot, "Q")
        assert texts(app)[-1] == ("assistant", "Fine.")
        assert app.chat.status.model == "other-3b"


async def test_an_example_can_be_picked(home: Path) -> None:
    models = ScriptedModels(["Yes."])
    async with chat(home, models=models) as (app, pilot):
        app.chat.query_one(Welcome).query_one(OptionList).focus()
        await pilot.press("down", "enter")
        await until(pilot, lambda: not app.chat.busy and len(app.chat.talk.path) == 2)
        assert texts(app)[0][1] in EXAMPLES


async def test_a_long_paste_becomes_an_attachment(home: Path) -> None:
    from textual.events import Paste

    models = ScriptedModels(["Read."])
    text = "line of a log\n" * 80_000
    async with chat(home, models=models) as (app, pilot):
        app.chat.prompt.post_message(Paste(text))
        await until(pilot, lambda: bool(app.chat.attachments))
        assert app.chat.prompt.text == ""
        models.info = {}
        assert app.chat.attachments == [Attachment("pasted text 1", text)]
        await pilot.press("ctrl+t")
        assert app.chat.attachments == []


async def test_a_dropped_file_is_attached_and_reaches_the_model(home: Path, tmp_path: Path) -> None:
    from textual.events import Paste

    models = ScriptedModels(["Read."])
    file = tmp_path / "a report.txt"
    file.write_text("The pump failed.", encoding="utf-8")
    async with chat(home, models=models) as (app, pilot):
        app.chat.prompt.post_message(Paste(str(file).replace(" ", "\\ ")))
        await until(pilot, lambda: bool(app.chat.attachments))
        await say(app, pilot, "What failed?")
        sent = models.requests[-1].input.messages[-1].text
        assert "a report.txt" in sent
        assert "The pump failed." in sent
        row = app.backend.history.last()
        assert row is not None
        assert app.backend.history.path(row.id)[0].documents == (Attachment("a report.txt", "The pump failed."),)


async def test_tab_completes_a_file_after_at(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes-2026.txt").write_text("Buy milk.", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    async with chat(home, ["ok"]) as (app, pilot):
        await pilot.press(*"see @no", "tab")
        await until(pilot, lambda: bool(app.chat.attachments))
        assert app.chat.prompt.text == "see @notes-2026.txt"
        assert app.chat.attachments == [Attachment("notes-2026.txt", "Buy milk.")]


async def test_up_recalls_what_was_asked_and_down_comes_back(home: Path) -> None:
    async with chat(home, ["a", "b"]) as (app, pilot):
        await say(app, pilot, "first")
        await say(app, pilot, "second")
        await pilot.press(*"third", "up")
        assert app.chat.prompt.text == "second"
        await pilot.press("up")
        assert app.chat.prompt.text == "first"
        await pilot.press("down", "down")
        assert app.chat.prompt.text == "third"


async def test_ctrl_j_breaks_the_line(home: Path) -> None:
    async with chat(home, ["a"]) as (app, pilot):
        await pilot.press("a", "ctrl+j", "b")
        assert app.chat.prompt.text == "a\nb"


async def test_an_unknown_command_names_the_nearest(home: Path) -> None:
    async with chat(home) as (app, pilot):
        await say(app, pilot, "/retri", wait=False)
        assert any("/retry" in notice for notice in notices(app))
        assert texts(app) == []


async def test_a_path_is_no_command(home: Path) -> None:
    async with chat(home, ["It lists hosts."]) as (app, pilot):
        await say(app, pilot, "/etc/hosts is what?")
        assert texts(app)[0] == ("user", "/etc/hosts is what?")


async def test_a_private_conversation_is_kept_nowhere(home: Path) -> None:
    async with chat(home, ["secret answer"]) as (app, pilot):
        await say(app, pilot, "/private", wait=False)
        await say(app, pilot, "a secret")
        assert texts(app)[1] == ("assistant", "secret answer")
        assert app.backend.history.conversations() == []
        await say(app, pilot, "/new", wait=False)
        assert not app.chat.private
    assert b"secret" not in b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file())


async def test_private_from_the_start_writes_no_file(home: Path) -> None:
    async with chat(home, ["answer"], private=True) as (app, pilot):
        await say(app, pilot, "a secret")
    assert [path for path in home.rglob("*") if path.is_file()] == []


async def test_a_conversation_is_found_by_its_words_and_opened(home: Path) -> None:
    async with chat(home, ["The lighthouse is old.", "Yes."]) as (app, pilot):
        await say(app, pilot, "Tell me of the coast")
        await say(app, pilot, "/new", wait=False)
        await say(app, pilot, "Something else")
        await pilot.press("ctrl+f", *"lighthouse")
        options = app.chat.sidebar.query_one(OptionList)
        await until(pilot, lambda: options.option_count == 1)
        await pilot.press("down", "enter")
        await until(pilot, lambda: texts(app)[0] == ("user", "Tell me of the coast"))


async def test_a_conversation_is_there_again_after_a_restart(home: Path) -> None:
    async with chat(home, ["Answer one."]) as (app, pilot):
        await say(app, pilot, "Question one")
        number = app.chat.talk.ref.id
    models = ScriptedModels(["Answer two."])
    async with chat(home, models=models, conversation=number) as (app, pilot):
        await until(pilot, lambda: len(app.chat.talk.path) == 2)
        await say(app, pilot, "Question two")
        assert [m.text for m in models.requests[0].input.messages] == ["Question one", "Answer one.", "Question two"]


@pytest.mark.parametrize(
    "text", ["[/nope]", "[@click=app.quit]x[/]", *(pytest.param(t, marks=pytest.mark.long) for t in MORE_MARKUP)]
)
@pytest.mark.more
async def test_markup_in_any_text_stays_text(home: Path, text: str) -> None:
    error = EngineError(text, text, text)
    async with chat(home, [text, ScriptedAnswer((text,), notice=text, error=error)], system=text) as (app, pilot):
        await say(app, pilot, f"/title {text}", wait=False)
        await say(app, pilot, text)
        await say(app, pilot, text)
        await pilot.press("ctrl+b")
        await until(pilot, lambda: app.chat.sidebar.query_one(OptionList).option_count >= 1)
        assert text in banner(app)
        assert texts(app)[0] == ("user", text)
        await say(app, pilot, f"/{text}", wait=False)
        await say(app, pilot, f"/export {home}/none/{text}", wait=False)
        assert app.is_running


async def test_an_answer_is_coloured_by_probability_with_alternatives_at_the_cursor(home: Path) -> None:
    async with chat(home, ["Rome is big"]) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up", "p")
        await until(pilot, lambda: detail(app).startswith("1 of 3: “Rome” 36.8%"))
        assert "Rome is big" in str(app.chat.query_one(Probabilities).render())
        await pilot.press("right")
        await until(pilot, lambda: "2 of 3" in detail(app))
        await pilot.press("escape")
        await until(pilot, lambda: not app.chat.query(Probabilities))
        await until(pilot, lambda: detail(app) == "")


async def test_the_probabilities_of_an_answer_of_another_day_are_looked_up(home: Path) -> None:
    async with chat(home, ["Rome is big"]) as (app, pilot):
        await say(app, pilot, "Q")
        number = app.chat.talk.ref.id
    async with chat(home, conversation=number) as (app, pilot):
        await until(pilot, lambda: ("assistant", "Rome is big") in texts(app))
        await pilot.press("ctrl+up", "p")
        await until(pilot, lambda: detail(app).startswith("1 of 3: “Rome” 36.8%"))
        assert app.chat.status.doing == ""


async def test_a_look_at_probabilities_can_be_stopped_and_gives_way_to_a_question(home: Path) -> None:
    models = ScriptedModels([LONG, "and old"], Timing(slice=0.3))
    async with chat(home, models=models) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up")
        for left_by in ("escape", "question"):
            await pilot.press("p")
            await until(pilot, lambda: app.chat.status.doing.startswith("looking up probabilities"))
            if left_by == "escape":
                await pilot.press("escape")
                await until(pilot, lambda: app.chat.status.doing == "")
            else:
                app.chat.prompt.focus()
                await say(app, pilot, "And?")
        assert texts(app)[-1] == ("assistant", "and old")
        assert not app.chat.query(Probabilities)
        assert banner(app) == ""
        assert models.engines[0].scorings == []  # none came to its end


async def test_probabilities_that_come_late_do_not_take_the_keys_from_the_prompt(home: Path) -> None:
    models = ScriptedModels([LONG], Timing(slice=0.1))
    async with chat(home, models=models) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up", "p")
        app.chat.prompt.focus()
        await until(pilot, lambda: len(app.chat.query(Probabilities)) == 1)
        await pilot.press("r", "e")
        assert app.chat.prompt.text == "re"
        assert len(texts(app)) == 2


async def test_only_answers_have_probabilities(home: Path) -> None:
    async with chat(home, ["a"]) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up", "up", "p")
        await until(pilot, lambda: "Only answers have probabilities" in notices(app))
        assert not app.chat.query(Probabilities)


def in_sight(app: QuothApp) -> str:
    """The part of the probabilities that the transcript's window shows."""
    view, transcript = app.chat.query_one(Probabilities), app.chat.transcript
    shown = view.region.intersection(transcript.content_region)
    lines = range(shown.y - view.region.y, shown.bottom - view.region.y)
    return "\n".join(view.render_line(y).text for y in lines)


@pytest.mark.more
async def test_the_token_at_the_cursor_is_in_sight_in_a_long_answer(home: Path) -> None:
    answer = " ".join(f"token{number}" for number in range(200))
    async with chat(home, [answer], size=(80, 24)) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up", "p")
        await until(pilot, lambda: "1 of 200: “token0” 36.8%" in detail(app) and "token0 " in in_sight(app))
        assert "token199" not in in_sight(app)
        await pilot.press("left", *["right"] * 5)
        await until(pilot, lambda: "6 of 200" in detail(app))
        app.chat.query_one(Probabilities).cursor = 118
        await pilot.press("right", "right")
        await until(pilot, lambda: "121 of 200" in detail(app) and "token120 " in in_sight(app))
        app.chat.query_one(Probabilities).cursor = 199
        await until(pilot, lambda: "200 of 200" in detail(app) and "token199" in in_sight(app))
        assert "token0 " not in in_sight(app)
        app.chat.query_one(Probabilities).cursor = 0
        await until(pilot, lambda: "token0 " in in_sight(app))
        line = app.chat.query_one("#detail").region
        assert app.chat.transcript.region.bottom <= line.y < line.bottom <= app.chat.prompt.region.y


@pytest.mark.parametrize("leaving", ["/new", "/retry", "focus"])
@pytest.mark.more
async def test_the_alternatives_go_when_the_probabilities_are_left(home: Path, leaving: str) -> None:
    async with chat(home, ["Rome", "Milan"]) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up", "p")
        await until(pilot, lambda: "1 of 1" in detail(app))
        if leaving == "focus":
            app.chat.prompt.focus()
        else:
            await say(app, pilot, leaving)
        await until(pilot, lambda: detail(app) == "")


async def test_keys_can_be_changed(home: Path) -> None:
    async with chat(home, ["a"], keys={"prompt.newline": "ctrl+l"}) as (app, pilot):
        await pilot.press("a", "ctrl+l", "b")
        assert app.chat.prompt.text == "a\nb"


async def test_the_help_screen_is_made_of_the_bindings(home: Path) -> None:
    async with chat(home) as (app, pilot):
        await pilot.press("f1")
        assert isinstance(app.screen, Help)
        shown = str(app.screen.query_one(Static).content)
        for part in ("chat.stop", "prompt.newline", "turn.probabilities", "/compact", "[keys]"):
            assert part in shown


async def test_the_theme_is_kept(home: Path) -> None:
    async with chat(home) as (app, pilot):
        await say(app, pilot, "/theme nord", wait=False)
        await until(pilot, lambda: app.theme == "nord")
        await pilot.pause()
    async with chat(home) as (app, pilot):
        assert app.theme == "nord"


class Refusing(History):
    """A history on a disk that is full until it is told otherwise."""

    full = True

    def add(self, *arguments: Any, **more: Any) -> int:
        if self.full:
            raise StorageError("the history cannot be written", "no space left on device", "Free some space")
        return super().add(*arguments, **more)


@pytest.mark.more
async def test_what_cannot_be_written_stays_on_the_screen_and_is_written_later(home: Path) -> None:
    models = ScriptedModels(["Answer."])
    backend = backend_at(home, models)
    history = Refusing(home / "data" / "history.db")
    object.__setattr__(backend, "history", history)
    app = QuothApp(backend)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.chat.model is not None)
        await say(app, pilot, "Question")
        assert texts(app) == [("user", "Question"), ("assistant", "Answer.")]
        assert "no space left" in banner(app)
        history.full = False
        await until(pilot, lambda: banner(app) == "", 15)
        row = history.last()
        assert row is not None
        assert [(t.role, t.text, t.reason) for t in history.path(row.id)] == [
            ("user", "Question", "stop"),
            ("assistant", "Answer.", "stop"),
        ]


async def test_a_link_is_shown_in_full_before_it_is_opened(home: Path) -> None:
    from textual.widgets import Markdown

    async with chat(home, ["See [here](http://example.com/very/long)"]) as (app, pilot):
        await say(app, pilot, "Q")
        markdown = app.chat.query_one(Markdown)
        markdown.post_message(Markdown.LinkClicked(markdown, "http://example.com/very/long"))
        await until(pilot, lambda: app.screen is not app.chat)
        assert any("http://example.com/very/long" in str(s.content) for s in app.screen.query(Static))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)


async def test_a_long_conversation_lays_out_its_end_and_more_when_scrolled(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    history = History(home / "data" / "history.db")
    number, parent = history.new(title="long"), None
    for turn in range(200):
        parent = history.add(number, parent, "user" if turn % 2 == 0 else "assistant", f"turn {turn} " + "word " * 100)
    history.close()
    async with chat(home, conversation=number) as (app, pilot):
        await until(pilot, lambda: len(app.chat.talk.path) == 200)
        await until(pilot, lambda: bool(app.chat.transcript.views))
        shown = len(app.chat.transcript.views)
        assert 2 <= shown < 50
        for _ in range(60):
            app.chat.transcript.scroll_up(animate=False)
            app.chat.transcript.scroll_page_up(animate=False)
            await pilot.pause()
            if len(app.chat.transcript.views) > shown:
                break
            await asyncio.sleep(0.02)
        assert len(app.chat.transcript.views) > shown


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (40, 10), (1, 1)])
@pytest.mark.more
async def test_every_size_works(home: Path, size: tuple[int, int]) -> None:
    async with chat(home, ["| a | b |\n|---|---|\n| 東京 | 2 |\n\n```python\nx = 1\n```"], size=size) as (app, pilot):
        await say(app, pilot, "Q")
        assert len(texts(app)) == 2
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert app.is_running


async def test_an_export_is_written_and_nothing_is_overwritten(home: Path, tmp_path: Path) -> None:
    async with chat(home, ["Answer."]) as (app, pilot):
        await say(app, pilot, "Question")
        target = tmp_path / "talk.md"
        await say(app, pilot, f"/export {target}", wait=False)
        await until(pilot, target.exists)
        content = target.read_text(encoding="utf-8")
        assert "Question" in content
        assert "Answer." in content
        await say(app, pilot, f"/export {target}", wait=False)
        assert "is there already" in banner(app)
        assert target.read_text(encoding="utf-8") == content


async def test_the_bar_at_the_bottom_has_the_keys_of_the_moment_and_a_click_presses_one(home: Path) -> None:
    def bar() -> str:
        return str(app.chat.query_one(KeyBar).content)

    async with chat(home, [LONG]) as (app, pilot):
        await until(pilot, lambda: "Help" in bar())
        assert "Go on" not in bar()
        await say(app, pilot, "Hello")
        await pilot.press("ctrl+up")
        await until(pilot, lambda: "Go on" in bar())
        await pilot.press("escape")
        await until(pilot, lambda: "Go on" not in bar())
        await pilot.click(KeyBar, offset=(bar().index("Help"), 0))
        await until(pilot, lambda: isinstance(app.screen, Help))
