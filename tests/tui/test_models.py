"""Models in the app: chosen, loaded, waited for, changed."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from quoth.errors import ModelError
from quoth.library import model_choice
from quoth.library.model import Model
from quoth.library.model_offers import all_choices
from quoth.models import ModelFile, ModelListing
from quoth.models.installed import InstalledModels
from quoth.models.offered_models import Choice
from quoth.models.pull_progress import PullProgress
from quoth.tui.app import QuothApp
from quoth.tui.chat.model_loader import pull_sentence
from quoth.tui.dialogs import ChooseModel
from quoth.tui.widgets.welcome import EXAMPLES, Welcome
from tests.tui.driving import (
    SLOW,
    banner,
    begin_answer,
    chat,
    driven,
    say,
    texts,
    until,
    write_history,
)
from tests.tui.scripted_app import DEMO, OTHER, ScriptedModels, scripted_app


class Slow(ScriptedModels):
    """Models that load when they are let."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.let = threading.Event()

    def __call__(self, *arguments: Any, **more: Any) -> Model:
        self.let.wait(20)
        return super().__call__(*arguments, **more)


@asynccontextmanager
async def chat_while_loading(home: Path, models: Slow) -> AsyncIterator[tuple[QuothApp, Pilot[None]]]:
    """The app while its model loads."""
    app = scripted_app(home, models)
    async with driven(app) as pilot:
        await until(pilot, lambda: app.chat.models.coming > 0)
        yield app, pilot


async def test_without_a_model_there_is_a_choice_and_a_question_waits_for_it(home: Path) -> None:
    async with chat(home, ["Here."], installed=()) as (app, pilot):
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
        await until(pilot, lambda: app.chat.session.model is not None)
        await say(app, pilot, "Q")
        assert texts(app)[-1] == ("assistant", "Fine.")
        assert app.chat.status.model == "other-3b"


async def test_an_example_can_be_picked(home: Path) -> None:
    models = ScriptedModels(["Yes."])
    async with chat(home, models=models) as (app, pilot):
        app.chat.query_one(Welcome).query_one(OptionList).focus()
        await pilot.press("down", "enter")
        await until(pilot, lambda: not app.chat.session.busy and len(app.chat.session.path) == 2)
        assert texts(app)[0][1] in EXAMPLES


@pytest.mark.more
async def test_a_question_behind_a_change_of_model_is_the_new_models(home: Path) -> None:
    models = Slow(["Here."])
    models.let.set()
    async with chat(home, models=models) as (app, pilot):
        models.let.clear()
        await say(app, pilot, "/model other-3b", wait=False)
        await until(pilot, lambda: app.chat.session.model is None)
        await say(app, pilot, "Who?", wait=False)
        await say(app, pilot, "And?", wait=False)
        assert app.chat.prompt.text == "And?"
        models.let.set()
        await until(pilot, lambda: texts(app) == [("user", "Who?"), ("assistant", "Here.")])
        await until(pilot, lambda: not app.chat.session.busy)
        assert app.chat.session.path[1].turn.model == "other-3b"


@pytest.mark.more
async def test_a_model_that_is_there_meanwhile_waits_for_the_answer(home: Path) -> None:
    answer = "word " * 100
    models = ScriptedModels([answer], SLOW)
    async with chat(home, models=models) as (app, pilot):
        await begin_answer(app, pilot, "one")
        app.chat.models.use(model_choice.named(app.workspace, OTHER))  # as a pull does at its end
        assert app.chat.session.busy
        await until(pilot, lambda: not app.chat.session.busy)
        assert texts(app)[1] == ("assistant", answer)
        await until(pilot, lambda: app.chat.session.model is not None and len(models.engines) == 2)
        assert app.chat.status.model == OTHER


async def test_a_model_that_cannot_be_fetched_is_told_and_the_others_are_offered(home: Path) -> None:
    async with chat(home, installed=()) as (app, pilot):
        app.chat.models.fetch("no-such-model")
        await until(pilot, lambda: "no model called 'no-such-model' can be pulled" in banner(app))
        await until(pilot, lambda: app.chat.query_one(Welcome).query_one(OptionList).option_count == 2)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (PullProgress("downloading", 120_000_000, 480_000_000), "downloading: 120 of 480 MB"),
        (
            PullProgress("downloading", 1_000_000, 2_000_000_000, seconds_left=240),
            "downloading: 1 of 2,000 MB, 4 min left",
        ),
        (PullProgress("quantizing", detail="Q4_K_M"), "quantizing: Q4_K_M"),
        (PullProgress("looking"), "looking"),
    ],
)
def test_a_pull_says_how_far_it_is(at: PullProgress, said: str) -> None:
    assert pull_sentence(at) == said


