"""Rows that another program has written, or spoilt: listed and shown one by one, and never trusted."""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import psycopg
import pytest
from PIL import Image

from tests.conftest import Command

OUTPUTS = [
    *("null", "7", "-0.0", "true", '"text"', '""', "{}", "[]", "[null]", "[[]]", '{"a": [1, {"b": null}]}'),
    *("[[0.1, 0.9]]", "[0.1,\n 0.9]", "[\r\n1,\t2\r\n]", "[1e400, 0]", "[" + "9" * 400 + "]", "[0.5, true]"),
    *('["a\\u0000b"]', '["\\u001b[31m"]', '["\u009b2J\u202e"]', "[1e-400, 1]", "[0.25,0.25,0.25,0.25]"),
    *("[" * 900 + "]" * 900, "[" + ",".join(["0.001"] * 1000) + "]", '"' + "x" * 100_000 + '"'),
]
EVIL = ("\x1b", "\x07", "\u009b", "\u202e")
EXPORTED_PNG = io.BytesIO()
Image.new("L", (4, 3)).save(EXPORTED_PNG, "PNG")


def data_uri(contenttype: str, content: bytes) -> str:
    return f"data:{contenttype};base64,{base64.b64encode(content).decode()}"


def png_of(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and has no pixels."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08" + bytes(4)
    chunks = (header, b"IDAT" + zlib.compress(b""), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") for chunk in chunks
    )


@pytest.fixture
def strange(connection: psycopg.Connection[Any], dsn: str) -> str:
    """A database with a row for each of the outputs, and rows whose other columns are as odd."""
    connection.execute("INSERT INTO inputs (image) VALUES (NULL)")
    insert = "INSERT INTO predictions (inputid, predictions) VALUES (1, %s)"
    connection.cursor().executemany(insert, [(output,) for output in OUTPUTS])
    connection.execute("""
        INSERT INTO predictions DEFAULT VALUES;
        INSERT INTO predictions (created_at)
        VALUES ('infinity'), ('-infinity'), ('10000-01-01'), ('0044-03-15 BC');
        INSERT INTO predictions (label, filename, contenttype)
        VALUES (E'\\x1b[31m\\n\\t\\u202e', E'\\x1b]0;\\x07\\n"', E'\\u009b'), ('', '', ''),
               ('null', 'null', 'null');
        INSERT INTO predictions (filename, filename_bytes) VALUES ('a', '\\x00ff0a1b'), (NULL, '\\x2f');
        INSERT INTO predictions (score, likely_class)
        VALUES ('NaN', -1), ('infinity', 2147483647), (-1e30, 0);
        INSERT INTO models (fingerprint, name, format, path, task, labels, description)
        VALUES ('', E'\\x1b[31m', '', '', 'divination', '{"a": 1}', '[1]'),
               ('x', '', '', '', 'classification', '[null, {"a": 1}]', '{"activation": ["softmax"]}'),
               ('y', 'y', '', '', 'binary', '"labels"', '{"activation": "nonsense"}');
        INSERT INTO runs (id, model_id, engine, keep, directory, version)
        VALUES (1, 1, '', '', '', ''), (2, 2, '', '', '', ''), (3, 3, '', '', '', '');
        INSERT INTO predictions (run_id, model_id, predictions)
        VALUES (1, 1, '[0.5, 0.5]'), (2, 2, '[0.5, 0.5]'), (3, 3, '[]'),
               (3, 3, '[0.5, 0.5]'), (2, 2, '[[1], [2]]'), (2, 2, '[1e38, -1e38]');
        """)
    return dsn


def test_every_row_is_one_record_in_every_format(
    mlpredict: Command, strange: str, connection: psycopg.Connection[Any]
) -> None:
    [count] = connection.execute("SELECT count(*) FROM predictions").fetchone() or [0]
    for chosen in ("json", "jsonl", "csv", "tsv", "table"):
        done = mlpredict("list", "--all", "--dsn", strange, "--format", chosen)
        assert (done.returncode, done.stderr) == (0, b""), chosen
        match chosen:
            case "json":
                assert len(json.loads(done.stdout)) == count
            case "jsonl":
                assert [type(json.loads(line)) for line in done.stdout.splitlines()] == [dict] * count
            case "tsv":
                lines = done.stdout.decode().split("\n")[:-1]
                assert [line.count("\t") for line in lines] == [5] * count
        if chosen in ("table", "tsv"):
            assert not any(evil in done.stdout.decode() for evil in EVIL)


def test_every_row_is_shown(mlpredict: Command, strange: str, connection: psycopg.Connection[Any]) -> None:
    ids = [str(row[0]) for row in connection.execute("SELECT id FROM predictions ORDER BY id")]
    table = mlpredict("show", *ids, "--dsn", strange, "--format", "table")
    screen = table.stdout.decode()
    assert (table.returncode, table.stderr) == (0, b"")
    assert screen.count("prediction  ") == len(ids)
    assert not any(evil in screen for evil in EVIL)
    # Deeper than the readers of JSON go.
    deep = "[" * 5000 + "]" * 5000
    connection.execute("UPDATE predictions SET predictions = %s WHERE id = 1", (deep,))
    assert mlpredict("show", "1", "--dsn", strange, "--format", "table").returncode == 0
    found = json.loads(mlpredict("show", *ids[1:], "--dsn", strange, "--json").stdout)
    assert [one["prediction_id"] for one in found] == list(map(int, ids[1:]))
    assert [one["created_at"] for one in found].count(None) == 4


def test_what_is_wrong_with_one_does_not_keep_the_others(
    mlpredict: Command, connection: psycopg.Connection[Any], dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    assert mlpredict("predict", *digits[:4], "--dsn", dsn).returncode == 0
    connection.execute("UPDATE inputs SET image = 'data:image/png;base64,%%%' WHERE id = 2")
    (tmp_path / digits[2].name).write_text("mine")
    done = mlpredict("show", "1", "2", "999", "3", "4", "--dsn", dsn, "--export-image", cwd=tmp_path)
    assert done.returncode == 5
    said = done.stderr.decode().splitlines()
    assert [line for line in said if "wrote" not in line] == [
        "mlpredict: input 2: damaged: Only base64 data is allowed",
        "mlpredict: there is no prediction 999",
        f"mlpredict: {digits[2].name}: there is a file of this name; overwrite it with --force",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(digits[n].name for n in (0, 2, 3))
    assert (tmp_path / digits[2].name).read_text() == "mine"
    shown = mlpredict("show", "4", "999", "1", "--dsn", dsn, "--columns", "prediction_id")
    assert (shown.returncode, shown.stdout) == (5, b"4\n1\n")
    assert shown.stderr == b"mlpredict: there is no prediction 999\n"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("file:///etc/passwd", "no hash is stored to know the file by"),
        ("file:///dev/zero", "no hash"),
        ("file://fileserver/share/a.png", "on another machine: fileserver"),
        ("file:relative.png", "no hash"),
        ("FILE:///etc/hostname", "no hash"),
        ("http://example.org/a.png", "not fetched"),
        ("https://127.0.0.1/a.png", "not fetched"),
        ("s3://bucket/a.png", "no hash"),
        ("\x1b[2J:x", "damaged"),
    ],
)
def test_no_row_makes_a_file_be_read(
    mlpredict: Command, dsn: str, connection: psycopg.Connection[Any], tmp_path: Path, uri: str, reason: str
) -> None:
    (tmp_path / "relative.png").write_bytes(EXPORTED_PNG.getvalue())
    connection.execute("INSERT INTO inputs (image) VALUES (%s)", (uri,))
    connection.execute("INSERT INTO predictions (inputid, predictions) VALUES (1, '[1]')")
    done = mlpredict("show", "1", "--dsn", dsn, "--export-image", "-o", "-", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("mlpredict: input 1: ")
    assert reason in line
    table = mlpredict("show", "1", "--dsn", dsn, "--format", "table", cwd=tmp_path)
    assert (table.returncode, b"no picture" in table.stdout) == (0, True)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        (data_uri("image/png", b"<html><script>alert(1)</script>"), "page.html.bin"),
        (data_uri("image/png", b"\x7fELF" + bytes(100)), "page.html.bin"),
        (data_uri("text/html", EXPORTED_PNG.getvalue()), "page.html.png"),
        (data_uri("image/../../x", EXPORTED_PNG.getvalue()), "page.html.png"),
        (data_uri("image/png", png_of(100_000, 100_000)), "page.html.png"),
        ("data:,", "page.html.bin"),
    ],
)
def test_a_lie_about_a_type_gives_no_file_that_runs(
    mlpredict: Command, dsn: str, connection: psycopg.Connection[Any], tmp_path: Path, uri: str, name: str
) -> None:
    connection.execute("INSERT INTO inputs (image, contenttype) VALUES (%s, 'image/png')", (uri,))
    connection.execute(
        "INSERT INTO predictions (inputid, filename, predictions) VALUES (1, 'page.html', '[1]')"
    )
    assert mlpredict("show", "1", "--dsn", dsn, "--export-image", cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    shown = mlpredict("show", "1", "--dsn", dsn, "--format", "table")
    assert (shown.returncode, shown.stderr) == (0, b"")
