"""/ask and /summarize in the app: the answer beside the document, places to jump to, and what of it is kept."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from quoth.chat import Attachment
from quoth.engine import Chat, Scoring
from quoth.errors import EngineError
from quoth.history import History
from quoth.tasks.status_text import NOT_FOUND
from quoth.tui.app import QuothApp
from quoth.tui.documents.document_screen import DocumentScreen
from quoth.tui.documents.operands import operands
from quoth.tui.widgets.cited_answer import CitedAnswer
from quoth.tui.widgets.document_view import AT_ONCE
from tests.scripted_engine import ScriptedAnswer, Timing
from tests.tui.driving import banner, driven, kept, notices, say, texts, until
from tests.tui.scripted_app import ScriptedModels, scripted_app

FILLER = "The committee met again and talked about the weather of that week at some length.\n"


def filler(count: int) -> str:
    """Lines that are about something else, no two alike."""
    return "".join(f"On day {n} of plan {n * 7919 % 1000} the {FILLER[4:]}" for n in range(count))


PUMP = "The pump of the cellar failed on the third of March because of a broken valve.\n"
BRIDGE = "The bridge was painted green in the autumn by two workers from Turin.\n"
REPORT = "\n".join((filler(200), PUMP, filler(200), BRIDGE, filler(100)))
AT_PUMP, AT_BRIDGE = (1 + REPORT[: REPORT.index(fact)].count("\n") for fact in (PUMP, BRIDGE))
# Of a model that writes answers of its own, and that the thresholds were measured with.
LARGE = {"n_params": 1_543_714_304, "architecture": "qwen2"}


class Kept(dict[str, str]):
    """Notes in memory."""

    def put(self, key: str, text: str) -> None:
        self[key] = text

    def close(self) -> None:
        pass


@asynccontextmanager
async def reading(
    home: Path,
    answers: Any = (),
    *,
    size: tuple[int, int] = (120, 30),
    info: dict[str, Any] | None = None,
    timing: Timing | None = None,
    notes: Kept | None = None,
    odds: Callable[[Scoring], float] = lambda scoring: 5.0,
    **flags: Any,
) -> AsyncIterator[tuple[QuothApp, Pilot[None]]]:
    """The app with a scripted model."""
    models = ScriptedModels(answers, timing)
    models.info, models.odds = info or {}, odds
    app = scripted_app(home, models, **flags)
    app.workspace.notes = notes  # type: ignore[assignment]  # what is written about passages goes there
    async with driven(app, size) as pilot:
        await until(pilot, lambda: app.chat.session.model is not None)
        yield app, pilot


async def opened(app: QuothApp, pilot: Pilot[None], command: str) -> DocumentScreen:
    """Type a command, and wait for the document."""
    await say(app, pilot, command, wait=False)
    await until(pilot, lambda: isinstance(app.screen, DocumentScreen) and app.screen.is_mounted)
    assert isinstance(app.screen, DocumentScreen)
    return app.screen


async def answered(app: QuothApp, pilot: Pilot[None], command: str, turns: int = 2) -> DocumentScreen:
    screen = await opened(app, pilot, command)
    await over(app, pilot, screen, turns)
    return screen


async def over(app: QuothApp, pilot: Pilot[None], screen: DocumentScreen, turns: int) -> None:
    await until(
        pilot, lambda: screen.running is None and not app.chat.session.busy and len(app.chat.session.path) == turns
    )
    await pilot.pause()


def lines(app: QuothApp) -> list[str]:
    """The screen, as text."""
    return [strip.text for strip in app.screen._compositor.render_strips()]


def marked(app: QuothApp) -> list[str]:
    """The highlighted rows of the document."""
    return [line.partition("▌")[2].strip() for line in lines(app) if "▌" in line]


def progress(screen: DocumentScreen) -> str:
    return str(screen.query_one("#progress").render())


def said(screen: DocumentScreen) -> list[str]:
    return [line.text for line in screen.answer.lines]


def kept_turns(app: QuothApp) -> list[tuple[str, str, str]]:
    return [(turn.role, turn.text, turn.reason) for turn in kept(app)]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    file = tmp_path / "report.txt"
    file.write_text(REPORT, encoding="utf-8")
    return file


def several(scoring: Scoring) -> float:
    """Odds of a model that finds the answer where it has read more than the best passage."""
    assert isinstance(scoring.input, Chat)
    return 5.0 if "Passage 2 (" in scoring.input.messages[-1].text else -5.0


async def test_a_question_is_answered_beside_its_document_and_is_in_the_history(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} When did the pump of the cellar fail?")
        assert said(screen)[0] == "When did the pump of the cellar fail?"
        assert PUMP.strip() in said(screen)[1]
        assert screen.answer.lines[1].places[0].startswith("report.txt:")
        assert screen.answer.lines[1].places[0].endswith(str(AT_PUMP))
        assert any(row.startswith("The pump of the cellar failed") for row in marked(app))
        assert any(f"{AT_PUMP}▌" in line for line in lines(app))
        assert progress(screen).startswith("read ")
        question = f"/ask {report}: When did the pump of the cellar fail?"
        answer = f"{said(screen)[1]} [{report.parent}/{screen.answer.lines[1].places[0]}]"
        assert kept_turns(app) == [("user", question, "stop"), ("assistant", answer, "stop")]
        assert app.workspace.history.search("broken valve")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)
        assert texts(app) == [("user", question), ("assistant", answer)]
        assert app.chat.session.path[1].turn.model == "demo-1b"


async def test_enter_on_a_citation_shows_and_highlights_its_lines(home: Path, report: Path) -> None:
    answer = "The pump failed because of a broken valve. The bridge was painted green."
    async with reading(home, [answer], info=LARGE, odds=several) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} What happened to pump and bridge?")
        assert said(screen)[1:3] == ["The pump failed because of a broken valve.", "The bridge was painted green."]
        assert marked(app)[0].startswith("The pump")
        await pilot.press("down")
        assert marked(app)[0].startswith("The pump")  # only Enter goes there
        await pilot.press("enter")
        await until(pilot, lambda: marked(app)[:1] != [] and marked(app)[0].startswith("The bridge"))
        assert any(f"{AT_BRIDGE}▌" in line for line in lines(app))
        await pilot.press("shift+tab", "enter")
        await until(pilot, lambda: marked(app)[0].startswith("The pump"))
        await pilot.press("tab", "tab")
        assert not isinstance(app.focused, CitedAnswer)  # behind the last place


async def test_a_citation_switches_to_its_document(home: Path, tmp_path: Path) -> None:
    for name, fact in (("one.txt", PUMP), ("two.txt", BRIDGE)):
        (tmp_path / name).write_text("\n".join((filler(60), fact, filler(60))), encoding="utf-8")
    answer = "A valve of the cellar's pump was broken in March, and the bridge was painted green."
    async with reading(home, [answer], info=LARGE, odds=several) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {tmp_path}/one.txt {tmp_path}/two.txt Pump and bridge?")
        assert [line.places for line in screen.answer.lines if line.spans] == [("one.txt:62",), ("two.txt:62",)]
        assert "1 of 2: one.txt" in "\n".join(lines(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "2 of 2: two.txt" in "\n".join(lines(app)))
        assert marked(app)[0].startswith("The bridge")
        await pilot.press("n")
        await until(pilot, lambda: "1 of 2: one.txt" in "\n".join(lines(app)))
        assert marked(app) == []


async def test_escape_stops_a_summary_and_keeps_what_was_said(home: Path, report: Path) -> None:
    notes = Kept()
    models: list[str] = []

    def script(request: Any) -> ScriptedAnswer | str:
        models.append(request.input.messages[-1].text)
        if len(models) > 2:
            return ScriptedAnswer(tuple("slow " for _ in range(2000)))
        return " The committee met again and talked about the weather.\n"

    async with reading(home, script, info=LARGE, timing=Timing(piece=0.003), notes=notes) as (app, pilot):
        screen = await opened(app, pilot, f"/summarize {report}")
        await until(pilot, lambda: progress(screen).startswith("reading ") and len(models) > 2)
        assert " parts" in progress(screen)
        await pilot.press("escape")
        await over(app, pilot, screen, 2)
        assert progress(screen).startswith("stopped")
        assert isinstance(app.screen, DocumentScreen)
        assert kept_turns(app)[1][0::2] == ("assistant", "cancelled")
        assert [key for key in notes if notes[key].startswith("1. The committee")]
        assert "the notes on them are kept" in progress(screen)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)


async def test_sentences_of_a_summary_come_one_by_one_with_places(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "small.txt"
    file.write_text(f"{PUMP}{BRIDGE}" + "It was a long year for the whole town.\n" * 80, encoding="utf-8")

    def script(request: Any) -> ScriptedAnswer | str:
        asked = request.input.messages[-2 if request.input.continue_last else -1].text
        if "Reply only yes or no" in asked:
            return "yes"
        return f" {PUMP}2. {BRIDGE}" if PUMP in asked else ScriptedAnswer(tuple("slow " for _ in range(2000)))

    async with reading(home, script, info=LARGE, timing=Timing(piece=0.003)) as (app, pilot):
        screen = await opened(app, pilot, f"/summarize {file} the pump")
        await until(pilot, lambda: len(said(screen)) >= 2)
        assert screen.running is not None  # it is still being written
        await pilot.press("escape")
        await over(app, pilot, screen, 2)
        assert said(screen)[:2] == ["Summary: the pump", PUMP.strip()]
        assert screen.answer.lines[1].places == ("small.txt:1",)
        assert kept_turns(app)[0][1] == f"/summarize {file}: the pump"
        assert kept_turns(app)[1][1].startswith(f"{PUMP.strip()} [{file}:1]")


async def test_a_small_model_says_that_it_extracts_and_reads_everything(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        screen = await answered(app, pilot, f"/summarize {report}")
        assert "is too small to be trusted with a summary" in said(screen)[1]
        assert ", 0 dropped" in progress(screen)
        strip = next(line for line in lines(app) if "▓▓▓" in line)
        assert "░" not in strip
        assert "█" in strip
        assert "too small" in kept(app)[1].notice


async def test_a_file_of_a_folder_that_cannot_be_read_is_left_out_and_said(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "report.txt").write_text(REPORT, encoding="utf-8")
    (folder / "half.pdf").write_bytes(b"%PDF-1.4\nbroken off")
    async with reading(home) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {folder} When did the pump fail?")
        assert [Path(document.name).name for document in screen.documents.documents] == ["report.txt"]
        assert PUMP.strip() in said(screen)[-1]
        assert any(notice.startswith("left out: ") and "half.pdf" in notice for notice in notices(app))


@pytest.mark.more
async def test_a_follow_up_question_finds_the_documents_still_read(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} When did the pump fail?")
        index = screen.documents.open._passages
        assert index is not None
        await pilot.press("a", *"Who painted the bridge", "enter")
        await over(app, pilot, screen, 4)
        assert screen.documents.open._passages is index
        assert said(screen)[-2] == "Who painted the bridge"
        assert BRIDGE.strip() in said(screen)[-1]
        assert [turn[1] for turn in kept_turns(app)][2] == f"/ask {report}: Who painted the bridge"


async def test_what_is_not_there_is_said_so_with_what_was_read(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} Zebra xylophone?")
        assert said(screen)[-1] == NOT_FOUND
        assert progress(screen).endswith(" passages none matches the question")
        assert kept_turns(app)[1][1] == NOT_FOUND


FAILED = "It failed on the third of March."
HARDLY = "Since when has the pump been out of order?"  # not enough of its words are in the fact


async def test_the_quote_is_shown_at_once_and_the_answer_as_it_is_written(home: Path, report: Path) -> None:
    timing = Timing(slice=0.2, piece=0.1)
    async with reading(home, [FAILED], info=LARGE, timing=timing) as (app, pilot):
        screen = await opened(app, pilot, f"/ask {report} {HARDLY}")
        await until(pilot, lambda: len(said(screen)) == 2)
        found = screen.answer.lines[1]
        assert (found.look, found.text.startswith("found by its words: “")) == ("near", True)
        assert PUMP.strip() in found.text
        assert found.places[0].startswith("report.txt:")
        await until(pilot, lambda: marked(app)[:1] != [] and any(row.startswith("The pump") for row in marked(app)))
        await until(pilot, lambda: progress(screen).startswith("reading "))
        await until(pilot, lambda: len(said(screen)) == 3 and said(screen)[1].startswith("It failed"))
        assert screen.answer.lines[1].look == "draft"
        assert said(screen)[2] == found.text
        assert progress(screen) == "writing"
        await over(app, pilot, screen, 2)
        assert said(screen)[1:] == [FAILED, f"“{PUMP.strip()}”"]
        assert [line.look for line in screen.answer.lines] == ["question", "said", "quote"]
        assert kept_turns(app)[1][1].startswith(f"{FAILED}\n\n“{PUMP.strip()}” [")


async def test_what_the_model_does_not_find_is_not_in_the_documents_and_the_nearest_is_shown(
    home: Path, report: Path
) -> None:
    async with reading(home, info=LARGE, odds=lambda scoring: -3.0) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} {HARDLY}")
        assert said(screen)[1] == NOT_FOUND
        assert said(screen)[2].startswith("nearest: “")
        assert PUMP.strip() in said(screen)[2]
        assert len(said(screen)) == 3
        assert any(row.startswith("The pump") for row in marked(app))
        assert "█" not in next(line for line in lines(app) if "▓" in line)  # it is not cited
        assert kept_turns(app)[1][1] == NOT_FOUND


async def test_a_stopped_question_leaves_what_its_words_found(home: Path, report: Path) -> None:
    timing = Timing(piece=0.2)
    async with reading(home, [FAILED], info=LARGE, timing=timing) as (app, pilot):
        screen = await opened(app, pilot, f"/ask {report} {HARDLY}")
        await until(pilot, lambda: progress(screen) == "writing")
        await pilot.press("escape")
        await over(app, pilot, screen, 2)
        assert progress(screen) == "stopped"
        assert len(said(screen)) == 2
        assert said(screen)[1].startswith("nearest: “")
        assert kept_turns(app)[1] == ("assistant", "", "cancelled")


async def test_a_question_in_the_app_can_go_on_from_the_one_before(home: Path, report: Path) -> None:
    async with reading(home, [FAILED, "Because of a broken valve."], info=LARGE) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} When did the pump fail?")
        await pilot.press("a", *"And why?", "enter")
        await over(app, pilot, screen, 4)
        assert said(screen)[-3:-1] == ["And why?", "Because of a broken valve."]
        assert kept_turns(app)[2][1] == f"/ask {report}: And why?"


async def test_who_walks_to_a_quote_stays_on_it_while_the_answer_is_written(home: Path, report: Path) -> None:
    async with reading(home, [FAILED], info=LARGE, timing=Timing(slice=0.1, piece=0.1)) as (app, pilot):
        screen = await opened(app, pilot, f"/ask {report} {HARDLY}")
        await until(pilot, lambda: len(said(screen)) == 2)
        await pilot.press("tab")
        assert screen.answer.highlighted == 1
        await until(pilot, lambda: len(said(screen)) == 3 and progress(screen) == "writing")
        assert screen.answer.highlighted == 2
        await over(app, pilot, screen, 2)
        assert screen.answer.highlighted == 2  # the first place of the answer


async def test_a_file_without_a_question_waits_for_one(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        screen = await opened(app, pilot, f"/ask {report}")
        await until(pilot, lambda: app.focused is screen.question)
        await pilot.press(*"q?", "enter")  # q is a letter here
        await over(app, pilot, screen, 2)
        assert said(screen)[0] == "q?"


async def test_a_missing_file_is_told_and_the_command_given_back(home: Path, tmp_path: Path) -> None:
    async with reading(home) as (app, pilot):
        for command, why in (
            (f"/ask {tmp_path}/none.txt What?", "does not exist"),
            ("/summarize", "no documents to summarize"),
        ):
            await say(app, pilot, command, wait=False)
            await until(pilot, lambda why=why: why in banner(app))  # type: ignore[misc]
            await until(pilot, lambda command=command: app.chat.prompt.text == command)  # type: ignore[misc]
        assert app.chat.session.path == []


async def test_without_a_file_attachments_are_asked_about(home: Path) -> None:
    async with reading(home) as (app, pilot):
        app.chat.files.set([Attachment("pasted text 1", REPORT)])
        screen = await answered(app, pilot, "/ask When did the pump fail?")
        assert screen.answer.lines[1].places[0].startswith("pasted text 1:")
        assert PUMP.strip() in said(screen)[1]
        assert texts(app)[0] == ("user", "/ask When did the pump fail?")
        assert len(app.chat.session.attachments) == 1


async def test_a_private_question_about_a_document_is_not_kept(home: Path, report: Path) -> None:
    notes = Kept()
    async with reading(home, ["said"] * 99, info=LARGE, notes=notes) as (app, pilot):
        await say(app, pilot, "/private")
        screen = await answered(app, pilot, f"/summarize {report}")
        assert len(said(screen)) > 1
        assert notes == {}
        assert app.workspace.history.last() is None


@pytest.mark.more
async def test_retry_of_an_answer_asks_the_documents_again(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        await answered(app, pilot, f"/ask {report} When did the pump fail?")
        await pilot.press("q")
        await until(pilot, lambda: app.screen is app.chat)
        await answered(app, pilot, "/retry", turns=4)
        assert texts(app)[1] == texts(app)[3]


@pytest.mark.more
async def test_an_engine_that_dies_is_told_and_the_next_question_works(home: Path, report: Path) -> None:
    died = ScriptedAnswer(error=EngineError("the engine died", "SIGKILL", "Try again"))
    answers = [died, "It failed on the third of March."]
    async with reading(home, answers, info=LARGE) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} When did the pump fail?")
        assert "the engine died" in progress(screen)
        assert len(said(screen)) == 1
        await pilot.press("a", *"When did the pump fail?", "enter")
        await over(app, pilot, screen, 4)
        assert said(screen)[-2] == "It failed on the third of March."


async def test_leaving_the_app_in_the_middle_of_a_summary_keeps_what_was_said(home: Path, report: Path) -> None:
    def script(request: Any) -> ScriptedAnswer:
        return ScriptedAnswer(tuple("slow " for _ in range(2000)))

    async with reading(home, script, info=LARGE, timing=Timing(piece=0.01)) as (app, pilot):
        screen = await opened(app, pilot, f"/summarize {report}")
        await until(pilot, lambda: progress(screen).startswith("reading 0 of"))
    history = History(home / "data" / "history.db")
    try:
        row = history.last()
        assert row is not None
        assert [turn.reason for turn in history.path(row.id)] == ["stop", "cancelled"]
    finally:
        history.close()


async def test_closing_the_document_stops_the_work_and_the_chat_goes_on(home: Path, report: Path) -> None:
    def script(request: Any) -> ScriptedAnswer | str:
        asked = request.input.messages[-1].text
        return "Hello." if asked.endswith("Hi") else ScriptedAnswer(tuple("slow " for _ in range(2000)))

    async with reading(home, script, info=LARGE, timing=Timing(piece=0.01)) as (app, pilot):
        screen = await opened(app, pilot, f"/summarize {report}")
        await until(pilot, lambda: progress(screen).startswith("reading 0 of"))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is app.chat and not app.chat.session.busy)
        await say(app, pilot, "Hi")
        assert texts(app)[-1] == ("assistant", "Hello.")
        assert app.chat.session.path[1].turn.reason == "cancelled"


@pytest.mark.more
async def test_a_hostile_document_controls_nothing(home: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil [bold].txt"
    text = (
        "\x1b]0;owned\x07\x1b[2J[/nope] \u202egnp.exe \x9b31m the\ttabbed pump [red]failed[/red] today in the cellar."
    )
    evil.write_text(f"{text}\n" + FILLER * 30 + "\x1b[31m\n漢字" * 30, encoding="utf-8")
    for size in ((80, 24), (160, 50)):
        async with reading(home, size=size) as (app, pilot):
            screen = await answered(app, pilot, f'/ask "{evil}" Which pump failed in the cellar today?')
            drawn = lines(app)
            assert all(cell_len(line) == size[0] for line in drawn)
            assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e" for line in drawn for c in line)
            assert "[red]failed[/red]" in " ".join(said(screen))
            assert "[/nope]" in "\n".join(drawn)
            assert "\x1b" not in kept_turns(app)[1][1]


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
@pytest.mark.more
async def test_the_two_share_the_screen(home: Path, report: Path, size: tuple[int, int]) -> None:
    async with reading(home, size=size) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} When did the pump of the cellar fail?")
        left, right = screen.query_one("#left").region, screen.query_one("#right").region
        if size[0] < 100:
            assert (left.width, right.width) == (80, 80)
            assert right.y == left.bottom
            assert right.height > left.height >= 7
        else:
            assert left.height == right.height
            assert 0.38 < left.width / 160 < 0.42
        assert any(f"{AT_PUMP}▌ The pump of the cellar" in line for line in lines(app))
        await pilot.resize_terminal(150, 24) if size[0] < 100 else await pilot.resize_terminal(90, 24)
        await until(pilot, lambda: any(f"{AT_PUMP}▌ The pump of the cellar" in line for line in lines(app)))


@pytest.mark.more
async def test_a_very_long_document_opens_at_once_and_its_end_can_be_shown(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_text(FILLER * (2 * AT_ONCE // len(FILLER)) + PUMP, encoding="utf-8")
    async with reading(home) as (app, pilot):
        screen = await opened(app, pilot, f"/ask {file}")
        screen.view.show(screen.documents.documents[0])
        rows = screen.view._rows
        assert rows is not None
        assert rows.done < 100_000  # the rest comes beside the screen
        assert "The committee met" in "\n".join(lines(app))
        screen.view.jump(len(rows.text) - len(PUMP), len(rows.text))
        await until(pilot, lambda: marked(app) != [])
        assert marked(app)[0].startswith("The pump of the cellar")


async def test_tab_completes_the_file_of_a_command_and_attaches_nothing(home: Path, tmp_path: Path) -> None:
    (tmp_path / "my report.txt").write_text(PUMP, encoding="utf-8")
    async with reading(home) as (app, pilot):
        app.chat.prompt.focus()
        app.chat.prompt.take(f"/ask {tmp_path}/my")
        await pilot.press("tab")
        assert app.chat.prompt.text == f"/ask {tmp_path}/my\\ report.txt"
        assert operands(app.chat.prompt.text[5:] + " Why?").names == (f"{tmp_path}/my report.txt",)
        assert app.chat.session.attachments == []


if os.name != "nt":

    @pytest.mark.usefixtures("installed")
    def test_the_real_model_answers_on_a_terminal(home: Path, environ: dict[str, str], tmp_path: Path) -> None:
        from tests.tui.terminal import Terminal

        file = tmp_path / "report.txt"
        file.write_text("\n".join((filler(30), PUMP, filler(30))), encoding="utf-8")
        with Terminal([sys.executable, "-m", "quoth"], environ) as terminal:
            terminal.wait_for("CPU")
            terminal.type(f"/ask {file} When did the pump of the cellar fail?")
            terminal.press("enter")
            terminal.wait_for("32▌ The pump of the cellar failed")
            terminal.wait_for("passages in")
            terminal.press("escape")
            terminal.wait_for("⏎ Send")
            terminal.press("ctrl+q")
            assert terminal.end() == 0
        history = History(home / "data" / "history.db")
        try:
            assert [hit.title for hit in history.search("broken valve")] != []
        finally:
            history.close()