@pytest.mark.more
async def test_escape_takes_back_a_question_that_waits_for_the_model(home: Path) -> None:
    models = Slow(["Here."])
    async with chat_while_loading(home, models) as (app, pilot):
        await say(app, pilot, "Early", wait=False)
        assert "Early" in banner(app)
        await pilot.press("escape")
        assert app.chat.prompt.text == "Early"
        assert banner(app) == ""
        models.let.set()
        await until(pilot, lambda: app.chat.session.model is not None)
        assert texts(app) == []
        await pilot.press("enter")
        await until(pilot, lambda: texts(app) == [("user", "Early"), ("assistant", "Here.")])


@pytest.mark.more
async def test_a_question_that_waits_for_the_model_does_not_go_to_another_conversation(home: Path) -> None:
    number, _ = write_history(home, "long ago")
    models = Slow(["Here."])
    async with chat_while_loading(home, models) as (app, pilot):
        await say(app, pilot, "Early", wait=False)
        app.chat.conversations.open(number)
        await until(pilot, lambda: len(app.chat.session.path) == 1)
        models.let.set()
        await until(pilot, lambda: app.chat.session.model is not None)
        assert texts(app) == [("user", "long ago")]
        assert app.chat.prompt.text == "Early"


@pytest.mark.more
async def test_new_while_the_model_loads_offers_no_other(home: Path) -> None:
    models = Slow(["Here."])
    async with chat_while_loading(home, models) as (app, pilot):
        await pilot.press("ctrl+n")
        await pilot.pause(0.2)
        assert "Which one?" not in str(app.chat.query_one(Welcome).query_one(".title", Static).content)
        models.let.set()
        await until(pilot, lambda: app.chat.session.model is not None)


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


@pytest.mark.more
async def test_enter_takes_the_match_that_is_highlighted_or_the_first(home: Path) -> None:
    async def taken(app: QuothApp, pilot: Pilot[None], typed: str, then: list[str]) -> str:
        dialog, got = ChooseModel(lambda: all_choices(app.workspace), lambda choice: "it fits"), list[Any]()
        app.push_screen(dialog, got.append)
        await until(pilot, lambda: app.screen is dialog and dialog.query_one(OptionList).option_count == 3)
        dialog.query_one(Input).value = typed
        await pilot.pause()
        await pilot.press(*then, "enter")
        await until(pilot, lambda: bool(got))
        return got[0] if isinstance(got[0], str) else str(got[0].model.name)

    async with chat(home, installed=(DEMO, OTHER, "other-7b")) as (app, pilot):
        for typed, then, chosen in CHOSEN:
            assert await taken(app, pilot, typed, then) == chosen, (typed, then)


@pytest.mark.more
async def test_a_model_that_cannot_be_taken_over_is_told(home: Path) -> None:
    async with chat(home) as (app, pilot):
        app.chat.models.choose(Choice("x", model=ModelFile("x", Path("x.gguf"), "file", 1, "Q8_0", installed=False)))
        await until(pilot, lambda: "x.gguf" in banner(app))
        assert app.chat.session.model is not None
        assert app.chat.session.model.name == DEMO


@pytest.mark.more
async def test_an_offer_of_models_leaves_the_prompt_to_who_types(home: Path) -> None:
    let = threading.Event()

    class SlowStore(InstalledModels):
        def list(self) -> ModelListing:
            let.wait(20)
            return super().list()

    app = scripted_app(home, ScriptedModels(), installed=())
    app.workspace.store = SlowStore(app.workspace.folders.models)
    async with driven(app) as pilot:
        await pilot.press(*"Hel")
        let.set()
        await until(pilot, lambda: app.chat.query_one(Welcome).query_one(OptionList).option_count == 2)
        await pilot.press(*"lo")
        assert app.chat.prompt.text == "Hello"


@pytest.mark.more
async def test_a_bug_in_something_beside_an_answer_is_told(home: Path) -> None:
    class BrokenStore(InstalledModels):
        def get(self, name: str) -> ModelFile | None:
            raise KeyError(name)

    async with chat(home, ["fine"]) as (app, pilot):
        app.workspace.store = BrokenStore(app.workspace.folders.models)
        await say(app, pilot, "/model x", wait=False)
        await until(pilot, lambda: "this is a bug" in banner(app))
        await say(app, pilot, "Q")
        assert texts(app)[-1] == ("assistant", "fine")
