"""The best classes alone, from the command line to the table and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

import mlpredict as api
from mlpredict.api.model import Model
from mlpredict.domain import PredictionRecord, Task
from mlpredict.errors import UsageError
from mlpredict.inference.best_classes import NOT_OF
from tests.conftest import Command

Connection = psycopg.Connection[tuple[Any, ...]]
PYTHON_PLACES = "usual_places"


@pytest.fixture
def usual_places(monkeypatch: pytest.MonkeyPatch, cache_home: Path, compiled: None) -> None:
    monkeypatch.setenv("MLPREDICT_CACHE", str(cache_home))


class Done(NamedTuple):
    """What became of a command."""

    status: int
    stdout: str
    stderr: str

    @property
    def data(self) -> Any:
        """What it printed as JSON."""
        assert self.status == 0, self.stderr
        return json.loads(self.stdout)


Run = Callable[..., Done]


@pytest.fixture
def run(mlpredict: Command, dsn: str) -> Run:
    """The command over the database of a test."""

    def done(*arguments: str) -> Done:
        made = mlpredict(*arguments, "--dsn", dsn)
        return Done(made.returncode, made.stdout.decode(), made.stderr.decode())

    return done


def test_the_best_are_stored_printed_shown_and_verified(
    run: Run, connection: Connection, digits: list[Path], tmp_path: Path
) -> None:
    images = [str(one) for one in digits[:3]]
    whole = run("predict", *images, "--json", "--top-k", "10").data
    best = run("predict", *images, "--store-top", "3", "--json", "--top-k", "3").data
    for of_all, of_best in zip(whole, best, strict=True):
        assert of_best["top"] == of_all["top"][:3]
        assert of_best["prediction"] == {one["label"]: one["score"] for one in of_all["top"][:3]}
        same = ("label", "score", "likely_class", "filename", "input_id", "model")
        assert [of_best[one] for one in same] == [of_all[one] for one in same]
    rows = connection.execute("SELECT predictions FROM predictions WHERE run_id = 2 ORDER BY id").fetchall()
    assert [one for (one,) in rows] == [one["prediction"] for one in best]
    assert [one["prediction"] for one in run("list", "--run", "2", "--json").data] == [
        one["prediction"] for one in best[::-1]
    ]

    [made] = run("runs", "2", "--json").data
    assert made["environment"]["store_top"] == 3
    told = run("show", "4", "--format", "table").stdout
    assert "only the 3 best classes are stored" in told
    assert "only the" not in run("show", "1", "--format", "table").stdout
    done = run("verify", "--json").data
    assert (done["identical"], done["best_only"], done["proven"]) == (6, 3, True)
    assert "the numbers of the others were not stored" in run("verify", "--format", "table").stdout
    connection.execute("UPDATE predictions SET predictions = '{\"1\": 0.5}' WHERE id = 4")
    assert run("verify", "--run", "2").status == 1

    table = tmp_path / "all.jsonl"
    assert run("export", str(table), "--probabilities", "--run", "2").status == 0
    exported = [json.loads(line) for line in table.read_text().splitlines()]
    given = {
        name: share for name, share in exported[0].items() if name.startswith("p_") and share is not None
    }
    assert given == {f"p_{name}": share for name, share in best[-1]["prediction"].items()}
    assert len([one for one in exported[0] if one.startswith("p_")]) == 10


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--no-store"], "--no-store and --store-top exclude each other"),
        (["--top-k", "4"], "--top-k 4: what is stored is printed, and --store-top stores 3"),
    ],
)
def test_what_cannot_be_is_refused(run: Run, options: list[str], said: str) -> None:
    done = run("predict", "a.png", "--store-top", "3", *options)
    assert (done.status, said in done.stderr) == (2, True), done.stderr


@pytest.mark.usefixtures(PYTHON_PLACES)
@pytest.mark.parametrize("task", sorted(set(Task) - {Task.CLASSIFICATION}))
def test_a_model_that_names_no_class_of_an_image_is_refused(task: Task) -> None:
    loaded = api.load_model().loaded
    other = Model(replace(loaded, reader=loaded.reader._replace(task=task)))
    with pytest.raises(UsageError, match=rf"^store_top=3: mnist-convnet@\w+: {NOT_OF[task]}$"):
        other.storing_best(3)


def test_of_a_model_with_no_more_classes_all_are_stored(run: Run, digits: list[Path]) -> None:
    done = run("predict", str(digits[0]), "--store-top", "10", "--json")
    assert "has 10 classes, and all are stored" in done.stderr
    [one] = done.data
    assert len(one["prediction"]) == 10
    assert isinstance(one["prediction"], list)
    assert run("verify", "--json").data["best_only"] == 0


@pytest.mark.usefixtures(PYTHON_PLACES)
def test_python_and_replay_store_the_best(dsn: str, digits: list[Path]) -> None:
    model = api.load_model()
    with api.connect(dsn) as db:
        [first, *_] = list(db.predict(model, digits[:2], store_top=2))
        assert isinstance(first, PredictionRecord)
        frame = list(db.predictions())
        assert all(len(json.loads(one.prediction)) == 2 for one in frame)
        shares = db.prediction(1).probabilities
        assert shares is not None
        assert next(iter(shares.values())) == first.score
        assert len(shares) == 2
        with pytest.raises(UsageError, match="expected a number from 1 on"):
            db.predict(model, digits[:2], store_top=0)
        labelled = load_with_labels()
        list(db.replay(labelled, store_top=4))
        assert {len(json.loads(one.prediction)) for one in db.predictions(run=2)} == {4}
        assert db.verify().is_proven


def load_with_labels() -> api.Model:
    """The digits under other names, which is another model."""
    return api.load_model(labels=",".join(f"digit {number}" for number in range(10)))


@pytest.mark.usefixtures(PYTHON_PLACES)
def test_the_processes_of_a_run_store_as_many_each(dsn: str, digits: list[Path]) -> None:
    model = api.load_model()
    names = [str(one) for one in digits[:2]]
    with api.connect(dsn) as db:
        list(db.predict(model, names, run_key="night", part="0/2", store_top=2))
        with pytest.raises(UsageError, match="--store-top is 2 there and not given here"):
            list(db.predict(model, names, run_key="night", part="1/2"))
        with pytest.raises(UsageError, match="--store-top is 2 there and 3 here"):
            list(db.predict(model, names, run_key="night", part="1/2", store_top=3))
        list(db.predict(model, names, run_key="night", part="1/2", store_top=2))
        assert {len(json.loads(one.prediction)) for one in db.predictions()} == {2}
