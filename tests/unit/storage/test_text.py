"""Text that PostgreSQL takes, and file names that survive it."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlpredict.storage.values import decode_filename, encode_filename, glob_to_regex, storable

file_names = st.binary().map(lambda raw: os.fsdecode(raw.replace(b"\0", b"")))
glob_text = st.text(alphabet="ab1.*?[]!{}()$+|&~\\ -é", max_size=8)
short_names = st.text(alphabet="ab1.*?[]!{}()$+|&~\\ -é", max_size=8)


@given(file_names)
@example("three.png")
@example(os.fsdecode(b"caf\xe9.png"))
@example("caf\N{REPLACEMENT CHARACTER}.png")
def test_a_file_name_comes_back_byte_for_byte(name: str) -> None:
    text, raw = encode_filename(name)
    restored = decode_filename(text, raw)
    assert restored is not None
    assert os.fsencode(restored) == os.fsencode(name)


@given(file_names)
def test_bytes_are_kept_only_where_the_text_is_not_the_whole_truth(name: str) -> None:
    text, raw = encode_filename(name)
    assert (raw is None) == (text == name)


def test_a_row_without_a_name_has_none() -> None:
    assert decode_filename(None, None) is None


@given(st.text() | file_names)
@example("a\0b")
def test_stored_text_is_utf8_without_nul(text: str) -> None:
    try:
        stored = storable(text)
    except UnicodeEncodeError:
        # Half a surrogate pair comes from no file system and from no terminal.
        assert any(0xD800 <= ord(character) < 0xDC80 or ord(character) > 0xDCFF for character in text)
        return
    assert "\0" not in stored
    assert stored.encode("utf-8").decode("utf-8") == stored


@pytest.mark.parametrize("text", ["", "three.png", "數字 👩‍👩‍👧 \\ \x1b"])
def test_ordinary_text_is_stored_as_it_is(text: str) -> None:
    assert storable(text) == text


def matches(pattern: str, name: str) -> bool:
    return re.search(glob_to_regex(pattern), name) is not None


def without_ranges(pattern: str) -> bool:
    """Whether a pattern means the same to everybody: backward ranges do not."""
    return not re.search(r"\[\]?[^\]]*-", pattern)


@given(glob_text.filter(without_ranges), short_names)
@example("[]", "[]")
@example("[!]", "[!]")
@example("[]a]", "]")
@example("[!]a]", "b")
@example("[[]", "[")
@example("a[*]b", "a*b")
@example("[\\]", "\\")
def test_a_glob_matches_what_a_shell_pattern_matches(pattern: str, name: str) -> None:
    assert matches(pattern, name) == fnmatchcase(name, pattern)


@given(glob_text.filter(without_ranges), short_names)
def test_a_glob_with_a_slash_is_one_of_the_whole_name(pattern: str, name: str) -> None:
    assert matches(f"scans/{pattern}", f"scans/{name}") == fnmatchcase(name, pattern)
    assert not matches(f"scans/{pattern}", f"more/scans/{name}")


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*.png", "scans/a.png", True),
        ("*.png", "scans/a.png.txt", False),
        ("a.png", "scans/a.png", True),
        ("a.png", "scans/ba.png", False),
        ("a.png", "aXpng", False),
        ("scans/*", "scans/2026/a.png", True),
        ("[a-c]?.png", "b1.png", True),
        ("[a-c]?.png", "d1.png", False),
        ("[!a-c]*", "d1.png", True),
        ("[^a-c]*", "b1.png", False),
        ("[[:x]", ":", True),
    ],
)
def test_a_glob_without_a_slash_is_one_of_the_last_part(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected
