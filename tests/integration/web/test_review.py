"""Images to be reviewed, and labels of many at once, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.serving import Answer, File, Served


@pytest.fixture
def made(served: Served, digits: list[Path], dsn_of_module: str) -> list[dict[str, Any]]:
    """Predictions of five digits, whose images nobody has labelled."""
    with psycopg.connect(dsn_of_module, autocommit=True) as connection:
        connection.execute("DELETE FROM labels")
        connection.execute("DELETE FROM predictions")
    files = [File(path.read_bytes(), path.name) for path in digits[:5]]
    records: list[dict[str, Any]] = served.post("/v1/predictions", *files).json["predictions"]
    return sorted(records, key=lambda one: (one["score"], one["prediction_id"]))


def post(served: Served, images: Any, **more: Any) -> Answer:
    return served.ask("/v1/labels", method="POST", body=json.dumps({"images": images, **more}).encode())


def reviewed(served: Served, query: str = "") -> list[int]:
    found: list[int] = []
    path: str | None = f"/v1/review?limit=2{query}"
    while path is not None:
        page = served.ask(path).json
        found += [one["input_id"] for one in page["images"]]
        path = page["next"]
    return found


def test_images_come_in_order_and_leave_when_something_is_said(
    served: Served, made: list[dict[str, Any]]
) -> None:
    ids = [one["input_id"] for one in made]
    assert reviewed(served) == ids
    assert served.ask("/v1/review/count").json == {"images": 5}
    first = served.ask("/v1/review?limit=1").json
    assert first["source"] == "review"
    assert first["images"][0]["image"] == f"/v1/inputs/{ids[0]}/image"
    said = [
        {"input_id": ids[0], "label": "3"},
        {"input_id": ids[1], "label": made[1]["label"]},
        {"input_id": ids[2], "usable": False},
        {"input_id": 999, "label": "3"},
    ]
    done = post(served, said, by="Ada", source="review").json
    assert (done["labelled"], done["unusable"], done["not_stored"]) == (2, 1, ["input 999"])
    assert reviewed(served) == ids[3:]
    assert sorted(served.ask("/v1/review?order=random&limit=9").json["images"], key=str) != []
    mistakes = served.ask("/v1/review?order=most-wrong").json
    assert ([one["input_id"] for one in mistakes["images"]], mistakes["source"]) == (ids[:1], "review-wrong")
    undone = post(served, [{"input_id": one, "label": None} for one in ids[:3]]).json
    assert (undone["removed"], undone["unchanged"]) == (2, 1)
    revised = post(served, [{"input_id": ids[0], "value": 3}, {"input_id": ids[1], "labels": ["4"]}]).json
    assert revised["labelled"] == 2


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ([], "at least 1 item"),
        ([{"input_id": 1}], "images.0: say what it shows"),
        ([{"input_id": 1, "label": "a", "value": 2}], "images.0: say what it shows"),
        ([{"input_id": 1, "usable": True}], "images.0: say what it shows"),
        ([{"input_id": 1, "label": "a"}, {"input_id": 1, "label": "b"}], "one is there twice"),
        ([{"input_id": 1, "labels": ["a,b", "c"]}], "comma"),
        ([{"input_id": 0, "label": "a"}], "input_id"),
        ([{"input_id": 1, "label": "a"}] * 1001, "at most 1000"),
    ],
)
def test_what_makes_no_sense_is_refused(served: Served, images: Any, reason: str) -> None:
    answer = post(served, images)
    assert answer.status == 422
    assert reason in answer.json["detail"]


def test_a_page_goes_on_from_where_next_says(served: Served) -> None:
    for after in ("x", "1:y", "1:0.5:z:", "9999999999999999999:0.5", "1:nan"):
        assert served.ask(f"/v1/review?after={after}").status == 422
