"""Clients of TensorFlow Serving are answered in its form, and what they send is stored as anything else."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import Command, environment_of_command
from tests.serving import Answer, File, Served, serving

NAME = "mnist-convnet"
PREDICT = f"/v1/models/{NAME}:predict"


@pytest.fixture(scope="module")
def images(digits: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in digits]


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    """Three images of 28×28 that are no files."""
    return np.random.default_rng(1).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)


def b64(content: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(content).decode()}


def ask(served: Served, body: object, path: str = PREDICT, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    # As curl -d says of everything.
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return served.ask(path, method="POST", body=raw, headers={**kind, **headers})


def newest(dsn: str, count: int) -> list[tuple[Any, ...]]:
    """The last predictions, the first of them first."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT predictions, filename, predictions.contenttype, kept, image, width, height"
            " FROM predictions JOIN inputs ON inputs.id = inputid ORDER BY predictions.id DESC LIMIT %s",
            (count,),
        ).fetchall()
    return rows[::-1]


def total(dsn: str) -> tuple[Any, ...] | None:
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM failures)"
        ).fetchone()


@pytest.fixture
def expected(served: Served, images: list[bytes]) -> list[list[float]]:
    """What /v1/predictions says of the images."""
    made = served.post("/v1/predictions", *map(File, images)).json["predictions"]
    return [one["prediction"] for one in made]


@pytest.mark.parametrize("name", [None, "conv2d_input", "image_bytes"])
@pytest.mark.parametrize("columnar", [False, True])
def test_files_are_prepared_and_answered_by_rows_or_columns(
    served: Served,
    dsn_of_module: str,
    images: list[bytes],
    expected: list[list[float]],
    name: str | None,
    columnar: bool,
) -> None:
    files = [b64(image) for image in images]
    if columnar:
        body: dict[str, Any] = {"inputs": files if name is None else {name: files}}
    else:
        body = {"instances": files if name is None else [{name: one} for one in files]}
    answer = ask(served, {"signature_name": "serving_default", **body})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {"outputs" if columnar else "predictions": expected}
    rows = newest(dsn_of_module, len(images))
    assert [row[0] for row in rows] == expected
    key = "inputs" if columnar else "instances"
    assert [row[1] for row in rows] == [f"{key}[{number}]" for number in range(len(images))]
    assert {row[2:4] for row in rows} == {("image/png", "original")}
    assert base64.b64decode(rows[3][4].partition(",")[2]) == images[3]


@pytest.mark.parametrize(
    "body", [{"inputs": "file"}, {"inputs": {"images": "file"}}, {"instances": ["file"]}]
)
def test_one_file_is_a_batch_of_one(
    served: Served, images: list[bytes], expected: list[list[float]], body: dict[str, Any]
) -> None:
    sent = json.loads(json.dumps(body).replace('"file"', json.dumps(b64(images[2]))))
    (rows,) = ask(served, sent).json.values()
    assert rows == [expected[2]]


def test_base64_is_taken_as_people_write_it(
    served: Served, images: list[bytes], expected: list[list[float]]
) -> None:
    lines = base64.encodebytes(images[2]).decode()
    for text in (lines, lines.replace("\n", "").rstrip("=")):
        assert ask(served, {"instances": [{"b64": text}]}).json == {"predictions": [expected[2]]}


@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 28)])
@pytest.mark.parametrize("columnar", [False, True])
def test_arrays_are_what_the_model_takes_and_stored_as_the_pixels_they_hold(
    served: Served,
    dsn_of_module: str,
    pixels: NDArray[np.uint8],
    shape: tuple[int, ...],
    columnar: bool,
) -> None:
    """This model takes 0..1: what a client of TensorFlow Serving has divided by 255 itself."""
    sent = (pixels / 255).reshape(3, *shape).tolist()
    answer = ask(served, {"inputs": sent} if columnar else {"instances": sent})
    assert answer.status == 200
    (rows,) = answer.json.values()
    stored = newest(dsn_of_module, 3)
    assert [row[0] for row in stored] == rows
    for row, array in zip(stored, pixels, strict=True):
        assert row[2] == "image/png"
        assert row[3].startswith("model-input/")
        assert row[5:] == (28, 28)
        content = base64.b64decode(row[4].partition(",")[2])
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), array[..., 0])
        # The picture of it is predicted alike.
        assert ask(served, {"instances": [b64(content)]}).json == {"predictions": [row[0]]}


