"""The best classes that are stored of a prediction, beside all classes of the same one made once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import orjson

from mlpredict.domain import Prediction
from mlpredict.domain.environments import Facts
from mlpredict.inference.best_classes import STORE_TOP, best_of
from mlpredict.inference.outputs import OutputReader

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Best(NamedTuple):
    """How predictions are compared of a run that has stored the `most` best classes of each."""

    reader: OutputReader
    """Of the model, with all of its classes."""
    most: int

    @classmethod
    def of_run(cls, facts: Facts | None, reader: OutputReader) -> Self | None:
        """What a run has recorded of it; None where it has stored whole outputs."""
        count = None if facts is None else facts.get(STORE_TOP)
        return cls(reader, count) if isinstance(count, int) and count > 0 else None

    def kept(self, now: Prediction) -> Prediction:
        """A prediction as the run would have stored it."""
        ranked = list(self._ranked(now.values).items())[: self.most]
        return now._replace(values=orjson.dumps({str(place): share for place, share in ranked}).decode())

    def pair(self, before: str, now: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """The stored probabilities, and those of the same classes now, float32 both.

        Behind them stands what the best class that is not stored can have been at most, and what it is now
        where that is more: it would have been stored.
        """
        stored, ranked = best_of(orjson.loads(before)), self._ranked(now)
        if stored is None or not stored.keys() <= ranked.keys():
            none = np.asarray(None)
            return none, none
        if len(stored) != self.most:
            return np.empty(len(stored), np.float32), np.empty(self.most, np.float32)
        least = min(stored.values())
        others = max((share for place, share in ranked.items() if place not in stored), default=least)
        return (
            np.asarray([*stored.values(), least], np.float32),
            np.asarray([*(ranked[place] for place in stored), max(least, others)], np.float32),
        )

    def _ranked(self, values: str) -> Mapping[int, float]:
        """All classes of an output, the likeliest first."""
        whole = np.asarray([orjson.loads(values)])
        outputs = whole.astype(np.float32) if whole.dtype.kind == "f" else whole
        (answer,) = self.reader._replace(best=outputs[0].size).read(outputs)
        ranked = best_of(orjson.loads(answer.values)) if isinstance(answer, Prediction) else None
        assert ranked is not None  # the model has just answered with these
        return ranked
