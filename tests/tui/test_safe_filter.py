"""Whatever a widget is given to show, the terminal gets nothing that could control it."""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time

import pytest
from rich.cells import cell_len
from rich.segment import ControlType, Segment
from rich.style import Style
from textual.color import Color

from quoth.text import clean
from quoth.tui.terminal.safe_filter import SafeFilter
from tests.cli.attacks import ATTACKS
from tests.tui.attacked_app import AttackedApp
from tests.tui.terminal import Terminal

pytestmark = pytest.mark.more


BLACK = Color(0, 0, 0)
ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.tui.attacked_app"]
LINKED = Style(link="http://x/\x1b]0;pwned\x07", bold=True)

KINDS = ("title with ST", "clipboard write", "clear in C1", "mouse", "link", "title unclosed", "shift out")
ON_A_TERMINAL = [*KINDS[:3], *(pytest.param(name, marks=pytest.mark.long) for name in KINDS[3:])]


def filtered(*segments: Segment) -> list[Segment]:
    return SafeFilter().apply(list(segments), BLACK)


def test_of_all_characters_those_that_cleaning_removes_are_replaced() -> None:
    for start in range(0, 0x110000, 0x100):
        characters = [chr(code) for code in range(start, start + 0x100)]
        safe = ["\ufffd" if clean(c)[0] != c or c in "\n\t" else c for c in characters]
        shown = filtered(Segment("".join(f"a{c}b" for c in characters)), Segment(" " * 0x100))[0].text
        assert shown == "".join(f"a{c}b" for c in safe), hex(start)


def test_a_safe_line_is_the_same_list() -> None:
    line = [Segment("Grüße, 漢字 👩‍🔬 שלום", Style(bold=True)), Segment("   ")]
    assert SafeFilter().apply(line, BLACK) is line


@pytest.mark.parametrize("name", ATTACKS)
def test_a_line_stays_as_wide_as_it_was(name: str) -> None:
    line = [Segment("│ "), Segment(ATTACKS[name], LINKED), Segment(" " * 200), Segment(" │")]
    shown = filtered(*line)
    assert Segment.get_line_length(shown) == Segment.get_line_length(line)
    assert shown[-1] == line[-1]  # the padding gave, not the border
    short = filtered(Segment("│"), Segment(ATTACKS[name]), Segment("│"))
    assert Segment.get_line_length(short) == cell_len(ATTACKS[name]) + 2


def test_hyperlinks_and_control_segments_are_taken_out_and_styles_kept() -> None:
    shown = filtered(Segment("a", LINKED), Segment("\x1b[2J", None, [(ControlType.CLEAR,)]), Segment("b", None))
    assert shown == [Segment("a", Style(bold=True)), Segment("b", None)]
    assert shown[0].style is not None
    assert shown[0].style.link is None


def test_a_line_costs_few_microseconds() -> None:
    line = [Segment("a word of text ", Style(color="red")), Segment("漢字", None)] * 5
    apply = SafeFilter().apply
    begin = process_time()
    for _ in range(2000):
        apply(line, BLACK)
    assert (process_time() - begin) / 2000 < 50e-6


@pytest.mark.parametrize("name", KINDS)
async def test_no_widget_lets_an_attack_through(name: str) -> None:
    app = AttackedApp(ATTACKS[name], safe=True)
    async with app.run_test(size=(100, 60), notifications=True) as pilot:
        await pilot.pause()
        for strip in app.screen._compositor.render_strips():
            for text, style, control in strip:
                assert not control
                assert clean(text) == (text, 0)
                assert "\t" not in text
                assert "\n" not in text
                assert style is None or style.link is None


@pytest.mark.parametrize("name", ON_A_TERMINAL)
def test_a_real_terminal_is_not_controlled(environ: dict[str, str], name: str) -> None:
    with Terminal([*COMMAND, name], environ, ROOT, lines=60, columns=100) as terminal:
        terminal.wait_for("a border")
        terminal.wait_quiet()
        assert (terminal.title, terminal.clipboard, terminal.screen.replies) == ("", [], "")
        assert b"\x1b]8" not in terminal.raw
        assert terminal.text.count("<") >= 12  # every widget shows it
        terminal.press("ctrl+q")
        assert (terminal.end(), terminal.left_behind) == (0, [])


def test_without_the_filter_the_same_app_is_controlled(environ: dict[str, str]) -> None:
    with Terminal([*COMMAND, "title with ST", "unsafe"], environ, ROOT, lines=60, columns=100) as terminal:
        terminal.wait_for("inside")
        assert terminal.title == "pwned"
