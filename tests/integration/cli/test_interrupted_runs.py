"""Runs that are killed or interrupted, and resumed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from tests.benchmarks.inputs import write_digits
from tests.conftest import COMMAND
from tests.processes import started
from tests.runs import Running, running, stored_in

IMAGES = 10_000
KILLS = [9, pytest.param(30, marks=pytest.mark.slow)]
SEED = 20261124
AT_ONCE_SECONDS = 30.0
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
WORD = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
PATIENCE = "mlpredict: ending after the batch in flight; once more to end at once"
"""Said on a slow machine."""

pytestmark = pytest.mark.usefixtures("compiled")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("images")
    write_digits(directory, IMAGES, None)
    return directory


@pytest.mark.parametrize("kills", KILLS)
def test_killed_at_any_moment_nothing_is_lost_and_nothing_stored_twice(
    environment: dict[str, str], dsn: str, folder: Path, kills: int
) -> None:
    chance = random.Random(SEED)
    printed: set[int] = set()
    for kill in range(kills):
        with running(environment, folder, "--dsn", dsn, "--skip-existing") as run:
            if kill % 3 == 0:  # perhaps while it starts
                time.sleep(chance.uniform(0.0, 0.6))
            else:
                assert run.read_lines(chance.randint(1, IMAGES // kills))
                time.sleep(chance.uniform(0.0, 0.03))
            run.process.kill()
            run.finish()
        printed |= run.ids
        stored = stored_in(dsn)
        assert printed <= stored.ids
        assert (stored.lonely, stored.doubled) == (0, 0)
    assert 0 < len(stored.ids) < IMAGES

    with running(environment, folder, "--dsn", dsn, "--skip-existing") as run:
        assert run.finish() == (0, [])
    stored = stored_in(dsn)
    assert (len(stored.ids), stored.images, stored.lonely) == (IMAGES, IMAGES, 0)
    assert len(run.ids | printed) <= IMAGES


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_what_was_stored_printed(
    environment: dict[str, str], dsn: str, folder: Path, number: signal.Signals
) -> None:
    environment = {**environment, "MLPREDICT_DSN": dsn}
    with running(environment, folder) as run:
        run.read_lines(1)
        run.process.send_signal(number)
        status, said = run.finish()
    stored = stored_in(dsn)
    assert status == STATUS[number]
    assert run.ids == stored.ids
    assert 0 < len(stored.ids) < IMAGES
    resume = f"go on with mlpredict predict --format jsonl {folder} --skip-existing"
    assert (
        said[-1] == f"mlpredict: {WORD[number]}: {len(stored.ids):,} predicted and stored as run 1; {resume}"
    )
    assert said[:-1] in ([], [PATIENCE])
    with running(environment, folder, "--skip-existing") as resumed:
        assert resumed.finish() == (0, [])
    stored = stored_in(dsn)
    assert (len(stored.ids), stored.images, len(run.ids) + len(resumed.ids)) == (IMAGES, IMAGES, IMAGES)


def test_an_interrupted_array_is_whole(environment: dict[str, str], dsn: str, folder: Path) -> None:
    # Without a buffer of Python's own, a signal ends a write in its middle.
    environment = {**environment, "PYTHONUNBUFFERED": "1"}
    command = [*COMMAND, "predict", "--json", str(folder), "--dsn", dsn]
    with started(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        begun = process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)  # it waits for who reads, in the middle of a batch
        printed = json.loads(begun + process.stdout.read())
        process.wait()
    assert process.returncode == STATUS[signal.SIGINT]
    assert {record["prediction_id"] for record in printed} == stored_in(dsn).ids


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(
    environment: dict[str, str], dsn: str, folder: Path, number: signal.Signals
) -> None:
    with running(environment, folder, "--dsn", dsn) as run:
        run.read_lines(1)  # and no more: it cannot end in order while nobody reads
        time.sleep(0.3)
        for _ in range(2):
            run.process.send_signal(number)
            time.sleep(0.1)
        assert run.process.wait(AT_ONCE_SECONDS) == STATUS[number]
        _, said = run.finish()
    assert said in ([], [PATIENCE])
    assert run.ids <= stored_in(dsn).ids


@pytest.mark.parametrize("source", [("-",), ("-T", "-")])
def test_a_run_that_waits_for_its_input_can_be_interrupted(
    environment: dict[str, str], dsn: str, source: tuple[str, ...]
) -> None:
    reader, writer = os.pipe()
    with running(environment, *source, "--dsn", dsn, stdin=reader) as run:
        wait_until_connected(run, dsn)
        run.process.send_signal(signal.SIGINT)
        start = time.monotonic()
        status, said = run.finish()
    assert time.monotonic() - start < AT_ONCE_SECONDS
    assert status == STATUS[signal.SIGINT]
    assert said[-1].startswith("mlpredict: interrupted: 0 predicted; go on with ")
    assert stored_in(dsn).runs == 0
    assert said[:-1] in ([], [PATIENCE])
    os.close(reader)
    os.close(writer)


def test_a_signal_that_is_ignored_stays_so(environment: dict[str, str], dsn: str, folder: Path) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    with running(environment, folder, "--dsn", dsn, preexec_fn=ignore) as run:
        run.read_lines(1)
        run.process.send_signal(signal.SIGINT)
        assert run.finish() == (0, [])
    assert len(run.printed) == IMAGES


def test_what_a_closed_pipe_got_is_stored(environment: dict[str, str], dsn: str, folder: Path) -> None:
    with running(environment, folder, "--dsn", dsn) as run:
        run.read_lines(3)
        assert run.process.stdout is not None
        run.process.stdout.close()
        assert run.process.wait(AT_ONCE_SECONDS) == 0
        assert run.process.stderr is not None
        assert run.process.stderr.read() == b""
    stored = stored_in(dsn)
    assert run.ids <= stored.ids
    assert len(stored.ids) < IMAGES
    assert stored.lonely == 0


CONNECTED = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def wait_until_connected(run: Running, dsn: str) -> None:
    """Until it has its connection to the database and waits for an image: the run begins with that."""
    deadline = time.monotonic() + AT_ONCE_SECONDS
    with psycopg.connect(dsn, autocommit=True) as connection:
        while connection.execute(CONNECTED).fetchone() is None:
            assert run.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    time.sleep(0.5)
