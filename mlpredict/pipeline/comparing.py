"""Two models, or two runs, on the images that both have predicted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlpredict.domain import PredictionFilter
from mlpredict.domain.comparisons import ClassFlips, Comparison, Flip, NumbersCompared, Side
from mlpredict.pipeline.lookalikes import of_truths, same_pictures
from mlpredict.support.statistics import mcnemar

if TYPE_CHECKING:
    from mlpredict.storage.repository import Repository

MOST_FLIPS = 1000
"""So many are listed, those first of which a side was most sure; all of them are counted."""


def compare(
    repository: Repository,
    a: str,
    b: str,
    wanted: PredictionFilter,
    *,
    most_flips: int = MOST_FLIPS,
    only_first: bool = False,
) -> Comparison:
    """What became of the images that both sides have predicted, each a model or the number of a run.

    With `only_first` the filter is one of what the first side has predicted.

    Raises:
        NotFound: there is no such model or run.
    """
    with repository.pairing(a, b, wanted, only_first=only_first) as pairs:
        rows = pairs.counts()
        labelled = any(row[1] is not None and row[2] is not None for row in rows)
        flips = pairs.flips(most_flips, labelled=labelled) if rows else []
        lookalikes = pairs.lookalikes() if labelled else []
    counts: dict[tuple[bool | None, bool | None], int] = defaultdict(int)
    agreed = judged = 0
    for _, a_right, b_right, agree, count, *_ in rows:
        counts[a_right, b_right] += count
        agreed += count if agree else 0
        judged += count if agree is not None else 0
    only_a, only_b = counts[True, False], counts[False, True]
    both = only_a + only_b + counts[True, True] + counts[False, False]
    return Comparison(
        a=a,
        b=b,
        both=sum(counts.values()),
        labelled=both,
        agreement=agreed / judged if judged else None,
        agreed=agreed,
        both_right=counts[True, True],
        only_a_right=only_a,
        only_b_right=only_b,
        neither_right=counts[False, False],
        p_value=mcnemar(only_a, only_b) if both else None,
        by_label=_by_label(rows),
        flips=[_flip(row) for row in flips],
        numbers=_numbers(rows),
        remarks=of_truths(same_pictures(repository, lookalikes)),
    )


def _by_label(rows: Sequence[tuple[Any, ...]]) -> list[ClassFlips]:
    """Of how many images with a truth one side alone was right, by that truth."""
    images: dict[str, int] = defaultdict(int)
    won: dict[tuple[str, bool], int] = defaultdict(int)
    for truth, a_right, b_right, _, count, *_ in rows:
        if truth is not None and b_right is not None:
            images[truth] += count
            if a_right != b_right:
                won[truth, a_right] += count
    return [ClassFlips(label, images[label], won[label, True], won[label, False]) for label in sorted(images)]


def _numbers(rows: Sequence[tuple[Any, ...]]) -> NumbersCompared | None:
    count, a, b, a_nearer, b_nearer = (sum(row[place] or 0 for row in rows) for place in range(5, 10))
    return NumbersCompared(count, a / count, b / count, a_nearer, b_nearer) if count else None


def _flip(row: tuple[Any, ...]) -> Flip:
    a_id, b_id, input_id, filename, truth, a_right, a_label, a_score, b_label, b_score = row
    return Flip(
        input_id, filename, truth, Side(a_id, a_label, a_score), Side(b_id, b_label, b_score), a_right
    )
