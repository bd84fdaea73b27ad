"""The package as a program or a notebook uses it."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mlpredict
from mlpredict import api
from mlpredict.api import database, images, model, run, stored
from mlpredict.domain import PredictionRecord
from mlpredict.errors import DatabaseError, ImageError, ModelError, NotFound, UsageError
from mlpredict.pipeline.batch import Skipped

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def usual_places(
    monkeypatch: pytest.MonkeyPatch, dsn: str, cache_home: Path, compiled: None
) -> Iterator[None]:
    """Everything happens in a database of the test's own, and the examples' paths lead somewhere."""
    monkeypatch.setenv("MLPREDICT_DSN", dsn)
    monkeypatch.setenv("MLPREDICT_CACHE", str(cache_home))
    monkeypatch.chdir(ROOT)
    before = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    yield
    assert before.items() <= os.environ.items(), "no variable of the process was changed"


@pytest.fixture
def digit_model() -> mlpredict.Model:
    return mlpredict.load_model()


@pytest.mark.parametrize("module", [mlpredict, api, database, images, model, run, stored])
def test_the_examples_are_true(module: object, capfd: pytest.CaptureFixture[str]) -> None:
    result = doctest.testmod(module, extraglobs={"mlpredict": mlpredict})  # type: ignore[arg-type]
    assert result.failed == 0


def test_the_public_face_is_whole() -> None:
    for name in set(mlpredict.__all__) - {"__version__"}:
        assert getattr(mlpredict, name).__module__.startswith("mlpredict.api.")
    with pytest.raises(AttributeError, match="nonsense"):
        _ = mlpredict.nonsense


def test_the_import_is_cheap() -> None:
    code = "import sys, mlpredict; print(*sorted(m for m in sys.modules if m.startswith('mlpredict')))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["mlpredict"]


def test_one_image_in_every_form(digit_model: mlpredict.Model, digits: list[Path]) -> None:
    path = digits[0]
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"))
        forms: list[Any] = [path, str(path), path.read_bytes(), picture, pixels, pixels[..., np.newaxis]]
        answers = [digit_model.predict(form) for form in forms]
    assert {answer.label for answer in answers} == {path.name[0]}
    first = answers[0]
    assert first.probabilities is not None
    assert next(iter(first.probabilities.items())) == (first.label, first.score)
    assert sum(first.probabilities.values()) == pytest.approx(1, abs=1e-3)
    assert len(first.output) == 10


def test_what_is_no_image_is_said(digit_model: mlpredict.Model, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    for image in (tmp_path / "text.png", tmp_path / "missing.png", b"", b"nothing"):
        with pytest.raises(ImageError) as raised:
            digit_model.predict(image)
        assert "--" not in str(raised.value)
    with pytest.raises(UsageError, match="float64"):
        digit_model.predict(np.zeros((4, 4)))  # type: ignore[arg-type]
    with pytest.raises(ModelError):
        mlpredict.load_model(tmp_path / "missing.keras")


def test_a_run_is_stored_while_it_is_iterated(
    digit_model: mlpredict.Model, digits: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    with Image.open(digits[1]) as picture, mlpredict.connect() as db:
        run = db.predict(digit_model, [digits[0], picture, tmp_path / "broken.png"], batch_size=1)
        outcomes = list(run)
        assert [type(one).__name__ for one in outcomes] == [
            "PredictionRecord",
            "PredictionRecord",
            "Rejected",
        ]
        assert [failure.source.filename for failure in run.failures] == [str(tmp_path / "broken.png")]
        assert [one.label for one in run.records] == [digits[1].name[0], digits[0].name[0]]
        again = list(db.predict(digit_model, digits[:3], skip_existing=True))
        assert [type(one) for one in again] == [Skipped, PredictionRecord, PredictionRecord]
        rows = list(db.predictions(label=digits[0].name[0], min_score=0.5, since="1h"))
        assert {row.filename for row in rows} == {str(digits[0])}
        assert list(db.predictions(since="1h", limit=1, run=run.run_id)) == list(run.records)[:1]


def test_a_stored_prediction_has_its_picture(digit_model: mlpredict.Model, digits: list[Path]) -> None:
    with mlpredict.connect() as db:
        (record,) = db.predict(digit_model, digits[0]).records
        assert record.prediction_id is not None
        shown = db.prediction(record.prediction_id)
        with Image.open(digits[0]) as original:
            assert shown.image().size == original.size
        assert shown.record == record
        assert shown.probabilities is not None
        assert next(iter(shown.probabilities)) == record.label
        with pytest.raises(NotFound):
            db.prediction(10**6)


def test_pandas_takes_them(digit_model: mlpredict.Model, digits: list[Path]) -> None:
    pytest.importorskip("pandas")
    with mlpredict.connect() as db:
        frame = db.predict(digit_model, digits).records.to_pandas()
    assert len(frame) == len(digits)
    assert sorted(frame["label"]) == sorted(path.name[0] for path in digits)
    assert len(frame["prediction"][0]) == 10


def test_threads_share_a_model_and_a_database(digit_model: mlpredict.Model, digits: list[Path]) -> None:
    with mlpredict.connect() as db:
        numbers: list[int | None] = []

        def work(path: Path) -> None:
            run = db.predict(digit_model, path)
            assert [record.label for record in run.records] == [path.name[0]]
            numbers.append(run.run_id)

        threads = [threading.Thread(target=work, args=(path,)) for path in digits[:6]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(numbers)) == 6


def test_a_run_that_is_given_up_is_stored_so_far(digit_model: mlpredict.Model, digits: list[Path]) -> None:
    with mlpredict.connect() as db:
        run = db.predict(digit_model, digits, batch_size=1)
        first = next(run)
        run.close()
        assert first in list(db.predictions(run=run.run_id))
        assert len(list(db.predict(digit_model, digits[0]))) == 1


def test_what_is_nowhere_to_be_found_is_not_referred_to(digit_model: mlpredict.Model) -> None:
    with mlpredict.connect() as db, pytest.raises(UsageError, match="needs files"):
        list(db.predict(digit_model, b"bytes", keep="reference"))


def test_a_database_that_is_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatabaseError), mlpredict.connect("host=127.0.0.1 port=1 dbname=x"):
        pass


def test_nothing_is_printed(tmp_path: Path, dsn: str, digits: list[Path], cache_home: Path) -> None:
    code = f"""if True:
        import signal, mlpredict
        before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        with mlpredict.connect({dsn!r}, retry=0) as db:
            list(db.predict(mlpredict.load_model(), [{str(digits[0])!r}, "missing.png"]))
        assert before == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
