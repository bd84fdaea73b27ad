"""Runs of `predict` over many images that are killed, interrupted or disturbed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg

from tests.conftest import COMMAND
from tests.processes import SECONDS, started


@dataclass(slots=True)
class Running:
    """A command that runs, and what it has printed so far."""

    process: subprocess.Popen[bytes]
    printed: list[dict[str, Any]] = field(default_factory=list)

    def read_lines(self, count: int = sys.maxsize) -> int:
        """Read so many more lines, or all there are; how many there were."""
        assert self.process.stdout is not None
        before = len(self.printed)
        for line in islice(self.process.stdout, count):
            if line.endswith(b"\n"):  # the last one of a killed command may be half there
                self.printed.append(json.loads(line))
        return len(self.printed) - before

    def finish(self) -> tuple[int, list[str]]:
        """Read what is left; the exit status and what was said."""
        self.read_lines()
        assert self.process.stderr is not None
        said = self.process.stderr.read().decode().splitlines()
        return self.process.wait(SECONDS), said

    @property
    def ids(self) -> set[int]:
        """The predictions that were printed."""
        return {record["prediction_id"] for record in self.printed}


@contextmanager
def running(environment: dict[str, str], *arguments: str | Path, **options: Any) -> Iterator[Running]:
    """`predict` in the background, its predictions as JSON lines; killed when the block ends."""
    command = [*COMMAND, "predict", "--format", "jsonl", *map(str, arguments)]
    pipe = subprocess.PIPE
    with started(command, env=environment, stdout=pipe, stderr=pipe, **options) as process:
        yield Running(process)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a database holds."""

    ids: set[int]
    images: int
    """Inputs that have a prediction."""
    doubled: int
    """Inputs that have more than one."""
    lonely: int
    """Inputs that have none."""
    runs: int


def stored_in(dsn: str) -> Stored:
    """What a database holds by now."""
    with psycopg.connect(dsn) as connection:
        ids = {row[0] for row in connection.execute("SELECT id FROM predictions")}
        counts = connection.execute(
            "SELECT count(*) FILTER (WHERE made > 0), count(*) FILTER (WHERE made > 1),"
            " count(*) FILTER (WHERE made = 0), (SELECT count(*) FROM runs)"
            " FROM (SELECT (SELECT count(*) FROM predictions WHERE inputid = inputs.id) AS made FROM inputs)"
            " AS inputs"
        ).fetchone()
    assert counts is not None
    return Stored(ids, *counts)
