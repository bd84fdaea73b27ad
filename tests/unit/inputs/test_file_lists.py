"""Lists of file names, as Unix and Windows write them."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from mlpredict.errors import UsageError
from mlpredict.inputs.file_lists import names_from, read_names


class Stdin:
    """Standard input that holds some bytes."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


pytestmark = pytest.mark.usefixtures("working_directory")


@pytest.mark.parametrize(
    ("listing", "separator", "names"),
    [
        pytest.param(b"", b"\n", [], id="empty"),
        pytest.param(b"a.png\nb c.png\n", b"\n", ["a.png", "b c.png"], id="lines"),
        pytest.param(b"a.png\nb.png", b"\n", ["a.png", "b.png"], id="without the last newline"),
        pytest.param(b"\n\na.png\n\n", b"\n", ["a.png"], id="empty lines"),
        pytest.param(b"a\nb.png\0 c.png\0", b"\0", ["a\nb.png", " c.png"], id="NUL"),
        pytest.param(b"caf\xe9.png\n", b"\n", [os.fsdecode(b"caf\xe9.png")], id="not UTF-8"),
    ],
)
def test_names_come_from_a_list(listing: bytes, separator: bytes, names: list[str]) -> None:
    assert list(read_names(io.BytesIO(listing), separator=separator)) == names
    Path("list").write_bytes(listing)
    assert list(names_from("list", separator=separator)) == names


def test_a_list_longer_than_a_block_loses_no_name() -> None:
    names = [f"{number:030}.png" for number in range(5000)]
    listing = io.BytesIO("\n".join(names).encode())
    assert list(read_names(listing, separator=b"\n")) == names


def test_names_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"a.png\0b.png\0"))
    assert list(names_from("-", separator=b"\0")) == ["a.png", "b.png"]


def test_a_pipe_gives_names_before_it_ends() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as listing, open(writing, "wb", buffering=0) as pipe:
        names = read_names(listing, separator=b"\n")
        pipe.write(b"a.png\nb")
        assert next(names) == "a.png"
        pipe.write(b".png\n")
        assert next(names) == "b.png"


@pytest.mark.parametrize(("name", "reason"), [("missing", "no such file"), (".", "is a directory")])
def test_a_list_that_cannot_be_read_is_named(name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"--files-from {name}: {reason}"):
        list(names_from(name, separator=b"\n"))


NAMES = ["in/a.png", "in/日本 b.png", "c.png"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CR LF"])
@pytest.mark.parametrize("last", ["", "end", "end end"])
def test_lists_made_on_windows_are_read(encoding: str, end: str, last: str) -> None:
    listing = (end.join(NAMES) + last.replace("end", end).replace(" ", "")).encode(encoding)
    assert list(read_names(io.BytesIO(listing), separator=b"\n")) == NAMES


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_list_may_come_in_pieces_of_any_size(size: int) -> None:
    class Trickle(io.BytesIO):
        def read1(self, _size: int | None = -1) -> bytes:
            return self.read(size)

    for encoding in ("utf-8-sig", "utf-16", "utf-8"):
        listing = Trickle("\r\n".join(NAMES).encode(encoding))
        assert list(read_names(listing, separator=b"\n")) == NAMES


@pytest.mark.skipif(os.name != "posix", reason="names that end in CR")
def test_a_name_that_ends_in_a_return_is_that_file_where_there_is_one() -> None:
    Path("odd\r").touch()
    assert list(read_names(io.BytesIO(b"odd\r\neven\r\n"), separator=b"\n")) == ["odd\r", "even"]


def test_names_that_end_in_nul_keep_their_returns() -> None:
    assert list(read_names(io.BytesIO(b"\xef\xbb\xbfa\r\0b\n\0"), separator=b"\0")) == ["a\r", "b\n"]


def test_a_list_that_only_begins_as_utf16_is_a_mistake() -> None:
    Path("list").write_bytes(b"\xff\xfea\0\n\0b")
    with pytest.raises(UsageError, match="--files-from list: begins as UTF-16-LE"):
        list(names_from("list", separator=b"\n"))
