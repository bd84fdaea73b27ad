"""Whether a prediction that was made once more is the one that is stored."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from mlpredict.domain import Prediction
from mlpredict.domain.verification import Finding, StoredAnswer, Verdict
from mlpredict.pipeline.same_best import Best

if TYPE_CHECKING:
    from numpy.typing import NDArray

Following = Callable[[object], "Prediction | str"]
"""What follows from an output that is stored: label, score and the like."""

OTHER_SHAPE = "the model gives another number of values"
NO_NUMBERS = "what is stored is not the output of a model"
LABEL_ASTRAY = "its label does not follow from its stored numbers"
SCORE_ASTRAY = "its score does not follow from its stored numbers"
LABEL_CHANGED = "the model gives it another label"


@dataclass(frozen=True, slots=True)
class Rule:
    """How predictions of one model, engine and environment are compared.

    `same` says that nothing differs from when they were made that may change a number; else `because` tells
    what does. `tolerance` is in the output's own units up to 1, and relative above it. `best` is
    for runs that have stored the best classes alone.
    """

    follows: Following
    tolerance: float
    same: bool
    because: str
    stored_label: Callable[[str], str]
    """A label as the database holds it."""
    best: Best | None = None

    def finding(self, stored: StoredAnswer, now: Prediction) -> Finding | None:
        """What is wrong with a prediction; None where every bit is the same."""
        whole, now = now, now if self.best is None else self.best.kept(now)
        made = self._as_stored(now)
        if made == stored[3:]:
            return None
        compared = _compared(stored, whole, self.best)
        if isinstance(compared, str):
            return self._finding(stored, now, Verdict.DIFFERS, compared, is_fault=True)
        astray = self._astray(stored, now)
        if astray.reason is not None:
            return self._finding(stored, now, Verdict.DIFFERS, astray.reason, compared.largest, is_fault=True)
        largest = max(compared.largest, astray.difference)
        if stored.label != made[2] or stored.labels != made[4]:
            reason = f"{LABEL_CHANGED} ({self.because})" if self.because else LABEL_CHANGED
            return self._finding(stored, now, Verdict.DIFFERS, reason, largest, is_fault=True)
        if not largest <= self.tolerance:
            reason = f"by more than {self.tolerance:g} ({self.because or 'made with the same'})"
            return self._finding(stored, now, Verdict.DIFFERS, reason, largest, is_fault=True)
        if compared.same_bits and not astray.difference:
            return None
        if self.same:
            return self._finding(
                stored, now, Verdict.DIFFERS, "other bits, made with the same", largest, is_fault=True
            )
        return self._finding(stored, now, Verdict.WITHIN, self.because, largest)

    def _as_stored(self, now: Prediction) -> tuple[Any, ...]:
        """The fields of a `StoredAnswer` behind its names."""
        stored = self.stored_label
        return (
            now.values,
            now.likely_class,
            None if now.label is None else stored(now.label),
            now.score,
            None if now.labels is None else [stored(one) for one in now.labels],
            now.value,
            None if now.unit is None else stored(now.unit),
            now.outputs,
            now.map,
        )

    def _astray(self, stored: StoredAnswer, now: Prediction) -> _Astray:
        """What of a row does not follow from the numbers in it."""
        if stored.prediction == now.values:
            follows: Prediction | str = now
        else:
            follows = self.follows(orjson.loads(stored.prediction))
        if isinstance(follows, str):
            return _Astray(NO_NUMBERS)
        made = self._as_stored(follows)
        if (stored.likely_class, stored.label, stored.labels) != (made[1], made[2], made[4]):
            return _Astray(LABEL_ASTRAY)
        pairs = ((stored.score, made[3]), (stored.value, made[5]))
        if any((one is None) != (other is None) for one, other in pairs):
            return _Astray(SCORE_ASTRAY)
        difference = (
            max(
                _difference(np.asarray([one]), np.asarray([other])) for one, other in pairs if one is not None
            )
            if any(one is not None for one, _ in pairs)
            else 0.0
        )
        beyond = not difference <= self.tolerance or (self.same and difference > 0)
        return _Astray(SCORE_ASTRAY if beyond or stored.unit != made[6] else None, difference)

    def _finding(
        self,
        stored: StoredAnswer,
        now: Prediction,
        verdict: Verdict,
        reason: str,
        largest: float | None = None,
        *,
        is_fault: bool = False,
    ) -> Finding:
        label = None if now.label is None else self.stored_label(now.label)
        return Finding(
            stored.prediction_id,
            verdict,
            reason,
            largest,
            stored.label,
            label,
            stored.score,
            now.score,
            is_fault,
            label != stored.label,
        )


class _Astray(NamedTuple):
    reason: str | None = None
    difference: float = 0.0


class _Compared(NamedTuple):
    largest: float
    same_bits: bool


def _compared(stored: StoredAnswer, now: Prediction, best: Best | None) -> _Compared | str:
    """All the numbers of two answers, or why they cannot be compared."""
    if (stored.map is None) != (now.map is None):
        return "the class of each pixel is stored of one of them alone"
    largest, same_bits = 0.0, True
    for before, after in _pairs(stored, now, best):
        if before.dtype.kind not in "fiu":
            return NO_NUMBERS
        if before.shape != after.shape:
            return OTHER_SHAPE
        largest = max(largest, _difference(before, after))
        same_bits = same_bits and before.tobytes() == after.tobytes()
    return _Compared(largest, same_bits)


def _pairs(
    stored: StoredAnswer, now: Prediction, best: Best | None
) -> Sequence[tuple[NDArray[Any], NDArray[Any]]]:
    pairs = [
        (_numbers(orjson.loads(stored.prediction)), _numbers(orjson.loads(now.values)))
        if best is None
        else best.pair(stored.prediction, now.values)
    ]
    before, after = _named(stored.outputs), _named(now.outputs)
    none = np.empty(0, np.float32)
    pairs += [(before.get(name, none), after.get(name, none)) for name in dict.fromkeys([*before, *after])]
    if stored.map is not None and now.map is not None and stored.map != now.map:
        pairs.append((_classes(stored.map), _classes(now.map)))
    return pairs


def _named(outputs: str | None) -> dict[str, NDArray[Any]]:
    found = {} if outputs is None else orjson.loads(outputs)
    return {name: _numbers(one) for name, one in found.items()} if isinstance(found, dict) else {}


def _numbers(values: object) -> NDArray[Any]:
    """Numbers as the model gave them: those with a fraction are float32."""
    try:
        array = np.asarray(values)
    except ValueError:
        return np.asarray(None)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _classes(png: bytes) -> NDArray[Any]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(png)) as image:
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError):
        return np.asarray(None)


def _difference(before: NDArray[Any], after: NDArray[Any]) -> float:
    """The largest difference of two arrays of one shape; of numbers beyond 1, as a part of them."""
    old, new = (_numbers(one).astype(np.float64) for one in (before, after))
    if not old.size:
        return 0.0
    return float((np.abs(new - old) / np.maximum(1.0, np.abs(old))).max())
