"""Stored predictions made once more: chosen, then verified step by step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlpredict import settings
from mlpredict.domain.predictions import PredictionFilter
from mlpredict.domain.verification import TOLERANCE, Made, Verification
from mlpredict.errors import UsageError
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.support.ahead import never

if TYPE_CHECKING:
    from mlpredict.api.connections import Connections
    from mlpredict.pipeline.verifying import ModelsUsed, Stored


@dataclass(frozen=True, slots=True)
class How:
    """How predictions are made once more; `model` is where the model may lie now."""

    sample: int | None = None
    tolerance: float = TOLERANCE
    model: str | os.PathLike[str] | None = None
    trusted: bool = False
    limits: Limits = USUAL_LIMITS


@dataclass(frozen=True, slots=True)
class Check:
    """Predictions to verify; make one with `check`. `missing` are ids that are those of none."""

    groups: Mapping[Made, Sequence[int]]
    missing: tuple[int, ...]
    done: Verification
    database: Connections
    how: How

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    def steps(self, enough: Callable[[], bool] = never) -> Iterator[int]:
        """Verify batch by batch, and tell after each how many it had; `done` has what came of them."""
        from mlpredict.pipeline.verifying import Verifier
        from mlpredict.storage.values import storable
        from mlpredict.storage.verifying import Verifying

        with self.database.reading() as reading, self.database.store() as images:
            answers, limits = Verifying(reading.connection), self.how.limits
            verifier = Verifier(answers, images, self.done, storable, limits, enough)
            yield from verifier.verify(self.groups, self.models(answers))

    def models(self, stored: Stored) -> ModelsUsed:
        """What finds the models that the predictions were made with."""
        from mlpredict.pipeline.recorded_models import Search
        from mlpredict.pipeline.verifying import ModelsUsed

        place = None if self.how.model is None else Path(self.how.model)
        return ModelsUsed(stored, Search(settings.cache_home(), place, self.how.trusted), self.done)


def check(database: Connections, wanted: PredictionFilter | Iterable[int], how: How | None = None) -> Check:
    """Choose the predictions of a filter or of ids, or some of them at random.

    Raises:
        UsageError: the tolerance or the size of the sample is none.
    """
    from mlpredict.storage.verifying import Verifying

    how = how or How()
    if not how.tolerance >= 0:
        raise UsageError(f"tolerance {how.tolerance}: expected a number from 0 on")
    if how.sample is not None and how.sample < 1:
        raise UsageError(f"sample {how.sample}: expected a number from 1 on")
    missing: tuple[int, ...] = ()
    with database.reading() as repository:
        reader = Verifying(repository.connection)
        if isinstance(wanted, PredictionFilter):
            groups = reader.chosen(wanted, how.sample)
        else:
            ids = list(dict.fromkeys(wanted))
            groups = reader.named(ids, how.sample)
            if how.sample is None:
                found = set().union(*groups.values())
                missing = tuple(one for one in ids if one not in found)
    return Check(groups, missing, Verification(how.tolerance), database, how)


def verified(made: Check) -> Verification:
    """What comes of all of them."""
    for _ in made.steps():
        pass
    return made.done
