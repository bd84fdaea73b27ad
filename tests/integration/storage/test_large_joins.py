"""Many predictions are joined to their truth as a whole, and few one by one: told by what PostgreSQL read."""

from __future__ import annotations

import pytest
from psycopg.sql import SQL

from mlpredict.domain import PredictionFilter, ReviewOrder, Run
from mlpredict.domain.reviews import ReviewPosition
from mlpredict.storage import joining, listing, reviewing
from mlpredict.storage.connection import Connection
from mlpredict.storage.filters import values_of
from mlpredict.storage.gallery import count_images
from mlpredict.storage.history import History
from mlpredict.storage.names import named
from mlpredict.storage.repository import Repository
from mlpredict.storage.transactions import reading
from mlpredict.storage.unusable import IS_MARKED
from tests.rows import new

ROWS = 6000

FILL = f"""
    INSERT INTO inputs (image, sha256, kept)
    SELECT 'data:,', pg_catalog.sha256(n::text::bytea), 'original' FROM generate_series(1, {ROWS}) AS n;
    INSERT INTO predictions (inputid, predictions, run_id, position, model_id, label, score)
    SELECT i.id, '[]', r.id, i.id, r.model_id, 'cat', 0.5 FROM inputs AS i, runs AS r;
    INSERT INTO labels (sha256, label, source)
    SELECT sha256, CASE WHEN id % 4 = 0 THEN 'dog' ELSE 'cat' END, 'csv' FROM inputs WHERE id % 1000 <> 7;
"""
SCANS = "SELECT pg_catalog.pg_stat_get_xact_numscans(pg_catalog.to_regclass('public.labels_of_images'))"


@pytest.fixture
def filled(repository: Repository, run: Run) -> Repository:
    """All but six images are labelled, and a quarter of the predictions are wrong."""
    repository.connection.execute(FILL)
    repository.connection.commit()
    assert run.run_id == 1
    return repository


def scans(connection: Connection) -> int:
    """How often the labels of an image were looked for in this transaction."""
    row = connection.execute(SCANS).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("many", [1, ROWS + 1])
def test_what_came_of_runs_and_models_is_the_same_whichever_way_it_is_counted(
    filled: Repository, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(joining, "MANY", many)
    with reading(filled.connection):
        [run] = History(filled.connection).runs(PredictionFilter(), limit=20)
        runs_alone = scans(filled.connection)
        [model] = History(filled.connection).models()
    for record in (run, model):
        assert (record.predictions, record.labelled, record.right) == (ROWS, ROWS - 6, ROWS * 3 // 4 - 6)
        assert record.accuracy == record.right / record.labelled
    assert (runs_alone < 20) == (many == 1)


def test_without_labels_nothing_is_judged(repository: Repository, run: Run) -> None:
    repository.add(run, [new(1)], [])
    [record] = History(repository.connection).runs(PredictionFilter(), limit=1)
    assert (record.predictions, record.labelled, record.right, record.accuracy) == (1, 0, 0, None)


def test_the_few_without_a_label_are_found_without_looking_for_that_of_each(
    filled: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WINDOWS", (10, 50))
    monkeypatch.setattr(reviewing, "WINDOWS", (10, 50))
    wanted = PredictionFilter(labelled=False)
    with reading(filled.connection):
        listed = [one.prediction_id for one in filled.predictions(wanted, limit=10)]
        page = reviewing.page(
            filled.connection, PredictionFilter(), ReviewOrder.LEAST_CONFIDENT, ReviewPosition(), 10
        )
        looked = scans(filled.connection)
    assert listed == [5007, 4007, 3007, 2007, 1007, 7]
    assert {one.prediction_id for one in page.images} == set(listed)
    assert looked < 300


def test_the_few_without_a_label_are_counted_and_listed_whole_after_analyze(
    filled: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With statistics it is taken for certain that there are none, and each would be looked for."""
    monkeypatch.setattr(joining, "MANY", 1000)
    filled.connection.execute("ANALYZE")
    filled.connection.commit()
    wanted = PredictionFilter(labelled=False)
    values = values_of(filled.connection, wanted)
    with reading(filled.connection):
        assert len([*filled.predictions(wanted, limit=None)]) == 6
        assert listing.count_predictions(filled.connection, values) == 6
        assert listing.prediction_ids(filled.connection, values) == [5007, 4007, 3007, 2007, 1007, 7]
        assert count_images(filled.connection, wanted) == 6
        assert scans(filled.connection) < 100


def test_settings_end_with_what_they_are_for(repository: Repository) -> None:
    connection = repository.connection
    names = ("work_mem", "jit", "enable_nestloop", "enable_hashjoin", "enable_mergejoin")
    query = f"SELECT {', '.join(f'current_setting({name!r})' for name in names)}"
    with reading(connection):
        before = connection.execute(query).fetchone()
        for way in (joining.joined_whole(connection), joining.joined_as_suits(connection, 1)):
            with way:
                assert connection.execute(query).fetchone() != before
            assert connection.execute(query).fetchone() == before


def test_whether_an_image_is_usable_is_told_by_its_own_labels(filled: Repository) -> None:
    """Else all labels are gone through from the newest on, for each image that has none."""
    marked = named(filled.connection, IS_MARKED)
    query = named(filled.connection, SQL("EXPLAIN SELECT {marked} FROM {s}.inputs AS i"), marked=marked)
    plan = "\n".join(line for (line,) in filled.connection.execute(query))
    assert "labels_sha256" in plan
    assert "labels_pkey" not in plan
