"""Proving several ways of computing with one model, to compare them: each in workers of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quoth.engine import LoadOptions
from quoth.engine.client.client import Client
from quoth.engine.ladder import Finding, Fingerprint, Rung
from quoth.errors import EngineError, ModelError


def prove_rungs(
    path: Path, options: LoadOptions, rungs: Sequence[Rung], *, rounds: int, log: Path | None
) -> tuple[Fingerprint | None, dict[str, Finding]]:
    """What is found of each rung, the best speeds of several rounds, and what that holds for.

    A rung that says nothing of itself, for want of memory, is left out.
    """
    about: Fingerprint | None = None
    found = dict[str, Finding]()
    for rung in rungs:
        for _ in range(rounds):
            client = Client(path, options._replace(rung=rung.name), log=log)
            finding = _finding(client, rung)
            client.close()
            about = client.about or about
            if finding is not None:
                found[rung.name] = _better(found.get(rung.name, finding), finding)
    return about, found


def _finding(client: Client, rung: Rung) -> Finding | None:
    try:
        client.ready()
    except (EngineError, ModelError):
        how = client.failures.get(rung.name)
        return Finding(how) if how else None
    return client.finding


def _better(one: Finding, other: Finding) -> Finding:
    return Finding(
        one.failed or other.failed,
        max(one.noise, other.noise),
        max(one.read, other.read),
        max(one.write, other.write),
        min(one.load, other.load),
    )
