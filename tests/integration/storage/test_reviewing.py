"""Images to be reviewed: in every order each once, also where nearly all are labelled."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from mlpredict.domain import NewLabel, Prediction, PredictionFilter, ReviewOrder, Run
from mlpredict.domain.labels import LabelSource
from mlpredict.domain.reviews import ReviewPosition, source_of_review
from mlpredict.storage import reviewing
from mlpredict.storage.repository import Repository
from tests.rows import new

Connection = psycopg.Connection[tuple[Any, ...]]
EVERYTHING = PredictionFilter()
LEAST, WRONG, RANDOM = ReviewOrder.LEAST_CONFIDENT, ReviewOrder.MOST_WRONG, ReviewOrder.RANDOM
IMAGES = 40


@pytest.fixture
def filled(repository: Repository, run: Run) -> Repository:
    """Forty images with scores that many have in common; the ids go up from 1."""
    repository.add(run, [new(at, likely=at % 3, score=(at * 7 % 10) / 10) for at in range(IMAGES)], [])
    return repository


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviewing, "WINDOWS", (3, 5))


def reviewed(repository: Repository, order: ReviewOrder, limit: int = 4, **wanted: Any) -> list[int]:
    found: list[int] = []
    position: ReviewPosition | None = ReviewPosition()
    while position is not None:
        page = repository.to_review(PredictionFilter(**wanted), order, position, limit)
        found += [one.prediction_id for one in page.images]
        position = page.position
    assert len(set(found)) == len(found)
    return found


def label(repository: Repository, text: str, *ids: int) -> None:
    new_labels = [NewLabel(text, prediction_id=one) for one in ids]
    repository.label(new_labels, source="command")


@pytest.mark.parametrize("limit", [1, 4, 100])
def test_the_least_confident_come_first_whether_few_or_nearly_all_are_labelled(
    filled: Repository, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "AT_ONCE", 6)
    expected = sorted(range(1, IMAGES + 1), key=lambda one: ((one - 1) * 7 % 10, one))
    assert reviewed(filled, LEAST, limit) == expected
    label(filled, "cat", *(one for one in expected if one not in (5, 17, 40)))
    assert reviewed(filled, LEAST, limit) == [one for one in expected if one in (5, 17, 40)]
    assert reviewed(filled, LEAST, limit, labelled=True) == [
        one for one in expected if one not in (5, 17, 40)
    ]


def test_the_surest_mistakes_come_first(filled: Repository) -> None:
    label(filled, "cat", *range(1, 21))
    mistakes = [one for one in range(1, 21) if (one - 1) % 3]
    assert reviewed(filled, WRONG) == sorted(
        mistakes, key=lambda one: ((one - 1) * 7 % 10, one), reverse=True
    )
    assert reviewed(filled, WRONG, labels=("dog",)) == [
        one for one in reviewed(filled, WRONG) if (one - 1) % 3 == 1
    ]


def test_chance_has_all_of_those_without_a_label(filled: Repository) -> None:
    label(filled, "cat", *range(1, 21))
    drawn = reviewed(filled, RANDOM)
    assert sorted(drawn) == [*range(21, IMAGES + 1)]
    assert drawn != sorted(drawn) or drawn != reviewed(filled, RANDOM)


def test_what_is_not_usable_is_not_asked_for_again_until_something_newer_is_said(
    filled: Repository, connection: Connection
) -> None:
    def mark(one: int) -> Any:
        return filled.mark_unusable([NewLabel("", prediction_id=one)], source="review", marked_by="Ada")

    assert mark(5).unchanged == 1
    assert 5 not in reviewed(filled, LEAST)
    assert 5 not in reviewed(filled, RANDOM)
    assert filled.is_unusable(5)
    # It is no truth: nothing that counts labels sees it.
    assert filled.truths([5]) == {}
    assert filled.count(PredictionFilter(labelled=True)) == 0
    label(filled, "cat", 5, 6)
    assert not filled.is_unusable(5)
    assert mark(5).removed == 1
    assert filled.is_unusable(5)
    label(filled, "dog", 5)
    filled.unlabel([NewLabel("", prediction_id=5)])
    assert not filled.is_unusable(5)
    assert 5 in reviewed(filled, LEAST)
    rows = connection.execute(
        "SELECT label, source, labelled_by, superseded_at IS NULL FROM labels WHERE sha256 ="
        " (SELECT sha256 FROM inputs WHERE id = (SELECT inputid FROM predictions WHERE id = 5)) ORDER BY id"
    ).fetchall()
    assert rows == [
        ("not usable", "review", "Ada", False),
        ("cat", "command", None, False),
        ("not usable", "review", "Ada", False),
        ("dog", "command", None, False),
    ]
    assert mark(999).missing == ("prediction 999",)


def test_an_image_is_one_whichever_predictions_it_has_and_numbers_come_behind(
    filled: Repository, run: Run, connection: Connection
) -> None:
    filled.add(
        run, [new(100, image=b"0", score=0.95), new(101, prediction=Prediction("[3.5]", value=3.5))], []
    )
    page = filled.to_review(EVERYTHING, LEAST, ReviewPosition(), 100)
    keys = [one.key for one in page.images]
    assert (len(keys), len(set(keys))) == (IMAGES + 1, IMAGES)
    assert reviewed(filled, LEAST)[-1] == IMAGES + 2
    connection.execute("INSERT INTO predictions (predictions) VALUES ('[0.25, 0.75]')")
    assert IMAGES + 3 in reviewed(filled, LEAST)
    label(filled, "9", IMAGES + 2)
    assert reviewed(filled, WRONG) == [IMAGES + 2]


@pytest.mark.parametrize(
    ("wanted", "order", "source"),
    [
        ({}, LEAST, LabelSource.REVIEW),
        ({}, WRONG, LabelSource.REVIEW_WRONG),
        ({}, RANDOM, LabelSource.REVIEW_RANDOM),
        ({"model": "pets", "run_id": 3}, RANDOM, LabelSource.REVIEW_RANDOM),
        ({"max_score": 0.6}, RANDOM, LabelSource.REVIEW),
        ({"labels": ("cat",)}, RANDOM, LabelSource.REVIEW),
        ({"labelled": True}, RANDOM, LabelSource.REVIEW),
        ({"right": False}, LEAST, LabelSource.REVIEW_WRONG),
    ],
)
def test_labels_tell_how_their_images_were_chosen(
    wanted: dict[str, Any], order: ReviewOrder, source: LabelSource
) -> None:
    assert source_of_review(PredictionFilter(**wanted), order) is source
