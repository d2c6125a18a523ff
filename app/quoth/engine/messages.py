"""What the engine's worker is asked and answers, besides what every worker is (quoth.workers.protocol)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from quoth import chat, engine
from quoth.chat import Message
from quoth.engine import Event, LoadOptions, ModelInfo, Request, ScoreEvent, Scoring, ladder
from quoth.engine.ladder import Finding, Fingerprint, Known
from quoth.workers import protocol
from quoth.workers.wire import records

# Requests


class Load(NamedTuple):
    """Load a model in the first way of computing that works. Value: LoadedModel, or None where no way is left."""

    path: Path
    options: LoadOptions
    known: Mapping[str, Known] = {}  # by the key of a fingerprint
    failed: tuple[str, ...] = ()  # rungs that failed just now
    only: str = ""  # the one rung to try; "": all


class Generate(NamedTuple):
    """Run requests; each event is an Emitted."""

    requests: tuple[Request, ...]


class Score(NamedTuple):
    """Score texts; each event is an Emitted."""

    scorings: tuple[Scoring, ...]


class Count(NamedTuple):
    """Value: tokens of each text or conversation."""

    inputs: tuple[str | tuple[Message, ...], ...]


class Tokenize(NamedTuple):
    """Value: token ids of a text."""

    text: str


class Offsets(NamedTuple):
    """Value: the end of each token of a text, in characters."""

    text: str


class Describe(NamedTuple):
    """Value: what doctor shows of the native side. `without_gpu` starts no driver.

    Architecture, quantization and size in bytes are those of the model that the fingerprint is for.
    """

    kind_of_file: tuple[str, str] = ("", "")
    size: int = 0
    without_gpu: bool = False


# Answers


class LoadedModel(NamedTuple):
    """A model was loaded; `finding` is its proof, None where the way of computing was known to work."""

    info: ModelInfo
    finding: Finding | None


class Emitted(NamedTuple):
    """An event of a call that generates or scores."""

    event: Event | ScoreEvent


class Trying(NamedTuple):
    """These rungs are tried from now on: if the worker dies, they fail."""

    rungs: tuple[str, ...]
    about: Fingerprint


class NextStep(NamedTuple):
    """A step of loading begins; it may take `within` seconds beyond its usual limit."""

    name: str
    within: float = 0.0


class Disproved(NamedTuple):
    """The rung does not work here; the client ends the worker."""

    why: str


RECORDS = {**records(chat, engine, ladder, sys.modules[__name__]), **protocol.RECORDS}
