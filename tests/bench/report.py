"""A benchmark's figures: ours and a peer's from alternating rounds, their ratio, the floor, and how they are shown."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
HEADINGS = ("", "quoth", "peer", "unit", "ratio", "floor", "")


@dataclass(frozen=True, slots=True)
class Floor:
    """What a figure must reach: the ratio, or our own value where `absolute`, at most or at least `bound`."""

    bound: float
    least: bool = False
    absolute: bool = False

    def met(self, ours: float, ratio: float | None) -> bool:
        value = ours if self.absolute or ratio is None else ratio
        return value >= self.bound if self.least else value <= self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.least else '<='} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. Samples are in the order of the rounds; the ratio is the median of the rounds' own."""

    name: str
    unit: str
    ours: Sequence[float]
    peer: Sequence[float] = ()
    peer_name: str = ""
    floor: Floor | None = None

    @property
    def ratio(self) -> float | None:
        ratios = [a / b for a, b in zip(self.ours, self.peer, strict=False) if b]
        return statistics.median(ratios) if ratios else None

    @property
    def median(self) -> float:
        return statistics.median(self.ours)

    @property
    def met(self) -> bool | None:
        return self.floor.met(self.median, self.ratio) if self.floor else None

    def row(self) -> tuple[str, ...]:
        peer = f"{_short(statistics.median(self.peer))} {self.peer_name}" if self.peer else ""
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        ratio = "" if self.ratio is None else f"{self.ratio:.3f}"
        return self.name, _short(self.median), peer, self.unit, ratio, str(self.floor or ""), verdict

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": list(self.ours),
            "median": self.median,
            "peer_name": self.peer_name,
            "peer": list(self.peer),
            "peer_median": statistics.median(self.peer) if self.peer else None,
            "ratio": self.ratio,
            "floor": asdict(self.floor) if self.floor else None,
            "met": self.met,
        }


@dataclass(frozen=True, slots=True)
class Processors:
    """Seconds of processor time so far: all there was, all that was used, and that of this process and its children."""

    there: float
    used: float
    own: float

    @classmethod
    def now(cls) -> Processors:
        """From /proc/stat (proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal); zeroes elsewhere.

        Steal is no use: a guest's processor that has just slept waits for the host's too.
        """
        try:
            line = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
        except OSError:
            return cls(0, 0, 0)
        ticks = [int(field) for field in line.split()[1:9]]
        there, unused = sum(ticks), ticks[3] + ticks[4] + ticks[7]
        per_second = os.sysconf("SC_CLK_TCK")
        return cls(there / per_second, (there - unused) / per_second, sum(os.times()[:4]))

    def others_since(self, before: Processors) -> float:
        """The share of the machine that other programs had, 0 to 1."""
        others = (self.used - before.used) - (self.own - before.own)
        return max(0.0, others / (self.there - before.there)) if self.there > before.there else 0.0


@dataclass(slots=True)
class Report:
    """The figures of one benchmark, with how busy the machine was."""

    name: str
    before: Processors = field(default_factory=Processors.now)
    load_before: float = field(default_factory=lambda: load())
    begun: float = field(default_factory=time.time)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def others(self) -> float:
        """The share of the machine that other programs had since the beginning, 0 to 1."""
        return Processors.now().others_since(self.before)

    def print(self) -> None:
        rows = [HEADINGS, *(figure.row() for figure in self.figures)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        load_of = f"load {self.load_before:.2f} before, {load():.2f} after"
        print(f"\n{self.name}: {os.cpu_count()} processors, {load_of}; other programs had {self.others:.0%} of them")
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        for note in self.notes:
            print(f"  {note}")

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "name": self.name,
            "begun": self.begun,
            "processors": os.cpu_count(),
            "load_before": self.load_before,
            "load_after": load(),
            "others": self.others,
            "figures": [figure.to_json() for figure in self.figures],
            "notes": self.notes,
        }
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load() -> float:
    """Load average of the last minute; 0 where the platform has none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


class PeerDied(Exception):
    """What is compared with cannot be run on this machine; the text is how it ended."""


def living(report: Report, peers: Mapping[str, Callable[[], T]]) -> dict[str, Callable[[], T]]:
    """Run every peer once; one that dies is left out, and said."""
    alive = {}
    for name, peer in peers.items():
        try:
            peer()
        except PeerDied as error:
            report.notes.append(f"{name} dies on this machine ({error}): no figures of it")
        else:
            alive[name] = peer
    return alive


def alternate(peers: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Run every peer once a round, in turn; each round begins with another one."""
    results: dict[str, list[T]] = {name: [] for name in peers}
    names = list(peers)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            results[name].append(peers[name]())
    return results


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
