"""A folder of images, from the command to the last stored prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mlpredict.settings import available_cores
from tests.benchmarks.cases.case import faster, subject
from tests.benchmarks.contestants import Floor, Stored, serving
from tests.benchmarks.database import empty
from tests.benchmarks.measure import Contestant, Samples, alternate
from tests.benchmarks.report import Row, at_least
from tests.benchmarks.workshop import Workshop

POSTS = 40
"""Images that the 2020 program is timed on, once it has warmed up."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Images, how many, and the model that is to see them."""

    path: Path
    count: int
    model: Path


def digits(workshop: Workshop) -> Iterator[Row]:
    """10,000 PNG of 28×28 against the 2020 program, a TensorFlow batch script and the floor."""
    count = workshop.size(10_000, 1_000)
    folder = Folder(workshop.digits(count), count, workshop.digit_model)
    with serving(workshop, folder.model, folder.path, POSTS) as published:
        rivals: dict[str, Contestant] = {"published": published, **_rivals(workshop, folder)}
        samples = alternate(rivals, workshop.rounds)
    ours, theirs = samples["mlpredict"], samples["published"]
    yield subject("digits", f"mlpredict predict: {count:,} PNG 28×28", ours)
    # The 2020 program is timed on fewer images, so images a second are compared.
    speedup = theirs.times(ours) * count / POSTS
    what = f"2020 program ÷ mlpredict, per image (timed on {POSTS})"
    yield Row("digits", what, theirs.wall, theirs.peak, speedup, at_least(700))
    yield faster("digits", "TensorFlow batch script", ours, samples["tensorflow"], at_least(3))
    yield from _floor("digits", ours, samples["floor"], 75)


def photos(workshop: Workshop) -> Iterator[Row]:
    """300 JPEG of 2000×1500 for a MobileNetV2 against a TensorFlow batch script and the floor."""
    count = workshop.size(300, 40)
    folder = Folder(workshop.photos(count), count, workshop.photo_model())
    yield from _photos(workshop, "photos", folder, "2000×1500")
    yield from _decoding(workshop, folder)


def large_photos(workshop: Workshop) -> Iterator[Row]:
    """100 JPEG of 4000×3000 for a MobileNetV2 against a TensorFlow batch script and the floor."""
    count = workshop.size(100, 20)
    folder = Folder(workshop.large_photos(count), count, workshop.photo_model())
    yield from _photos(workshop, "large-photos", folder, "4000×3000")


def _photos(workshop: Workshop, case: str, folder: Folder, size: str) -> Iterator[Row]:
    samples = alternate(_rivals(workshop, folder), workshop.rounds)
    ours = samples["mlpredict"]
    yield subject(case, f"mlpredict predict: {folder.count:,} JPEG {size}", ours)
    yield faster(case, "TensorFlow batch script", ours, samples["tensorflow"], at_least(2))
    yield from _floor(case, ours, samples["floor"], 80)


def _rivals(workshop: Workshop, folder: Folder) -> dict[str, Contestant]:
    """mlpredict and those that do all of the same, each with a database of its own."""
    workshop.compile(folder.model, min(folder.path.iterdir()))
    own, theirs = workshop.databases.own, workshop.databases.published()
    bottom = workshop.databases.current("floor")
    mlpredict = workshop.mlpredict(
        "predict", "--model", folder.model, folder.path, before=partial(empty, own)
    )
    tensorflow = workshop.rival(
        "tensorflow_batch", folder.model, theirs, folder.path, before=partial(empty, theirs)
    )
    floor = workshop.rival("floor", folder.model, bottom, folder.path, before=partial(empty, bottom))
    return {
        "mlpredict": Stored(mlpredict, own, folder.count),
        "tensorflow": Stored(tensorflow, theirs, folder.count),
        "floor": Floor(floor),
    }


def _decoding(workshop: Workshop, folder: Folder) -> Iterator[Row]:
    """What decoding at a reduced scale would change, for this case's model and for one that is trained.

    Layers that nobody has trained, as the MobileNet's, amplify noise, of which a row tells how much. No
    bar is on it: it is why photos are decoded whole unless a model's card says otherwise.
    """
    change = workshop.rival("full_decoding", folder.model, folder.path).answer()
    trained = workshop.rival("full_decoding", workshop.digit_model, workshop.digit_photos()).answer()
    what = "of a reduced scale against full decoding"
    yield Row("photos", f"pixels {what}: largest difference", value=change["largest"], unit="of 255")
    yield Row("photos", f"pixels {what}: mean difference", value=change["mean"], unit="of 255")
    yield Row("photos", f"MobileNetV2's answers {what}", value=change["prediction"], unit="")
    yield Row("photos", "  when as many values move by 1 at random", value=change["least"], unit="")
    yield Row("photos", f"digit model's answers {what}", value=trained["prediction"], unit="")


def _floor(case: str, ours: Samples, floor: Samples, percent: float) -> Iterator[Row]:
    reached = floor.times(ours) * 100
    yield Row(case, "floor ÷ mlpredict", floor.wall, value=reached, bar=at_least(percent, "%"))
    for stage, seconds in {"all their CPU ÷ cores": floor.cpu / available_cores(), **floor.parts}.items():
        yield Row(case, f"  the floor's {stage}", seconds)
