"""Images without a row, held in memory or on the disk."""

from __future__ import annotations

import hashlib

import pytest

from mlpredict.domain.sweeping import KeptObject
from mlpredict.errors import OutputError
from mlpredict.pipeline import orphans
from mlpredict.pipeline.orphans import Orphans

IMAGES = [KeptObject(hashlib.sha256(str(number).encode()).digest(), number << 33) for number in range(2500)]


@pytest.mark.parametrize("held", [0, 1, 1000, orphans.HELD_BYTES])
def test_all_come_back_in_their_order(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "HELD_BYTES", held)
    found = Orphans()
    for start in range(0, 2500, 700):
        found.add(IMAGES[start : start + 700])
    blocks = list(found.blocks())
    assert [len(block) for block in blocks] == [1000, 1000, 500]
    assert [one for block in blocks for one in block] == IMAGES


def test_no_room_on_the_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_content: bytes) -> int:
        raise OSError(28, "No space left on device")

    found = Orphans()
    monkeypatch.setattr(found._file, "write", full)
    with pytest.raises(OutputError, match="a temporary file cannot be written: no space left on device"):
        found.add(IMAGES)
