"""More names than should be held, in sorted order."""

from __future__ import annotations

import random
import tempfile
import tracemalloc
from collections.abc import Iterable
from itertools import islice

import pytest

from mlpredict.support import sorting
from mlpredict.support.sorting import SortedNames


def names_of(names: Iterable[str], most: int = 7) -> SortedNames:
    """These names, so many of which are held."""
    collected = SortedNames(most)
    for name in names:
        collected.add(name)
    return collected


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 14, 15, 100, 5000])
def test_the_order_is_that_of_a_list(count: int) -> None:
    names = [f"{number:05}.png" for number in range(count)]
    random.Random(count).shuffle(names)
    assert list(names_of(names)) == sorted(names)


def test_names_may_be_anything_that_a_file_system_has() -> None:
    # A byte that is no UTF-8 stands between the last characters of the plane and the first beyond it.
    odd = ["\udcff", "\ue000", "\U0001f600", "ä", "a\u0308", "\n", " ", "z" * 255, "\udc80.png", "日本" * 42]
    names = [name + str(number) for number in range(4) for name in odd]
    assert list(names_of(names, 3)) == sorted(names)


def test_names_longer_than_what_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "READ_BYTES", 5)
    names = [f"{'x' * (number % 13)}{number}" for number in range(100)]
    assert list(names_of(names)) == sorted(names)


@pytest.mark.parametrize("written", [0, 1, 3])
def test_where_nothing_more_can_be_written_names_are_held(
    written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        """A disk with room for so many parts, and half a part."""

        def __init__(self) -> None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed below
            self._left = written * 28 + 14
            self.seek, self.read, self.close = self._file.seek, self._file.read, self._file.close

        def write(self, content: bytes) -> int:
            if not self._left:
                raise OSError(28, "No space left on device")
            done = self._file.write(content[: self._left])
            self._left -= done
            return done

    monkeypatch.setattr(sorting, "_temporary_file", Full)
    names = [f"{number * 37 % 101:03}" for number in range(101)]
    assert list(names_of(names)) == sorted(names)


def test_where_there_is_no_place_for_a_file_names_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "scratch_folder", lambda: None)
    names = [f"{number * 37 % 101:03}" for number in range(101)]
    assert list(names_of(names)) == sorted(names)


def test_what_is_not_gone_through_to_the_end_leaves_no_file_open(recwarn: pytest.WarningsRecorder) -> None:
    names = names_of(str(number) for number in range(100))
    file = names._file
    assert file is not None
    assert len(list(islice(names, 3))) == 3
    del names
    assert file.closed
    assert not recwarn.list


def test_memory_is_that_of_the_names_held_however_many_there_are() -> None:
    peaks = []
    for count in (1 << 12, 1 << 14):
        tracemalloc.start()
        collected = names_of((f"{number:07}.png" for number in range(count, 0, -1)), 1 << 12)
        assert sum(1 for _ in collected) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
