"""Every page of a file as an image of its own, and one line where only the first is used."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from mlpredict.domain import Keep, Pages, PredictionRecord, Preprocessing, Run
from mlpredict.inputs.pages import page_of
from mlpredict.inputs.sources import discover
from mlpredict.inputs.thumbnail import picture
from mlpredict.pipeline import predicting
from mlpredict.pipeline.batch import Outcome, Skipped
from mlpredict.pipeline.recording import Storing
from tests.notices import heard
from tests.unit.fakes import FakeModel, FakeStore
from tests.unit.images import file_of, spec

pytestmark = pytest.mark.usefixtures("working_directory")
RUN = Run(1, 1, "fake@00000000")
GREYS = (40, 120, 200)
FORMATS = {
    "TIFF": "pages",
    "GIF": "frames",
    "WEBP": "frames",
    "PNG": "frames",
    "AVIF": "frames",
    "MPO": "pictures",
}


def paged(kind: str = "TIFF", greys: tuple[int, ...] = GREYS) -> bytes:
    """A file with a page for each grey."""
    first, *more = [Image.new("L", (20, 16), grey).convert("RGB") for grey in greys]
    return file_of(first, kind, save_all=True, append_images=more)


def write(name: str, content: bytes) -> None:
    with open(name, "wb") as file:
        file.write(content)


def outcomes(
    *names: str,
    store: FakeStore | None = None,
    skip: bool = False,
    pages: Pages = Pages.ALL,
    keep: Keep = Keep.ORIGINAL,
) -> Iterator[Outcome]:
    """What becomes of files."""
    recorder = Storing(store or FakeStore(), RUN, keep, Preprocessing(), "f" * 64 if skip else None)
    model = FakeModel(spec(3))
    with predicting.decoding(discover(names), model.spec, batch_size=2, pages=pages) as decoded:
        for batch in predicting.predict(decoded, model, recorder):
            yield from batch


def told(found: Iterator[Outcome]) -> list[str]:
    """Outcomes by name."""
    return [
        str(one.filename)
        if isinstance(one, PredictionRecord)
        else f"{type(one).__name__} {one.source.filename}"
        for one in found
    ]


@pytest.mark.parametrize(("kind", "word"), FORMATS.items())
def test_the_first_is_used_and_a_line_says_so(kind: str, word: str) -> None:
    write("scan", paged(kind))
    with heard() as said:
        assert told(outcomes("scan", pages=Pages.FIRST)) == ["scan"]
    assert said == [f"scan: 3 {word}, the first is used"]


@pytest.mark.parametrize("kind", FORMATS)
def test_each_page_is_predicted_under_its_number(kind: str) -> None:
    write("scan", paged(kind))
    write("one.png", file_of(Image.new("RGB", (20, 16))))
    with heard() as said:
        names = told(outcomes("one.png", "scan", "gone", "scan"))
    pages = ["scan#1", "scan#2", "scan#3"]
    assert names == ["one.png", *pages, "Rejected gone", *pages]
    assert said == []


def test_each_page_is_seen_and_stored_with_its_file() -> None:
    write("scan.tif", paged())
    store = FakeStore()
    assert told(outcomes("scan.tif", store=store)) == ["scan.tif#1", "scan.tif#2", "scan.tif#3"]
    stored = [new for one in store.transactions for new in one.predictions]
    assert len({new.input.uri for new in stored}) == len({new.input.sha256 for new in stored}) == 1
    assert [new.position for new in stored] == [0, 1, 2]
    content = paged()
    shown = [np.asarray(picture(content, page_of(new.filename)))[0, 0, 0] for new in stored]
    assert shown == list(GREYS)


def test_a_reference_is_to_the_file_and_a_model_input_of_the_page() -> None:
    write("scan.tif", paged())
    for keep, different in ((Keep.REFERENCE, 1), (Keep.MODEL_INPUT, 3)):
        store = FakeStore()
        list(outcomes("scan.tif", store=store, keep=keep))
        inputs = [new.input for one in store.transactions for new in one.predictions]
        assert (
            len({(one.sha256, one.kept) for one in inputs}) == len({one.uri for one in inputs}) == different
        )
    assert all(str(one.uri).startswith("data:image/png") for one in inputs)


def test_what_is_skipped_is_the_page_and_not_the_file() -> None:
    write("scan.tif", paged())
    store = FakeStore()
    assert told(outcomes("scan.tif", store=store, skip=True, pages=Pages.FIRST)) == ["scan.tif"]
    assert told(outcomes("scan.tif", store=store, skip=True)) == [
        "Skipped scan.tif#1",
        "scan.tif#2",
        "scan.tif#3",
    ]
    again = list(outcomes("scan.tif", "scan.tif", store=store, skip=True))
    assert all(isinstance(one, Skipped) for one in again)
    assert told(outcomes("scan.tif", store=store, skip=True, pages=Pages.FIRST)) == ["Skipped scan.tif"]


def test_a_damaged_page_is_told_and_the_others_are_predicted() -> None:
    content = bytearray(paged())
    with Image.open(io.BytesIO(content)) as image:
        assert isinstance(image, TiffImageFile)
        image.seek(1)
        at = image.tag_v2.offset + 2
    entries = range(at, at + 12 * int.from_bytes(content[at - 2 : at], "little"), 12)
    width = next(entry for entry in entries if int.from_bytes(content[entry : entry + 2], "little") == 256)
    content[width + 8 : width + 12] = (1 << 20).to_bytes(4, "little")
    write("scan.tif", bytes(content))
    assert told(outcomes("scan.tif")) == ["scan.tif#1", "Rejected scan.tif#2", "scan.tif#3"]


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("scan.tif", 1),
        ("scan.tif#2", 2),
        ("scan.tif#10", 10),
        ("a#b.tif", 1),
        ("a#0", 1),
        ("a#-1", 1),
        (None, 1),
    ],
)
def test_a_name_tells_its_page(name: str | None, page: int) -> None:
    assert page_of(name) == page


def test_a_file_that_is_called_like_a_page_shows_itself() -> None:
    content = file_of(Image.new("RGB", (4, 4), "red"))
    assert np.asarray(picture(content, page_of("scan#7"))).tolist()[0][0] == [255, 0, 0]


def test_many_lines_are_counted() -> None:
    for number in range(13):
        write(f"{number:02}.gif", paged("GIF"))
    with heard() as said:
        list(outcomes(*(f"{number:02}.gif" for number in range(13)), pages=Pages.FIRST))
    assert len(said) == 11
    assert said[-1] == "3 more lines like these, with --verbose"
