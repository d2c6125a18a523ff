"""What the document screen is made of: operands, rows of a text, the strip of what was read, progress."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.cells import cell_len

from quoth.tasks.answers.events import ReadingPlanned
from quoth.tasks.status_text import reading, some_read
from quoth.text.long_text import LongText
from quoth.text.progress_line import ProgressLine
from quoth.tui.documents.document_rows import Rows, shown
from quoth.tui.documents.operands import joined, operands
from quoth.tui.widgets.coverage_strip import CITED, READ, UNREAD, states


def test_leading_words_that_are_files_are_documents_and_the_rest_is_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b.txt", "c d.txt", "what"):
        Path(name).write_text("x", encoding="utf-8")
    cases: dict[str, tuple[Sequence[str], str]] = {
        "a.txt How long?": (["a.txt"], "How long?"),
        "a.txt: How long?": (["a.txt"], "How long?"),
        "a.txt b.txt": (["a.txt", "b.txt"], ""),
        '"c d.txt": It\'s what?': (["c d.txt"], "It's what?"),
        "c\\ d.txt it": (["c d.txt"], "it"),
        "@a.txt it": (["a.txt"], "it"),
        "*.txt all": (["*.txt"], "all"),
        "a.txt: what is it": (["a.txt"], "what is it"),
        "Is a.txt long?": ([], "Is a.txt long?"),
        "": ([], ""),
    }
    for argument, (names, text) in cases.items():
        found = operands(argument)
        assert (list(found.names), found.text) == (names, text), argument
        assert operands(joined(found.names, found.text)) == found


@pytest.mark.parametrize("width", [2, 7, 40])
@pytest.mark.more
def test_rows_give_back_the_text_and_fit_the_width(width: int) -> None:
    text = (
        "short\n\n"
        + "word " * 40
        + "\n"
        + "x" * 200
        + "\n漢字かな交じり文" * 9
        + "\n\ta\tb\n\x1b[31mred\n"
        + "e\u0301" * 70
    )
    rows = Rows(LongText([text, "\n" + "long line " * 30_000, "\u0301" * 200_000]), width)
    while not rows.finished:
        rows.extend()
    parts = [rows.row(n) + ("\n" if n + 1 < len(rows) and rows.begins_line(n + 1) else "") for n in range(len(rows))]
    assert "".join(parts) == str(rows.text)
    for part in parts:
        assert cell_len(shown(part.rstrip(" \t\n"))) <= max(width, 8 if "\t" in part else 0)


def test_the_strip_shows_unread_read_and_cited() -> None:
    assert states(10, 100, [(20, 60)], [(30, 31)]) == [
        UNREAD, UNREAD, READ, CITED, READ, READ, UNREAD, UNREAD, UNREAD, UNREAD,
    ]  # fmt: skip
    assert states(4, 100_000, [(0, 100_000)], [(99_999, 100_000)]) == [READ, READ, READ, CITED]
    assert states(3, 0, [], []) == [UNREAD] * 3


def test_progress_is_told_in_the_words_of_the_command_line() -> None:
    now = [0.0]
    pace = ProgressLine(lambda: now[0])
    assert pace.line("reading", 0, 42, "parts") == "reading 0 of 42 parts"
    now[0] = 3.0
    assert pace.line("reading", 3, 42, "parts", "Chapter 1") == "reading 3 of 42 parts · 39 s left · Chapter 1"


def test_of_a_single_thing_no_count_is_told() -> None:
    pace = ProgressLine(lambda: 0.0)
    assert [pace.line("reading", done, 1, "passages") for done in (0, 1)] == ["reading 1 passage"] * 2


def test_what_is_about_to_be_read_is_told_with_the_time_that_takes() -> None:
    assert reading(ReadingPlanned(3, 900, 12.3)) == "reading 3 passages, about 12 s"
    assert reading(ReadingPlanned(1, 300, 0.2)) == "reading 1 passage"


def test_of_one_passage_it_is_not_said_that_none_of_them_matches() -> None:
    assert some_read(0, 1) == "the only passage does not match the question"
    assert some_read(0, 46) == "of 46 passages none matches the question"
