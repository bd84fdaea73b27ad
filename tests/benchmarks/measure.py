"""Contestants, run in turns; what each run took, and how they compare."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Protocol

LAUNCHER = Path(__file__).with_name("launch.py")


class Failed(Exception):
    """A measured command did not succeed, so there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds of wall and of CPU, and bytes at the peak where they are known."""

    wall: float
    cpu: float
    peak: int = 0
    parts: Mapping[str, float] = field(default_factory=dict)
    """Seconds of wall of what it consists of, where that is measured too."""


class Contestant(Protocol):
    """Something that can be run again and again; `watched` asks for the memory of all its processes."""

    def __call__(self, *, watched: bool = False) -> Measured: ...


@dataclass(frozen=True, slots=True)
class Command:
    """A contestant that is a process: from its start to its end."""

    argv: Sequence[str]
    env: Mapping[str, str]
    before: Callable[[], None] = lambda: None
    """What makes every run begin alike; it is not measured."""

    def __call__(self, *, watched: bool = False) -> Measured:
        self.before()
        mode = "watched" if watched else "quiet"
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), mode, *self.argv]
        done = subprocess.run(launcher, capture_output=True, text=True, env=self.env)
        if done.returncode:
            raise Failed(f"{self.argv}: {done.stderr.strip()}")
        report = json.loads(done.stdout)
        if report["status"]:
            raise Failed(f"{self.argv}: exit status {report['status']}: {done.stderr.strip()[-2000:]}")
        return Measured(report["wall"], report["cpu"], max(report["largest"], report["tree"]))

    def answer(self) -> Any:
        """The JSON that it prints; nothing is measured."""
        self.before()
        done = subprocess.run(self.argv, capture_output=True, text=True, env=self.env)
        if done.returncode:
            raise Failed(f"{self.argv}: exit status {done.returncode}: {done.stderr.strip()[-2000:]}")
        return json.loads(done.stdout)


@dataclass(frozen=True, slots=True)
class Samples:
    """All runs of one contestant."""

    runs: tuple[Measured, ...]
    peak: int
    """The most memory seen: of the largest process, or of all together in the watched first run."""

    @property
    def wall(self) -> float:
        """The median of the wall times."""
        return median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """The median of the CPU times."""
        return median(run.cpu for run in self.runs)

    @property
    def parts(self) -> dict[str, float]:
        """The medians of the parts."""
        return {name: median(run.parts[name] for run in self.runs) for name in self.runs[0].parts}

    def times(self, other: Samples) -> float:
        """How often `other` fits into this: the median over the rounds, whose pairs ran side by side."""
        pairs = zip(self.runs, other.runs, strict=True)
        return median(mine.wall / theirs.wall for mine, theirs in pairs)


def alternate(contestants: Mapping[str, Contestant], rounds: int) -> dict[str, Samples]:
    """Run all contestants once to warm up, then in turns."""
    peaks = {name: run(watched=True).peak for name, run in contestants.items()}
    runs: dict[str, list[Measured]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            runs[name].append(run())
    return {
        name: Samples(tuple(measured), max(peaks[name], *(run.peak for run in measured)))
        for name, measured in runs.items()
    }
