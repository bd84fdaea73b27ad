"""A model whose file was renamed: one model, listed by its first name and found by each that it has had."""

from __future__ import annotations

import pytest

from mlpredict.domain import EngineName, Keep, PredictionFilter
from mlpredict.storage.filters import model_ids
from mlpredict.storage.history import History
from mlpredict.storage.known_models import find_model
from mlpredict.storage.repository import Repository
from tests.rows import model, new

ONE, OTHER = "3f2a91c0" * 8, "77" * 32


@pytest.fixture
def renamed(repository: Repository) -> Repository:
    """A model that was `pets`, is `animals`; and another that is `pets` now, and was used before."""
    for position, (name, fingerprint) in enumerate([("pets", ONE), ("pets", OTHER), ("animals", ONE)]):
        run = repository.start_run(model(name, fingerprint), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
        repository.add(run, [new(position)], [])
    return repository


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ("animals", [3, 1]),
        ("animals@3f2a91c0", [3, 1]),
        ("animals@3F2", [3, 1]),
        ("pets@3f2a91c0", [3, 1]),
        ("pets", [3, 2, 1]),
        ("pets@77", [2]),
        ("3f2a", [3, 1]),
        ("animals@77", []),
        ("animals@", []),
        ("@3f2a", []),
        ("anim", []),
    ],
)
def test_filters_find_a_model_by_each_of_its_names(renamed: Repository, wanted: str, ids: list[int]) -> None:
    found = renamed.predictions(PredictionFilter(model=wanted), limit=None)
    assert [one.prediction_id for one in found] == ids


def test_every_model_that_is_listed_or_named_in_a_message_is_found(renamed: Repository) -> None:
    listed = [one.model for one in History(renamed.connection).models()]
    assert listed == [str(one) for one in renamed.known_models()] == ["pets@3f2a91c0", "pets@77777777"]
    assert [len(model_ids(renamed.connection, one)) for one in listed] == [1, 1]


@pytest.mark.parametrize(
    ("wanted", "fingerprint"),
    [("animals", ONE), ("pets", OTHER), ("pets@3f2a", ONE), ("animals@3f2a91c0", ONE), ("cats", None)],
)
def test_a_name_is_that_of_the_model_which_has_it_now(
    renamed: Repository, wanted: str, fingerprint: str | None
) -> None:
    found = find_model(renamed.known_models(), wanted)
    assert (found and found.fingerprint) == fingerprint
