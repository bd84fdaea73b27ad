"""Names for files and folders that no system takes for something else, or for one another."""

from __future__ import annotations

import os
import string
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.inputs.file_names import (
    NAME_BYTES,
    RESERVED_NAMES,
    Folders,
    Names,
    folder_name,
    image_name,
    portable,
    same_folder,
    with_mark,
)
from mlpredict.support.printable import printable

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from('./\\:%"*CONaux~ -'))


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("cat", "cat"),
        ("golden retriever", "golden retriever"),
        ("größer", "größer"),
        ("猫", "猫"),
        ("-1", "-1"),
        ("a,b", "a,b"),
        ("a/b", "a%2Fb"),
        ("a\\b", "a%5Cb"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        (".hidden", "%2Ehidden"),
        ("end.", "end%2E"),
        ("end ", "end%20"),
        ("", "%"),
        ("100%", "100%25"),
        ("con", "%63on"),
        ("COM1.txt", "%43OM1.txt"),
        ("a\0b", "a%00b"),
        ("a\nb", "a%0Ab"),
        ("\x1b[31m", "%1B[31m"),
        ('a<b>:"|?*', "a%3Cb%3E%3A%22%7C%3F%2A"),
        ("\u202egnp", "%E2%80%AEgnp"),
    ],
)
def test_a_label_becomes_a_folder(label: str, folder: str) -> None:
    assert folder_name(label) == folder


@given(TEXTS)
def test_any_label_becomes_one_plain_name(label: str) -> None:
    folder = folder_name(label)
    assert 0 < len(folder.encode()) <= NAME_BYTES
    assert not set(folder) & set('<>:"/\\|?*\0')
    assert folder[0] != "."
    assert folder[-1] not in ". "
    assert printable(folder) == folder
    assert not RESERVED_NAMES.fullmatch(folder)
    if len(label) < 20 and label:
        assert unquote(folder) == label


@given(st.lists(TEXTS, unique=True, max_size=20))
def test_no_two_labels_share_a_folder(labels: list[str]) -> None:
    folders = Folders()
    given_folders = [folders.of(label) for label in labels]
    assert len({same_folder(one) for one in given_folders}) == len(labels)
    assert [folders.of(label) for label in labels] == given_folders
    assert all(len(one.encode()) <= NAME_BYTES for one in given_folders)


def test_capitals_alone_make_another_folder() -> None:
    folders = Folders()
    assert folders.of("Cat") == "Cat"
    assert folders.of("cat") == "cat-77af778b"
    assert folders.of("e\u0301") != folders.of("\u00e9")


@pytest.mark.parametrize(
    ("name", "mark", "marked"),
    [
        ("7.png", "2", "7-2.png"),
        ("a.b.png", "x", "a.b-x.png"),
        ("noext", "x", "noext-x"),
        ("n" * 251 + ".png", "12345678", "n" * 242 + "-12345678.png"),
        ("數" * 83 + ".png", "12345678", "數" * 80 + "-12345678.png"),
    ],
)
def test_a_mark_stands_before_the_suffix(name: str, mark: str, marked: str) -> None:
    assert with_mark(name, mark) == marked
    assert len(os.fsencode(marked)) <= NAME_BYTES


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("a.png", "a.png"),
        ("con.png", "_con.png"),
        ("a:b?.png", "a_b_.png"),
        ("100%.png", "100_.png"),
        ("aux", "_aux"),
        ("end. ", "end"),
    ],
)
def test_a_file_has_a_name_that_windows_takes(name: str, taken: str) -> None:
    assert portable(name) == taken


def test_a_name_that_is_none_is_replaced() -> None:
    assert image_name("..", "PNG", "prediction-7") == "prediction-7.png"
    assert image_name(None, None, "prediction-7") == "prediction-7.bin"


def test_names_are_given_once_whatever_their_capitals() -> None:
    names = Names()
    assert names.is_new("cat/A.png")
    assert not names.is_new("cat/a.png")
    assert names.is_new("dog/a.png")
    many = [f"cat/{one}{two}.png" for one in string.ascii_lowercase for two in range(400)]
    assert sum(not names.is_new(one) for one in many) <= 5
