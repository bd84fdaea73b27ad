"""Images that are sent to a server, one a request."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from itertools import cycle, islice
from pathlib import Path

from tests.benchmarks.contestants import BOUNDARY, form, free_port, serving, wait_for
from tests.benchmarks.launch import memory
from tests.benchmarks.load import load
from tests.benchmarks.measure import Measured, Samples, alternate
from tests.benchmarks.report import Bar, Row, at_least, at_most
from tests.benchmarks.workshop import PROGRAM, Workshop

CASE = "serve"
IMAGES = 2000
MEDIAN, LATE = "p50", "p99"
LATE_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many clients, the requests they send to each server, and what is asked of the ratio."""

    clients: int
    ours: int
    theirs: int
    bar: Bar | None = None


CROWDS = (
    Crowd(1, 500, 40, at_least(30)),
    Crowd(8, 2000, 64, at_least(80)),
    Crowd(64, 4000, 128, at_least(150)),
)
SPREAD_BAR = at_most(1.4)
WORKERS_BAR = at_most(1)


@dataclass(frozen=True, slots=True)
class Posts:
    """A contestant: a server that is up, to which clients post images."""

    port: int
    pid: int
    requests: tuple[bytes, ...]
    clients: int

    def __call__(self, *, watched: bool = False) -> Measured:
        sent = load(self.port, self.requests, self.clients)
        latencies = {MEDIAN: sent.latency(0.5), LATE: sent.latency(LATE_SHARE)}
        return Measured(sent.wall, 0.0, memory(self.pid), latencies)


def serve(workshop: Workshop) -> Iterator[Row]:
    """POSTs of 1, 8 and 64 clients at a time to `mlpredict serve` and to the 2020 program."""
    folder = workshop.digits(workshop.size(IMAGES, IMAGES // 4))
    model = workshop.digit_model
    workshop.compile(model, min(folder.iterdir()))
    with running(workshop) as (port, pid), serving(workshop, model, folder, 1) as published:
        for crowd in CROWDS:
            mine, theirs = (
                workshop.size(crowd.ours, crowd.ours // 4),
                workshop.size(crowd.theirs, crowd.clients),
            )
            samples = alternate(
                {
                    "mlpredict": Posts(port, pid, posts(folder, "/prediction/", mine), crowd.clients),
                    "published": Posts(
                        published.connection.port,
                        published.pid,
                        posts(folder, "/predictions", theirs),
                        crowd.clients,
                    ),
                },
                workshop.rounds,
            )
            ours, others = samples["mlpredict"], samples["published"]
            who = f"{crowd.clients} client{'s' if crowd.clients > 1 else ''}"
            yield from _rows(f"mlpredict serve, {who}", ours, mine)
            yield from _rows(f"2020 program, {who}", others, theirs)
            # The 2020 program is timed on fewer images, so requests a second are compared.
            ratio = others.times(ours) * mine / theirs
            yield Row(CASE, f"2020 program ÷ mlpredict, {who}, per request", value=ratio, bar=crowd.bar)
        spread = ours.parts[LATE] / ours.parts[MEDIAN]
        yield Row(CASE, f"99 % ÷ median, {who}", value=spread, bar=SPREAD_BAR)
        yield _of_workers(workshop, Posts(port, pid, posts(folder, "/prediction/", mine), crowd.clients))


def _of_workers(workshop: Workshop, one: Posts) -> Row:
    """How long the same requests take two processes."""
    with running(workshop, "--workers", "2") as (port, pid):
        samples = alternate({"one": one, "two": replace(one, port=port, pid=pid)}, workshop.rounds)
    two, alone = samples["two"], samples["one"]
    what = f"--workers 2 ÷ one process, {one.clients} clients"
    return Row(CASE, what, two.wall, value=two.times(alone), bar=WORKERS_BAR)


def posts(folder: Path, path: str, count: int) -> tuple[bytes, ...]:
    """So many requests, each with an image of the folder."""
    bodies = (form(image.read_bytes()) for image in sorted(folder.iterdir()))
    head = "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary={}\r\n"
    start = head.format(path, BOUNDARY.decode()).encode()
    made = [b"%bContent-Length: %d\r\n\r\n%b" % (start, len(body), body) for body in bodies]
    return tuple(islice(cycle(made), count))


@contextmanager
def running(workshop: Workshop, *options: str) -> Iterator[tuple[int, int]]:
    """The port and the process of a server of ours that answers."""
    port = free_port()
    command = [str(PROGRAM), "serve", "--quiet", "--port", str(port), *options]
    with subprocess.Popen(command, env=workshop.env) as process:
        try:
            wait_for(HTTPConnection("127.0.0.1", port, timeout=1), process)
            yield port, process.pid
        finally:
            process.terminate()


def _rows(what: str, samples: Samples, count: int) -> Iterator[Row]:
    per_second = count / samples.wall
    yield Row(CASE, what, samples.parts[MEDIAN], samples.peak, per_second, unit="a second")
    yield Row(CASE, "  of all requests, 99 % took at most", samples.parts[LATE])
