"""Which paths only root can change."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpredict.storage.server.roots_paths import foreign_part
from tests.local_servers import make_home

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")

SOMEBODY = 61500


@pytest.fixture
def place() -> Iterator[Path]:
    directory = make_home()
    yield directory
    shutil.rmtree(directory)


def test_what_root_has_made_is_roots(place: Path) -> None:
    assert foreign_part(place) is None
    assert foreign_part(place / "not" / "yet") is None


def test_a_directory_that_others_own_or_write(place: Path) -> None:
    theirs = place / "theirs"
    theirs.mkdir()
    for mode, owner, expected in (
        (0o755, SOMEBODY, theirs),
        (0o775, 0, theirs),
        (0o777, 0, theirs),
        (0o1777, 0, None),
        (0o755, 0, None),
    ):
        theirs.chmod(mode)
        os.chown(theirs, owner, 0)
        assert foreign_part(theirs / "below") == expected, oct(mode)


def test_every_link_on_the_way_is_walked(place: Path) -> None:
    theirs, roots = place / "theirs", place / "roots"
    theirs.mkdir()
    roots.mkdir()
    (theirs / "second").symlink_to(roots)
    os.chown(theirs, SOMEBODY, 0)
    first = place / "first"
    first.symlink_to("theirs/second")
    assert first.resolve() == roots
    assert foreign_part(first / "data") == theirs
    assert foreign_part(roots / ".." / "theirs") == theirs
    direct = place / "direct"
    direct.symlink_to(roots)
    assert foreign_part(direct) is None
    os.lchown(direct, SOMEBODY, 0)
    assert foreign_part(direct) == direct


def test_links_that_lead_in_a_circle(place: Path) -> None:
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")
    assert foreign_part(place / "a") in (place / "a", place / "b")
