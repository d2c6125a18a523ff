"""Stop while a prompt of 4,000 tokens is being read: how long it takes, and whether the next answer is as ever."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from quoth.chat import Message
from quoth.engine import Chat, Done, Piece, Request, Sampling, Text
from quoth.engine.client.client import Client
from tests.bench.peers import Task
from tests.bench.places import small_model
from tests.bench.report import Figure, Floor, Report

REPORTS = 93  # sentences, which are some 4,000 tokens
STOPS = 10
GREEDY = Sampling(temperature=0.0)
LONG = Request(Text(Task("", 0, 0, REPORTS, 0).text(0)), GREEDY, 24)
SHORT = Request(Chat((Message("user", "Name three colours."),)), GREEDY, 24)


def run(report: Report, rounds: int) -> None:
    fresh = Client(small_model())
    try:
        expected = {"short": _answer(fresh, SHORT)[0]}
    finally:
        fresh.close()
    fresh = Client(small_model())
    try:
        expected["long"], done = _answer(fresh, LONG)
    finally:
        fresh.close()
    client, choose, waits, same = Client(small_model()), random.Random(5), list[float](), 0
    try:
        client.ready()
        for _ in range(max(STOPS, rounds)):
            waits.append(_stop_after(client, done.usage.read_seconds * choose.uniform(0.05, 0.6)))
            same += _answer(client, SHORT)[0] == expected["short"]
        _stop_after(client, done.usage.read_seconds * 0.5)
        long_is_same = _answer(client, LONG)[0] == expected["long"]
    finally:
        client.close()
    ms, floor = [wait * 1000 for wait in waits], Floor(300, absolute=True)
    reading = [done.usage.read_seconds * 1000] * len(ms)
    report.figures += [
        Figure("back after a stop, median", "ms", ms, reading, "reading to the end", floor),
        Figure("back after a stop, slowest", "ms", [max(ms)], reading[:1], "reading to the end", floor),
        Figure("next short answers as from a fresh start", "share", [same / len(waits)], floor=Floor(1, least=True)),
        Figure("next long answer as from a fresh start", "share", [float(long_is_same)], floor=Floor(1, least=True)),
    ]
    report.notes.append(f"{done.usage.prompt} tokens; stopped {len(waits)} times at 5 to 60 % of the reading time")


def _answer(client: Client, request: Request) -> tuple[str, Done]:
    text = ""
    for event in client.generate([request]):
        if isinstance(event, Piece):
            text += event.text
        elif isinstance(event, Done):
            done = event
    return text, done


def _stop_after(client: Client, seconds: float) -> float:
    """Seconds from the moment of the stop until the engine is back. Raises RuntimeError if it had read it all."""
    moment = time.monotonic() + seconds
    passed: Callable[[], bool] = lambda: time.monotonic() >= moment  # noqa: E731
    for event in client.generate([LONG], stop=passed):
        if isinstance(event, Done):
            if event.reason != "cancelled":
                raise RuntimeError("the prompt was read before the stop")
            return time.monotonic() - moment
    raise RuntimeError("the engine never ended the request")
