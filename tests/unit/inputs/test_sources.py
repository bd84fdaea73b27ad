"""Paths on the command line → sources."""

from __future__ import annotations

import io
import os
import socket
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlpredict.domain import Rejected, Source
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.sources import discover, volume_of
from mlpredict.support import sorting


class Stdin:
    """Standard input that holds some bytes."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


class Entries:
    """So many files in a folder, as `os.scandir` gives them: in no order."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> Iterator[SimpleNamespace]:
        for number in range(self._count):
            name = f"{number * 7919 % self._count:07}.png"
            yield SimpleNamespace(name=name, is_dir=lambda: False)

    def __exit__(self, *_: object) -> None:
        """There is nothing to close."""


def make(*names: str) -> None:
    """Files in the current folder, with their folders."""
    for name in names:
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        Path(name).write_bytes(b"x")


def found(*names: str) -> list[str]:
    """The names of the sources; what is rejected stands as `name: reason`."""
    return [
        one.filename if isinstance(one, Source) else f"{one.source.filename}: {one.reason}"
        for one in discover(names)
    ]


pytestmark = pytest.mark.usefixtures("working_directory")


def test_a_folder_is_walked_in_sorted_order_files_before_folders() -> None:
    make("in/b.png", "in/a.png", "in/z/1.png", "in/c/2.png", "in/c/1.png", "in/c/d/0.png", "in/10.png")
    assert found("in") == [
        "in/10.png",
        "in/a.png",
        "in/b.png",
        "in/c/1.png",
        "in/c/2.png",
        "in/c/d/0.png",
        "in/z/1.png",
    ]


def test_the_order_does_not_depend_on_the_file_system() -> None:
    numbers = [number * 37 % 101 for number in range(101)]
    make(*(f"in/{number:03}/{number:03}.png" for number in numbers), *(f"in/{n:03}.png" for n in numbers))
    files = [f"in/{number:03}.png" for number in sorted(numbers)]
    assert found("in") == [*files, *(f"in/{number:03}/{number:03}.png" for number in sorted(numbers))]


def test_names_keep_the_order_they_are_given_in_and_may_repeat() -> None:
    make("b.png", "a.png")
    assert found("b.png", "a.png", "b.png") == ["b.png", "a.png", "b.png"]


@pytest.mark.parametrize(
    "suffix", [".png", ".PNG", ".jpg", ".JPeG", ".gif", ".bmp", ".tif", ".tiff", ".webp"]
)
def test_a_folder_gives_what_looks_like_an_image(suffix: str) -> None:
    make(f"in/image{suffix}", "in/notes.txt", "in/png", "in/.png", "in/image.png.txt")
    assert found("in") == [f"in/image{suffix}"]


def test_a_folder_with_the_name_of_an_image_is_a_folder() -> None:
    make("in/set.png/a.png")
    assert found("in") == ["in/set.png/a.png"]


@pytest.mark.parametrize("name", ["notes.txt", "image", ".hidden"])
def test_a_file_that_is_named_is_tried_whatever_it_is_called(name: str) -> None:
    make(name)
    assert found(name) == [name]


@pytest.mark.parametrize("name", ["missing.png", "a.png/b.png", "", "nul\0.png", "n" * 300])
def test_a_name_that_leads_nowhere_is_rejected(name: str) -> None:
    make("a.png")
    assert found(name, "a.png") == [f"{name}: no such file or folder", "a.png"]


def test_a_dangling_link_is_left_to_who_reads_it() -> None:
    os.symlink("nowhere", "link.png")
    assert found("link.png") == ["link.png"]


@pytest.mark.parametrize(
    "files", [[], ["in/notes.txt"], ["in/sub/notes.txt"]], ids=["empty", "text", "nested"]
)
def test_a_folder_without_images_is_rejected(files: list[str]) -> None:
    os.mkdir("in")
    make(*files)
    assert found("in") == ["in: no images in this folder"]


def test_links_to_folders_are_followed_when_everything_else_is_through() -> None:
    make("in/z/1.png", "out/2.png", "out/deep/3.png")
    os.symlink("../out", "in/a")
    assert found("in") == ["in/z/1.png", "in/a/2.png", "in/a/deep/3.png"]


def test_a_folder_is_walked_once_and_under_its_own_name() -> None:
    make("in/z/1.png", "out/2.png")
    for link in ("a", "b", "z/c"):
        os.symlink(os.path.abspath("out"), f"in/{link}")
    os.symlink("z", "in/y")
    assert found("in") == ["in/z/1.png", "in/a/2.png"]
    assert found("in/y", "in/y") == ["in/y/1.png", "in/y/c/2.png"] * 2


def test_links_in_circles_have_an_end() -> None:
    make("in/1.png", "in/sub/2.png", "out/3.png")
    for target, link in ((".", "in/self"), ("..", "in/sub/up"), ("../out", "in/out"), ("../in", "out/back")):
        os.symlink(target, link)
    assert found("in") == ["in/1.png", "in/sub/2.png", "in/out/3.png"]
    assert volume_of(["in"])[0] == 3


