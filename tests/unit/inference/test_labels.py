"""Names of classes in all the files that people keep them in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlpredict.inference.labels import MAX_BYTES, NoLabels, labels_option, read_label_file

PETS = ("cat", "dog", "möwe")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "cat\ndog\nmöwe\n"),
        ("labels.txt", "\ufeffcat\r\ndog \r\n möwe\r\n\r\n"),
        ("labels.txt", "0 cat\n1 dog\n2 möwe"),
        ("labels.txt", "0: cat\n1: dog\n2: möwe"),
        ("labels.txt", "0, cat\n1, dog\n2, möwe"),
        ("labels.txt", "2 möwe\n0 cat\n1 dog\n"),
        ("labels.txt", "0  cat\n 1  dog\n02\tmöwe\n"),
        ("labels", "cat\ndog\nmöwe"),
        ("labels.json", '["cat", "dog", "möwe"]'),
        ("labels.json", '{"cat": 0, "möwe": 2, "dog": 1}'),
        ("labels.json", '{"cat": 1, "dog": 2, "möwe": 3}'),
        ("labels.json", '{"cat": "0", "dog": "1", "möwe": "2"}'),
        ("labels.json", '{"0": "cat", "1": "dog", "2": "möwe"}'),
        ("labels.json", '{"10": "x"}'.replace('"10": "x"', '"1": "cat", "3": "möwe", "2": "dog"')),
        ("labels.json", '{"0": ["n01", "cat"], "1": ["n02", "dog"], "2": ["n03", "möwe"]}'),
        ("labels.json", '{"version": 2, "classes": ["cat", "dog", "möwe"]}'),
        ("labels.JSON", '{"names": {"0": "cat", "1": "dog", "2": "möwe"}}'),
        ("labels.csv", "cat\ndog\nmöwe\n"),
        ("labels.csv", "label\ncat\ndog\nmöwe\n"),
        ("labels.csv", "index,label\n0,cat\n1,dog\n2,möwe\n"),
        ("labels.csv", 'name,id\n"dog",1\n"cat",0\n"möwe",2\n'),
        (
            "labels.pbtxt",
            "item {\n  id: 2\n  name: 'dog'\n}\nitem { name: \"cat\" id: 1 }\n"
            "item {id:3 name:'x' display_name:'möwe'}",
        ),
    ],
)
def test_labels_are_read(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, "utf-8", newline="")
    assert read_label_file(tmp_path / name).labels == PETS


@pytest.mark.parametrize(
    ("content", "labels", "numbered"),
    [
        pytest.param("0 cat\n1 dog\n", ("cat", "dog"), True, id="each with its number"),
        pytest.param("1 cat\n2 dog\n", ("1 cat", "2 dog"), False, id="from one: may be part of the name"),
        pytest.param("0 cat\n2 dog\n", ("0 cat", "2 dog"), False, id="with a gap"),
        pytest.param("0 cat\n0 dog\n", ("0 cat", "0 dog"), False, id="twice the same"),
        pytest.param("0 star\n1 star\n", ("0 star", "1 star"), False, id="part of the name"),
        pytest.param("0\n1\n2\n", ("0", "1", "2"), False, id="nothing but numbers"),
        pytest.param("0 cat\n\n1 dog\n", ("0 cat", "", "1 dog"), False, id="an empty line between"),
        pytest.param("5 euros\n10 euros\n", ("5 euros", "10 euros"), False, id="other numbers"),
    ],
)
def test_numbers_before_names_are_left_out_where_they_are_the_classes(
    tmp_path: Path, content: str, labels: tuple[str, ...], numbered: bool
) -> None:
    (tmp_path / "labels.txt").write_text(content)
    found = read_label_file(tmp_path / "labels.txt")
    assert (found.labels, found.numbered) == (labels, numbered)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("labels.txt", b"", "is empty"),
        ("labels.txt", b"\n \n", "is empty"),
        ("labels.txt", b"\xff\xfe", "is not utf-8"),
        ("labels.txt", bytes(MAX_BYTES + 1), "larger than any list"),
        ("labels.json", b"{", "is no JSON"),
        ("labels.json", b"[" * 100_000, "is no JSON"),
        ("labels.json", b"[]", "is neither"),
        ("labels.json", b"7", "is neither"),
        ("labels.json", b'[["cat"]]', "is neither"),
        ("labels.json", b'{"class_name": "Sequential", "config": {}}', "does not give a number"),
        ("labels.json", b'{"cat": 0, "dog": 2}', "numbers that are not those"),
        ("labels.json", b'{"cat": 0, "dog": true}', "does not give a number"),
        ("labels.json", b'{"0": "cat", "1": 5}', "does not give a number"),
        ("labels.csv", b"a,b,c\n", "neither one column"),
        ("labels.csv", b"cat,dog\n", "neither one column"),
        ("labels.csv", b"0,cat\n5,dog\n", "numbers that are not those"),
        ("labels.csv", b"label\n", "neither one column"),
        ("labels.pbtxt", b"item { name: 'cat' }", "without a name or an id"),
        ("labels.pbtxt", b"", "is empty"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NoLabels, match=reason):
        read_label_file(tmp_path / name)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "labels.txt")
    for name, reason in (
        ("labels.txt", "no regular file"),
        ("missing.txt", "No such file"),
        (".", "no regular"),
    ):
        with pytest.raises(NoLabels, match=reason):
            read_label_file(tmp_path / name)


def test_the_option_names_labels_or_a_file(working_directory: Path) -> None:
    Path("labels.txt").write_text("0 cat\n1 dog\n")
    Path("a,b").write_text("comma\n")
    assert labels_option("labels.txt") == (("cat", "dog"), Path("labels.txt"))
    assert labels_option("cat, dog,möwe") == (PETS, None)
    assert labels_option('"cat, black",dog') == (("cat, black", "dog"), None)
    assert labels_option("a,b") == (("comma",), Path("a,b"))


@pytest.mark.parametrize(
    ("given", "reason"),
    [("cat", "cannot be read"), ("cat,,dog", "without a name"), ("", "no regular file"), (",", "without")],
)
def test_the_option_may_be_wrong(working_directory: Path, given: str, reason: str) -> None:
    with pytest.raises(NoLabels, match=reason):
        labels_option(given)
