"""Watching where the system tells of nothing, as of network file systems: files are found all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpredict.domain import Pages, PredictionRecord, Rejected
from mlpredict.inputs.arrivals import Arrivals
from mlpredict.inputs.folder_events import FolderEvents
from mlpredict.pipeline.batch import Outcome
from mlpredict.pipeline.recording import NotStoring
from mlpredict.pipeline.watching import How, watch
from tests.unit.fakes import FakeModel
from tests.unit.images import picture, png, spec

pytestmark = pytest.mark.usefixtures("working_directory")

POLL = 0.1
PATIENCE_SECONDS = 60.0


class Silence(FolderEvents):
    """Tells of nothing."""

    def changed(self, seconds: float) -> Iterator[str]:
        time.sleep(max(seconds, 0.01))
        return iter(())


class Watching:
    """What comes of watching, until it is enough."""

    def __init__(self, pages: Pages = Pages.FIRST) -> None:
        self.outcomes: list[Outcome] = []
        self.recorders = 0
        self.wanted = 0
        self._began = time.monotonic()
        self._batches = watch(
            Arrivals(["in"], settle=POLL, poll=POLL),
            Silence(["in"]),
            FakeModel(spec(3)),
            self._recorder,
            How(16, pages=pages),
            self._enough,
        )

    def until(self, wanted: int) -> list[Outcome]:
        """Go on until there are so many outcomes."""
        self.wanted = wanted
        for batch in self._batches:
            self.outcomes += batch
            if len(self.outcomes) >= wanted:
                break
        return self.outcomes

    def _recorder(self) -> NotStoring:
        self.recorders += 1
        return NotStoring("model")

    def _enough(self) -> bool:
        return time.monotonic() - self._began > PATIENCE_SECONDS


def names(outcomes: list[Outcome]) -> list[str | None]:
    return [one.filename if isinstance(one, PredictionRecord) else one.source.filename for one in outcomes]


def test_files_that_nobody_tells_of_are_found_batch_by_batch() -> None:
    Path("in/deep").mkdir(parents=True)
    Path("in/a.png").write_bytes(png())
    watching = Watching()
    assert names(watching.until(1)) == ["in/a.png"]
    for n in range(40):
        Path(f"in/deep/{n:02}.png").write_bytes(png(n + 1))
    assert names(watching.until(41)) == ["in/a.png", *(f"in/deep/{n:02}.png" for n in range(40))]
    assert watching.recorders == 1


def test_positions_go_on_and_what_fails_is_named() -> None:
    Path("in").mkdir()
    Path("in/a.png").write_bytes(b"no image")
    watching = Watching()
    pytest.MonkeyPatch().setattr("mlpredict.inputs.arrivals.DOUBT_SECONDS", 0.2)
    [first] = watching.until(1)
    assert isinstance(first, Rejected)
    assert (first.position, first.reason) == (0, "not an image")
    Path("in/b.png").write_bytes(b"no image either")
    second = watching.until(2)[1]
    assert isinstance(second, Rejected)
    assert second.position == 1


def test_every_page_of_what_appears() -> None:
    Path("in").mkdir()
    picture().save("in/scan.tif", save_all=True, append_images=[picture(5)])
    watching = Watching(Pages.ALL)
    assert names(watching.until(2)) == ["in/scan.tif#1", "in/scan.tif#2"]


def test_it_ends_when_no_more_is_wanted() -> None:
    Path("in").mkdir()
    batches = watch(
        Arrivals(["in"], POLL, POLL),
        Silence(["in"]),
        FakeModel(spec(3)),
        lambda: NotStoring("model"),
        How(16),
        iter([False, False, True]).__next__,
    )
    assert list(batches) == []
