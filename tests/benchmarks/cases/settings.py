"""The settings of the private PostgreSQL against others: one of them changed at a time."""

from __future__ import annotations

import contextlib
import hashlib
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

import psycopg
from psycopg import sql

from mlpredict.domain import EngineName, Keep, ModelIdentity, NewInput, NewPrediction, Prediction, Task
from mlpredict.storage.migrations import migrate
from mlpredict.storage.repository import open_repository
from mlpredict.storage.server import lifecycle, local_server, postmaster
from mlpredict.storage.server.local_server import LocalServer
from tests.benchmarks.database import empty
from tests.benchmarks.measure import Measured, Samples, alternate
from tests.benchmarks.report import Row
from tests.benchmarks.workshop import Workshop

OURS = "mlpredict's settings"
OTHERS = {
    "shared_buffers = 16 MB": {"shared_buffers": "16MB"},
    "shared_buffers = 256 MB": {"shared_buffers": "256MB"},
    "max_wal_size = 64 MB": {"max_wal_size": "64MB"},
    "max_wal_size = 512 MB": {"max_wal_size": "512MB"},
    "wal_level = replica": {"wal_level": "replica", "max_wal_senders": "10"},
    "io_method = worker": {"io_method": "worker"},
}
VALUES = "[0.00012,3.4e-7,0.0012345,0.9876,1.2e-5,0.0034567,0.0023456,4.5e-6,0.0056789,0.0001]"
MODEL = ModelIdentity("settings", "0" * 64, "keras", "/settings", Task.CLASSIFICATION, None, {})


@dataclass(frozen=True, slots=True)
class Load:
    """What is stored: so many images of so many bytes, in batches as predict makes them."""

    count: int
    size: int
    batch: int

    def predictions(self) -> list[NewPrediction]:
        """The same ones every time; the bytes are noise, as compressed images are."""
        random = Random(self.size)
        return [_prediction(number, random.randbytes(self.size)) for number in range(self.count)]


@dataclass(frozen=True, slots=True)
class Stored:
    """A contestant: a server starts, stores images, and is looked at while it idles."""

    server: LocalServer
    loads: dict[str, tuple[int, list[NewPrediction]]]

    def __call__(self, *, watched: bool = False) -> Measured:
        lifecycle.stop(self.server)
        begin = time.perf_counter()
        dsn = lifecycle.ensure_running(self.server)
        parts = {"start": time.perf_counter() - begin}
        memory = _memory(self.server)
        for name, (batch, predictions) in self.loads.items():
            empty(dsn)
            with open_repository(dsn) as repository:
                run = repository.start_run(MODEL, engine=EngineName.LITERT, keep=Keep.ORIGINAL)
                begin = time.perf_counter()
                for start in range(0, len(predictions), batch):
                    repository.add(run, predictions[start : start + batch], [])
                parts[name] = time.perf_counter() - begin
        return Measured(sum(parts.values()), 0, memory, parts)


def settings(workshop: Workshop) -> Iterator[Row]:
    """Starting, storing and idle memory with settings of the private PostgreSQL and with others."""
    loads = {
        "digits": Load(workshop.size(10_000, 2_000), 300, 256),
        "photos": Load(workshop.size(200, 40), 500_000, 8),
    }
    made = {name: (load.batch, load.predictions()) for name, load in loads.items()}
    with contextlib.ExitStack() as stack:
        contestants = {}
        for number, (name, own) in enumerate({OURS: {}, **OTHERS}.items()):
            server = local_server.locate(workshop.folder / f"settings-{number}")
            stack.callback(lifecycle.stop, server)
            _set_up(server, own)
            contestants[name] = Stored(server, made)
        samples = alternate(contestants, workshop.rounds)
    for part in samples[OURS].parts:
        yield _row(OURS, part, samples[OURS], None)
        for name in OTHERS:
            pairs = zip(samples[name].runs, samples[OURS].runs, strict=True)
            ratio = median(theirs.parts[part] / mine.parts[part] for theirs, mine in pairs)
            yield _row(f"{name} ÷ mlpredict's", part, samples[name], ratio)


def _row(what: str, part: str, samples: Samples, ratio: float | None) -> Row:
    return Row("settings", f"{what}: {part}", samples.parts[part], samples.peak, ratio)


def _set_up(server: LocalServer, own: dict[str, str]) -> None:
    """Make a database, with these settings as a user makes them."""
    dsn = lifecycle.ensure_running(server)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name, value in own.items():
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
        migrate(connection)


def _memory(server: LocalServer) -> int:
    """Bytes of all its processes, what they share counted once; 0 where the system does not tell.

    The program itself counts for less the more servers run it: compare only what one run prints.
    """
    pid = postmaster.owner_pid(server.data)
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if not children.exists():
        return 0
    total = 0
    for one in (str(pid), *children.read_text().split()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a connection's, just closed
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
            total += 1024 * int(text.partition("\nPss:")[2].split()[0])
    return total


def _prediction(number: int, content: bytes) -> NewPrediction:
    uri = "data:image/jpeg;base64," + b64encode(content).decode()
    image = NewInput(uri, "original", hashlib.sha256(content).digest(), "image/jpeg", 28, 28)
    answer = Prediction(VALUES, 3, "3", 0.9876)
    return NewPrediction(number, f"scans/{number:06}.jpg", "image/jpeg", image, answer)
