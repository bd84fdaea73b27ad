"""The names of all images of a run."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from mlpredict.domain import Rejected, Remote, Source
from mlpredict.errors import UsageError
from mlpredict.inputs.name_list import BLOCK_NAMES, NameList, first_difference
from mlpredict.inputs.sources import discover

NAMES = [f"a/{number:06}.png" for number in range(BLOCK_NAMES * 2 + 10)]
ODD = ["line\nend.png", os.fsdecode(b"\xff\xfe.png"), "ä#2.png", " ", "-"]


def named(names: list[str]) -> NameList:
    return NameList(Source(name) for name in names)


def names_of(names: NameList, first: int, last: int) -> list[str]:
    return [item.filename for item in names.items(first, last) if isinstance(item, Source)]


def test_names_come_back_by_their_positions() -> None:
    names = named(NAMES)
    assert names.images == len(NAMES)
    for first, last in [(0, 0), (0, len(NAMES) - 1), (1020, 1030), (1024, 1024), (2047, 2049), (5, 4)]:
        assert names_of(names, first, last) == NAMES[first : last + 1]
    assert sum(len(block.names) for block in names.blocks) < sum(map(len, NAMES)) / 3


def test_whatever_a_name_has_in_it() -> None:
    assert names_of(named(ODD), 0, len(ODD) - 1) == ODD


def test_what_cannot_be_read_keeps_its_place_and_reason(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    names = NameList(discover([f"{tmp_path}/none.png", f"{tmp_path}/a.png"]))
    first, second = names
    assert first == Rejected(0, Source(f"{tmp_path}/none.png"), "no such file or folder", nowhere=True)
    assert second == Source(f"{tmp_path}/a.png")
    assert names.leads_somewhere
    assert not NameList(discover([f"{tmp_path}/none.png"])).leads_somewhere
    assert not NameList([]).leads_somewhere


@pytest.mark.parametrize("place", [0, 7, BLOCK_NAMES, BLOCK_NAMES + 5, len(NAMES) - 1])
def test_the_first_difference(place: int) -> None:
    here, there = named(NAMES), named([*NAMES[:place], "other.png", *NAMES[place + 1 :]])
    assert here.sha256 != there.sha256
    (block,) = (n for n, (a, b) in enumerate(zip(here.blocks, there.blocks, strict=True)) if a != b)
    assert first_difference(here.blocks[block], there.blocks[block]) == (place, NAMES[place], "other.png")


def test_one_list_is_the_beginning_of_the_other() -> None:
    here, there = named(NAMES[:3]), named(NAMES[:5])
    assert first_difference(here.blocks[0], there.blocks[0]) == (3, None, NAMES[3])
    longer = named(NAMES)
    assert first_difference(longer.blocks[1], None) == (BLOCK_NAMES, NAMES[BLOCK_NAMES], None)


def test_a_missing_file_is_a_difference(tmp_path: Path) -> None:
    names = [f"{tmp_path}/a.png"]
    before = NameList(discover(names))
    (tmp_path / "a.png").touch()
    assert NameList(discover(names)).sha256 != before.sha256


def test_files_of_the_same_names_that_are_others(tmp_path: Path) -> None:
    for folder, content in [("monday", b"1"), ("tuesday", b"2")]:
        (tmp_path / folder).mkdir()
        for number in range(40):
            (tmp_path / folder / f"{number}.png").write_bytes(content)
    monday, tuesday = (NameList(discover([f"{tmp_path}/{day}"])) for day in ("monday", "tuesday"))
    samples = monday.samples()
    assert [min(map(int, samples)), max(map(int, samples)), len(samples)] == [0, 39, 16]
    assert list(monday.other_samples(samples)) == []
    name, there, here = next(tuesday.other_samples(samples))
    assert name == f"{tmp_path}/tuesday/0.png"
    assert there != here
    (tmp_path / "monday/0.png").unlink()
    assert next(monday.other_samples(samples))[2] == "no such file or folder"


def test_what_a_bucket_says_of_its_objects_is_a_part_of_the_list() -> None:
    objects = [Remote(f"s3://b/{number}.png", 10 + number, f'"{number}"') for number in range(3)]
    address = Remote("https://example.org/a.png?key=secret")
    names = NameList([*(Source(one.url, remote=one) for one in objects), Source("a.png?…", remote=address)])
    assert [item.remote for item in names if isinstance(item, Source)] == [*objects, address]
    assert b"secret" not in zlib.decompress(names.blocks[0].names)
    other = NameList([Source(one.url, remote=one._replace(etag='"9"')) for one in objects])
    assert first_difference(names.blocks[0], other.blocks[0]) == (
        0,
        's3://b/0.png (ETag "0")',
        's3://b/0.png (ETag "9")',
    )
    assert set(names.samples().values()) == {"remote"}


def test_what_no_other_process_finds(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in memory"):
        NameList([Source("image", b"PNG")])
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a regular file"):
        NameList([Source(f"{tmp_path}/pipe")]).samples()
