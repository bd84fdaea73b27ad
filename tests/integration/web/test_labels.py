"""What images really show, told over HTTP: the label of an input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.serving import Answer, File, Served

NO_LABEL = dict.fromkeys(("true_label", "true_labels", "true_value", "source", "labelled_by", "labelled_at"))


@pytest.fixture
def made(served: Served, digits: list[Path]) -> dict[str, Any]:
    """A prediction of a seven, whose image nobody has labelled."""
    content = next(path for path in digits if path.name.startswith("7")).read_bytes()
    record: dict[str, Any] = served.post("/v1/predictions", File(content, "7.png")).json["predictions"][0]
    served.ask(label_of(record), method="DELETE")
    return record


def label_of(record: dict[str, Any]) -> str:
    return f"/v1/inputs/{record['input_id']}/label"


def put(served: Served, path: str, body: Any, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return served.ask(path, method="PUT", body=content, headers=headers)


def test_a_label_is_given_revised_and_taken_back(served: Served, made: dict[str, Any]) -> None:
    path = label_of(made)
    assert served.ask(path).json == {"input_id": made["input_id"], **NO_LABEL}
    first = put(served, path, {"label": "1", "by": "Ada"})
    assert first.status == 200
    assert (first.json["result"], first.json["true_label"], first.json["true_value"]) == ("labelled", "1", 1)
    assert (first.json["source"], first.json["labelled_by"], first.json["remarks"]) == ("api", "Ada", [])
    assert put(served, path, {"label": "1", "by": "Bo"}).json["result"] == "unchanged"
    revised = put(served, path, {"label": "7", "by": "Bo", "source": "page"}).json
    assert (revised["result"], revised["labelled_by"], revised["source"]) == ("revised", "Bo", "page")
    assert {**served.ask(path).json, "result": "revised", "remarks": []} == revised
    shown = served.ask(f"/v1/predictions/{made['prediction_id']}").json
    assert (shown["label"], shown["true_label"], shown["right"]) == ("7", "7", True)
    removed = served.ask(f"{path}?by=Cy", method="DELETE").json
    assert removed == {"result": "removed", "input_id": made["input_id"], **NO_LABEL, "remarks": []}
    assert served.ask(path, method="DELETE").json["result"] == "unchanged"


def test_what_was_said_before_is_kept(served: Served, made: dict[str, Any], dsn_of_module: str) -> None:
    for label, by in (("3", "Ada"), ("5", "Bo")):
        put(served, label_of(made), {"label": label, "by": by})
    with psycopg.connect(dsn_of_module) as connection:
        rows = connection.execute(
            "SELECT label, labelled_by, superseded_by FROM labels ORDER BY id DESC LIMIT 2"
        ).fetchall()
    assert rows == [("5", "Bo", None), ("3", "Ada", "Bo")]


def test_numbers_and_single_labels_of_a_list_are_taken(served: Served, made: dict[str, Any]) -> None:
    path = label_of(made)
    assert put(served, path, {"value": 2.5}).json["true_value"] == 2.5
    assert put(served, path, {"value": 3}).json["true_label"] == "3"
    assert put(served, path, {"labels": ["4"]}).json["true_label"] == "4"
    strange = put(served, path, {"label": "frog"}).json
    assert (strange["true_label"], strange["true_value"]) == ("frog", None)
    assert "no label of mnist-convnet" in strange["remarks"][0]


def test_several_labels_are_those_of_models_that_say_several(
    served: Served, made: dict[str, Any], dsn_of_module: str
) -> None:
    path = label_of(made)
    for several in ([], ["1", "2"]):
        refused = put(served, path, {"labels": several})
        assert (refused.status, "says several" in refused.json["detail"]) == (422, True)
    with psycopg.connect(dsn_of_module, autocommit=True) as connection:
        model = connection.execute(
            "INSERT INTO models (name, fingerprint, format, task, labels, path, description)"
            " VALUES ('tags', repeat('a', 64), 'keras', 'multi-label', '[\"cat\", \"dog\"]', '/t', '{}')"
            " RETURNING id"
        ).fetchone()
        assert model is not None
        connection.execute(
            "INSERT INTO predictions (inputid, predictions, model_id, labels)"
            " VALUES (%s, '[1, 0]', %s, '{cat}')",
            (made["input_id"], model[0]),
        )
        try:
            both = put(served, path, {"labels": ["dog", "cat"]}).json
            assert (both["true_label"], both["true_labels"]) == ("cat,dog", ["cat", "dog"])
            assert put(served, path, {"labels": []}).json["true_labels"] == []
            assert put(served, path, {"labels": ["a,b", "c"]}).status == 422
        finally:
            connection.execute("DELETE FROM predictions WHERE model_id = %s", model)
            connection.execute("DELETE FROM models WHERE id = %s", model)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b'"7"', b'{"label": "\xff"}'),
        *({}, {"label": ""}, {"label": 7}, {"label": None}, {"label": "7", "value": 7}, {"lable": "7"}),
        *({"value": "7"}, {"labels": "7"}, {"labels": [""]}, {"label": "7", "source": "guess"}),
        *({"label": "7", "by": ""}, {"label": "x" * 1001}, b'{"value": 1e999}', b'{"value": NaN}'),
    ],
)
def test_a_senseless_body_changes_nothing(served: Served, made: dict[str, Any], body: Any) -> None:
    answer = put(served, label_of(made), body)
    assert (answer.status, list(answer.json)) == (422, ["detail"])
    assert served.ask(label_of(made)).json["true_label"] is None


def test_what_is_not_there_is_404_and_what_is_too_large_413(served: Served, made: dict[str, Any]) -> None:
    for method in ("GET", "PUT", "DELETE"):
        body = b'{"label": "7"}' if method == "PUT" else None
        assert served.ask("/v1/inputs/999999/label", method=method, body=body).status == 404
        assert served.ask("/v1/inputs/0/label", method=method, body=body).status == 422
    assert put(served, label_of(made), b" " * 70_000).status == 413


def test_the_pages_of_other_sites_change_nothing(served: Served, made: dict[str, Any]) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert put(served, label_of(made), {"label": "7"}, **foreign).status == 403
    assert served.ask(label_of(made), method="DELETE", headers=foreign).status == 403
    assert served.ask(label_of(made)).json["true_label"] is None


def test_a_page_of_several_is_not_labelled_alone(
    served: Served, made: dict[str, Any], dsn_of_module: str
) -> None:
    with psycopg.connect(dsn_of_module, autocommit=True) as connection:
        pages = [("scan.tif#1",), ("scan.tif#2",)]
        connection.cursor().executemany(
            "INSERT INTO predictions (inputid, predictions, filename)"
            f" VALUES ({made['input_id']}, '[1]', %s)",
            pages,
        )
        try:
            refused = put(served, label_of(made), {"label": "7"})
            assert (refused.status, "one label" in refused.json["detail"]) == (409, True)
        finally:
            connection.execute("DELETE FROM predictions WHERE filename LIKE 'scan.tif#%'")
