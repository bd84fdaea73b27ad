"""Runs whose connection to the database is lost, and found again or not."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mlpredict.storage.server import lifecycle, local_server
from tests.benchmarks.inputs import write_digits
from tests.conftest import COMMAND, Command
from tests.processes import started
from tests.proxy import Proxy
from tests.replays import counts_of, write_second_model
from tests.runs import running, stored_in
from tests.tcp_server import TcpServer

IMAGES = 2000
OUTAGE_SECONDS = 2.0
pytestmark = pytest.mark.usefixtures("compiled")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("images")
    write_digits(directory, IMAGES, None)
    return directory


def test_a_terminated_backend_is_no_end(environment: dict[str, str], dsn: str, folder: Path) -> None:
    with running(environment, folder, "--dsn", dsn) as run, psycopg.connect(dsn, autocommit=True) as other:
        terminated = 0
        while run.read_lines(300):
            terminated += other.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'mlpredict' AND datname = current_database()"
            ).fetchall()[0][0]
        assert run.finish() == (0, [])
    assert terminated > 3
    stored = stored_in(dsn)
    assert (len(stored.ids), stored.images, stored.lonely, stored.runs) == (IMAGES, IMAGES, 0, 1)
    assert run.ids == stored.ids


def test_a_replay_goes_on_reading_and_storing_when_its_backends_are_terminated(
    environment: dict[str, str], dsn: str, folder: Path, mlpredict: Command, tmp_path: Path
) -> None:
    assert mlpredict("predict", folder, "--dsn", dsn, "--quiet").returncode == 0
    second = write_second_model(tmp_path)
    command = [*COMMAND, "replay", "--model", str(second), "--dsn", dsn, "--batch-size", "16"]
    pipe = subprocess.PIPE
    with (
        started(command, env=environment, stdout=pipe, stderr=pipe) as process,
        psycopg.connect(dsn, autocommit=True) as other,
    ):
        terminated = 0
        while process.poll() is None:
            if counts_of(dsn)[0] > 200 * terminated and terminated < 4:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'mlpredict' AND datname = current_database()"
                )
                terminated += 1
            time.sleep(0.02)
        assert process.returncode == 0
    assert terminated > 1
    assert counts_of(dsn) == (IMAGES, IMAGES, IMAGES)


def test_a_network_that_comes_back_is_waited_for(
    environment: dict[str, str], proxy: Proxy, tcp_server: TcpServer, folder: Path
) -> None:
    with running(environment, folder, "--dsn", proxy.dsn(tcp_server.dsn)) as run:
        run.read_lines(1)
        proxy.cut()
        threading.Timer(OUTAGE_SECONDS, proxy.restore).start()
        status, said = run.finish()
    assert status == 0
    assert len(said) == 2
    assert said[0].startswith("mlpredict: trying again for up to 30 s: ")
    assert said[1].startswith("mlpredict: the database answers again, after ")
    stored = stored_in(tcp_server.dsn)
    assert (len(run.printed), run.ids, stored.images, stored.lonely) == (IMAGES, stored.ids, IMAGES, 0)


@pytest.mark.parametrize("every", [2, 3])
def test_a_commit_whose_answer_is_lost_counts_once(
    environment: dict[str, str], proxy: Proxy, tcp_server: TcpServer, folder: Path, every: int
) -> None:
    proxy.swallows = lambda commit: commit % every == 1  # the first one is the run's
    missing = folder / "missing.png"
    with running(environment, missing, folder, "--dsn", proxy.dsn(tcp_server.dsn)) as run:
        status, said = run.finish()
    assert (status, said) == (1, [f"mlpredict: {missing}: no such file or folder"])
    assert proxy.commits > IMAGES / 256
    stored = stored_in(tcp_server.dsn)
    assert (len(run.printed), run.ids, stored.images) == (IMAGES, stored.ids, IMAGES)
    assert (stored.doubled, stored.lonely, stored.runs) == (0, 0, 1)
    with psycopg.connect(tcp_server.dsn) as connection:
        assert connection.execute("SELECT count(*) FROM failures").fetchone() == (1,)


def test_a_batch_of_failures_alone_counts_once(
    environment: dict[str, str], proxy: Proxy, tcp_server: TcpServer, tmp_path: Path
) -> None:
    proxy.swallows = lambda commit: commit in (1, 3)  # the run's is made twice
    damaged = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for path in damaged:
        path.write_bytes(b"no image")
    with running(environment, *damaged, "--dsn", proxy.dsn(tcp_server.dsn)) as run:
        status, said = run.finish()
    assert (status, len(said)) == (1, 3)
    with psycopg.connect(tcp_server.dsn) as connection:
        assert connection.execute("SELECT count(*) FROM failures").fetchone() == (3,)


def test_an_outage_that_lasts_ends_the_run_and_tells_how_to_go_on(
    environment: dict[str, str], proxy: Proxy, tcp_server: TcpServer, folder: Path, mlpredict: Command
) -> None:
    environment = {**environment, "MLPREDICT_DSN": proxy.dsn(tcp_server.dsn)}
    with running(environment, folder, "--retry", "0.5") as run:
        run.read_lines(1)
        proxy.cut()
        status, said = run.finish()
    assert status == 3
    [last] = said
    assert "(tried again for 0.5 s)" in last
    assert last.endswith(f"go on with mlpredict predict --format jsonl {folder} --retry 0.5 --skip-existing")
    stored = stored_in(tcp_server.dsn)
    assert run.ids <= stored.ids
    assert 0 < len(stored.ids) < IMAGES

    proxy.restore()
    with running(environment, folder, "--skip-existing") as resumed:
        assert resumed.finish() == (0, [])
    stored = stored_in(tcp_server.dsn)
    assert (len(stored.ids), stored.images, stored.doubled, stored.lonely) == (IMAGES, IMAGES, 0, 0)


def test_nothing_is_tried_again_where_that_is_not_wanted(
    environment: dict[str, str], proxy: Proxy, tcp_server: TcpServer, folder: Path
) -> None:
    with running(environment, folder, "--dsn", proxy.dsn(tcp_server.dsn), "--retry", "0") as run:
        run.read_lines(1)
        proxy.cut()
        start = time.monotonic()
        status, said = run.finish()
    assert time.monotonic() - start < 5
    assert (status, len(said)) == (3, 1)
    assert said[0].endswith("go on with the same command with --skip-existing")  # no password is repeated
    assert "tried again" not in said[0]


def test_a_killed_local_server_is_no_end(environment: dict[str, str], home: Path, folder: Path) -> None:
    server = local_server.locate(home)
    environment = {**environment, "MLPREDICT_HOME": str(home)}
    with running(environment, folder) as run:
        killed = 0
        while run.read_lines(250):
            if (pid := lifecycle.owner_pid(server)) is not None:
                os.kill(pid, signal.SIGKILL)
                killed += 1
        status, said = run.finish()
    assert status == 0, said
    assert killed > 1
    with lifecycle.attached(server) as conninfo:
        stored = stored_in(conninfo)
    assert (len(run.printed), run.ids, stored.images, stored.lonely) == (IMAGES, stored.ids, IMAGES, 0)


def test_runs_at_once_do_not_hinder_each_other(
    environment: dict[str, str],
    dsn: str,
    folder: Path,
    mlpredict: Command,
    connection: psycopg.Connection[Any],
) -> None:
    # Their batches hold the same images in other orders and cuts, which is where deadlocks come from.
    names = [str(path) for path in sorted(folder.iterdir())][:600]
    commands = [
        (*(names if number % 2 else reversed(names)), "--batch-size", str(32 + 7 * number), "--dsn", dsn)
        for number in range(8)
    ]
    ended: list[tuple[int, list[str], int]] = []

    def one(arguments: tuple[str, ...]) -> None:
        with running(environment, *arguments) as run:
            status, said = run.finish()
            ended.append((status, said, len(run.ids)))

    threads = [threading.Thread(target=one, args=(arguments,)) for arguments in commands]
    for thread in threads:
        thread.start()
    for _ in range(3):
        assert mlpredict("init-db", "--dsn", dsn).returncode == 0
    for thread in threads:
        thread.join()
    assert ended == [(0, [], 600)] * 8
    stored = stored_in(dsn)
    assert (len(stored.ids), stored.images, stored.lonely, stored.runs) == (8 * 600, 600, 0, 8)
