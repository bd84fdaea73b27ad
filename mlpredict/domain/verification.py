"""A stored prediction, made once more: what is compared, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from mlpredict.domain.environments import Facts

TOLERANCE = 1e-4
"""The largest difference that is told as such: what a compiled model may differ from TensorFlow by. Other
processors differ by a fortieth of it."""

MOST_FINDINGS = 1000
"""Predictions that are told one by one: of more it is told how many there are."""


class Verdict(StrEnum):
    """What came of a prediction that was made once more."""

    IDENTICAL = "identical"
    """Every number has the same bits."""
    WITHIN = "within"
    """The largest difference is no more than the tolerance."""
    DIFFERS = "differs"
    """It is more, or something else is said of the image."""
    CANNOT_RUN = "cannot_run"
    """It cannot be made once more."""


class RecordedModel(NamedTuple):
    """A model as the database has it: how its input was prepared, and what its output meant.

    `paths` are where it was, the last place first. `files_sha256` are hashes of its own files that its runs
    have recorded.
    """

    name: str
    fingerprint: str
    format: str
    task: str
    labels: tuple[str, ...] | None
    description: Mapping[str, Any]
    paths: Sequence[str]
    files_sha256: frozenset[str] = frozenset()


class Made(NamedTuple):
    """What was predicted by one model, with one engine, in one environment."""

    model_id: int | None
    engine: str | None
    environment_id: int | None


class StoredAnswer(NamedTuple):
    """What is stored of a prediction, as far as it follows from the image and the model."""

    prediction_id: int
    input_id: int | None
    filename: str | None
    prediction: str
    likely_class: int | None
    label: str | None
    score: float | None
    labels: list[str] | None
    value: float | None
    unit: str | None
    outputs: str | None
    map: bytes | None


class Finding(NamedTuple):
    """One prediction that is not the same, or cannot be made once more.

    `is_fault` says that something is wrong with what is stored: not merely made elsewhere, or not to be had.
    """

    prediction_id: int
    verdict: Verdict
    reason: str
    difference: float | None = None
    label: str | None = None
    label_now: str | None = None
    score: float | None = None
    score_now: float | None = None
    is_fault: bool = False
    label_changed: bool = False


class Why(NamedTuple):
    """Under what predictions are counted."""

    verdict: Verdict
    reason: str


@dataclass(slots=True)
class Verification:
    """What came of many; `examples` has the first of each reason, `findings` the first of all."""

    tolerance: float
    counts: Counter[Verdict] = field(default_factory=Counter)
    reasons: Counter[Why] = field(default_factory=Counter)
    examples: dict[Why, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    largest_difference: float | None = None
    label_changed: int = 0
    faults: int = 0
    best_only: int = 0
    """Of how many only the best classes are stored: nothing can be said of their other numbers."""
    altered: list[str] = field(default_factory=list)
    """Of which models the database says what their fingerprints were not made of."""
    environments: dict[int, Facts] = field(default_factory=dict)
    """What they were made with, by the ids."""

    @property
    def predictions(self) -> int:
        """How many were looked at."""
        return self.counts.total()

    @property
    def is_proven(self) -> bool:
        """Whether nothing is wrong, and something could be made once more if there was anything."""
        ran = self.predictions - self.counts[Verdict.CANNOT_RUN]
        return not self.faults and not self.altered and (ran > 0 or not self.predictions)

    def identical(self, count: int) -> None:
        """Count some that are the same."""
        self.counts[Verdict.IDENTICAL] += count
        if count and self.largest_difference is None:
            self.largest_difference = 0.0

    def find(self, finding: Finding) -> None:
        """Count one that is not."""
        why = Why(finding.verdict, finding.reason)
        self.counts[finding.verdict] += 1
        self.reasons[why] += 1
        self.examples.setdefault(why, finding.prediction_id)
        self.label_changed += finding.label_changed
        self.faults += finding.is_fault
        if finding.difference is not None:
            self.largest_difference = max(self.largest_difference or 0.0, finding.difference)
        self._keep(finding)

    def alter(self, what: str) -> None:
        """Say once that what the database says of a model has been changed."""
        if what not in self.altered:
            self.altered.append(what)

    def include(self, later: Verification) -> None:
        """Add what came of the next ones, of which no more were looked at than are told one by one.

        Then it is as if all of them had been looked at here, one after another.
        """
        self.counts.update(later.counts)
        self.reasons.update(later.reasons)
        for why, example in later.examples.items():
            self.examples.setdefault(why, example)
        for finding in later.findings:
            self._keep(finding)
        if later.largest_difference is not None:
            self.largest_difference = max(self.largest_difference or 0.0, later.largest_difference)
        self.label_changed += later.label_changed
        self.faults += later.faults
        self.best_only += later.best_only
        for what in later.altered:
            self.alter(what)
        self.environments.update(later.environments)

    def _keep(self, finding: Finding) -> None:
        """Keep the first of them; faults take the places of others."""
        if len(self.findings) >= MOST_FINDINGS:
            others = (place for place, one in enumerate(self.findings) if not one.is_fault)
            place = next(others, None) if finding.is_fault else None
            if place is None:
                return
            del self.findings[place]
        self.findings.append(finding)
