"""Store a run in parts with nothing decoded or predicted: `storing.py DSN CONNECTIONS IMAGES BYTES`.

It prints seconds of wall, of the server's processors and of ours, and the bytes of the server's log, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from mlpredict.domain import (
    EngineName,
    Keep,
    ModelIdentity,
    NewInput,
    NewPrediction,
    Prediction,
    Run,
    Source,
    Task,
)
from mlpredict.domain.parts import Claim, Plan
from mlpredict.inputs.name_list import NameList
from mlpredict.pipeline.workers import this_worker
from mlpredict.storage.parts import LedgerEntry
from mlpredict.storage.repository import open_repository
from mlpredict.storage.shared_runs import SharedRuns

BATCH = 256
SECONDS = 60.0
TICKS = os.sysconf("SC_CLK_TCK")
MODEL = ModelIdentity("stored", "0" * 64, "keras", "/models/stored", Task.CLASSIFICATION, None, {})
VALUES = "[0.00012,3.4e-7,0.9912345,0.0009876,1.2e-5,0.0034567,0.0023456,4.5e-6,0.0056789,1.1e-7]"


def main(dsn: str, connections: int, images: int, size: int) -> None:
    """Do all parts at once, each over a connection of its own."""
    begin(dsn, connections, images)
    before = written(dsn)
    with multiprocessing.get_context("fork").Pool(connections) as pool:
        done = pool.starmap(store, [(dsn, part, size) for part in range(connections)], chunksize=1)
    report = {
        "wall": max(end for _, end, _, _ in done) - min(start for start, _, _, _ in done),
        "server": sum(server for _, _, server, _ in done),
        "client": sum(client for _, _, _, client in done),
        "wal": written(dsn) - before,
    }
    sys.stdout.write(json.dumps(report) + "\n")


def begin(dsn: str, parts: int, images: int) -> None:
    """Make the run that is stored."""
    names = NameList(Source(f"scans/{number:07}.png") for number in range(images))
    plan = Plan("storing", images, parts, names.sha256, {}, {})
    with open_repository(dsn) as repository:
        SharedRuns(repository).begin(MODEL, plan, names.blocks, engine=EngineName.LITERT, keep=Keep.ORIGINAL)


def store(dsn: str, part: int, size: int) -> tuple[float, float, float, float]:
    """Do one part, in batches as `predict` has them: when it began and ended, and what it took."""
    with open_repository(dsn) as repository:
        shared, worker = SharedRuns(repository), this_worker()
        known = shared.planned("storing")
        assert known is not None
        run = Run(known.run_id, known.model_id, known.model)
        claim = shared.take(run.run_id, part, worker, SECONDS)
        assert claim is not None
        backend = repository.connection.info.backend_pid
        start, used, own = time.monotonic(), processor_seconds(backend), time.process_time()
        for batch in batches(claim, size):
            positions = frozenset(one.position for one in batch)
            entry = LedgerEntry(run.run_id, claim.part, worker, positions, frozenset(), SECONDS)
            shared.stored_among(run.run_id, claim.part, positions)
            shared.add(run, batch, [], entry, again=False)
        end = time.monotonic()
        return start, end, processor_seconds(backend) - used, time.process_time() - own


def processor_seconds(pid: int) -> float:
    """What a process of this machine has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def batches(claim: Claim, size: int) -> Iterator[list[NewPrediction]]:
    """Predictions of images of so many bytes, no two alike."""
    for first in range(claim.first, claim.last + 1, BATCH):
        yield [made(position, size) for position in range(first, min(first + BATCH, claim.last + 1))]


def made(position: int, size: int) -> NewPrediction:
    """One prediction, with letters of Base64 in the place of an image."""
    digest = hashlib.sha256(str(position).encode()).digest()
    letters = (digest.hex() * (size // 48 + 1))[: size * 4 // 3]
    stored = NewInput(f"data:image/png;base64,{letters}", "original", digest, "image/png", 28, 28)
    prediction = Prediction(VALUES, 2, "2", 0.99)
    return NewPrediction(position, f"scans/{position:07}.png", "image/png", stored, prediction)


def written(dsn: str) -> int:
    """How many bytes the server has written into its log."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
