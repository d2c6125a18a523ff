"""The chat app in a real terminal: first paint, key echo and frames while an answer streams, and what drawing costs."""

from __future__ import annotations

import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from quoth.history import History
from tests.bench.places import ROOT, quoth_command, quoth_environment
from tests.bench.report import Figure, Floor, Report
from tests.tui.terminal import Terminal

MS = 1000.0
LINES = 10_000  # of the transcript
STREAM = 9.0  # seconds of an answer with keys, and as many without
QUESTION = "Write a long story about a ship."


def run(report: Report, rounds: int) -> None:
    paints = [first_paint() for _ in range(rounds)]
    report.figures.append(Figure("first paint", "ms", paints, floor=Floor(700, absolute=True)))
    echoes, gaps, rates = list[float](), list[float](), list[float]()
    for _ in range(max(1, rounds // 2)):
        echo, gap, rate = stream_into_long_transcript()
        echoes += echo
        gaps.append(gap)
        rates.append(rate)
    p95 = statistics.quantiles(echoes, n=20)[18]
    report.figures += [
        Figure("key echo while streaming, p95", "ms", [p95], floor=Floor(60, absolute=True)),
        Figure("key echo while streaming, median", "ms", [statistics.median(echoes)]),
        Figure("longest frame gap while streaming", "ms", gaps, floor=Floor(250, absolute=True)),
        Figure("tokens drawn", "tokens/s", rates),
    ]
    report.notes.append(f"{len(echoes)} keys into a transcript of {LINES:,} lines, 100 tokens/s, 160x50")
    ours, peer = zip(*[(in_the_app(), headless()) for _ in range(rounds)], strict=True)
    floor = Floor(0.9, least=True)
    report.figures.append(Figure("tokens/s of the real model", "tokens/s", ours, peer, "one-shot", floor))


def first_paint() -> float:
    """Milliseconds from the command to the prompt's first frame."""
    start = time.monotonic()
    with Terminal([*quoth_command()], quoth_environment(), columns=100, lines=30) as terminal:
        terminal.wait_until(lambda: b"What shall we" in terminal.raw, "the first frame")
        size = terminal.raw.index(b"What shall we")
        painted = next(at for at, total in terminal.times if total > size)
        terminal.press("ctrl+q")
        terminal.end()
    return (painted - start) * MS


def long_history(path: Path) -> int:
    """A conversation of LINES lines: prose, lists, tables, code."""
    history = History(path)
    number = history.new(title="long")
    parent = None
    for turn in range(LINES // 50):
        parent = history.add(number, parent, "user", f"Question {turn}\nof two lines")
        text = "\n".join(
            [f"Line {i} of the answer, *some* words and `code`.\n" for i in range(15)]
            + [f"- item {i}" for i in range(8)]
            + ["", "```python", *[f"value_{i} = {i}" for i in range(8)], "```"]
        )
        parent = history.add(number, parent, "assistant", text, model="demo")
    history.close()
    return number


def stream_into_long_transcript() -> tuple[list[float], float, float]:
    """Milliseconds of each key's echo, of the longest time without a frame, and tokens/s drawn."""
    words = random.Random(5)
    syllables = ["the", "ship", "came", "in", "from", "sea", "and", "its", "men", "sang", "old", "words"]
    text = " ".join(words.choice(syllables) + ("\n\n" if i % 60 == 59 else "") for i in range(4000))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "data").mkdir(mode=0o700)
        number = long_history(home / "data" / "history.db")
        answers = home / "answers.json"
        answers.write_text(json.dumps([text]), encoding="utf-8")
        command = [sys.executable, "-m", "tests.tui.scripted_app", str(home), str(answers)]
        environment = {**quoth_environment(), "PIECE_SECONDS": "0.01", "CONVERSATION": str(number)}
        with Terminal(command, environment, ROOT, columns=160, lines=50) as terminal:
            terminal.wait_for("value_7")
            terminal.wait_quiet(0.5)
            terminal.type(QUESTION)
            terminal.press("enter")
            terminal.wait_for("Escape stops", 30)
            time.sleep(1.0)
            begin = time.monotonic()
            echoes = []
            while time.monotonic() - begin < STREAM:
                echoes.append(_echo(terminal))
                time.sleep(0.12)
            typed = time.monotonic()
            time.sleep(STREAM)  # without the frames that show keys
            frames = [at for at, _ in terminal.times if typed <= at]
            gap = max(b - a for a, b in itertools.pairwise(frames))
            rate = _rate(terminal)
            terminal.press("escape")
            terminal.wait_for_no("Escape stops")
            terminal.press("ctrl+q")
            terminal.end()
    return echoes, gap * MS, rate


def _echo(terminal: Terminal) -> float:
    size = len(terminal.raw)
    start = time.monotonic()
    terminal.feed(b"Z")
    terminal.wait_until(lambda: b"Z" in terminal.raw[size:], "the echo")
    echoed = next(at for at, total in terminal.times if total > terminal.raw.index(b"Z", size))
    return (echoed - start) * MS


def _rate(terminal: Terminal) -> float:
    line = next(line for line in reversed(terminal.lines) if "tokens/s" in line)
    return float(line.split(" tokens/s")[0].rsplit(" ", 1)[1])


def in_the_app() -> float:
    """Tokens/s of the real model while the app draws."""
    with Terminal([*quoth_command(), "chat", "-n", "160", "-t", "0"], quoth_environment()) as terminal:
        terminal.wait_for("CPU", 30)
        terminal.type(QUESTION)
        terminal.press("enter")
        while b"ended by the limit" not in terminal.raw[-20_000:]:  # to look at the screen would take a core from it
            time.sleep(0.2)
        rate = _stored_rate()
        terminal.press("ctrl+q")
        terminal.end()
    return rate


def headless() -> float:
    """Tokens/s of the same answer in a pipe."""
    import subprocess

    command = [*quoth_command(), "-n", "160", "-t", "0", QUESTION]
    subprocess.run(command, env=quoth_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return _stored_rate()


def _stored_rate() -> float:
    history = History(Path(quoth_environment()["QUOTH_HOME"]) / "data" / "history.db")
    last = history.last()
    assert last is not None
    turn = history.path(last.id)[-1]
    history.close()
    return turn.generated_tokens / turn.write_seconds
