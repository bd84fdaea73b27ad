"""One image, from the command to its answer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.benchmarks.cases.case import faster, slower, subject
from tests.benchmarks.database import empty
from tests.benchmarks.measure import alternate
from tests.benchmarks.report import Row, at_least, at_most
from tests.benchmarks.workshop import Workshop


def one(workshop: Workshop) -> Iterator[Row]:
    """predict one.png against a TensorFlow script, and against a script with the least that does it."""
    image = workshop.digits(1) / "000000.png"
    model = workshop.digit_model
    flatbuffer = workshop.compile(model, image)
    theirs = workshop.databases.published()
    forget = partial(empty, theirs)
    mlpredict = workshop.mlpredict("predict", image, before=partial(empty, workshop.databases.own))
    bare = workshop.rival("bare_one", flatbuffer, theirs, image, before=forget)
    tensorflow = workshop.rival("tensorflow_one", model, theirs, image, before=forget)

    near = alternate({"mlpredict": mlpredict, "bare": bare}, workshop.short_rounds)
    far = alternate({"mlpredict": mlpredict, "tensorflow": tensorflow}, workshop.rounds)
    yield subject("one", "mlpredict predict one.png", near["mlpredict"])
    yield slower("one", "bare script", near["mlpredict"], near["bare"], at_most(1.1))
    yield faster("one", "TensorFlow script", far["mlpredict"], far["tensorflow"], at_least(12))
