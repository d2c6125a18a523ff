"""What happens when people do two things at once, or the unexpected one."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Collapsible, Input, OptionList, Static

from quoth.chat import Attachment
from quoth.errors import EngineError, ModelError
from quoth.history import History
from quoth.models import ModelFile
from quoth.models.offered_models import Choice
from quoth.tui.app import QuothApp
from quoth.tui.history_writer import HistoryWriter, PendingId
from quoth.tui.screens.dialogs import ChooseModel
from quoth.tui.widgets.turn import TurnView
from quoth.tui.widgets.welcome import Welcome
from tests.scripted_engine import ScriptedAnswer
from tests.tui.scripted_app import DEMO, OTHER, ScriptedModels, backend_at
from tests.tui.test_chat import LONG, SLOW, banner, chat, notices, say, texts, until

pytestmark = pytest.mark.more


class Slow(ScriptedModels):
    """Models that load when they are let."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.let = threading.Event()

    def start(self, model: ModelFile, progress: Any, tell: Any) -> Any:
        self.let.wait(20)
        return super().start(model, progress, tell)


@asynccontextmanager
async def chat_while_loading(home: Path, models: Slow) -> AsyncIterator[tuple[QuothApp, Pilot[None]]]:
    """The app while its model loads."""
    app = QuothApp(backend_at(home, models))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.chat.model_is_coming)
        yield app, pilot


# The history


async def test_a_conversation_removed_while_it_is_answered_does_not_stop_later_ones(home: Path) -> None:
    async with chat(home, [LONG, "second"], timing=SLOW) as (app, pilot):
        await say(app, pilot, "one", wait=False)
        await until(pilot, lambda: bool(app.chat.live and app.chat.live.turn.text))
        number = app.chat.talk.ref.id
        assert number is not None
        app.backend.history.delete(number)  # as another window does
        await pilot.press("escape")
        await until(pilot, lambda: not app.chat.busy)
        assert "removed" in banner(app)
        await say(app, pilot, "/new", wait=False)
        await say(app, pilot, "two")
        assert [row.title for row in app.backend.history.conversations()] == ["two"]
        assert app.chat.keeper.waiting == 0


