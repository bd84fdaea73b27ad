"""Commands that only print text, and what they import for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.measure import alternate
from tests.benchmarks.report import Row, at_most
from tests.benchmarks.workshop import PROGRAM, Workshop

HEAVY = ("psycopg", "numpy", "PIL")
CPU_BAR = at_most(150, "ms")
NONE = at_most(0, "modules")


def help_(workshop: Workshop) -> Iterator[Row]:
    """CPU time and imports of --help."""
    yield from _start(workshop, "help", "--help")


def version(workshop: Workshop) -> Iterator[Row]:
    """CPU time and imports of --version."""
    yield from _start(workshop, "version", "--version")


def _start(workshop: Workshop, case: str, option: str) -> Iterator[Row]:
    command = workshop.mlpredict(option)
    samples = alternate({"mlpredict": command}, workshop.short_rounds)["mlpredict"]
    cpu = samples.cpu * 1000
    yield Row(case, f"mlpredict {option}: CPU time", samples.wall, samples.peak, cpu, CPU_BAR)
    heavy = _imported(workshop, option).intersection(HEAVY)
    yield Row(case, f"imports of {', '.join(HEAVY)}", value=len(heavy), bar=NONE)


def _imported(workshop: Workshop, option: str) -> set[str]:
    """The packages that a command imports, as Python itself tells it."""
    command = [sys.executable, "-X", "importtime", str(PROGRAM), option]
    done = subprocess.run(command, capture_output=True, text=True, env=workshop.env, check=True)
    names = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines())
    return {name.partition(".")[0] for name in names}
