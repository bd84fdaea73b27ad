"""`mlpredict predict` as a person or a pipeline runs it."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from PIL import Image

from mlpredict import settings
from mlpredict.domain import EngineName, Sample, Source
from mlpredict.inference.model import load_model
from mlpredict.inputs.image import as_sample, decode_source
from tests.conftest import COMMAND, Command
from tests.tcp_server import TcpServer

FIELDS = [
    "prediction_id",
    "input_id",
    "run_id",
    "filename",
    "contenttype",
    "prediction",
    "likely_class",
    "label",
    "score",
    "model",
    "created_at",
    "labels",
    "value",
    "unit",
    "outputs",
    "true_label",
    "right",
]
TOLERANCE = 1e-5


def lines(output: bytes) -> list[Any]:
    return [json.loads(line) for line in output.splitlines()]


def test_every_sample_digit_is_recognised_and_stored(
    mlpredict: Command, dsn: str, digits: list[Path], connection: psycopg.Connection[Any]
) -> None:
    done = mlpredict("predict", *digits, "--dsn", dsn, "--format", "jsonl")
    records = lines(done.stdout)
    assert done.returncode == 0
    assert [(record["filename"], record["label"]) for record in records] == [
        (str(path), path.name[0]) for path in digits
    ]
    assert list(records[0]) == FIELDS
    rows = connection.execute(
        "SELECT id, inputid, filename, predictions, likely_class, label FROM predictions ORDER BY id"
    )
    assert rows.fetchall() == [
        tuple(
            record[name]
            for name in ("prediction_id", "input_id", "filename", "prediction", "likely_class", "label")
        )
        for record in records
    ]


def test_what_is_stored_is_what_tensorflow_says(
    mlpredict: Command, dsn: str, digits: list[Path], connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    assert mlpredict("predict", *digits, "--dsn", dsn).returncode == 0
    stored = [row[0] for row in connection.execute("SELECT predictions FROM predictions ORDER BY id")]
    tensorflow = load_model(settings.bundled("saved_model"), engine=EngineName.TENSORFLOW, cache=tmp_path)
    sources = [Source(str(path)) for path in digits]
    samples = [as_sample(0, source, decode_source(source, tensorflow.spec)) for source in sources]
    pixels = [sample.pixels for sample in samples if isinstance(sample, Sample)]
    expected = tensorflow.outputs(np.stack(pixels))
    np.testing.assert_allclose(stored, expected, rtol=0, atol=TOLERANCE)


def test_the_stored_image_is_the_file_byte_for_byte(
    mlpredict: Command, dsn: str, digits: list[Path], connection: psycopg.Connection[Any]
) -> None:
    mlpredict("predict", digits[0], "--dsn", dsn)
    row = connection.execute("SELECT image, contenttype, width, height FROM inputs").fetchone()
    assert row is not None
    header, _, payload = row[0].partition(",")
    assert (header, row[1]) == ("data:image/png;base64", "image/png")
    assert base64.b64decode(payload) == digits[0].read_bytes()
    with Image.open(digits[0]) as image:
        assert row[2:] == image.size


def test_a_pipe_gets_one_plain_line_a_record(mlpredict: Command, dsn: str, digits: list[Path]) -> None:
    done = mlpredict("predict", *digits[:3], "--dsn", dsn)
    rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        (str(n + 1), str(path), path.name[0]) for n, path in enumerate(digits[:3])
    ]
    assert done.stderr == b""


def test_json_is_one_array_and_an_empty_one_without_records(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    assert len(json.loads(mlpredict("predict", *digits[:2], "--dsn", dsn, "--json").stdout)) == 2
    nothing = mlpredict("predict", tmp_path, "--dsn", dsn, "--json")
    assert (nothing.returncode, json.loads(nothing.stdout)) == (1, [])


def test_csv_has_a_header_and_the_columns_asked_for(mlpredict: Command, dsn: str, digits: list[Path]) -> None:
    done = mlpredict("predict", digits[0], "--dsn", dsn, "--format", "csv", "--columns", "label,filename")
    assert list(csv.reader(io.StringIO(done.stdout.decode()))) == [
        ["label", "filename"],
        [digits[0].name[0], str(digits[0])],
    ]


def test_top_k_adds_the_likeliest_labels(mlpredict: Command, digits: list[Path]) -> None:
    [record] = lines(
        mlpredict("predict", digits[0], "--no-store", "--format", "jsonl", "--top-k", "3").stdout
    )
    assert record["top"][0]["label"] == record["label"]
    assert [entry["score"] for entry in record["top"]] == sorted(record["prediction"], reverse=True)[:3]


def test_no_store_needs_no_database(mlpredict: Command, digits: list[Path]) -> None:
    done = mlpredict("predict", digits[0], "--no-store", "--format", "jsonl", "--dsn", "host=/nowhere")
    [record] = lines(done.stdout)
    assert (done.returncode, record["prediction_id"], record["label"]) == (0, None, digits[0].name[0])


def test_an_image_may_come_on_stdin(mlpredict: Command, dsn: str, digits: list[Path]) -> None:
    done = mlpredict(
        "predict", "-", "--dsn", dsn, "--columns", "filename,label", stdin=digits[3].read_bytes()
    )
    assert done.stdout.decode().split() == ["-", digits[3].name[0]]


@pytest.mark.parametrize(("options", "end"), [((), "\n"), (("-0",), "\0")], ids=["lines", "nul"])
def test_paths_may_come_in_a_list(
    mlpredict: Command, dsn: str, digits: list[Path], options: tuple[str, ...], end: str
) -> None:
    listing = "".join(f"{path}{end}" for path in digits[:4]).encode()
    done = mlpredict("predict", "-T", "-", *options, "--dsn", dsn, "--columns", "filename", stdin=listing)
    assert done.stdout.decode().splitlines() == [str(path) for path in digits[:4]]


def test_a_folder_is_walked_in_sorted_order(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    for name in ("b/2.png", "b/1.png", "a.png", "c/d/3.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(digits[0], tmp_path / name)
    done = mlpredict("predict", ".", "--dsn", dsn, "--columns", "filename", cwd=tmp_path)
    assert done.stdout.decode().splitlines() == ["./a.png", "./b/1.png", "./b/2.png", "./c/d/3.png"]


def test_bad_inputs_are_named_with_their_reason_and_the_rest_is_predicted(
    mlpredict: Command, dsn: str, digits: list[Path], connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("hello\n")
    (tmp_path / "cut.png").write_bytes(digits[0].read_bytes()[:-60])
    bad = ["missing.png", "empty", "empty.png", "text.png", "cut.png"]
    done = mlpredict("predict", *bad, digits[1], "--dsn", dsn, "--columns", "label", cwd=tmp_path)
    assert (done.returncode, done.stdout.decode().split()) == (1, [digits[1].name[0]])
    assert done.stderr.decode().splitlines() == [
        "mlpredict: missing.png: no such file or folder",
        "mlpredict: empty: no images in this folder",
        "mlpredict: empty.png: the file is empty",
        "mlpredict: text.png: not an image",
        "mlpredict: cut.png: truncated",
    ]
    rows = connection.execute("SELECT position, filename FROM failures ORDER BY position").fetchall()
    assert rows == list(enumerate(bad))


def test_skip_existing_predicts_only_what_is_new(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    mlpredict("predict", *digits[:2], "--dsn", dsn)
    renamed = shutil.copy(digits[0], tmp_path / "renamed.png")
    again = mlpredict(
        "predict", renamed, *digits[1:4], digits[3], "--dsn", dsn, "--skip-existing", "--columns", "filename"
    )
    assert again.returncode == 0
    assert again.stdout.decode().splitlines() == [str(path) for path in digits[2:4]]


def test_the_model_input_may_be_kept(
    mlpredict: Command, dsn: str, digits: list[Path], connection: psycopg.Connection[Any]
) -> None:
    mlpredict("predict", digits[0], "--dsn", dsn, "--keep", "model-input")
    row = connection.execute("SELECT image, kept FROM inputs").fetchone()
    assert row is not None
    with Image.open(io.BytesIO(base64.b64decode(row[0].partition(",")[2]))) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (28, 28))
    assert row[1].startswith("model-input/")


def test_a_reference_may_be_kept(
    mlpredict: Command, dsn: str, digits: list[Path], connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    shutil.copy(digits[0], tmp_path / "a digit.png")
    mlpredict("predict", "a digit.png", "--dsn", dsn, "--keep", "reference", cwd=tmp_path)
    row = connection.execute("SELECT image FROM inputs").fetchone()
    assert row == ((tmp_path / "a digit.png").as_uri(),)


@pytest.mark.parametrize(
    "name",
    [
        b"with space.png",
        b"-dash.png",
        b"new\nline.png",
        b"\x1b[31mred.png",
        b"[red]%s{}.png",
        b"caf\xe9.png",
        b"tab\t\\.png",
    ],
)
def test_any_name_is_one_harmless_line(
    mlpredict: Command,
    dsn: str,
    digits: list[Path],
    connection: psycopg.Connection[Any],
    tmp_path: Path,
    name: bytes,
) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    shutil.copy(str(digits[0]).encode(), path)
    done = mlpredict(
        "predict", "--dsn", dsn, "--columns", "label,filename", "--", os.fsdecode(name), cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.count(b"\t") == 1
    assert b"\x1b" not in done.stdout
    row = connection.execute("SELECT filename, filename_bytes FROM predictions").fetchone()
    assert row is not None
    assert (row[1] or row[0].encode()) == name


def test_a_bad_name_is_harmless_in_an_error(mlpredict: Command, dsn: str) -> None:
    done = mlpredict("predict", "evil\x1b]0;\x07\n.png", "--dsn", dsn)
    assert done.stderr == b"mlpredict: evil\\x1b]0;\\x07\\n.png: no such file or folder\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ((), 2, "nothing to predict"),
        (("x.png", "--format", "json", "--json", "--columns", "nosuch"), 2, "there is no column nosuch"),
        (("x.png", "--format", "csv", "--json"), 2, "exclude each other"),
        (("-", "-T", "-"), 2, "stdin cannot be"),
        (("-", "--keep", "reference"), 2, "--keep reference needs files"),
        (("x.png", "--no-store", "--skip-existing"), 2, "exclude each other"),
        (("x.png", "--nosuch"), 2, "no such option"),
        (("x.png", "--batch-size", "0"), 2, "--batch-size"),
        (("x.png", "--retry", "-1"), 2, "--retry"),
        (("x.png", "--retry", "nan"), 2, "--retry nan: not a number of seconds"),
        (("x.png", "--model", "/no/such/model"), 4, "/no/such/model: no such model"),
        (("x.png", "--model", "/"), 4, "no SavedModel"),
        (("x.png", "--dsn", "nonsense"), 3, "not one PostgreSQL understands"),
        (("x.png", "--dsn", "host=/no/such/place"), 3, "/no/such/place"),
    ],
)
def test_mistakes_are_one_line_and_a_status(
    mlpredict: Command, arguments: tuple[str, ...], status: int, message: str
) -> None:
    done = mlpredict("predict", *arguments)
    assert (done.returncode, done.stdout) == (status, b"")
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("mlpredict: ")
    assert message in line


def test_a_traceback_is_shown_only_when_asked_for(mlpredict: Command) -> None:
    quiet = mlpredict("predict", "x.png", "--dsn", "host=/no/such/place")
    verbose = mlpredict("predict", "x.png", "--dsn", "host=/no/such/place", "-v")
    assert b"Traceback" not in quiet.stderr
    assert b"Traceback" in verbose.stderr
    assert verbose.returncode == 3


def test_a_server_that_does_not_answer_is_given_up(mlpredict: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        done = mlpredict("predict", "x.png", "--dsn", f"postgresql://me:s3cret@127.0.0.1:{port}/db")
    assert done.returncode == 3
    assert b"timeout" in done.stderr
    assert b"s3cret" not in done.stderr


@pytest.mark.parametrize("wrong", ["s3cretX", "s3cret%20pass"])
def test_a_password_is_never_shown(mlpredict: Command, tcp_server: TcpServer, wrong: str) -> None:
    dsn = tcp_server.dsn.replace("s3cret%20pass%27word", wrong)
    done = mlpredict("list", "--dsn", dsn, "-v")
    assert done.returncode == 3
    assert b"password authentication failed" in done.stderr
    assert b"s3cret" not in done.stderr


def test_a_server_reached_over_tcp(mlpredict: Command, tcp_server: TcpServer, digits: list[Path]) -> None:
    env = {"MLPREDICT_DSN": tcp_server.dsn}
    refused = mlpredict("predict", digits[0], env=env)
    assert (refused.returncode, refused.stdout) == (3, b"")
    assert b"init-db" in refused.stderr
    assert mlpredict("init-db", env=env).returncode == 0
    assert mlpredict("predict", *digits, env=env).returncode == 0
    assert len(mlpredict("list", "--all", env=env).stdout.splitlines()) == len(digits)


def test_a_closed_pipe_ends_quietly(
    environment: dict[str, str], dsn: str, digits: list[Path], connection: psycopg.Connection[Any]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [*COMMAND, "predict", *map(str, digits), "--dsn", dsn]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (len(digits),)


def test_a_full_disk_under_stdout_is_an_error(environment: dict[str, str], digits: list[Path]) -> None:
    command = [*COMMAND, "predict", str(digits[0]), "--no-store"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment)
    assert (done.returncode, done.stderr) == (1, b"mlpredict: standard output: No space left on device\n")
