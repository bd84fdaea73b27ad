"""What appears in folders: each file once it is complete, and again when it has changed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpredict.domain import Rejected, Source
from mlpredict.inputs import arrivals as module
from mlpredict.inputs.arrivals import DOUBT_SECONDS, Arrivals
from mlpredict.inputs.folder_events import FolderEvents
from mlpredict.inputs.folders import walk
from mlpredict.inputs.open_files import is_being_written
from mlpredict.support.signals import handled
from tests.processes import started
from tests.unit.images import png

pytestmark = pytest.mark.usefixtures("working_directory")

SETTLE, POLL = 1.0, 5.0


class Clock:
    """A time that passes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def arrivals(clock: Clock) -> Arrivals:
    Path("in").mkdir()
    return Arrivals(["in"], SETTLE, POLL, clock)


def write(name: str, content: bytes = b"") -> str:
    path = Path("in") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content or png())
    return str(path)


def taken(arrivals: Arrivals, clock: Clock, seconds: float = POLL) -> list[str]:
    """What is taken when so much time has passed, found by looking alone."""
    arrivals.look()
    clock.now += seconds
    return [source.path for source in arrivals.take()]


def test_a_file_is_taken_once_when_it_has_settled(arrivals: Arrivals, clock: Clock) -> None:
    path = write("a.png")
    assert taken(arrivals, clock, 0.5) == []
    assert arrivals.patience == pytest.approx(0.5)
    assert taken(arrivals, clock, 0.5) == [path]
    assert taken(arrivals, clock) == []
    assert taken(arrivals, clock) == []


def test_a_file_that_grows_is_waited_for(arrivals: Arrivals, clock: Clock) -> None:
    path = write("a.png", b"1")
    for more in range(3):
        assert taken(arrivals, clock, 0.9) == []
        Path(path).write_bytes(b"1" * (more + 2))
        arrivals.notice([path])
    assert taken(arrivals, clock, 0.9) == []
    assert taken(arrivals, clock, 0.2) == [path]


def test_growth_is_seen_even_if_nobody_tells_of_it(arrivals: Arrivals, clock: Clock) -> None:
    path = write("a.png", b"1")
    assert taken(arrivals, clock, 0.9) == []
    Path(path).write_bytes(b"12")
    assert taken(arrivals, clock, 0.2) == []
    assert taken(arrivals, clock, 1.0) == [path]


def test_what_comes_again_with_another_content_is_taken_again(arrivals: Arrivals, clock: Clock) -> None:
    path = write("a.png")
    assert taken(arrivals, clock) == [path]
    write("a.png", png(9))
    assert taken(arrivals, clock) == [path]
    Path(path).unlink()
    assert taken(arrivals, clock) == []
    write("a.png", png(9))
    assert taken(arrivals, clock) == [path]


def test_what_is_gone_before_its_turn_is_forgotten(arrivals: Arrivals, clock: Clock) -> None:
    path, other = write("a.png"), write("b.png")
    arrivals.look()
    Path(path).unlink()
    Path(other).rename("in/c.png")
    arrivals.notice([path, other, "in/c.png"])
    assert taken(arrivals, clock) == ["in/c.png"]


def test_what_is_no_image_is_passed_over_until_it_is_renamed(arrivals: Arrivals, clock: Clock) -> None:
    for name in ("a.png.part", ".a.png", "readme.txt", ".hidden/a.png"):
        write(name)
    unknown = write("image_without_extension")
    assert taken(arrivals, clock) == [unknown]
    Path("in/a.png.part").rename("in/a.png")
    assert taken(arrivals, clock) == ["in/a.png"]


def test_folders_made_later_are_looked_into(arrivals: Arrivals, clock: Clock) -> None:
    assert taken(arrivals, clock) == []
    paths = [write(f"deep/{n}/a.png") for n in range(3)]
    arrivals.notice(["in/deep"])
    clock.now += SETTLE
    assert [source.path for source in arrivals.take()] == paths
    assert taken(arrivals, clock) == []


def test_a_folder_that_is_gone_is_told_once_and_found_again(
    arrivals: Arrivals, clock: Clock, notices: list[str]
) -> None:
    path = write("a.png")
    assert taken(arrivals, clock) == [path]
    shutil.rmtree("in")
    assert [taken(arrivals, clock) for _ in range(3)] == [[], [], []]
    assert notices == ["folder in: no such file or folder"]
    path = write("b.png")
    assert taken(arrivals, clock) == [path]


