"""Reports, comparisons, filters of truth, runs, models and deletion over HTTP: as the commands have them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Command
from tests.serving import File, Served

NONE_STORED = 999_999


@pytest.fixture(scope="module")
def stored(served: Served, digits: list[Path]) -> list[dict[str, Any]]:
    """The sample digits; the first ten are labelled, two of them as what they are not."""
    files = [File(path.read_bytes(), f"judged/{path.name}") for path in digits]
    made: list[dict[str, Any]] = served.post("/v1/predictions", *files).json["predictions"]
    for number, one in enumerate(made[:10]):
        body = {"label": "frog" if number < 2 else one["label"], "by": "Ada"}
        path = f"/v1/inputs/{one['input_id']}/label"
        assert served.ask(path, method="PUT", body=json.dumps(body).encode()).status == 200
    return made


@pytest.mark.parametrize(
    ("query", "count"),
    [
        *(("wrong=true", 2), ("right=true", 8), ("labelled=true", 10), ("unlabelled=true", 6)),
        *(("true_label=frog", 2), ("true_label=frog&true_label=9", 2), ("wrong=false", 16), ("", 16)),
        *(
            ("wrong=true&labelled=true", 2),
            ("wrong=true&true_label=frog", 2),
            ("right=true&true_label=frog", 0),
        ),
    ],
)
def test_truth_filters_predictions_images_and_counts(
    served: Served, stored: list[dict[str, Any]], query: str, count: int
) -> None:
    asked = f"filename=judged/*&{query}"
    records = served.ask(f"/v1/predictions?{asked}").json["predictions"]
    assert len(records) == count
    if query in ("wrong=true", "right=true"):
        assert {one["right"] for one in records} == {query == "right=true"}
    assert len(served.ask(f"/v1/inputs?{asked}").json["inputs"]) == count
    assert served.ask(f"/v1/predictions/count?{asked}").json["predictions"] == count


@pytest.mark.parametrize(
    "query",
    ["wrong=true&right=true", "unlabelled=true&wrong=true", "unlabelled=1&true_label=7", "wrong=maybe"],
)
def test_filters_that_exclude_each_other_are_refused(served: Served, query: str) -> None:
    for path in ("/v1/predictions", "/v1/report"):
        answer = served.ask(f"{path}?{query}")
        assert (answer.status, list(answer.json)) == (422, ["detail"])


def test_a_report_is_that_of_the_command(
    served: Served, stored: list[dict[str, Any]], mlpredict: Command, dsn_of_module: str
) -> None:
    said = served.ask("/v1/report?by=folder&filename=judged/*")
    by_command = mlpredict(
        "report", "--json", "--by", "folder", "--filename", "judged/*", "--dsn", dsn_of_module
    )
    assert said.json == json.loads(by_command.stdout)
    assert (said.json["predictions"], said.json["labelled"], said.json["right"]) == (16, 10, 8)
    assert said.headers["cache-control"] == "no-store"
    wrong = served.ask("/v1/report?filename=judged/*&wrong=true").json
    assert (wrong["predictions"], wrong["accuracy"]) == (2, 0)


def test_a_report_is_a_page_that_runs_nothing(served: Served, stored: list[dict[str, Any]]) -> None:
    page = served.ask("/v1/report/page?filename=judged/*&by=day")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.body.count(b'src="data:image/') == 2
    assert f'data-prediction="{stored[0]["prediction_id"]}"'.encode() in page.body


@pytest.mark.parametrize("query", ["by=month", "against=x", "by=day&against=never", "since=soon", "run=0"])
def test_a_senseless_report_is_refused(served: Served, stored: list[dict[str, Any]], query: str) -> None:
    for path in ("/v1/report", "/v1/report/page"):
        answer = served.ask(f"{path}?{query}")
        assert (answer.status, list(answer.json)) == (422, ["detail"])


def test_the_same_report_asked_by_many_is_answered_to_all(
    served: Served, stored: list[dict[str, Any]]
) -> None:
    path = "/v1/report?filename=judged/*"
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: served.ask(path), range(10)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


def test_a_comparison_is_that_of_the_command(
    served: Served, stored: list[dict[str, Any]], mlpredict: Command, dsn_of_module: str
) -> None:
    run = stored[0]["run_id"]
    said = served.ask(f"/v1/compare?a=mnist-convnet&b={run}&filename=judged/*").json
    by_command = mlpredict(
        "compare", "mnist-convnet", run, "--json", "--filename", "judged/*", "--dsn", dsn_of_module
    )
    assert said == json.loads(by_command.stdout)
    assert (said["both"], said["both_right"], said["neither_right"], said["p_value"]) == (16, 8, 2, 1)
    assert served.ask("/v1/compare?a=mnist-convnet&b=none").status == 404
    assert served.ask("/v1/compare?a=mnist-convnet").status == 422


def test_runs_are_listed_and_shown_whole(
    served: Served, stored: list[dict[str, Any]], mlpredict: Command, dsn_of_module: str, digits: list[Path]
) -> None:
    path = digits[0].with_name("missing.png")
    assert mlpredict("predict", digits[0], path, "--dsn", dsn_of_module).returncode == 1
    page = served.ask("/v1/runs?limit=1").json
    [newest] = page["runs"]
    assert (newest["predictions"], newest["failures"], newest["ended"]) == (1, 1, "finished")
    following = served.ask(page["next"]).json
    assert [one["run_id"] for one in following["runs"]] == [stored[0]["run_id"]]
    assert following["next"] is None
    listed = json.loads(mlpredict("runs", "--json", "--dsn", dsn_of_module).stdout)
    assert [one["run_id"] for one in served.ask("/v1/runs?model=mnist-convnet&since=1h").json["runs"]] == [
        one["run_id"] for one in listed
    ]
    assert list(newest) == list(listed[0])
    shown = served.ask(f"/v1/runs/{newest['run_id']}").json
    assert shown == {**newest, "labels": {"0": 1}, "reasons": {"no such file or folder": 1}}
    assert served.ask(f"/v1/runs/{NONE_STORED}").status == 404
    assert served.ask("/v1/runs?model=none").json == {"runs": [], "next": None}


def test_models_have_what_came_of_them(
    served: Served, stored: list[dict[str, Any]], mlpredict: Command, dsn_of_module: str
) -> None:
    [known] = served.ask("/v1/models").json["models"]
    [listed] = json.loads(mlpredict("models", "--json", "--dsn", dsn_of_module).stdout)
    assert list(known) == list(listed)
    assert (known["labelled"], known["right"], known["accuracy"]) == (
        listed["labelled"],
        listed["right"],
        listed["accuracy"],
    )
    [named] = served.ask("/v1/models?counts=false").json["models"]
    assert named == {name: known[name] for name in ("model", "name", "fingerprint")}


def test_a_prediction_is_deleted_with_what_only_it_needed(
    served: Served, digits: list[Path], dsn_of_module: str
) -> None:
    content = digits[0].read_bytes() + b"an image of its own"
    first, second = (served.post("/v1/predictions", File(content)).json["predictions"][0] for _ in range(2))
    label = f"/v1/inputs/{first['input_id']}/label"
    assert served.ask(label, method="PUT", body=b'{"label": "0"}').json["result"] == "labelled"
    paths = [f"/v1/predictions/{one['prediction_id']}" for one in (first, second)]
    foreign = served.ask(paths[0], method="DELETE", headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status == 403
    gone = served.ask(paths[0], method="DELETE")
    assert gone.json == {"predictions": 1, "inputs": 0, "labels": 0, "failures": 0}
    assert served.ask(paths[0]).status == 404
    assert served.ask(paths[0], method="DELETE").status == 404
    assert served.ask(paths[1], method="DELETE").json == {
        "predictions": 1,
        "inputs": 1,
        "labels": 1,
        "failures": 0,
    }
    assert served.ask(label).status == 404
    with psycopg.connect(dsn_of_module) as connection:
        left = connection.execute("SELECT count(*) FROM labels WHERE sha256 = sha256(%s)", (content,))
        assert left.fetchone() == (0,)


def test_the_report_has_a_page(served: Served) -> None:
    page = served.ask("/report")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "script-src 'self'" in page.headers["content-security-policy"]
