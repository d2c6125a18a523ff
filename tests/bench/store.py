"""The history when it is large: 100 conversations of 1,000 turns, about 100 MB, on the disk of this machine."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from quoth.history import Conversation, History, Turn
from tests.bench.report import Figure, Floor, Report

CONVERSATIONS, TURNS = 100, 1000
WORDS_OF_A_TURN = 160  # about a kilobyte
LONG = 100_000  # words of one conversation, at least as many tokens
MS = 1000.0
RARE, COMMON = "xylophonic", "the"
LETTERS = "etaoinshrdlucmfwypvbgkjqxz"


def run(report: Report, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        began = time.perf_counter()
        long = fill(path)
        megabytes = path.stat().st_size / 1e6
        report.notes.append(f"{megabytes:,.0f} MB, filled in {time.perf_counter() - began:.0f} s by one import")
        timed: dict[str, Callable[[History], object]] = {
            "open and list": lambda history: history.conversations(),
            "search, a rare word": lambda history: history.search(RARE),
            "search, a word of every turn": lambda history: history.search(COMMON),
            "search, three beginnings": lambda history: history.search("th ea in"),
            "search, one letter": lambda history: history.search("a"),
            "search, marks without a word": lambda history: history.search("!="),
            "path of 1,000 turns": lambda history: history.path(1),
            f"path of {LONG:,} words": lambda history: history.path(long),
        }
        for name, call in timed.items():
            times = [measure(path, call) for _ in range(rounds)]
            floor = Floor(300, absolute=True) if name.startswith(("open", "search")) else None
            report.figures.append(Figure(name, "ms", times, floor=floor))
        report.figures.append(Figure("a question kept in a new process", "ms", [keep(path) for _ in range(rounds)]))


def measure(path: Path, call: Callable[[History], object]) -> float:
    """Milliseconds of a call, the opening included."""
    began = time.perf_counter()
    history = History(path)
    assert call(history)
    took = (time.perf_counter() - began) * MS
    history.close()
    return took


def keep(path: Path) -> float:
    """Milliseconds of what a one-shot does before its answer: open, begin a conversation."""
    return measure(path, lambda history: history.begin("Why is the sky blue?"))


def fill(path: Path) -> int:
    """Write the conversations; returns the id of the long one."""
    choose = random.Random(1)
    words = [
        "".join(choose.choices(LETTERS, range(26, 0, -1), k=1 + int(choose.expovariate(0.25)))) for _ in range(20_000)
    ]
    weights = [*accumulate(1 / rank for rank in range(1, len(words) + 1))]  # Zipf's law

    def text(count: int) -> str:
        return " ".join(["the", *choose.choices(words, cum_weights=weights, k=count)])

    history = History(path)
    for number in range(CONVERSATIONS):
        texts = [text(WORDS_OF_A_TURN) for _ in range(TURNS)]
        if number == CONVERSATIONS // 2:
            texts[TURNS // 2] += f" {RARE} a != b"
        history.add_copies([tree(f"conversation {number}", texts)])
    (long,) = history.add_copies([tree("long", [text(LONG // 100) for _ in range(100)])])
    history.close()
    return long


def tree(title: str, texts: list[str]) -> tuple[Conversation, list[Turn]]:
    """A conversation in which everybody speaks in turn."""
    first = Turn(1, 1, None, "user", "", reason="stop")
    turns = [
        replace(first, id=at, parent=at - 1 or None, role="user" if at % 2 else "assistant", text=text)
        for at, text in enumerate(texts, 1)
    ]
    return Conversation(1, title, "", "chat", 0.0, 0.0, len(turns), len(turns)), turns
