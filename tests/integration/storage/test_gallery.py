"""Images with the first of their predictions: each once, in every order, page by page."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from mlpredict.domain import EngineName, Keep, Order, PredictionFilter
from mlpredict.storage import gallery
from mlpredict.storage.repository import Repository
from tests.rows import model, new

EVERYTHING = PredictionFilter()
IMAGES = 30
RUNS = 3


@pytest.fixture
def filled(repository: Repository, dsn: str) -> Repository:
    """Thirty images in three runs of two models, and a row of the 2020 program without an image."""
    for number in range(RUNS):
        used = model(fingerprint=f"{number % 2}" * 64)
        run = repository.start_run(used, engine=EngineName.LITERT, keep=Keep.ORIGINAL)
        images = range(IMAGES) if number < 2 else range(0, IMAGES, 3)
        repository.add(
            run,
            [new(at, likely=(at + number) % 3, score=((at * 7 + number * 11) % 40) / 40) for at in images],
            [],
        )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO predictions (predictions) VALUES ('[0.25, 0.75]')")
    return repository


def pages(
    repository: Repository, wanted: PredictionFilter, order: Order, limit: int
) -> Iterator[gallery.ImagePage]:
    before = None
    while True:
        page = repository.images(wanted, limit=limit, before=before, order=order)
        yield page
        if page.before is None:
            return
        before = page.before


def firsts(repository: Repository, wanted: PredictionFilter, order: Order) -> list[int | None]:
    """The same, reckoned from the list of all predictions."""
    seen, ids = set(), []
    for record in repository.predictions(wanted, limit=None, order=order):
        image = record.input_id or f"none of {record.prediction_id}"
        if image not in seen:
            seen.add(image)
            ids.append(record.prediction_id)
    return ids


@pytest.mark.parametrize("order", list(gallery.EARLIER))
@pytest.mark.parametrize(
    "wanted",
    [
        EVERYTHING,
        PredictionFilter(labels=("cat",)),
        PredictionFilter(labels=("cat", "dog"), max_score=0.6),
        PredictionFilter(model="0" * 8),
        PredictionFilter(run_id=2, min_score=0.5),
        PredictionFilter(filename="1?.png"),
        PredictionFilter(input_id=7),
        PredictionFilter(model="nosuch"),
        PredictionFilter(labelled=False),
        PredictionFilter(labelled=True),
    ],
)
def test_every_image_comes_once_with_its_first_prediction(
    filled: Repository, wanted: PredictionFilter, order: Order
) -> None:
    found = [image for page in pages(filled, wanted, order, 4) for image in page.images]
    assert [image.first.prediction_id for image in found] == firsts(filled, wanted, order)
    if order in (Order.NEWEST, Order.OLDEST):
        assert filled.count_images(wanted) == len(found)


def test_an_image_tells_how_many_predictions_it_has_in_all(filled: Repository) -> None:
    page = filled.images(PredictionFilter(run_id=1), limit=100)
    assert [image.predictions for image in page.images][::-1] == [
        3 if at % 3 == 0 else 2 for at in range(IMAGES)
    ]
    assert (filled.count(EVERYTHING), filled.count_images(EVERYTHING)) == (71, 31)


def test_a_page_ends_where_nothing_new_is_found_for_long(
    filled: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "WINDOWS", (1, 2))
    seen = list(pages(filled, EVERYTHING, Order.NEWEST, 2))
    assert any(len(page.images) < 2 and page.before for page in seen)
    found = [image.first.prediction_id for page in seen for image in page.images]
    assert found == firsts(filled, EVERYTHING, Order.NEWEST)
