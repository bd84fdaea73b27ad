"""The likeliest classes of a model with many, as they are stored without the others.

They are a JSON object of probabilities by the numbers of their classes, the likeliest first:
`{"281":0.71,"285":0.2}`. A list of all numbers is never taken for one, nor the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from mlpredict.domain import Task
from mlpredict.errors import WrongValue
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlpredict.inference.model import Model

logger = get_logger(__name__)

STORE_TOP: Final = "store_top"
"""The fact of an environment that says how many classes of each prediction a run has stored."""

LARGEST_FLOAT32 = 3.4e38
MOST_DIGITS = 9
"""Of the number of a class."""

NOT_OF: Mapping[Task, str] = {
    Task.BINARY: "it tells two classes apart by one number",
    Task.MULTI_LABEL: "several of its labels may hold, each by a number of its own",
    Task.REGRESSION: "the numbers of a regression are no classes",
    Task.SEGMENTATION: "a segmentation gives a class of each pixel, and none of the image",
    Task.RAW: "nothing says that its numbers are those of classes",
}
"""Why there are no best classes to be chosen from what a model says."""

WHAT_SAYS = '--labels names the classes, or task = "classification" in its mlpredict.toml says so'


def storing_best(model: Model, count: int) -> Model:
    """The same model, of whose classes the `count` likeliest are stored; itself where it has no more.

    Raises:
        WrongValue: it has no classes of which one is the image's, or `count` is none.
    """
    if count < 1:
        raise WrongValue("store_top", count, "expected a number from 1 on")
    if (reason := NOT_OF.get(model.reader.task)) is not None:
        hint = WHAT_SAYS if model.reader.task is Task.RAW else None
        raise WrongValue("store_top", count, f"{model.identity}: {reason}", hint=hint)
    if model.output_numbers <= count:
        logger.info(
            f"--store-top {count}: {model.identity} has {model.output_numbers} classes, and all are stored"
        )
        return model
    return replace(model, reader=model.reader._replace(best=count), facts={**model.facts, STORE_TOP: count})


def best_as_json(outputs: NDArray[Any], probabilities: NDArray[np.float32], count: int) -> list[str]:
    """The best classes of each of n outputs, with the probabilities, float32 of shape (n, classes).

    Of equal numbers the first class is the better one, as it is the likely one.
    """
    values = np.asarray(outputs, np.float64).reshape(len(outputs), -1)
    places = np.argsort(-values, axis=1, kind="stable")[:, :count]
    # A contiguous array, as orjson takes no other; its digits are the fewest that give float32 back.
    chosen = np.take_along_axis(probabilities, places, axis=1)
    shares = orjson.loads(orjson.dumps(np.ascontiguousarray(chosen), option=orjson.OPT_SERIALIZE_NUMPY))
    return [
        orjson.dumps(dict(zip(map(str, classes), row, strict=True))).decode()
        for classes, row in zip(places.tolist(), shares, strict=True)
    ]


def is_best(output: str) -> bool:
    """Whether an output that is stored is an object, as those of the best classes are."""
    return output.lstrip().startswith("{")


def best_of(values: object) -> dict[int, float] | None:
    """Probabilities by the numbers of classes, in the stored order; None where it is anything else."""
    if not isinstance(values, dict) or not values:
        return None
    found: dict[int, float] = {}
    for name, value in values.items():
        if not (name.isascii() and name.isdigit() and len(name) <= MOST_DIGITS) or str(int(name)) != name:
            return None
        if type(value) not in (int, float) or not abs(value) <= LARGEST_FLOAT32:
            return None
        found[int(name)] = float(value)
    return found


def ranked_best(best: Mapping[int, float], labels: Sequence[str] | None) -> list[tuple[str, float]]:
    """Labels with their probabilities, the likeliest first; without a label it is the class itself."""
    names = labels or ()
    return [
        (names[place] if place < len(names) else str(place), share)
        for place, share in sorted(best.items(), key=lambda one: -one[1])
    ]
