"""Networks of keras.applications at 224×224: where the model is the limit, and the first time it is used."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks.cases.case import slower, subject
from tests.benchmarks.contestants import Stored
from tests.benchmarks.database import empty
from tests.benchmarks.measure import alternate
from tests.benchmarks.report import Row, at_least, at_most
from tests.benchmarks.workshop import Workshop

IMAGES = {"MobileNetV3Large": 1000, "EfficientNetB0": 500, "ResNet50": 150}
"""As many as take some seconds."""
QUICK = 10
"""With --quick so many times fewer."""
PREPARED = ("MobileNetV2", "ResNet50")


def applications(workshop: Workshop) -> Iterator[Row]:
    """JPEG of 224×224 for MobileNetV3, EfficientNetB0 and ResNet50 against LiteRT alone."""
    for name, full in IMAGES.items():
        count = workshop.size(full, full // QUICK)
        folder = workshop.pictures(count)
        model = workshop.application(name)
        flatbuffer = workshop.compile(model, min(folder.iterdir()))
        dsn = workshop.databases.own
        predict = workshop.mlpredict("predict", "--model", model, folder, before=partial(empty, dsn))
        samples = alternate(
            {
                "mlpredict": Stored(predict, dsn, count),
                "litert": workshop.rival("litert_alone", flatbuffer, str(count)),
            },
            workshop.rounds,
        )
        ours, alone = samples["mlpredict"], samples["litert"]
        yield subject("applications", f"mlpredict predict: {count:,} JPEG 224×224, {name}", ours)
        reached = alone.times(ours) * 100
        what = "LiteRT alone, all cores ÷ mlpredict"
        yield Row("applications", what, alone.wall, alone.peak, reached, at_least(90, "%"))


def preparing(workshop: Workshop) -> Iterator[Row]:
    """The first run of a new MobileNetV2 and ResNet50 against TensorFlow's import and conversion alone."""
    image = min(workshop.pictures(QUICK).iterdir())
    for name in PREPARED:
        model = workshop.application(name)
        predict = workshop.mlpredict(
            "predict", "--no-store", "--model", model, image, before=partial(_forget, workshop)
        )
        convert = workshop.rival("convert_alone", model, workshop.folder / f"{name}.tflite")
        samples = alternate({"mlpredict": predict, "tensorflow": convert}, workshop.rounds)
        ours, theirs = samples["mlpredict"], samples["tensorflow"]
        yield subject("preparing", f"mlpredict predict one.jpg, the first time with {name}", ours)
        yield slower("preparing", "TensorFlow's import and conversion", ours, theirs, at_most(1.15))


def _forget(workshop: Workshop) -> None:
    """Make every model a new one."""
    shutil.rmtree(Path(workshop.env["MLPREDICT_CACHE"]), ignore_errors=True)