def test_a_write_that_can_never_succeed_does_not_hold_up_the_next(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    keeper = HistoryWriter(history)
    gone, turn = PendingId(4711), PendingId()
    keeper.add(turn, gone, None, "user", "lost")
    keeper.finish(turn, "lost", "", "stop")
    assert keeper.problem
    conversation, kept = PendingId(), PendingId()
    keeper.new(conversation, title="")
    keeper.add(kept, conversation, None, "user", "kept")
    assert keeper.problem == ""
    assert conversation.id is not None
    assert [t.text for t in history.path(conversation.id)] == ["kept"]


async def test_a_conversation_that_is_gone_is_told_not_fatal(home: Path) -> None:
    async with chat(home, ["one", "two"]) as (app, pilot):
        await say(app, pilot, "Q")
        await say(app, pilot, "/retry")
        number = app.chat.talk.ref.id
        assert number is not None
        app.backend.history.delete(number)
        await pilot.press("ctrl+up", "left")
        await until(pilot, lambda: "there is no" in banner(app))
        for command in ("/fork", f"/export {home}/x.md", "/title T", "/system S"):
            await say(app, pilot, command, wait=False)
        app.chat.open_conversation(number)
        app.chat.remove_conversation(number, "gone")
        await until(pilot, lambda: app.screen is not app.chat)
        await pilot.press("y")
        await until(pilot, lambda: app.screen is app.chat)
        await pilot.pause()
        assert app.is_running
        assert "there is no conversation" in banner(app)


async def test_opening_the_conversation_that_is_being_answered_loses_nothing(home: Path) -> None:
    async with chat(home, [LONG], timing=SLOW) as (app, pilot):
        await say(app, pilot, "one", wait=False)
        await until(pilot, lambda: bool(app.chat.live and app.chat.live.turn.text))
        number = app.chat.talk.ref.id
        assert number is not None
        job = app.chat.job
        assert job is not None
        app.chat.open_conversation(number)
        await until(pilot, lambda: not app.chat.busy and len(app.chat.talk.path) == 2)
        assert texts(app)[1] == ("assistant", job.said)
        assert app.chat.talk.path[1].turn.reason == "cancelled"


async def test_an_answer_that_was_left_is_whole_when_one_comes_back(home: Path) -> None:
    async with chat(home, ["first", LONG], timing=SLOW) as (app, pilot):
        await say(app, pilot, "A")
        first = app.chat.talk.ref.id
        await say(app, pilot, "/new", wait=False)
        await say(app, pilot, "B", wait=False)
        await until(pilot, lambda: bool(app.chat.live and app.chat.live.turn.text))
        second, job = app.chat.talk.ref.id, app.chat.job
        assert first is not None
        assert second is not None
        assert job is not None
        app.chat.open_conversation(first)
        await until(pilot, lambda: texts(app)[0] == ("user", "A"))
        app.chat.open_conversation(second)
        await until(pilot, lambda: texts(app)[0] == ("user", "B"))
        assert texts(app)[1] == ("assistant", job.said)


# Private conversations


async def test_versions_and_forks_of_a_private_conversation_stay_private(home: Path) -> None:
    async with chat(home, ["open", "one", "two", "three"]) as (app, pilot):
        await say(app, pilot, "Openly")
        await say(app, pilot, "/private", wait=False)
        await say(app, pilot, "secret")
        await say(app, pilot, "/retry")
        await pilot.press("ctrl+up", "left")
        await until(pilot, lambda: texts(app) == [("user", "secret"), ("assistant", "one")])
        assert app.chat.private
        await say(app, pilot, "/fork", wait=False)
        await until(pilot, lambda: app.chat.talk.ref.id == 2)
        await say(app, pilot, "more")
        assert app.chat.private
        assert [row.title for row in app.backend.history.conversations()] == ["Openly"]


async def test_delete_in_a_private_conversation_removes_the_one_in_the_list(home: Path) -> None:
    async with chat(home, ["open", "secret answer"]) as (app, pilot):
        await say(app, pilot, "Openly")
        await say(app, pilot, "/private", wait=False)
        await say(app, pilot, "secret")
        await pilot.press("ctrl+b", "down")
        await until(pilot, lambda: app.chat.sidebar.query_one(OptionList).highlighted == 0)
        await pilot.press("delete")
        await until(pilot, lambda: app.screen is not app.chat)
        await pilot.press("enter")  # no yes: this cannot be undone
        await pilot.pause()
        assert app.screen is not app.chat
        assert len(app.backend.history.conversations()) == 1
        await pilot.press("y")
        await until(pilot, lambda: app.backend.history.conversations() == [])
        assert texts(app)[1] == ("assistant", "secret answer")
        assert app.chat.private


async def test_what_a_private_conversation_is_told_stays_in_it(home: Path) -> None:
    async with chat(home, ["one", "two"], system="Be kind.") as (app, pilot):
        await say(app, pilot, "/private", wait=False)
        await say(app, pilot, "/system My name is Zacharias.", wait=False)
        await until(pilot, lambda: "Zacharias" in app.chat.talk.system)
        await say(app, pilot, "secret")
        await say(app, pilot, "/new", wait=False)
        assert app.chat.talk.system == "Be kind."
        assert app.chat.prompt.recallable == []
        await say(app, pilot, "open")
    assert b"Zacharias" not in b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file())


@pytest.mark.parametrize("begin", ["/new", "ctrl+n", pytest.param("/clear", marks=pytest.mark.long)])
async def test_a_new_conversation_is_told_what_the_setting_says(home: Path, begin: str) -> None:
    (home / "data").mkdir(mode=0o700)
    history = History(home / "data" / "history.db")
    number = history.new(title="old", system="Talk like a pirate.")
    history.add(number, None, "user", "long ago")
    history.close()

    async def begun(app: QuothApp, pilot: Pilot[None]) -> str:
        if begin.startswith("/"):
            await say(app, pilot, begin, wait=False)
        else:
            await pilot.press(begin)
        await until(pilot, lambda: app.chat.talk.path == [] and app.chat.talk.ref.id is None)
        return app.chat.talk.system

    models = ScriptedModels(["one", "two"])
    async with chat(home, models=models, system="Be kind.", conversation=number) as (app, pilot):
        await until(pilot, lambda: app.chat.talk.system == "Talk like a pirate.")
        assert await begun(app, pilot) == "Be kind."
        await say(app, pilot, "/system Be brief.", wait=False)
        await until(pilot, lambda: app.chat.talk.system == "Be brief.")
        await say(app, pilot, "Q")
        assert await begun(app, pilot) == "Be kind."
        await say(app, pilot, "Q")
        assert ["Be brief." in str(r.input) for r in models.requests] == [True, False]
        assert ["Be kind." in str(r.input) for r in models.requests] == [False, True]
        rows = app.backend.history.conversations()
        assert sorted(row.system for row in rows) == ["Be brief.", "Be kind.", "Talk like a pirate."]


