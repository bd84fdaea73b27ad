"""Labels, reports and comparisons from Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import mlpredict
from mlpredict.errors import NotFound, UsageError


@pytest.fixture
def database(
    dsn: str,
    digits: list[Path],
    compiled: None,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[mlpredict.Database]:
    """A database with the sample digits predicted."""
    monkeypatch.setenv("MLPREDICT_CACHE", environment["MLPREDICT_CACHE"])
    with mlpredict.connect(dsn) as database:
        list(database.predict(mlpredict.load_model(), digits))
        yield database


def test_images_are_labelled_by_whatever_names_them(
    database: mlpredict.Database, digits: list[Path], tmp_path: Path
) -> None:
    by_name = {path: path.name[0] for path in digits}
    assert database.label(by_name, by="Ada").labelled == len(digits)
    newest = next(iter(database.predictions(limit=1)))
    assert database.label(newest, newest.label).unchanged == 1
    assert database.label(digits[0].read_bytes(), "1").revised == 1
    assert database.label([1, digits[1]], "9").not_stored == 0
    assert database.unlabel([1, digits[1]]).removed == 2
    assert [one.prediction_id for one in database.predictions(labelled=False)] == [2, 1]
    for name in ("3", "7"):
        (tmp_path / name).mkdir()
    (tmp_path / "3" / "x.png").write_bytes(digits[0].read_bytes())
    assert database.label_folders(tmp_path).labelled == 1
    (tmp_path / "list.csv").write_text(f"{digits[1].name},5\n")
    assert database.label_csv(tmp_path / "list.csv").labelled == 1
    with pytest.raises(UsageError):
        database.label(digits[0])
    with pytest.raises(UsageError):
        database.label(by_name, "7")


def test_reports_comparisons_and_frames_know_the_truth(
    database: mlpredict.Database, digits: list[Path], tmp_path: Path
) -> None:
    database.label({path: path.name[0] for path in digits})
    made = database.report(by="run", worst=3)
    assert (made.accuracy, made.judged, [one.key for one in made.groups]) == (1.0, len(digits), ["1"])
    assert database.report(label="7").predictions == sum(path.name[0] == "7" for path in digits)
    database.label(digits[0], "9")
    frame = database.predictions(right=False).to_pandas()
    assert list(frame["true_label"]) == ["9"]
    assert list(frame["right"]) == [False]
    found = database.compare(1, "mnist-convnet")
    assert (found.both, found.agreement, found.p_value) == (len(digits), 1.0, 1.0)
    database.write_comparison(found, tmp_path / "c.html")
    database.write_report(database.report(worst=3), tmp_path / "r.html")
    assert "<img" in (tmp_path / "r.html").read_text("utf-8")
    with pytest.raises(NotFound):
        database.compare(1, "nobody")


def test_what_is_predicted_is_labelled_by_its_folders(
    database: mlpredict.Database, digits: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "x.png").write_bytes(digits[0].read_bytes())
    run = database.predict(mlpredict.load_model(), tmp_path, label_from="folders")
    assert [getattr(one, "true_label", None) for one in run] == ["7"]
    assert run.labelled.labelled == 1
    with pytest.raises(UsageError):
        database.predict(mlpredict.load_model(), tmp_path, label_from="stars")
