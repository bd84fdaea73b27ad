"""What comes of predictions that are verified by parts, and put together."""

from __future__ import annotations

import random

import pytest

from mlpredict.domain.verification import MOST_FINDINGS, Finding, Verdict, Verification

REASONS = ("another label", "its image is not stored any more", "litert 1.4.0, now 2.3.0")


def looked_at(done: Verification, ids: range, chance: random.Random) -> None:
    for one in ids:
        kind = chance.randrange(5)
        if kind > 2:
            done.identical(1)
            continue
        difference = chance.random() if kind == 2 else None
        done.find(Finding(one, list(Verdict)[kind + 1], REASONS[kind], difference, is_fault=kind == 1))
        done.alter(f"model {kind}")
        done.environments[one % 3] = {"litert": "2.3.0"}
        done.best_only += kind == 0


@pytest.mark.parametrize("count", [0, 700, 5000])
def test_parts_that_are_put_together_are_as_one(count: int) -> None:
    whole, together = Verification(0.5), Verification(0.5)
    looked_at(whole, range(count), random.Random(7))
    chance = random.Random(7)
    for start in range(0, count, MOST_FINDINGS):
        part = Verification(0.5)
        looked_at(part, range(start, min(count, start + MOST_FINDINGS)), chance)
        together.include(part)
    assert together == whole
    assert list(together.reasons) == list(whole.reasons)
    assert together.findings == whole.findings
    assert len(whole.findings) == min(MOST_FINDINGS, whole.reasons.total())