def test_the_same_array_is_one_input(
    served: Served, dsn_of_module: str, pixels: NDArray[np.uint8], mlpredict: Command, tmp_path: Path
) -> None:
    sent = {"instances": [(pixels[0] / 255).tolist()]}
    for _ in range(2):
        assert ask(served, sent).status == 200
    with psycopg.connect(dsn_of_module) as connection:
        (first, a), (second, b) = connection.execute(
            "SELECT inputid, id FROM predictions ORDER BY id DESC LIMIT 2"
        ).fetchall()
        row = connection.execute("SELECT sha256, image FROM inputs WHERE id = %s", (first,)).fetchone()
    assert (first, a != b) == (second, True)
    assert row is not None
    content = base64.b64decode(row[1].partition(",")[2])
    assert hashlib.sha256(content).digest() == row[0]
    target = tmp_path / "array.png"
    done = mlpredict("show", str(a), "--export-image", "-o", target, "--dsn", dsn_of_module)
    assert (done.returncode, target.read_bytes()) == (0, content)


HALF = [[[0.5]] * 28] * 28
BYTES = [[[7]] * 28] * 28


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "JSON Parse error"),
        (b"{", 400, "JSON Parse error"),
        (b'{"instances": [NaN]}', 400, "JSON Parse error"),
        (b"[" * 5000, 400, "JSON Parse error"),
        ([], 400, "no JSON object"),
        ({}, 400, "either 'instances' or 'inputs'"),
        ({"instances": [HALF], "inputs": [HALF]}, 400, "either 'instances' or 'inputs'"),
        ({"instances": []}, 400, "'instances' is no list, or an empty one"),
        ({"instances": {}}, 400, "'instances' is no list"),
        ({"instances": None}, 400, "'instances' is no list"),
        ({"inputs": {}}, 400, "0 inputs are named"),
        ({"inputs": 1}, 400, "'inputs' is no list"),
        ({"instances": [{"a": HALF, "b": HALF}]}, 400, "instances[0]: 2 inputs are named"),
        ({"instances": [{"b64": "", "key": "1"}]}, 400, "instances[0]: an image is"),
        ({"instances": ["abcd"]}, 400, "instances[0]: an image is"),
        ({"instances": [1]}, 400, "instances[0]: an image is"),
        ({"instances": [{"b64": "data:image/png;base64,AA=="}]}, 400, "data: URI"),
        ({"instances": [{"b64": "_-_-"}]}, 400, "instances[0]: Unable to base64 decode"),
        ({"instances": [{"b64": "A"}]}, 400, "instances[0]: Unable to base64 decode"),
        ({"instances": [{"b64": "AAAA"}]}, 400, "instances[0]: not an image"),
        ({"instances": [{"b64": ""}]}, 400, "instances[0]: the file is empty"),
        ({"instances": [HALF]}, 400, "instances[0]: 0.5 at [0][0][0] lies between the levels 127 and 128"),
        ({"instances": [BYTES]}, 400, "7 at [0][0][0] is none of 0..1, which this model takes"),
        ({"instances": [[[0, 1], [0]]]}, 400, "different lengths"),
        ({"instances": [[["0"]]]}, 400, "numbers"),
        ({"instances": [[]]}, 400, "numbers"),
        (
            {"instances": [[[[0]] * 28] * 27]},
            400,
            "its shape is (27, 28, 1), and the model takes (28, 28, 1)",
        ),
        ({"instances": [HALF], "signature_name": "other"}, 400, '"other" not found in signature def'),
        ({"instances": [HALF], "signature_name": 1}, 400, '"1" not found'),
        ({"instances": [0] * 1001}, 413, "more than 1,000 instances"),
        (b'{"instances": [' + b"0," * ((1 << 22) + 1) + b"0]}", 413, "more than 4,194,304 numbers"),
    ],
)
def test_errors_have_its_form_and_store_nothing(
    served: Served, dsn_of_module: str, body: object, status: int, words: str
) -> None:
    before = total(dsn_of_module)
    answer = ask(served, body)
    assert (answer.status, list(answer.json)) == (status, ["error"])
    assert words in answer.json["error"]
    after = total(dsn_of_module)
    assert before is not None
    assert after is not None
    assert after[0] == before[0]


def test_a_compressed_body_is_refused(served: Served, images: list[bytes]) -> None:
    body = gzip.compress(json.dumps({"instances": [b64(images[0])]}).encode())
    answer = ask(served, body, **{"Content-Encoding": "gzip"})
    assert (answer.status, answer.json) == (400, {"error": "The body is compressed; send it as it is."})


