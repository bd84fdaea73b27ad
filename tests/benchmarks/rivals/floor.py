"""The least a run can take: decoding, inference and storing, each alone on all cores.

    floor.py MODEL DSN FOLDER

Every stage is split among as many processes as there are cores, each bound to one of them; loading
and connecting are done before the clock starts. Prints seconds of wall and CPU for each stage; the
CPU of storing includes the server's. The floor is the largest of the CPU of all stages over the number of
cores, and the slowest stage alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import orjson
import psycopg

from mlpredict import settings
from mlpredict.domain import EngineName, Sample, Source
from mlpredict.inference.model import Model, load_model
from mlpredict.inference.signature import random_pixels
from mlpredict.inputs.image import as_sample, decode_source
from tests.benchmarks.rivals.server_time import server_cpu

COMMIT_ROWS = 256
PREPARE_SECONDS = 60
Work = Callable[[], None]
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Job:
    """What a run would do."""

    model: Path
    dsn: str
    files: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage took, in seconds."""

    wall: float
    cpu: float


def cores() -> list[int]:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def model_of(job: Job) -> Model:
    """The compiled model, with a thread for each core of this process."""
    cache = settings.cache_home()
    return load_model(job.model, engine=EngineName.LITERT, cache=cache)


def decoding(job: Job, share: Sequence[Path], place: int) -> Work:
    """Files to pixels, with mlpredict's own decoder."""
    spec = model_of(job).spec

    def work() -> None:
        for number, path in enumerate(share):
            source = Source(str(path))
            assert isinstance(as_sample(number, source, decode_source(source, spec)), Sample)

    return work


def inference(job: Job, share: Sequence[Path], place: int) -> Work:
    """Pixels to outputs, with mlpredict's own engine; what the pixels show makes no difference."""
    model = model_of(job)
    size = model.batch_size
    spec = model.spec
    pixels = random_pixels((size, spec.height or 1, spec.width or 1, spec.channels))

    def work() -> None:
        for start in range(0, len(share), size):
            model.outputs(pixels[: len(share) - start])

    return work


def storing(job: Job, share: Sequence[Path], place: int) -> Work:
    """Files and outputs to rows, with COPY and a commit for each batch."""
    contents = [path.read_bytes() for path in share]
    model = model_of(job)
    output = model.outputs(
        random_pixels((1, model.spec.height or 1, model.spec.width or 1, model.spec.channels))
    )
    connection = psycopg.connect(job.dsn)
    first = place * len(job.files) + 1

    def rows(start: int) -> Iterator[tuple[int, str, bytes, str]]:
        for number in range(start, min(start + COMMIT_ROWS, len(contents))):
            uri = "data:image/png;base64," + base64.b64encode(contents[number]).decode()
            values = orjson.dumps(output[0], option=orjson.OPT_SERIALIZE_NUMPY).decode()
            yield first + number, uri, hashlib.sha256(contents[number]).digest(), values

    def work() -> None:
        with connection.cursor() as cursor:
            for start in range(0, len(contents), COMMIT_ROWS):
                copy_batch(cursor, list(rows(start)))
                connection.commit()

    return work


def copy_batch(cursor: psycopg.Cursor[Any], rows: Sequence[tuple[int, str, bytes, str]]) -> None:
    """The inputs and predictions of one batch, with every column that `predict` fills."""
    inputs = "COPY inputs (id, image, sha256, kept, contenttype, width, height) FROM STDIN"
    with cursor.copy(inputs) as copy:
        for number, uri, digest, _ in rows:
            copy.write_row((number, uri, digest, "original", "image/png", 28, 28))
    predictions = """
        COPY predictions (id, inputid, predictions, run_id, position, model_id, filename, contenttype,
                          likely_class, label, score) FROM STDIN
    """
    with cursor.copy(predictions) as copy:
        for number, _, _, values in rows:
            name = f"digits/{number:06}.png"
            copy.write_row((number, number, values, 1, number, 1, name, "image/png", 7, "7", 0.9981234))


def worker(
    prepare: Callable[[Job, Sequence[Path], int], Work],
    job: Job,
    place: int,
    barrier: Barrier,
    answers: SimpleQueue[float],
) -> None:
    """One core's share of a stage."""
    own = cores()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {own[place]})
    work = prepare(job, job.files[place :: len(own)], place)
    barrier.wait(PREPARE_SECONDS)
    began = time.process_time()
    try:
        work()
    finally:
        answers.put(time.process_time() - began)


def measured(prepare: Callable[[Job, Sequence[Path], int], Work], job: Job, server: Connection) -> Stage:
    """One stage on all cores."""
    context = multiprocessing.get_context("fork")
    count = len(cores())
    barrier, answers = context.Barrier(count + 1), context.SimpleQueue()
    processes = [
        context.Process(target=worker, args=(prepare, job, place, barrier, answers)) for place in range(count)
    ]
    for process in processes:
        process.start()
    barrier.wait(PREPARE_SECONDS)
    began, server_began = time.perf_counter(), server_cpu(server)
    cpu = sum(answers.get() for _ in processes)
    wall = time.perf_counter() - began
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return Stage(wall, cpu + server_cpu(server) - server_began)


def make_run(server: Connection) -> None:
    """The model and the run that the stored rows refer to."""
    server.execute("""
        INSERT INTO models (id, fingerprint, name, format, path, task, description)
        VALUES (1, '0', 'floor', 'keras', '', 'classification', '{}') ON CONFLICT DO NOTHING
    """)
    server.execute("""
        INSERT INTO runs (id, model_id, engine, keep, directory, version)
        VALUES (1, 1, 'litert', 'original', '', '') ON CONFLICT DO NOTHING
    """)


def main() -> None:
    """Measure the stages and print them."""
    model, dsn, folder = sys.argv[1:]
    job = Job(Path(model), dsn, sorted(Path(folder).iterdir()))
    with psycopg.connect(dsn, autocommit=True) as server:
        make_run(server)
        stages = {name.__name__: measured(name, job, server) for name in (decoding, inference, storing)}
    cpu = sum(stage.cpu for stage in stages.values())
    floor = max(cpu / len(cores()), *(stage.wall for stage in stages.values()))
    result = {"floor": floor, "cpu": cpu, "stages": {name: asdict(stage) for name, stage in stages.items()}}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
