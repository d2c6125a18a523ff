"""What a verification found: each check with its figures, and the smallest case that failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["none", "quick", "full"]
Figure = int | float | str


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `said` is a line for people; `warning` is short of a failure, `failing` the smallest case of one."""

    name: str
    passed: bool
    said: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    warning: str = ""
    failing: str = ""

    def line(self) -> str:
        mark = "ok  " if self.passed else "FAIL"
        rest = f"; {self.failing}" if self.failing else ""
        if self.warning and self.warning not in self.said:
            rest += f"; warning: {self.warning}"
        return f"{mark} {self.name:<10} {self.said}{rest}"


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of a file, in their order, and how long they took."""

    level: Level
    checks: tuple[Check, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def failure(self) -> str:
        """The first failed check and its smallest failing case in a sentence; empty if all passed."""
        failed = next((check for check in self.checks if not check.passed), None)
        return f"{failed.name}: {failed.failing or failed.said}" if failed else ""

    def figures(self) -> dict[str, Figure]:
        """The figures of all checks but those of quantized files."""
        return {
            name: figure
            for check in self.checks
            if "bits_per_weight" not in check.figures
            for name, figure in check.figures.items()
        }

    def to_json(self) -> dict[str, Any]:
        checks = [asdict(check) for check in self.checks]
        return {"level": self.level, "passed": self.passed, "seconds": round(self.seconds, 3), "checks": checks}

    def lines(self) -> Iterator[str]:
        """The report for people, a line each check."""
        yield from (check.line() for check in self.checks)
        verdict = "verified" if self.passed else "not verified"
        if self.checks:
            yield f"{verdict} ({self.level}, {self.seconds:.1f} s)"