def test_what_nobody_has_touched_for_long_is_complete(
    arrivals: Arrivals, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("a.png")
    monkeypatch.setattr(module, "OLD_SECONDS", 0.0)
    assert taken(arrivals, clock, 0.0) == [path]


def test_the_last_word_is_that_of_a_file_that_has_not_changed(arrivals: Arrivals, clock: Clock) -> None:
    path, gone = write("a.png"), write("b.png")
    assert taken(arrivals, clock) == [path, gone]
    bad = Rejected(0, Source(path), "not an image")
    Path(gone).unlink()
    assert not arrivals.is_final(bad._replace(source=Source(gone)))
    write("a.png", b"changed while it was read")
    assert not arrivals.is_final(bad)
    assert taken(arrivals, clock) == [path]
    # It may be half there.
    assert not arrivals.is_final(bad)
    assert taken(arrivals, clock, DOUBT_SECONDS - 0.5) == []
    assert taken(arrivals, clock, 1.0) == [path]
    assert arrivals.is_final(bad)


def test_looking_takes_a_small_part_of_the_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in").mkdir()
    looks = []

    def slow(top: str) -> Iterator[object]:
        looks.append(top)
        clock.now += 2.0
        yield from walk(top)

    monkeypatch.setattr(module, "walk", slow)
    arrivals = Arrivals(["in"], SETTLE, POLL, clock)
    arrivals.look()
    clock.now += 390.0
    arrivals.look()
    assert len(looks) == 1
    clock.now += 11.0
    arrivals.look()
    assert len(looks) == 2


def test_thousands_at_once_are_taken_in_order_and_none_is_lost(arrivals: Arrivals, clock: Clock) -> None:
    paths = [write(f"{n:05}.png", b"x") for n in range(1200)]
    found = taken(arrivals, clock)
    while more := [source.path for source in arrivals.take()]:
        found += more
    assert found == paths


WRITER = """
import sys
import time
with open(sys.argv[1], "ab"):
    print(flush=True)
    input()
print(flush=True)
input()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells by leases")
def test_a_file_that_somebody_has_open_for_writing_is_not_complete(arrivals: Arrivals, clock: Clock) -> None:
    path = write("a.png")
    assert not is_being_written(path)  # nobody handles the signal here
    pipe = subprocess.PIPE
    with (
        handled([signal.SIGIO], lambda _number, _frame: None),
        started([sys.executable, "-c", WRITER, path], stdin=pipe, stdout=pipe) as writer,
    ):
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdout.readline()
        assert is_being_written(path)
        assert taken(arrivals, clock) == []
        assert taken(arrivals, clock) == []
        writer.stdin.write(b"\n")
        writer.stdin.flush()
        writer.stdout.readline()
        assert not is_being_written(path)
        assert taken(arrivals, clock) == [path]
        assert not is_being_written("in/missing.png")


def heard(events: FolderEvents, *wanted: str) -> set[str]:
    """What is told of until all that is wanted was."""
    told: set[str] = set()
    for _ in range(50):
        told |= set(events.changed(0.2))
        if told >= set(wanted):
            break
    return told


def test_the_system_tells_of_files_by_the_names_that_folders_were_given() -> None:
    Path("real").mkdir()
    os.symlink("real", "in")
    with FolderEvents(["in"]) as events:
        list(events.changed(0.5))  # until it listens
        write("a.png")
        write("deep/b.png")
        write(".hidden/c.png")
        told = heard(events, "in/a.png", "in/deep")
    assert {"in/a.png", "in/deep"} <= told
    assert not any(".hidden" in path for path in told)


@pytest.mark.parametrize("seconds", [0, 1.5])
def test_a_folder_that_comes_again_is_listened_to(seconds: float) -> None:
    Path("in").mkdir()
    with FolderEvents(["in"]) as events:
        list(events.changed(0.5))
        shutil.rmtree("in")
        # Made at once, it has the number of the one that is gone.
        time.sleep(seconds)
        Path("in").mkdir()
        told: set[str] = set()
        # When it is listened to again, nobody says; what was written before is found by looking through it.
        for _ in range(50):
            write("a.png")
            told |= set(events.changed(0.5))
            if "in/a.png" in told:
                break
        assert "in/a.png" in told
