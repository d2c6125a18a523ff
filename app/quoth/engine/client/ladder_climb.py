"""The way down the ladder with one model: which rung is tried, what failed, and what is kept of that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quoth.engine import LoadOptions
from quoth.engine.client.rung_findings import Findings
from quoth.engine.ladder import BY_NAME, Finding, Fingerprint, Known
from quoth.engine.messages import Load
from quoth.errors import EngineError, ModelError, QuothError
from quoth.workers.worker_exit import WorkerExit


class Climb:
    """Follows what workers say and how they end, and knows what the next one is to do."""

    def __init__(self, findings: Findings, only: str = "") -> None:
        """`only` is the name of the one rung to try; "": all."""
        self._findings = findings
        self._only = only
        self.about: Fingerprint | None = None  # what a finding holds for; None before a rung was tried
        self.failures: dict[str, str] = {}  # rungs, and how they failed since the last one that worked
        self._gave_up = False
        self._trying: tuple[str, ...] = ()
        self.rung = ""  # the one in use
        self.is_proved = False
        self.finding = Finding()  # the proof of the rung in use, from now or before
        self._error: QuothError | None = None  # of the last rung that failed

    def load(self, path: Path, options: LoadOptions) -> Load:
        """The request to load a model, with what is known of the rungs."""
        if self._gave_up:
            self.failures.clear()
            self._gave_up = False
        return Load(path, options, self._findings.known(), tuple(self.failures), self._only)

    def tries(self, rungs: Sequence[str], about: Fingerprint) -> None:
        """The worker begins to load on a rung, or starts what several rungs need."""
        self._trying, self.about, self.is_proved = tuple(rungs), about, False

    def fails(self, exit_: WorkerExit, file: Path) -> bool:
        """The rung did not prove itself; False where none was tried."""
        if not self._trying or self.is_proved:
            return False
        self.failures |= dict.fromkeys(self._trying, exit_.how)
        self._trying = ()
        self._error = exit_.error(None, file)
        if exit_.ended_for:
            try_ = "Check it with quoth models verify, or pull it again"
            self._error = ModelError(f"{file.name} cannot be computed", exit_.ended_for, try_)
        return True

    def gives_up(self) -> QuothError:
        """No rung is left: the file is to blame. The next start begins at the top."""
        self._gave_up = True
        return self._error or EngineError(
            "there is no such way of computing here", self._only, "quoth doctor lists them"
        )

    def succeeds(self, finding: Finding | None) -> str:
        """The model is loaded, proved or by what was known. Returns a sentence for the user, "" for nothing new.

        What failed on the way is kept now and not before: it was the way of computing, and not the file.
        """
        assert self.about is not None
        self.is_proved, self.rung = True, self._trying[0]
        known = self._findings.of(self.about.key)
        self.finding = finding or known.findings.get(self.rung, Finding())
        findings = {
            **known.findings,
            **{rung: Finding(how) for rung, how in self.failures.items()},
            self.rung: self.finding,
        }
        sentence = _sentence(self.failures, known.died_on, self.rung)
        if findings != known.findings or known.died_on:
            self._findings.put(self.about, Known(findings, compared=known.compared))
        self.failures.clear()
        return sentence

    def dies(self) -> None:
        """The engine died on a rung that had proved itself: the next start is one lower, once."""
        if self.is_proved and self.about is not None:
            known = self._findings.of(self.about.key)
            self._findings.put(self.about, known._replace(died_on=self.rung))
        self.is_proved = False


def _sentence(failed: dict[str, str], died_on: str, used: str) -> str:
    """What did not work here, and what is used in its place."""
    where = BY_NAME[used].where
    if failed:
        alike = failed.get("gpu") == failed.get("gpu-half")
        said = {rung: how for rung, how in failed.items() if not (alike and rung == "gpu-half")}
        what = ", ".join(f"{BY_NAME[rung].what} ({how})" for rung, how in said.items())
        return f'does not work here: {what}. Quoth now computes on {where}; "quoth doctor" has the way back'
    if died_on and died_on != used:
        return f"the engine died when it last used {BY_NAME[died_on].what}; this time it computes on {where}"
    return ""
