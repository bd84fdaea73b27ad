"""The routes with names: the same things, with proper statuses."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from PIL import Image

from mlpredict.domain import FIELDS
from tests.serving import File, Served


@pytest.fixture(scope="module")
def images(digits: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in digits]


def test_the_model_says_what_it_takes(served: Served) -> None:
    said = served.ask("/v1/model").json
    assert said["model"] == f"{said['name']}@{said['fingerprint'][:8]}"
    assert (said["height"], said["width"], said["channels"]) == (28, 28, 1)
    assert (said["task"], said["labels"]) == ("classification", list("0123456789"))


def test_several_files_are_one_request_and_one_transaction(
    served: Served, dsn_of_module: str, digits: list[Path], images: list[bytes]
) -> None:
    answer = served.post(
        "/v1/predictions",
        File(images[0], digits[0].name),
        File(b"hello", "hello.txt", "text/plain"),
        File(b"hello", "hello.png"),
        File(images[5], digits[5].name, "application/octet-stream"),
    )
    assert answer.status == 201
    first, text, damaged, last = answer.json["predictions"]
    assert list(first) == [*FIELDS, "top"]
    assert (first["label"], last["label"]) == (digits[0].name[0], digits[5].name[0])
    assert (text, damaged) == (
        {"filename": "hello.txt", "error": "not an image: text/plain"},
        {"filename": "hello.png", "error": "not an image"},
    )
    scores = [one["score"] for one in first["top"]]
    assert scores == sorted(scores, reverse=True)
    assert first["top"][0] == {"label": first["label"], "score": first["score"]}
    assert len(first["top"]) == 10
    with psycopg.connect(dsn_of_module) as connection:
        times = connection.execute(
            "SELECT DISTINCT created_at FROM predictions WHERE id IN (%s, %s)"
            " UNION SELECT created_at FROM failures WHERE filename = 'hello.png'",
            (first["prediction_id"], last["prediction_id"]),
        )
        assert len(times.fetchall()) == 1


def test_failures_have_a_status(served: Served, images: list[bytes]) -> None:
    answer = served.post("/v1/predictions", File(images[0][:99], "a.png"), File(b"", "b.png"))
    assert answer.status == 422
    assert [sorted(entry) for entry in answer.json["predictions"]] == [["error", "filename"]] * 2
    answer = served.post("/v1/predictions", File(images[0], "a.txt", "text/plain"))
    assert (answer.status, answer.json) == (415, {"detail": "None of the files is an image."})
    assert served.ask("/v1/predictions/999999").status == 404
    assert served.ask("/v1/inputs/999999/image").status == 404
    assert served.ask("/v1/predictions/x").status == 422


def test_a_large_image_is_decoded_like_a_small_one(served: Served, images: list[bytes]) -> None:
    large = io.BytesIO()
    Image.open(io.BytesIO(images[7])).resize((1500, 1500)).save(large, "BMP")
    assert len(large.getvalue()) > 1_000_000
    small = served.post("/v1/predictions", File(images[7])).json["predictions"][0]
    answer = served.post("/v1/predictions", File(large.getvalue(), "large.bmp", "image/bmp"))
    assert answer.json["predictions"][0]["label"] == small["label"]
    assert answer.json["predictions"][0]["contenttype"] == "image/bmp"


def test_predictions_are_filtered_and_paged(served: Served, digits: list[Path], images: list[bytes]) -> None:
    files = [File(image, f"paged/{path.name}") for path, image in zip(digits, images, strict=True)]
    made = served.post("/v1/predictions", *files).json["predictions"]
    everything = [one["prediction_id"] for one in reversed(made)]
    path, seen = "/v1/predictions?limit=5&filename=" + quote("paged/*"), []
    while path:
        page = served.ask(path).json
        assert [list(one) for one in page["predictions"]] == [list(FIELDS)] * len(page["predictions"])
        seen += [one["prediction_id"] for one in page["predictions"]]
        path = page["next"]
    assert seen == everything

    def count(query: str) -> int:
        return len(served.ask(f"/v1/predictions?filename=paged/*&{query}").json["predictions"])

    sevens = sum(one["label"] == "7" for one in made)
    eights = sum(one["label"] == "8" for one in made)
    assert count("label=7") == sevens > 0
    assert count("label=7&label=8") == sevens + eights
    assert count(f"model={made[0]['model']}") == count("model=mnist-convnet") == len(made)
    assert count("model=other") == count("run=999999") == count("since=2999-01-01") == 0
    assert count("until=2999-01-01&since=1h&min_score=0&max_score=1") == len(made)
    assert count("min_score=1e-300") == len(made)


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=1001", "limit=x", "before=0", "before=9223372036854775808", "run=-1"),
        *("min_score=nan", "max_score=-1", "since=soon", "until=", "filename=[z-a]"),
    ],
)
def test_senseless_filters_are_refused(served: Served, query: str) -> None:
    answer = served.ask(f"/v1/predictions?{query}")
    assert (answer.status, list(answer.json)) == (422, ["detail"])


def test_a_prediction_is_shown_whole(served: Served, images: list[bytes]) -> None:
    made = served.post("/v1/predictions", File(images[3])).json["predictions"][0]
    shown = served.ask(f"/v1/predictions/{made['prediction_id']}").json
    assert list(shown) == [*FIELDS, "probabilities", "image", "map"]
    assert shown["map"] is None
    assert shown["probabilities"] == made["top"]
    assert shown["image"] == f"/v1/inputs/{made['input_id']}/image"
    assert served.ask(shown["image"]).body == images[3]


def test_a_row_of_the_2020_program_is_shown_whole(served: Served, dsn_of_module: str) -> None:
    with psycopg.connect(dsn_of_module, autocommit=True) as connection:
        ids = connection.execute(
            "INSERT INTO predictions (predictions) VALUES ('[[0.25, 0.75]]'), ('\"odd\"'), ('[1e999, 0]')"
            " RETURNING id"
        ).fetchall()
    vector, odd, huge = (served.ask(f"/v1/predictions/{number}") for (number,) in ids)
    assert vector.json["probabilities"] == [{"label": "1", "score": 0.75}, {"label": "0", "score": 0.25}]
    assert (vector.json["prediction"], vector.json["image"]) == ([[0.25, 0.75]], None)
    assert odd.json["probabilities"] is None
    assert (huge.status, b"1e999" in huge.body) == (200, True)


def test_an_image_is_what_it_was_and_harmless(served: Served, images: list[bytes]) -> None:
    made = served.post("/v1/predictions", File(images[4])).json["predictions"][0]
    path = f"/v1/inputs/{made['input_id']}/image"
    answer = served.ask(path)
    assert (answer.status, answer.body) == (200, images[4])
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["etag"] == f'"{hashlib.sha256(images[4]).hexdigest()}"'
    for tag in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}'):
        again = served.ask(path, headers={"If-None-Match": tag})
        assert (again.status, again.body) == (304, b"")
    assert served.ask(path, headers={"If-None-Match": '"other"'}).status == 200


@pytest.mark.parametrize(
    ("uri", "status", "contenttype"),
    [
        ("data:text/html;base64,PGI+", 200, "application/octet-stream"),
        ("data:image/png\r\nX-Evil: 1;base64,PGI+", 200, "application/octet-stream"),
        ("data:image/svg+xml;base64,PGI+", 200, "application/octet-stream"),
        ("data:image/png;base64,%%%", 404, "application/json"),
        ("file:///etc/passwd", 404, "application/json"),
        ("http://127.0.0.1/", 404, "application/json"),
        (None, 404, "application/json"),
    ],
)
def test_a_hostile_row_does_no_harm(
    served: Served, dsn_of_module: str, uri: str | None, status: int, contenttype: str
) -> None:
    with psycopg.connect(dsn_of_module, autocommit=True) as connection:
        row = connection.execute("INSERT INTO inputs (image) VALUES (%s) RETURNING id", (uri,)).fetchone()
    assert row is not None
    answer = served.ask(f"/v1/inputs/{row[0]}/image")
    assert (answer.status, answer.headers["content-type"]) == (status, contenttype)
    assert "x-evil" not in {name.lower() for name in answer.headers}


def test_the_server_describes_itself(served: Served) -> None:
    document = served.ask("/openapi.json").json
    page = served.ask("/docs")
    assert page.status == 200
    for path, methods in document["paths"].items():
        assert ("head" in methods) == ("get" in methods)
        for method in set(methods) - {"head"}:
            assert f"<code>{method.upper()} {path}</code>" in page.body.decode()
    assert b"HEAD is answered wherever GET is" in page.body
    assert page.body.count(b"<script") == 1
    assert b"//" not in page.body.replace(b"http://127.0.0.1", b"")


def test_health_and_numbers(served: Served, images: list[bytes]) -> None:
    assert served.ask("/healthz").json == {"status": "alive"}
    assert served.ask("/readyz").json["status"] == "ready"
    assert served.post("/v1/predictions", File(images[0])).status == 201
    numbers = served.ask("/metrics").body.decode()
    assert 'mlpredict_requests_total{method="POST",route="/v1/predictions",status="201"}' in numbers
    assert 'mlpredict_predictions_total{label="0"}' in numbers
    for name in ("mlpredict_batch_images_count", "mlpredict_images_in_work 0", "mlpredict_request_seconds"):
        assert name in numbers