def test_a_request_is_answered_whole_or_not_at_all(
    served: Served, dsn_of_module: str, images: list[bytes]
) -> None:
    before = total(dsn_of_module)
    answer = ask(served, {"instances": [b64(images[0]), b64(images[1][:99]), b64(images[2])]})
    assert answer.status == 400
    assert answer.json["error"].startswith("instances[1]: ")
    after = total(dsn_of_module)
    assert before is not None
    assert after == (before[0], before[1] + 1)


def test_the_status_and_the_signature(served: Served, dsn_of_module: str) -> None:
    fine = {"error_code": "OK", "error_message": ""}
    with psycopg.connect(dsn_of_module) as connection:
        row = connection.execute("SELECT id FROM models").fetchone()
    assert row is not None
    version = str(row[0])
    status = {"model_version_status": [{"version": version, "state": "AVAILABLE", "status": fine}]}
    identity = served.ask("/v1/model").json["model"]
    for name in (NAME, identity):
        assert served.ask(f"/v1/models/{name}").json == status
        assert served.ask(f"/v1/models/{name}/versions/{version}").json == status
    assert served.ask(f"/v1/models/{NAME}", method="HEAD").status == 200
    described = served.ask(f"/v1/models/{NAME}/metadata").json
    assert described["model_spec"] == {"name": NAME, "signature_name": "", "version": version}
    signature = described["metadata"]["signature_def"]["signature_def"]["serving_default"]
    (taken,), (given,) = signature["inputs"].values(), signature["outputs"].values()
    assert (taken["dtype"], given["dtype"]) == ("DT_FLOAT", "DT_FLOAT")
    assert [one["size"] for one in taken["tensor_shape"]["dim"]] == ["-1", "28", "28", "1"]
    assert [one["size"] for one in given["tensor_shape"]["dim"]] == ["-1", "10"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models/other", 404),
        ("GET", f"/v1/models/{NAME}/versions/99", 404),
        ("GET", "/v1/models/other/metadata", 404),
        ("POST", "/v1/models/other:predict", 404),
        ("POST", f"/v1/models/{NAME}/versions/99:predict", 404),
        ("POST", f"/v1/models/{NAME}:classify", 404),
        ("GET", PREDICT, 405),
    ],
)
def test_what_is_not_there_is_said_in_its_form(served: Served, method: str, path: str, status: int) -> None:
    body = json.dumps({"instances": [HALF]}).encode() if method == "POST" else None
    answer = served.ask(path, method=method, body=body)
    assert (answer.status, list(answer.json)) == (status, ["error"])


def test_a_version_and_a_key_may_be_asked_for(
    served: Served, dsn_of_module: str, images: list[bytes]
) -> None:
    version = served.ask(f"/v1/models/{NAME}").json["model_version_status"][0]["version"]
    path = f"/v1/models/{NAME}/versions/{version}:predict"
    first = ask(served, {"instances": [b64(images[0])]}, path, **{"Idempotency-Key": "serving"})
    assert first.status == 200
    before = total(dsn_of_module)
    again = ask(served, {"instances": [b64(images[0])]}, path, **{"Idempotency-Key": "serving"})
    assert (again.status, again.body) == (200, first.body)
    other = ask(served, {"instances": [b64(images[1])]}, **{"Idempotency-Key": "serving"})
    assert (other.status, list(other.json)) == (422, ["error"])
    assert total(dsn_of_module) == before


@pytest.fixture(scope="module")
def guarded(dsn_of_module: str, cache_home: Path, public_directory: Path, compiled: None) -> Iterator[Served]:
    environment = environment_of_command(cache_home, public_directory)
    with serving(environment, "--dsn", dsn_of_module, "--token", "t", "--max-upload", "100kB") as server:
        yield server


def test_limits_and_refusals_have_its_form(guarded: Served, images: list[bytes]) -> None:
    answer = ask(guarded, {"instances": [b64(images[0])]})
    assert (answer.status, list(answer.json)) == (401, ["error"])
    token = {"Authorization": "Bearer t"}
    answer = ask(guarded, {"instances": [b64(bytes(90_000))]}, **token)
    assert (answer.status, answer.json) == (
        413,
        {"error": "The request is too large: the limit is 100,000 bytes."},
    )
    # Lists within lists take more memory than they are long, and it is counted.
    answer = ask(guarded, b'{"instances":[' + b"[]," * 30_000 + b"[]]}", **token)
    assert (answer.status, list(answer.json)) == (413, ["error"])
    assert ask(guarded, {"instances": [b64(images[0])]}, **token).status == 200