def test_links_that_lead_to_themselves_or_nowhere_are_left_to_who_reads_them() -> None:
    make("in/1.png")
    os.symlink("loop.png", "in/loop.png")
    os.symlink("nowhere", "in/gone.png")
    os.symlink("1.png", "in/link.png")
    assert found("in") == ["in/1.png", "in/gone.png", "in/link.png", "in/loop.png"]
    assert found("in/loop.png") == ["in/loop.png"]


@pytest.mark.skipif(os.name != "posix", reason="named pipes and sockets")
def test_what_is_no_file_is_left_to_who_reads_it() -> None:
    make("in/1.png")
    os.mkfifo("in/pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("in/socket.png")
        assert found("in") == ["in/1.png", "in/pipe.png", "in/socket.png"]


def test_folders_as_deep_as_they_like_are_walked() -> None:
    depth = 3 * sys.getrecursionlimit()
    here = os.getcwd()
    for _ in range(depth):
        os.mkdir("d")
        os.chdir("d")
    Path("deepest.png").write_bytes(b"x")
    os.chdir(here)
    outcomes = found("d")
    assert len(outcomes) == 1
    # There are systems where no path is as long.
    assert outcomes[0].endswith(("deepest.png", "file name too long"))
    assert volume_of(["d"])[0] <= 1
    remove_chain(depth)


def remove_chain(depth: int) -> None:
    """Whoever clears up after the tests would not get so deep."""
    for _ in range(depth - 1):
        os.rename("d/d", "e")
        os.rmdir("d")
        os.rename("e", "d")


@pytest.mark.parametrize(
    ("size", "taken"), [(0, True), (99, True), (100, True), (101, False), (10**6, False)]
)
def test_standard_input_is_read_up_to_the_limit(
    size: int, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = Stdin(bytes(size))
    monkeypatch.setattr(sys, "stdin", stdin)
    (item,) = discover(["-"], Limits(max_bytes=100))
    assert item == (
        Source("-", bytes(size))
        if taken
        else Rejected(0, Source("-"), "too large: more than 100 bytes, limit 100 bytes")
    )
    assert stdin.buffer.tell() == min(size, 101)


def test_positions_count_sources_and_rejections_alike() -> None:
    make("in/a.png", "b.png")
    outcomes = list(discover(["missing", "in", "gone", "b.png"]))
    rejected = {one.position: one.source.filename for one in outcomes if isinstance(one, Rejected)}
    assert rejected == {0: "missing", 2: "gone"}
    assert len(outcomes) == 4


def test_a_trailing_slash_does_not_double() -> None:
    make("in/a.png")
    assert found("in/", "./in") == ["in/a.png", "./in/a.png"]


def test_a_name_that_is_not_utf8_is_a_name() -> None:
    os.mkdir("in")
    # The file system of macOS takes names in UTF-8 alone.
    raw = "in/café.png".encode("utf-8" if sys.platform == "darwin" else "latin-1")
    Path(os.fsdecode(raw)).write_bytes(b"x")
    (name,) = found("in")
    assert os.fsencode(name) == raw
    assert found(name) == [name]


def test_unreadable_folders_are_all_named_and_the_rest_goes_on(
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:
    make("in/a/1.png", "in/b/2.png", "in/c/3.png", "in/d/4.png", "in/e/5.png")
    for name in ("a", "b", "d", "e"):
        os.chmod(f"in/{name}", 0)
    with unprivileged():
        outcomes = found("in")
    refused = [f"in: folder in/{name}: no permission to read it" for name in ("a", "b", "d", "e")]
    assert sorted(outcomes) == sorted([*refused, "in/c/3.png"])


def test_an_unreadable_folder_is_not_called_empty(
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:
    make("in/a.png")
    os.chmod("in", 0)
    with unprivileged():
        assert found("in") == ["in: folder in: no permission to read it"]


def test_a_dash_is_the_image_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"image bytes"))
    assert list(discover(["-"])) == [Source("-", b"image bytes")]


def test_names_are_looked_at_when_they_are_needed() -> None:
    make("a.png")

    def names() -> object:
        while True:
            yield "a.png"

    assert len(list(islice(discover(names()), 3))) == 3  # type: ignore[arg-type]


def test_the_names_in_a_large_folder_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "HELD", 500)
    monkeypatch.setattr(sorting, "READ_BYTES", 50)
    os.mkdir("in")
    peaks = []
    for count in (1_000, 5_000):
        with monkeypatch.context() as patched:
            patched.setattr(os, "scandir", lambda _path, count=count: Entries(count))
            tracemalloc.start()
            names = (one.filename for one in discover(["in"]) if isinstance(one, Source))
            assert all(name == f"in/{number:07}.png" for number, name in enumerate(names))
            assert volume_of(["in"]) == (count, 0)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