# Summaries and what is left out


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
        number = app.chat.talk.ref.id
        assert number is not None
        assert [t.role for t in app.backend.history.path(number)] == ["user", "assistant", "user", "assistant"]


async def test_a_summary_is_made_again_by_retry(home: Path) -> None:
    async with chat(home, ["Rome.", "First summary.", "Second summary."]) as (app, pilot):
        await say(app, pilot, "Capital of Italy?")
        await say(app, pilot, "/compact")
        await say(app, pilot, "/retry")
        assert texts(app)[-2:] == [("assistant", "Rome."), ("summary", "Second summary.")]
        assert app.chat.transcript.views[-1].version == (2, 2)


async def test_a_summary_is_read_after_turns_were_left_out(home: Path) -> None:
    def script(request: Any) -> str:
        return "The summary." if "Summarize" in request.input.messages[-1].text else "word " * 100

    models = ScriptedModels(script)
    models.info = {"n_ctx": 500, "n_ctx_train": 500}
    async with chat(home, models=models) as (app, pilot):
        for number in range(7):
            await say(app, pilot, f"Question {number}")
        assert app.chat.talk.left_out > 0
        await say(app, pilot, "/compact")
        assert texts(app)[-1] == ("summary", "The summary.")
        await say(app, pilot, "Next")
        await say(app, pilot, "And then")
        sent = models.requests[-1].input.messages
        assert "The summary." in sent[0].text
        assert sent[-1].text == "And then"


async def test_one_line_says_what_is_left_out(home: Path) -> None:
    models = ScriptedModels(lambda request: "word " * 100)
    models.info = {"n_ctx": 400, "n_ctx_train": 400}
    async with chat(home, models=models) as (app, pilot):
        for number in range(5):
            await say(app, pilot, f"Question {number}")
        assert len(app.chat.transcript.query(".left-out")) == 1


# Models


async def test_a_question_behind_a_change_of_model_is_the_new_models(home: Path) -> None:
    models = Slow(["Here."])
    models.let.set()
    async with chat(home, models=models) as (app, pilot):
        models.let.clear()
        await say(app, pilot, "/model other-3b", wait=False)
        await until(pilot, lambda: app.chat.model is None)
        await say(app, pilot, "Who?", wait=False)
        await say(app, pilot, "And?", wait=False)
        assert app.chat.prompt.text == "And?"
        models.let.set()
        await until(pilot, lambda: texts(app) == [("user", "Who?"), ("assistant", "Here.")])
        await until(pilot, lambda: not app.chat.busy)
        assert app.chat.talk.path[1].turn.model == "other-3b"


async def test_a_model_fetched_meanwhile_waits_for_the_answer(home: Path) -> None:
    answer = "word " * 100
    async with chat(home, [answer], timing=SLOW) as (app, pilot):
        await say(app, pilot, "one", wait=False)
        await until(pilot, lambda: bool(app.chat.live and app.chat.live.turn.text))
        app.chat.fetch("other-3b")
        assert app.chat.busy
        await until(pilot, lambda: not app.chat.busy)
        assert texts(app)[1] == ("assistant", answer)
        await until(pilot, lambda: app.chat.model is not None and len(app.backend.models.engines) == 2)  # type: ignore[attr-defined]


async def test_escape_takes_back_a_question_that_waits_for_the_model(home: Path) -> None:
    models = Slow(["Here."])
    models.present = True
    async with chat_while_loading(home, models) as (app, pilot):
        await say(app, pilot, "Early", wait=False)
        assert "Early" in banner(app)
        await pilot.press("escape")
        assert app.chat.prompt.text == "Early"
        assert banner(app) == ""
        models.let.set()
        await until(pilot, lambda: app.chat.model is not None)
        assert texts(app) == []
        await pilot.press("enter")
        await until(pilot, lambda: texts(app) == [("user", "Early"), ("assistant", "Here.")])


