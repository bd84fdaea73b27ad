"""The truth of images: stored, revised, found again in every prediction of the image."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from mlpredict.domain import (
    EngineName,
    Keep,
    Labelled,
    ModelIdentity,
    NewInput,
    NewLabel,
    Prediction,
    PredictionFilter,
    PredictionRecord,
    Run,
    Task,
)
from mlpredict.storage import listing
from mlpredict.storage.repository import Repository
from tests.rows import model, new

Connection = psycopg.Connection[tuple[Any, ...]]
HISTORY = "SELECT label, source, labelled_by, superseded_by, superseded_at IS NULL FROM labels ORDER BY id"


def label(repository: Repository, text: str, *ids: int, by: str | None = None) -> Labelled:
    labels = [NewLabel(text, prediction_id=one) for one in ids]
    return repository.label(labels, source="command", labelled_by=by)


def truths(repository: Repository, **wanted: Any) -> list[tuple[int | None, str | None, bool | None]]:
    found = repository.predictions(PredictionFilter(**wanted), limit=20)
    return [(one.prediction_id, one.true_label, one.right) for one in found]


def test_a_label_is_stored_revised_and_taken_away_and_its_history_stays(
    repository: Repository, run: Run, connection: Connection
) -> None:
    repository.add(run, [new(0), new(1, likely=1)], [])
    assert label(repository, "cat", 1, 2, by="Ada") == Labelled(labelled=2)
    assert label(repository, "cat", 1) == Labelled(unchanged=1)
    assert label(repository, "dog", 1, by="Eve") == Labelled(revised=1)
    assert truths(repository) == [(2, "cat", False), (1, "dog", False)]
    assert repository.unlabel([NewLabel("", prediction_id=2)], removed_by="Eve") == Labelled(removed=1)
    assert repository.unlabel([NewLabel("", prediction_id=2)]) == Labelled(unchanged=1)
    assert truths(repository) == [(2, None, None), (1, "dog", False)]
    assert connection.execute(HISTORY).fetchall() == [
        ("cat", "command", "Ada", "Eve", False),
        ("cat", "command", "Ada", "Eve", False),
        ("dog", "command", "Eve", None, True),
    ]


def test_the_truth_is_that_of_the_image_however_it_was_kept_and_whoever_predicts_it(
    repository: Repository, run: Run
) -> None:
    repository.add(run, [new(0)], [])
    label(repository, "cat", 1)
    other = repository.start_run(model("birds", "77" * 32), engine=EngineName.LITERT, keep=Keep.MODEL_INPUT)
    digest = b"0".ljust(32, b"\0")
    small = NewInput("data:image/png;base64,AA", "model-input/x", digest, "image/png", 28, 14)
    repository.add(other, [new(0, input=small, likely=1)], [])
    found = list(repository.predictions(PredictionFilter(), limit=None))
    assert [(one.input_id, one.true_label, one.right) for one in found] == [
        (2, "cat", False),
        (1, "cat", True),
    ]


def test_an_input_of_the_2020_program_is_labelled_by_its_id(
    repository: Repository, connection: Connection
) -> None:
    connection.execute("INSERT INTO inputs (image) VALUES ('data:,'), ('data:,')")
    connection.execute("INSERT INTO predictions (inputid, predictions) VALUES (1, '[0.1,0.9]'), (2, '[1,0]')")
    assert label(repository, "1", 1) == Labelled(labelled=1)
    assert repository.label([NewLabel("1", input_id=2)], source="api") == Labelled(labelled=1)
    assert label(repository, "0", 2) == Labelled(revised=1)
    assert truths(repository) == [(2, "0", True), (1, "1", True)]
    connection.execute("DELETE FROM predictions; DELETE FROM inputs")
    assert connection.execute("SELECT count(*) FROM labels").fetchone() == (0,)


def test_an_image_is_named_by_hash_by_name_or_by_the_last_part_of_its_name(
    repository: Repository, run: Run
) -> None:
    repository.add(
        run,
        [new(0), new(1), new(2), new(3, filename="a/same.png"), new(4, filename="b/same.png")],
        [],
    )
    named = [
        NewLabel("cat", sha256=b"0".ljust(32, b"\0")),
        NewLabel("dog", filename="pictures/1.png"),
        NewLabel("mouse", filename="2.png"),
        NewLabel("cat", filename="same.png"),
        NewLabel("cat", filename="nowhere/2.png"),
        NewLabel("cat", sha256=b"9" * 32),
        NewLabel("cat", prediction_id=1 << 70),
    ]
    done = repository.label(named, source="csv")
    assert done.labelled == 3
    assert done.missing == ("same.png", "nowhere/2.png", (b"9" * 32).hex(), f"prediction {1 << 70}")
    assert [one[1] for one in truths(repository)] == [None, None, "mouse", "dog", "cat"]


def test_of_an_image_that_is_named_twice_the_last_label_counts_and_that_is_said(
    repository: Repository, run: Run
) -> None:
    repository.add(run, [new(0)], [])
    done = repository.label(
        [NewLabel("cat", prediction_id=1), NewLabel("dog", filename="0.png")], source="csv"
    )
    assert (done.labelled, truths(repository)) == (1, [(1, "dog", False)])
    assert "several labels" in done.remarks[0]


def test_a_page_is_not_labelled_as_its_whole_file(repository: Repository, run: Run) -> None:
    pages = [new(n, image=b"tiff", filename=f"scan.tif#{n + 1}") for n in range(2)]
    repository.add(run, [*pages, new(2, filename="odd#2")], [])
    done = label(repository, "cat", 2, 3)
    assert (done.labelled, done.not_stored) == (1, 1)
    assert truths(repository, labelled=True) == [(3, "cat", True)]


def test_a_label_is_what_the_model_calls_it_and_another_is_taken_with_a_remark(
    repository: Repository, run: Run
) -> None:
    repository.add(run, [new(0), new(1)], [])
    assert "CAT for cat" in label(repository, "CAT", 1).remarks[0]
    assert "horse is no label of pets" in label(repository, "horse", 2).remarks[0]
    assert truths(repository) == [(2, "horse", False), (1, "cat", True)]


def add_with(repository: Repository, task: Task, prediction: Prediction) -> PredictionRecord:
    identity = ModelIdentity("m", task.value.ljust(64, "0"), "keras", "/m", task, ("a", "b", "c"), {})
    run = repository.start_run(identity, engine=EngineName.LITERT, keep=Keep.ORIGINAL)
    return repository.add(run, [new(0, prediction=prediction)], [])[0]


@pytest.mark.parametrize(
    ("said", "truth", "right"),
    [
        (("a", "b"), "b, a", True),
        (("a", "b"), "a", False),
        (("a",), "a,b", False),
        (("a",), "a", True),
        ((), "", True),
        ((), "c", False),
    ],
)
def test_of_several_labels_all_must_hold_and_no_other(
    repository: Repository, said: tuple[str, ...], truth: str, right: bool
) -> None:
    record = add_with(repository, Task.MULTI_LABEL, Prediction("[0,0,0]", 0, "a", 0.9, labels=said))
    assert record.prediction_id is not None
    label(repository, truth, record.prediction_id)
    assert [one[2] for one in truths(repository)] == [right]


def test_a_number_is_the_truth_of_a_regression(repository: Repository, connection: Connection) -> None:
    record = add_with(repository, Task.REGRESSION, Prediction("[17.5]", value=17.5, unit="years"))
    assert record.prediction_id is not None
    label(repository, "18", record.prediction_id)
    assert truths(repository) == [(1, "18", None)]
    assert connection.execute("SELECT value, true_value FROM predictions_labelled").fetchall() == [
        (17.5, 18.0)
    ]


@pytest.mark.parametrize("few", [3, 1000])
@pytest.mark.parametrize("windows", [(), (1, 2), (3, 4, 5), (1000,)])
def test_filters_of_the_truth_find_the_newest_in_blocks_of_any_size(
    repository: Repository, run: Run, monkeypatch: pytest.MonkeyPatch, windows: tuple[int, ...], few: int
) -> None:
    monkeypatch.setattr(listing, "FEW", few)
    monkeypatch.setattr(listing, "WINDOWS", windows)
    repository.add(run, [new(n, likely=n % 3) for n in range(20)], [])
    label(repository, "cat", *range(1, 16))
    everything = [one.prediction_id for one in repository.predictions(PredictionFilter(), limit=None)]
    for limit in (1, 4, 30):
        for wanted in (
            {"right": True},
            {"right": False},
            {"labelled": True},
            {"labelled": False},
            {"true_labels": ("cat",)},
            {"true_labels": ("dog",)},
            {"right": False, "labels": ("dog",)},
        ):
            found = [
                one.prediction_id for one in repository.predictions(PredictionFilter(**wanted), limit=limit)
            ]
            whole = [
                one.prediction_id for one in repository.predictions(PredictionFilter(**wanted), limit=None)
            ]
            assert found == whole[:limit]
            assert set(found) <= set(everything)
    assert [one[0] for one in truths(repository, labelled=False)] == [20, 19, 18, 17, 16]
    assert [one[0] for one in truths(repository, right=True)] == [13, 10, 7, 4, 1]


def test_the_view_says_what_the_list_says(repository: Repository, run: Run, connection: Connection) -> None:
    repository.add(run, [new(n, likely=n % 3) for n in range(6)], [])
    label(repository, "cat", 1, 2, 5)
    view = "SELECT prediction_id, true_label, is_right FROM predictions_labelled ORDER BY 1 DESC"
    assert connection.execute(view).fetchall() == truths(repository)
