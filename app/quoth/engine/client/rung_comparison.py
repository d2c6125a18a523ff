"""Proving several ways of computing with one model, to compare them, each in a new worker."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from quoth.engine import LoadOptions
from quoth.engine.client.client import Client
from quoth.engine.ladder import Finding, Fingerprint, Rung
from quoth.errors import EngineError, ModelError, QuothError


def prove_rungs(
    path: Path, options: LoadOptions, rungs: Sequence[Rung], *, rounds: int, log: Path | None
) -> tuple[Fingerprint | None, dict[str, Finding]]:
    """What is found of each rung, the best speeds of several rounds, and what that holds for.

    A rung without a result, for want of memory, is left out. Raises the error where that holds for all.
    """
    about: Fingerprint | None = None
    found = dict[str, Finding]()
    refused: QuothError | None = None
    for rung in rungs:
        for _ in range(rounds):
            with closing(Client(path, options._replace(rung=rung.name), log=log)) as client:
                try:
                    client.ready()
                    finding = client.climb.finding
                except (EngineError, ModelError) as error:
                    if not (how := client.climb.failures.get(rung.name)):
                        refused = error
                        continue
                    finding = Finding(how)
                finally:
                    about = client.climb.about or about
            found[rung.name] = _better(found.get(rung.name, finding), finding)
    if refused is not None and not found:
        raise refused
    return about, found


def _better(one: Finding, other: Finding) -> Finding:
    return Finding(
        one.failed or other.failed,
        max(one.noise, other.noise),
        max(one.read, other.read),
        max(one.write, other.write),
        min(one.load, other.load),
    )