async def test_a_question_that_waits_for_the_model_does_not_go_to_another_conversation(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    history = History(home / "data" / "history.db")
    number = history.new(title="old")
    history.add(number, None, "user", "long ago")
    history.close()
    models = Slow(["Here."])
    async with chat_while_loading(home, models) as (app, pilot):
        await say(app, pilot, "Early", wait=False)
        app.chat.open_conversation(number)
        await until(pilot, lambda: len(app.chat.talk.path) == 1)
        models.let.set()
        await until(pilot, lambda: app.chat.model is not None)
        assert texts(app) == [("user", "long ago")]
        assert app.chat.prompt.text == "Early"


async def test_new_while_the_model_loads_offers_no_other(home: Path) -> None:
    models = Slow(["Here."])
    async with chat_while_loading(home, models) as (app, pilot):
        await pilot.press("ctrl+n")
        await pilot.pause(0.2)
        assert "Which one?" not in str(app.chat.query_one(Welcome).query_one(".title", Static).content)
        models.let.set()
        await until(pilot, lambda: app.chat.model is not None)


class Several(ScriptedModels):
    """Three to choose from, two of which begin alike."""

    def choices(self) -> Any:
        return [*super().choices(), Choice("other-7b: installed", model=OTHER._replace(name="other-7b"))]


CHOSEN: list[tuple[str, list[str], str]] = [  # what is typed, the keys after it, what enter takes
    ("other", [], "other-3b"),
    ("OTHER-7", [], "other-7b"),
    ("other", ["down", "down", "shift+tab"], "other-7b"),
    ("", [], "demo-1b"),
    ("nothing like it", [], "nothing like it"),
    ("hf:other/other-GGUF", [], "hf:other/other-GGUF"),
    ("models/other.gguf", [], "models/other.gguf"),
    ("~/other", [], "~/other"),
    (".", [], "."),
]


async def test_enter_takes_the_match_that_is_highlighted_or_the_first(home: Path) -> None:
    models = Several([])

    async def taken(app: QuothApp, pilot: Pilot[None], typed: str, then: list[str]) -> str:
        dialog, got = ChooseModel(models.choices, models.fit), list[Any]()
        app.push_screen(dialog, got.append)
        await until(pilot, lambda: app.screen is dialog and dialog.query_one(OptionList).option_count == 3)
        dialog.query_one(Input).value = typed
        await pilot.pause()
        await pilot.press(*then, "enter")
        await until(pilot, lambda: bool(got))
        return got[0] if isinstance(got[0], str) else str(got[0].model.name)

    async with chat(home, models=models) as (app, pilot):
        for typed, then, chosen in CHOSEN:
            assert await taken(app, pilot, typed, then) == chosen, (typed, then)


async def test_a_model_that_cannot_be_taken_over_is_told(home: Path) -> None:
    class Refusing(ScriptedModels):
        def remember(self, model: ModelFile) -> ModelFile:
            raise ModelError("it is gone", "no such file", "Choose another")

    async with chat(home, models=Refusing([])) as (app, pilot):
        app.chat.take_choice(Choice("x", model=ModelFile("x", Path("x.gguf"), "file", 1, "Q8_0", installed=False)))
        await until(pilot, lambda: "it is gone" in banner(app))
        assert app.chat.model == DEMO


async def test_an_offer_of_models_leaves_the_prompt_to_who_types(home: Path) -> None:
    class Looking(ScriptedModels):
        let = threading.Event()

        def choices(self) -> Any:
            self.let.wait(20)
            return super().choices()

    models = Looking([])
    models.present = False
    async with chat(home, models=models) as (app, pilot):
        await pilot.press(*"Hel")
        models.let.set()
        await until(pilot, lambda: app.chat.query_one(Welcome).query_one(OptionList).option_count == 2)
        await pilot.press(*"lo")
        assert app.chat.prompt.text == "Hello"


# What is on the screen


async def test_reasoning_is_in_the_fold(home: Path) -> None:
    thinking = ScriptedAnswer(("Rome.",), thoughts=("Italy [/nope] ", "then."))
    async with chat(home, [thinking], think=True) as (app, pilot):
        await say(app, pilot, "Capital?")
        fold = app.chat.query_one(Collapsible)
        assert fold.display
        shown = [str(line.content) for line in fold.query_one(Collapsible.Contents).query(Static)]
        assert shown == ["Italy [/nope] then."]


async def test_an_answer_that_began_without_reasoning_goes_on_with_it(home: Path) -> None:
    answers = [ScriptedAnswer(("Once ",), reason="length"), ScriptedAnswer(("upon.",), thoughts=("Hm.",))]
    async with chat(home, answers, think=True) as (app, pilot):
        await say(app, pilot, "Tell")
        number = app.chat.talk.ref.id
        assert number is not None
        app.chat.open_conversation(number)
        await until(pilot, lambda: isinstance(app.chat.transcript.views[-1], TurnView) and not app.chat.busy)
        await pilot.pause(0.2)
        await say(app, pilot, "/continue")
        assert texts(app)[-1] == ("assistant", "Once upon.")
        assert app.chat.query_one(Collapsible).display


async def test_a_turn_that_was_found_far_up_is_shown(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    history = History(home / "data" / "history.db")
    number, turns = history.new(title="long"), list[int]()
    for turn in range(60):
        above = turns[-1] if turns else None
        turns.append(history.add(number, above, "user" if turn % 2 == 0 else "assistant", f"turn {turn} " + LONG[:500]))
    history.close()
    async with chat(home) as (app, pilot):
        app.chat.open_conversation(number, turns[10])
        await until(pilot, lambda: isinstance(app.focused, TurnView))
        assert isinstance(app.focused, TurnView)
        assert app.focused.turn.text.startswith("turn 10 ")


async def test_the_list_stays_what_was_searched_for(home: Path) -> None:
    async with chat(home, ["The lighthouse.", "Other."]) as (app, pilot):
        await say(app, pilot, "Coast")
        await say(app, pilot, "/new", wait=False)
        await pilot.press("ctrl+f", *"lighthouse")
        options = app.chat.sidebar.query_one(OptionList)
        await until(pilot, lambda: options.option_count == 1 and "lighthouse" in str(options.options[0].prompt))
        await say(app, pilot, "Something else")
        await pilot.pause(0.3)
        assert options.option_count == 1


async def test_only_the_file_that_was_completed_last_is_attached(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("note-1.txt", "note-2.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    async with chat(home, ["ok"]) as (app, pilot):
        await pilot.press(*"see @no", "tab")
        await until(pilot, lambda: bool(app.chat.attachments))
        await pilot.press("tab")
        await until(pilot, lambda: app.chat.attachments == [Attachment("note-2.txt", "note-2.txt")])
        assert app.chat.prompt.text == "see @note-2.txt"


@pytest.mark.parametrize("editor", ["no-such-editor", 'vi "unclosed', ""])
async def test_an_editor_that_cannot_be_started_is_told(home: Path, editor: str) -> None:
    async with chat(home) as (app, pilot):
        object.__setattr__(app.backend, "environ", {"EDITOR": editor})
        await pilot.press("h", "i", "ctrl+g")
        await until(pilot, lambda: any("cannot be started" in notice for notice in notices(app)))
        assert app.chat.prompt.text == "hi"


async def test_titles_in_the_palette_are_text(home: Path) -> None:
    titles = ("[/nope] sea", "[@click=app.quit]sea[/]", "[red]sea")
    (home / "data").mkdir(mode=0o700)
    history = History(home / "data" / "history.db")
    for title in titles:
        history.add(history.new(title=title), None, "user", title)
    history.close()
    async with chat(home, ["a"]) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"sea")
        options = app.screen.query_one(OptionList)
        await until(
            pilot,
            lambda: all(any(title in str(option.prompt) for option in options.options) for title in titles),
        )


async def test_the_palette_shows_what_a_command_takes(home: Path) -> None:
    async with chat(home) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"model")
        options = app.screen.query_one(OptionList)
        await until(pilot, lambda: any("/model [NAME]" in str(option.prompt) for option in options.options))


async def test_a_bug_in_something_beside_an_answer_is_told(home: Path) -> None:
    class Broken(ScriptedModels):
        def resolve(self, name: str) -> ModelFile:
            raise KeyError(name)

    async with chat(home, models=Broken(["fine"])) as (app, pilot):
        await say(app, pilot, "/model x", wait=False)
        await until(pilot, lambda: "this is a bug" in banner(app))
        await say(app, pilot, "Q")
        assert texts(app)[-1] == ("assistant", "fine")
