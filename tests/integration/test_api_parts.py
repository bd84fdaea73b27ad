"""One run in parts from Python: attempts that overlap, machines that come back, answers that are lost."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

import mlpredict
from mlpredict.domain import Rejected
from mlpredict.errors import UsageError
from mlpredict.pipeline.batch import Skipped

ROOT = Path(__file__).parents[2]
DIGITS = "tests/digits"
Asking = psycopg.Connection[Any]


@pytest.fixture(autouse=True)
def usual_places(monkeypatch: pytest.MonkeyPatch, dsn: str, cache_home: Path, compiled: None) -> None:
    monkeypatch.setenv("MLPREDICT_DSN", dsn)
    monkeypatch.setenv("MLPREDICT_CACHE", str(cache_home))
    monkeypatch.chdir(ROOT)


@pytest.fixture
def digit_model() -> mlpredict.Model:
    return mlpredict.load_model()


def stored(connection: Asking) -> tuple[int, int, int]:
    """Predictions, different positions of them, and what the ledger has."""
    row = connection.execute(
        "SELECT count(*), count(DISTINCT position),"
        " (SELECT sum(last - first + 1) FROM run_parts)::bigint FROM predictions"
    ).fetchone()
    assert row is not None
    counts: tuple[int, int, int] = row
    return counts


def test_a_machine_that_was_away_comes_back(digit_model: mlpredict.Model, connection: Asking) -> None:
    with mlpredict.connect() as here, mlpredict.connect() as there:
        away = there.predict(digit_model, DIGITS, run_key="k", part="auto", batch_size=2)
        first = next(away)
        # It has said nothing for an hour.
        connection.execute("UPDATE run_claims SET held_until = now() - interval '1 hour'")
        others = list(here.predict(digit_model, DIGITS, run_key="k", part="auto", batch_size=3))
        rest = list(away)
    assert not isinstance(first, (Rejected, Skipped))
    made = [one for one in (first, *others, *rest) if not isinstance(one, (Rejected, Skipped))]
    assert len({one.prediction_id for one in made}) == len(made) == 16
    assert all(isinstance(one, Skipped) for one in rest[1:])
    assert stored(connection) == (16, 16, 16)
    assert connection.execute("SELECT ended, parts_left FROM runs, run_plans").fetchone() == ("finished", 0)


def test_attempts_with_batches_of_their_own_sizes(digit_model: mlpredict.Model, connection: Asking) -> None:
    with mlpredict.connect() as here, mlpredict.connect() as there:
        runs = [
            one.predict(digit_model, DIGITS, run_key="k", part="0/1", batch_size=size)
            for one, size in [(here, 3), (there, 5)]
        ]
        made = []
        while runs:
            for run in list(runs):
                outcome = next(run, None)
                if outcome is None:
                    runs.remove(run)
                elif not isinstance(outcome, (Rejected, Skipped)):
                    made.append(outcome.prediction_id)
    assert len(made) == len(set(made)) == 16
    assert stored(connection) == (16, 16, 16)


def test_many_begin_one_run_at_the_same_moment(digit_model: mlpredict.Model, connection: Asking) -> None:
    together = threading.Barrier(6)
    numbers: list[int | None] = []
    made: list[int] = []

    def take_part() -> None:
        with mlpredict.connect() as db:
            together.wait(60)
            run = db.predict(digit_model, DIGITS, run_key="k", part="auto")
            made.append(sum(not isinstance(one, (Rejected, Skipped)) for one in run))
            numbers.append(run.run_id)

    threads = [threading.Thread(target=take_part) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(numbers), len(set(numbers)), sum(made)) == (6, 1, 16)
    assert stored(connection) == (16, 16, 16)
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_who_gives_up_leaves_the_rest_to_others(digit_model: mlpredict.Model, connection: Asking) -> None:
    with mlpredict.connect() as db:
        run = db.predict(digit_model, DIGITS, run_key="k", batch_size=2)
        next(run)
        run.close()
        assert connection.execute("SELECT attempt, done FROM run_claims").fetchall() == [(None, False)]
        again = db.predict(digit_model, DIGITS, run_key="k")
        assert len([one for one in again if not isinstance(one, Skipped)]) == 14
        assert len(list(run.records)) == len(list(again.records)) == 16


def test_what_is_in_memory_takes_no_part(digit_model: mlpredict.Model) -> None:
    with mlpredict.connect() as db:
        with pytest.raises(UsageError, match="run_key needs files"):
            list(db.predict(digit_model, Path("tests/digits/7-marker.png").read_bytes(), run_key="k"))
        with pytest.raises(UsageError, match="--part needs --run-key"):
            db.predict(digit_model, DIGITS, part="0/2")
        list(db.predict(digit_model, DIGITS, run_key="k", part="0/2"))
        with pytest.raises(UsageError, match="which began otherwise"):
            list(db.predict(digit_model, DIGITS, run_key="k", part="0/3"))
