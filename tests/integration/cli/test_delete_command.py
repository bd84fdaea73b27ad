"""`mlpredict delete`, also killed at any moment."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import COMMAND, Command
from tests.processes import SECONDS, started
from tests.slowed import slow_down

ROWS = """
    INSERT INTO models (fingerprint, name, format, path, task, description) VALUES
        (repeat('ab', 32), 'pets', 'keras', '/p.keras', 'classification', '{}'),
        (repeat('cd', 32), 'birds', 'keras', '/b.keras', 'classification', '{}');
    INSERT INTO runs (model_id, engine, keep, directory, version)
    VALUES (1, 'litert', 'original', '/', '0'), (2, 'litert', 'original', '/', '0');
    INSERT INTO inputs (image, sha256, kept)
    SELECT 'data:image/png;base64,' || repeat('A', 800), sha256(n::text::bytea), 'original'
    FROM generate_series(1, %(images)s::integer) AS n;
    INSERT INTO predictions (inputid, run_id, position, model_id, filename, predictions, likely_class, label,
                             score)
    SELECT n, run, n, run, format('scans/%%s.png', n), '[0.25,0.75]', 1, 'dog', 0.75
    FROM generate_series(1, 2) AS run, generate_series(1, %(images)s::integer) AS n
    WHERE run = 1 OR n %% 4 = 0;
    INSERT INTO labels (sha256, label, source) SELECT sha256, 'cat', 'csv' FROM inputs WHERE id %% 2 = 0;
"""
IMAGES = 20_000
KILLS = 12
SEED = 20261125
HALF = """
    SELECT (SELECT count(*) FROM inputs AS i WHERE NOT EXISTS (SELECT FROM predictions WHERE inputid = i.id)),
           (SELECT count(*) FROM labels AS l WHERE NOT EXISTS (SELECT FROM inputs WHERE sha256 = l.sha256)),
           (SELECT count(*) FROM inputs AS i WHERE id % 2 = 0
            AND NOT EXISTS (SELECT FROM labels WHERE sha256 = i.sha256)),
           (SELECT count(*) FROM predictions WHERE run_id = 2)
