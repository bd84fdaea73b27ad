"""Two models, or runs, on the images that both have predicted."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.sql import SQL

from mlpredict.domain import EngineName, Keep, NewInput, NewLabel, Prediction, PredictionFilter
from mlpredict.domain.comparisons import Comparison, NumbersCompared
from mlpredict.errors import NotFound
from mlpredict.pipeline.comparing import compare
from mlpredict.storage.names import named
from mlpredict.storage.pair_queries import PAIRS
from mlpredict.storage.repository import Repository
from tests.rows import model, new

A = model("a", "aa" * 32)
B = model("b", "bb" * 32)


def predict(repository: Repository, identity: object, likely: list[int], kept: str = "original") -> int:
    run = repository.start_run(identity, engine=EngineName.LITERT, keep=Keep.ORIGINAL)  # type: ignore[arg-type]
    batch = [
        new(
            n,
            likely=one,
            input=NewInput("data:,", kept, str(n).encode().ljust(32, b"\0"), "image/png", 1, 1),
        )
        for n, one in enumerate(likely)
    ]
    repository.add(run, batch, [])
    return run.run_id


def compared(repository: Repository, a: str = "a", b: str = "b", **wanted: str) -> Comparison:
    return compare(repository, a, b, PredictionFilter(**wanted))  # type: ignore[arg-type]


@pytest.fixture
def labelled(repository: Repository) -> Repository:
    """Six images, all of them cats; the first five are labelled. B keeps them another way."""
    predict(repository, A, [0, 0, 0, 1, 1, 1])
    predict(repository, B, [0, 1, 1, 0, 1, 2], kept="model-input/1")
    repository.label([NewLabel("cat", prediction_id=n) for n in range(1, 6)], source="command")
    return repository


def test_images_are_right_by_both_by_one_or_by_none(labelled: Repository) -> None:
    found = compared(labelled)
    assert (found.both, found.labelled, found.agreed) == (6, 5, 2)
    assert (found.both_right, found.only_a_right, found.only_b_right, found.neither_right) == (1, 2, 1, 1)
    assert (found.accuracy_a, found.accuracy_b, found.b_is_worse) == (0.6, 0.4, True)
    assert found.p_value == 1.0
    flips = {(one.a.prediction_id, one.b.prediction_id, one.a_right) for one in found.flips}
    assert flips == {(2, 8, True), (3, 9, True), (4, 10, False)}
    assert [(one.label, one.images, one.only_a_right) for one in found.by_label] == [("cat", 5, 2)]
    assert compared(labelled, "b", "a").b_is_worse is False


def test_the_last_prediction_of_each_side_counts(labelled: Repository) -> None:
    run = predict(labelled, B, [0, 0, 0, 0, 0, 0])
    assert compared(labelled).only_b_right == 2
    assert compared(labelled, "a", "2").only_b_right == 1
    assert compared(labelled, "1", str(run)).both_right == 3


def test_without_labels_it_is_told_where_they_disagree(repository: Repository) -> None:
    predict(repository, A, [0, 1])
    predict(repository, B, [0, 2])
    found = compared(repository)
    assert (found.both, found.agreement, found.p_value, found.b_is_worse) == (2, 0.5, None, None)
    assert [(one.filename, one.a.label, one.b.label) for one in found.flips] == [
        ("pictures/1.png", "dog", "mouse")
    ]


def test_pages_of_a_file_are_images_of_their_own(repository: Repository) -> None:
    for identity, order in ((A, (0, 1)), (B, (1, 0))):
        run = repository.start_run(identity, engine=EngineName.LITERT, keep=Keep.ORIGINAL)
        pages = [
            new(n, image=b"tiff", filename=f"scan.tif#{page + 1}", likely=page)
            for n, page in enumerate(order)
        ]
        repository.add(run, pages, [])
    assert (compared(repository).both, compared(repository).agreement) == (2, 1.0)


def test_filters_narrow_what_is_compared(labelled: Repository) -> None:
    assert compared(labelled, filename="pictures/[012].png").both == 3


def test_images_of_one_side_alone_are_not_compared(repository: Repository) -> None:
    predict(repository, A, [0])
    repository.start_run(B, engine=EngineName.LITERT, keep=Keep.ORIGINAL)
    assert (compared(repository).both, compared(repository).agreement, compared(repository).flips) == (
        0,
        None,
        [],
    )
    with pytest.raises(NotFound, match="no model or run nobody"):
        compared(repository, "a", "nobody")


def test_numbers_are_compared_by_how_near_they_are(repository: Repository) -> None:
    for identity, values in ((A, (10.0, 20.0, 5.0)), (B, (12.0, 26.0, 5.0))):
        run = repository.start_run(identity, engine=EngineName.LITERT, keep=Keep.ORIGINAL)
        said = [Prediction(f"[{one}]", value=one) for one in values]
        repository.add(run, [new(n, prediction=one) for n, one in enumerate(said)], [])
    truths = {1: "12", 2: "21", 3: "5"}
    repository.label([NewLabel(text, prediction_id=one) for one, text in truths.items()], source="command")
    found = compared(repository)
    assert (found.both, found.labelled, found.agreement, found.p_value) == (3, 0, None, None)
    assert found.numbers == NumbersCompared(3, 1.0, 5 / 3, 1, 1)
    assert found.b_is_worse


def test_what_has_just_been_stored_is_not_tried_each_with_each(
    repository: Repository, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    """PostgreSQL knows of A's predictions alone, and expects one of B."""
    predict(repository, A, [0] * 500)
    connection.execute("ANALYZE")
    predict(repository, B, [0] * 500)
    with repository.pairing("a", "b", PredictionFilter()) as pairs:
        query = named(
            repository.connection,
            SQL("EXPLAIN SELECT p.id " + PAIRS),
            truth=pairs.queries.truth,
            **pairs.parts,
        )
        plan = [line for (line,) in repository.connection.execute(query)]
    assert any("Full Join" in line for line in plan)
    assert not any("Join Filter" in line for line in plan)
