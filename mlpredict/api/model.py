"""A model: loaded, and asked about one image."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlpredict import settings
from mlpredict.api.images import sources_of
from mlpredict.domain import (
    EngineName,
    ImageSpec,
    Rejected,
    Sample,
    Source,
)
from mlpredict.errors import ImageError

if TYPE_CHECKING:
    from mlpredict.api.images import ImageLike
    from mlpredict.domain import Pixels
    from mlpredict.inference.model import Model as LoadedModel


class Answer(NamedTuple):
    """What a model says of one image.

    `probabilities` are those of all labels, the likeliest first; None where the model has no classes.
    `output` is the model's own output, as lists of numbers; of a segmentation it is the share of each class.
    """

    label: str | None
    score: float | None
    probabilities: Mapping[str, float] | None
    output: Any
    labels: tuple[str, ...] | None = None
    """Those that hold, the likeliest first, of a model of several labels."""
    value: float | None = None
    """The number of a regression, times the model's factor."""
    unit: str | None = None
    """What `value` is counted in."""
    outputs: Mapping[str, Any] | None = None
    """The model's other outputs, by their names."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model ready to use; make one with `load_model`."""

    loaded: LoadedModel
    """The model within, as the other layers know it."""

    def __str__(self) -> str:
        return str(self.loaded.identity)

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.loaded.identity.name

    @property
    def fingerprint(self) -> str:
        """A SHA-256, in hexadecimal, over the model's files and how it is used."""
        return self.loaded.identity.fingerprint

    @property
    def path(self) -> str:
        """Where its file or folder lies."""
        return self.loaded.identity.path

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The names of the classes, in the output's order, where there are any."""
        return self.loaded.identity.labels

    def storing_best(self, count: int | None) -> Model:
        """The same model, of whose classes the `count` likeliest are stored; with None it is itself.

        Raises:
            UsageError: it has no classes of which one is the image's, or `count` is none.
        """
        if count is None:
            return self
        from mlpredict.inference.best_classes import storing_best

        return Model(storing_best(self.loaded, count))

    def predict(self, image: ImageLike) -> Answer:
        """What the model says of one image; nothing is stored.

        An image is a path, the bytes of a file, a PIL image, or an array of uint8 of shape
        (height, width), or (height, width, channels) with 1, 3 or 4 channels.

        Raises:
            ImageError: the image cannot be read, or the model cannot predict it.

        Example:
            >>> mlpredict.load_model().predict("tests/digits/3-brush.png").label
            '3'
        """
        import orjson

        from mlpredict.inputs.decoding import SafeDecoder
        from mlpredict.pipeline.batch import predicted, select
        from mlpredict.pipeline.noting import Noted
        from mlpredict.pipeline.recording import NotStoring
        from mlpredict.records import ranking

        source = next(sources_of([image]))
        item: Sample | Rejected = source if isinstance(source, Rejected) else Rejected(0, source, "")
        if isinstance(source, Source):
            with SafeDecoder(self.loaded.spec) as decoder:
                item = decoder.decode(0, source)
        if isinstance(item, Rejected):
            raise ImageError(f"{item.source.filename}: {item.reason}")
        Noted().tell([item])
        (said,) = predicted(select([item], NotStoring(str(self))), self.loaded)
        if isinstance(said, str):
            raise ImageError(f"{item.source.filename}: {said}")
        reader = self.loaded.reader
        ranked = ranking(said.values, reader.task, reader.activation, reader.labels)
        shares = None if ranked is None else {one["label"]: one["score"] for one in ranked}
        others = None if said.outputs is None else orjson.loads(said.outputs)
        output = orjson.loads(said.values)
        return Answer(said.label, said.score, shares, output, said.labels, said.value, said.unit, others)


def load_model(
    path: str | os.PathLike[str] | None = None,
    *,
    engine: EngineName | str = EngineName.AUTO,
    labels: str | None = None,
    unsafe: bool = False,
    examples: Callable[[ImageSpec], Pixels] | None = None,
) -> Model:
    """Load a SavedModel folder, a `.keras`, `.h5` or `.tflite` file; without a path the usual model.

    A model that is new here is compiled first, which takes some seconds, and checked against
    TensorFlow on noise and on `examples`. `labels` is a file of labels, or the labels themselves with
    commas between them. `unsafe` takes a model that does more than compute.

    Raises:
        ModelError: there is no model, it takes no images, it is not trusted, or nothing can run it.
        UsageError: the labels are none.

    Example:
        >>> mlpredict.load_model().labels
        ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    from mlpredict.inference.model import load_model as load
    from mlpredict.inference.model import no_examples

    return Model(
        load(
            settings.model_path() if path is None else Path(path),
            engine=EngineName(engine),
            cache=settings.cache_home(),
            examples=examples or no_examples,
            trusted=unsafe,
            labels=labels,
        )
    )