"""


def fill(connection: psycopg.Connection[Any], images: int) -> None:
    with connection.transaction():
        for statement in ROWS.split(";\n"):
            if statement.strip():
                connection.execute(statement.encode(), {"images": images})


@pytest.fixture
def filled(dsn: str, connection: psycopg.Connection[Any]) -> str:
    """Forty images of which run 1 predicted all and run 2 each fourth; each second is labelled."""
    fill(connection, 40)
    return dsn


def left(connection: psycopg.Connection[Any]) -> tuple[Any, ...] | None:
    return connection.execute(
        "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM inputs),"
        " (SELECT count(*) FROM labels)"
    ).fetchone()


def test_a_run_is_deleted(mlpredict: Command, filled: str, connection: psycopg.Connection[Any]) -> None:
    done = mlpredict("delete", "--run", "1", "--yes", "--json", "--dsn", filled)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"predictions": 40, "inputs": 30, "labels": 10, "failures": 0}
    assert done.stderr == b"mlpredict: deleted 40 predictions, 30 inputs and 10 labels\n"
    assert left(connection) == (10, 10, 10)


def test_a_dry_run_counts_and_deletes_nothing(
    mlpredict: Command, filled: str, connection: psycopg.Connection[Any]
) -> None:
    done = mlpredict("delete", "--run", "1", "--dry-run", "--json", "--dsn", filled)
    assert json.loads(done.stdout) == {"predictions": 40, "inputs": 30, "labels": 10, "failures": 0}
    assert done.stderr == b"mlpredict: would delete 40 predictions, 30 inputs and 10 labels\n"
    assert left(connection) == (50, 40, 20)


def test_it_asks_with_the_numbers(
    mlpredict: Command, filled: str, connection: psycopg.Connection[Any]
) -> None:
    done = mlpredict("delete", "--run", "2", "--dsn", filled)
    assert done.returncode == 2
    assert b"Delete 10 predictions?" in done.stderr
    assert b"--yes" in done.stderr
    assert left(connection) == (50, 40, 20)


@pytest.mark.parametrize(
    "arguments",
    [(), ("--yes",), ("7", "--run", "1"), ("--image",), ("seven",), ("--older-than", "soon"),
     ("--older-than", "2d", "--until", "1d"), ("--image", "x.png", "--run", "1")],
)  # fmt: skip
def test_what_is_meant_has_to_be_said(
    mlpredict: Command, filled: str, connection: psycopg.Connection[Any], arguments: tuple[str, ...]
) -> None:
    done = mlpredict("delete", *arguments, "--dsn", filled)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert left(connection) == (50, 40, 20)


def test_ids_come_from_a_list(mlpredict: Command, filled: str, connection: psycopg.Connection[Any]) -> None:
    listed = mlpredict("list", "--model", "birds", "--all", "--dsn", filled).stdout
    asked = mlpredict("delete", "-", "--dsn", filled, stdin=listed)
    assert (asked.returncode, left(connection)) == (2, (50, 40, 20))
    done = mlpredict("delete", "-", "--yes", "--json", "--dsn", filled, stdin=listed)
    assert (done.returncode, json.loads(done.stdout)["predictions"]) == (0, 10)
    assert left(connection) == (40, 40, 20)


def test_an_id_that_is_not_there_is_told_and_the_others_go(
    mlpredict: Command, filled: str, connection: psycopg.Connection[Any]
) -> None:
    done = mlpredict("delete", "1", "999", "2", "--yes", "--dsn", filled)
    assert done.returncode == 5
    assert b"mlpredict: there is no prediction 999\n" in done.stderr
    assert left(connection) == (48, 38, 19)


def test_the_words_for_ids_are_those_of_show(
    mlpredict: Command, filled: str, connection: psycopg.Connection[Any]
) -> None:
    newest = connection.execute("SELECT array_agg(id ORDER BY id DESC) FROM predictions").fetchone()
    assert newest is not None
    done = mlpredict("delete", "last", "-2", "3-5", "--yes", "--json", "--dsn", filled)
    assert (done.returncode, json.loads(done.stdout)["predictions"]) == (0, 5)
    gone = connection.execute(
        "SELECT count(*) FROM predictions WHERE id = ANY(%s)", ([*newest[0][:2], 3, 4, 5],)
    ).fetchone()
    assert gone == (0,)
    piped = mlpredict("delete", "-", "--yes", "--dsn", filled, stdin=b"7-8\tx\n\nlast\n")
    assert (piped.returncode, left(connection)) == (0, (42, 37, 20))
    done = mlpredict("delete", "1000-2000", "9", "--yes", "--dsn", filled)
    assert done.returncode == 5
    assert b"there is no prediction from 1000 to 2000" in done.stderr
    assert (left(connection) or ())[0] == 41


def test_old_predictions_go(mlpredict: Command, filled: str, connection: psycopg.Connection[Any]) -> None:
    connection.execute("UPDATE predictions SET created_at = now() - interval '91 days' WHERE inputid <= 8")
    done = mlpredict("delete", "--older-than", "90d", "--yes", "--dsn", filled)
    assert (done.returncode, left(connection)) == (0, (40, 32, 16))
    again = mlpredict("delete", "--older-than", "90d", "--dsn", filled)
    assert (again.returncode, again.stderr) == (0, b"mlpredict: deleted 0 predictions\n")


def test_a_picture_is_erased(mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path) -> None:
    picture = Path(shutil.copy(digits[0], tmp_path / "me.png"))
    other = Path(shutil.copy(digits[0], tmp_path / "renamed.png"))
    assert mlpredict("predict", picture, other, digits[1], "--dsn", dsn).returncode == 0
    picture.write_bytes(b"broken")
    assert mlpredict("predict", "me.png", "--dsn", dsn, cwd=tmp_path).returncode == 1
    done = mlpredict("delete", "--image", other, "--yes", "--json", "--dsn", dsn)
    assert json.loads(done.stdout) == {"predictions": 2, "inputs": 1, "labels": 0, "failures": 1}
    assert b"dumps" in done.stderr
    assert other.exists()
    assert len(json.loads(mlpredict("list", "--json", "--dsn", dsn).stdout)) == 1
    gone = mlpredict("delete", "--image", tmp_path / "nosuch.png", "--yes", "--dsn", dsn)
    assert (gone.returncode, len(gone.stderr.splitlines())) == (1, 1)


def test_killed_at_any_moment_it_leaves_nothing_half(
    environment: dict[str, str], dsn: str, connection: psycopg.Connection[Any]
) -> None:
    fill(connection, IMAGES)
    slow_down(connection, "predictions", 0.1)
    chance = random.Random(SEED)
    command = [*COMMAND, "delete", "--run", "1", "--yes", "--dsn", dsn]
    before, kills = IMAGES, 0
    for _ in range(KILLS):
        with started(command, env=environment, stderr=subprocess.PIPE) as process:
            time.sleep(chance.uniform(0.2, 1.2))
            process.kill()
            process.wait(SECONDS)
            kills += process.returncode == -signal.SIGKILL
        now = connection.execute("SELECT count(*) FROM predictions WHERE run_id = 1").fetchone()
        assert now is not None
        assert now[0] <= before
        before = now[0]
        assert connection.execute(HALF).fetchone() == (0, 0, 0, IMAGES // 4)
    assert kills > 0
    assert subprocess.run(command, env=environment, capture_output=True, timeout=SECONDS).returncode == 0
    assert left(connection) == (IMAGES // 4, IMAGES // 4, IMAGES // 4)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_after_a_block(
    environment: dict[str, str], dsn: str, connection: psycopg.Connection[Any], number: signal.Signals
) -> None:
    fill(connection, IMAGES)
    slow_down(connection, "predictions", 0.1)
    command = [*COMMAND, "delete", "--run", "1", "--yes", "--json", "--dsn", dsn]
    pipe = subprocess.PIPE
    with started(command, env=environment, stdout=pipe, stderr=pipe) as process:
        while connection.execute("SELECT FROM predictions WHERE id = 1").fetchone() is not None:
            time.sleep(0.01)
        process.send_signal(number)
        printed, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    remaining = left(connection)
    assert remaining is not None
    assert json.loads(printed)["predictions"] == IMAGES + IMAGES // 4 - remaining[0] > 0
    assert said.splitlines()[-1].endswith(b"the same command goes on")
    assert connection.execute(HALF).fetchone() == (0, 0, 0, IMAGES // 4)
