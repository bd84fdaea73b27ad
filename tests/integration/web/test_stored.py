"""What the page asks for: images with their predictions, counts, models."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpredict.domain import FIELDS
from tests.serving import File, Served


@pytest.fixture(scope="module", autouse=True)
def stored(served: Served, digits: list[Path]) -> None:
    """The first ten digits twice, by other names the second time."""
    for folder in ("first", "second"):
        files = [File(path.read_bytes(), f"{folder}/{path.name}") for path in digits[:10]]
        assert served.post("/v1/predictions", *files).status == 201


def test_an_image_is_listed_once_with_its_newest_prediction(served: Served) -> None:
    path, seen = "/v1/inputs?limit=4", []
    while path:
        page = served.ask(path).json
        seen += page["inputs"]
        path = page["next"]
    assert len({image["input_id"] for image in seen}) == len(seen) == 10
    assert {image["predictions"] for image in seen} == {2}
    assert list(seen[0]["first"]) == list(FIELDS)
    assert all(image["first"]["filename"].startswith("second/") for image in seen)
    assert served.ask(seen[0]["image"]).status == 200
    [image] = served.ask("/v1/inputs?filename=first/*&limit=1").json["inputs"]
    assert image["first"]["filename"].startswith("first/")


def test_the_predictions_of_an_image_are_listed(served: Served) -> None:
    image = served.ask("/v1/inputs?limit=1").json["inputs"][0]
    listed = served.ask(f"/v1/predictions?input={image['input_id']}").json["predictions"]
    assert len(listed) == 2
    assert {one["input_id"] for one in listed} == {image["input_id"]}


def test_the_least_sure_come_first_page_by_page(served: Served) -> None:
    for call, name in (("inputs", "first"), ("predictions", None)):
        path, scores = f"/v1/{call}?sort=score&limit=3", []
        while path:
            page = served.ask(path).json
            scores += [(one[name] if name else one)["score"] for one in page[call]]
            path = page["next"]
        assert scores == sorted(scores)
        assert len(scores) == (10 if name else 20)


def test_the_counts_are_those_of_the_filter(served: Served) -> None:
    assert served.ask("/v1/predictions/count").json == {"predictions": 20, "images": 10}
    assert served.ask("/v1/predictions/count?filename=first/*").json == {"predictions": 10, "images": 10}
    assert served.ask("/v1/predictions/count?label=none").json == {"predictions": 0, "images": 0}


def test_the_models_that_were_used_are_named(served: Served) -> None:
    [known] = served.ask("/v1/models").json["models"]
    assert known["model"] == served.ask("/v1/model").json["model"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/inputs?sort=label", 422),
        ("/v1/inputs?input=0", 422),
        ("/v1/predictions?sort=sideways", 422),
        ("/v1/predictions/count?since=soon", 422),
        ("/v1/inputs?sort=score&before=999999", 404),
        ("/v1/predictions?sort=-score&before=999999", 404),
    ],
)
def test_senseless_questions_are_refused(served: Served, path: str, status: int) -> None:
    answer = served.ask(path)
    assert (answer.status, list(answer.json)) == (status, ["detail"])
