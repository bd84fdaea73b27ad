"""What has come of a run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mlpredict.domain import PredictionRecord, Rejected
from mlpredict.pipeline.batch import Outcome, Skipped


@dataclass(slots=True)
class Tally:
    """What has come of a run so far."""

    run_id: int | None = None
    predicted: int = 0
    skipped: int = 0
    score_sum: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)

    @property
    def failed(self) -> int:
        return self.failures.total()

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self.started, 1e-9)

    def count(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            match outcome:
                case Rejected():
                    self.failures[outcome.reason] += 1
                case Skipped():
                    self.skipped += 1
                case PredictionRecord():
                    self.predicted += 1
                    self.score_sum += outcome.score or 0.0
                    if outcome.labels is not None:
                        self.labels.update(outcome.labels)
                    elif outcome.label is not None:
                        self.labels[outcome.label] += 1
