"""`replay --run-key`: several processes replay stored images as one run."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

import mlpredict as api
from tests.benchmarks.inputs import write_digits
from tests.conftest import COMMAND, Command
from tests.processes import started
from tests.replays import write_second_model

IMAGES = 400
Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.usefixtures("compiled")

WHOLE = """
    SELECT count(*), count(DISTINCT position), count(DISTINCT inputid),
           (SELECT sum(last - first + 1)::bigint FROM run_parts),
           (SELECT sum(skipped)::bigint FROM run_parts),
           (SELECT count(*) FROM run_claims WHERE NOT done)
    FROM predictions WHERE run_id = (SELECT run_id FROM run_plans)
"""


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_second_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def stored(mlpredict: Command, dsn: str, tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    write_digits(folder, IMAGES, None)
    assert mlpredict("predict", folder, "--dsn", dsn, "-q").returncode == 0
    return folder


def test_parts_make_one_run_and_the_last_one_compares(
    mlpredict: Command, dsn: str, stored: Path, second: Path, connection: Connection
) -> None:
    common = ("replay", "--model", second, "--run-key", "k", "--json", "--dsn", dsn)
    first = mlpredict(*common, "--part", "1/2")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert (told["run_id"], told["predicted"], told["comparison"]) == (2, IMAGES // 2, None)
    assert b"parts of the run are missing" in first.stderr
    last = mlpredict(*common, "--part", "0/2")
    told = json.loads(last.stdout)
    assert (told["run_id"], told["predicted"], told["skipped"]) == (2, IMAGES // 2, 0)
    assert told["comparison"]["both"] == IMAGES
    assert connection.execute(WHOLE).fetchone() == (IMAGES, IMAGES, IMAGES, IMAGES, 0, 0)
    assert connection.execute("SELECT keep, ended FROM runs WHERE id = 2").fetchone() == (
        "replay",
        "finished",
    )
    again = mlpredict(*common)
    assert (again.returncode, json.loads(again.stdout)["predicted"]) == (0, 0)
    assert connection.execute("SELECT count(*) FROM inputs").fetchone() == (IMAGES,)


def test_a_replay_that_is_killed_goes_on(
    environment: dict[str, str], dsn: str, stored: Path, second: Path, connection: Connection
) -> None:
    command = [
        *COMMAND,
        "replay",
        "--model",
        str(second),
        "--run-key",
        "k",
        "--dsn",
        dsn,
        "--batch-size",
        "8",
    ]
    with started(command, env=environment) as process:
        while not connection.execute("SELECT FROM predictions WHERE run_id = 2 LIMIT 1").fetchall():
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    with started(command, env=environment) as process:
        assert process.wait(60) == 0
    assert connection.execute(WHOLE).fetchone() == (IMAGES, IMAGES, IMAGES, IMAGES, 0, 0)


def test_who_wants_something_else_is_refused(
    mlpredict: Command, dsn: str, stored: Path, second: Path
) -> None:
    common = ("replay", "--model", second, "--run-key", "k", "--dsn", dsn)
    assert mlpredict(*common, "--label", "7", "--since", "2h").returncode == 0
    other = mlpredict(*common, "--label", "3")
    assert (other.returncode, b"--label is 7 there and 3 here" in other.stderr) == (2, True)
    same = mlpredict(*common, "--label", "7", "--since", "1h")
    assert same.returncode == 0, same.stderr
    predicting = mlpredict("predict", stored, "--model", second, "--run-key", "k", "--dsn", dsn)
    assert (predicting.returncode, b"--keep is replay there" in predicting.stderr) == (2, True)


def test_what_gives_no_row_is_in_the_ledger_all_the_same(
    dsn: str,
    stored: Path,
    second: Path,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    cache_home: Path,
) -> None:
    """Predicted elsewhere, deleted, or kept as another model's input since the images were chosen."""
    monkeypatch.setenv("MLPREDICT_CACHE", str(cache_home))
    model = api.load_model(second)
    with api.connect(dsn) as here:
        replay = here.replay(model, run_key="k", batch_size=4)
        next(replay)
        connection.execute("DELETE FROM predictions WHERE id BETWEEN 301 AND 310")
        list(here.predict(model, sorted(stored.iterdir())[380:390]))
        connection.execute("UPDATE inputs SET kept = 'model-input/00000000' WHERE id BETWEEN 351 AND 355")
        list(replay)
    rows = connection.execute(WHOLE).fetchone()
    assert rows is not None
    predictions, positions, _, ledger, skipped, open_parts = rows
    assert (predictions, positions) == (IMAGES - 25, IMAGES - 25)
    assert (ledger, skipped, open_parts) == (IMAGES, 25, 0)


def test_the_last_run_is_the_one_before_the_replay(
    mlpredict: Command, dsn: str, stored: Path, second: Path
) -> None:
    done = mlpredict("replay", "--model", second, "--run", "last", "--json", "--dsn", dsn)
    assert json.loads(done.stdout)["comparison"]["both"] == IMAGES
