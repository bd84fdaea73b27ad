"""What stored predictions were worth: counted by the database, reckoned here."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlpredict.domain import PredictionFilter
from mlpredict.domain.reports import (
    CalibrationBin,
    GroupBy,
    LabelCounts,
    Probabilities,
    Regression,
    Report,
)
from mlpredict.pipeline.lookalikes import of_folders, of_truths, same_pictures
from mlpredict.pipeline.report_groups import compared, groups, reference, unit_of_time
from mlpredict.storage import lookalikes
from mlpredict.storage import report_queries as counted
from mlpredict.storage.best_queries import BestOnly, best_only
from mlpredict.storage.report_queries import BINS, TOP_K, Queries
from mlpredict.support.statistics import (
    Bin,
    ClassScore,
    class_scores,
    expected_calibration_error,
    macro,
    weighted,
    wilson,
)

if TYPE_CHECKING:
    from mlpredict.storage.repository import Repository

KINDS = {
    ("classification", "softmax"): "softmax",
    ("classification", "none"): "logits",
    ("binary", "sigmoid"): "sigmoid",
    ("binary", "softmax"): "sigmoid",
    ("binary", "none"): "logit",
}
"""What the numbers of a model are, by its task and activation."""


def report(
    repository: Repository,
    wanted: PredictionFilter,
    *,
    by: GroupBy | None = None,
    against: str | None = None,
    worst: int = 0,
) -> Report:
    """Everything there is to be said of the predictions that a filter finds.

    `worst` is how many of the worst mistakes are to be in it.

    Raises:
        UsageError: there is no group called as the one that others are compared with.
    """
    with repository.counting(wanted) as queries:
        made = _report(queries, by, against)
        ids = queries.worst(worst) if worst and made.judged else []
        labelled_alike = lookalikes.by_truth(queries) if made.labelled else []
        in_folders = lookalikes.by_folder(queries) if by is GroupBy.FOLDER else []
    by_id = {one.prediction_id: one for one in repository.predictions_of(ids)}
    remarks = (
        *made.remarks,
        *of_truths(same_pictures(repository, labelled_alike)),
        *of_folders(same_pictures(repository, in_folders)),
    )
    return replace(made, worst=[by_id[one] for one in ids if one in by_id], remarks=remarks)


def _report(queries: Queries, by: GroupBy | None, against: str | None) -> Report:
    predictions, images = queries.row(counted.TOTALS)
    models = queries.rows(counted.MODELS)
    names = {str(model_id): name for model_id, name, *_ in models}
    predicted, scores, score_sum = _predicted(queries)
    judgement = Judgement(queries.rows(counted.JUDGED) if queries.has_labels else [])
    labelled, right, judged = judgement.labelled, judgement.right, judgement.judged
    classes = class_scores(judgement.pairs) + (_of_several(queries) if labelled else [])
    found = [] if by is None else groups(queries, by, names)
    probabilities = _probabilities(queries, models) if judgement.pairs else None
    return Report(
        predictions=predictions,
        images=images,
        labelled=labelled,
        right=right,
        judged=judged,
        interval=wilson(right, judged) if judged else None,
        sources=dict(judgement.sources.most_common()),
        models=list(names.values()),
        by_label=_labels(predicted, classes),
        averages=_averages(classes),
        confusion=judgement.confusion,
        calibration=[
            CalibrationBin(b.low, b.high, b.count, b.mean_score, b.accuracy) for b in judgement.bins
        ],
        ece=expected_calibration_error(judgement.bins),
        mean_score=score_sum / sum(scores) if sum(scores) else None,
        mean_score_right=judgement.mean_score(right=True),
        mean_score_wrong=judgement.mean_score(right=False),
        scores=scores,
        over_time=groups(queries, unit_of_time(queries), names),
        probabilities=probabilities,
        regression=_regression(queries) if labelled else None,
        by=by,
        against=reference(found, against),
        groups=compared(found, against),
        remarks=[
            *_remarks(list(names.values()), list(judgement.sources), labelled, predictions),
            *_of_best(probabilities),
        ],
    )


class Judgement:
    """Labelled predictions: how many are right, which truth was taken for what, and with which scores."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self.sources: Counter[str] = Counter()
        self.right = self.judged = 0
        self.pairs: Counter[tuple[str, str]] = Counter()
        counts, rights, sums = [0] * BINS, [0] * BINS, [0.0] * BINS
        self._sums = {True: 0.0, False: 0.0}
        self._counts = {True: 0, False: 0}
        for source, right, truth, said, place, count, score_sum in rows:
            self.sources[source] += count
            self.right += count if right else 0
            self.judged += count if right is not None else 0
            if truth is None:
                continue
            self.pairs[truth, said] += count
            if score_sum is None:
                continue
            counts[place - 1] += count
            rights[place - 1] += count if right else 0
            sums[place - 1] += score_sum
            self._sums[right] += score_sum
            self._counts[right] += count
        self.bins = [
            Bin(number / BINS, (number + 1) / BINS, counts[number], rights[number], sums[number])
            for number in range(BINS)
        ]

    @property
    def labelled(self) -> int:
        """How many are of labelled images."""
        return self.sources.total()

    @property
    def confusion(self) -> dict[str, dict[str, int]]:
        """How often each truth was taken for each label."""
        nested: dict[str, dict[str, int]] = defaultdict(dict)
        for (truth, said), count in sorted(self.pairs.items()):
            nested[truth][said] = count
        return dict(nested)

    def mean_score(self, *, right: bool) -> float | None:
        """The mean score of those that are right, or of those that are wrong."""
        return self._sums[right] / self._counts[right] if self._counts[right] else None


def _predicted(queries: Queries) -> tuple[dict[str, tuple[int, float | None]], list[int], float]:
    """How often each label was predicted and with which mean score, the scores in bins, and their sum."""
    counts: Counter[str] = Counter()
    sums: dict[str, float] = defaultdict(float)
    scored: Counter[str] = Counter()
    bins = [0] * BINS
    for label, place, count, score_sum in queries.rows(counted.BY_LABEL):
        if label is None:
            continue
        counts[label] += count
        if score_sum is not None:
            bins[place - 1] += count
            sums[label] += score_sum
            scored[label] += count
    found: dict[str, tuple[int, float | None]] = {
        label: (count, sums[label] / scored[label] if scored[label] else None)
        for label, count in counts.items()
    }
    for label, count in queries.rows(counted.OF_SEVERAL):
        found[label] = (found.get(label, (0, None))[0] + count, None)
    return found, bins, math.fsum(sums.values())


def _of_several(queries: Queries) -> list[ClassScore]:
    """The scores of labels of which several may hold; an image counts for each."""
    return [ClassScore(*row) for row in sorted(queries.rows(counted.SEVERAL))]


def _labels(
    predicted: Mapping[str, tuple[int, float | None]], classes: Sequence[ClassScore]
) -> list[LabelCounts]:
    scores = {one.label: one for one in classes}
    rows = []
    for label in sorted(predicted.keys() | scores.keys()):
        count, mean_score = predicted.get(label, (0, None))
        one = scores.get(label)
        rows.append(
            LabelCounts(label, count, mean_score)
            if one is None
            else LabelCounts(label, count, mean_score, one.support, one.precision, one.recall, one.f1)
        )
    return rows


def _averages(classes: Sequence[ClassScore]) -> dict[str, float]:
    if not classes:
        return {}
    found: dict[str, float] = {}
    for name, means in (("macro", macro(classes)), ("weighted", weighted(classes))):
        found |= {
            f"{name}_precision": means.precision,
            f"{name}_recall": means.recall,
            f"{name}_f1": means.f1,
        }
    return found


def _probabilities(queries: Queries, models: Iterable[tuple[Any, ...]]) -> Probabilities | None:
    of_kind: dict[str, list[int]] = defaultdict(list)
    for model_id, _, task, activation in models:
        if (kind := KINDS.get((task, activation or "softmax"))) is not None:
            of_kind[kind].append(model_id)
    best = best_only(queries, [*of_kind.get("softmax", ()), *of_kind.get("logits", ())])
    rows = [queries.probabilities(kind, ids) for kind, ids in of_kind.items()]
    count = sum(row[0] for row in rows)
    if not count and not best.predictions:
        return None
    loss, brier, *above = (math.fsum(row[place] or 0 for row in rows) for place in range(1, 8))
    hits = map(sum, zip(above, best.hits or [0] * len(TOP_K), strict=True))
    most = _most_likely(max(row[8] for row in rows if row[0]) if count else None, best)
    return Probabilities(
        count,
        loss / count if count else None,
        brier / count if count else None,
        {
            k: of_k / (count + best.predictions)
            for k, of_k in zip(TOP_K, hits, strict=True)
            if k == 1 or k <= most
        },
        best.predictions,
    )


def _most_likely(classes: int | None, best: BestOnly) -> float:
    """Among how many of the likeliest the truth can be looked for; of all classes it says nothing."""
    least = best.least if best.predictions else math.inf
    return least if classes is None else min(least, classes - 1)


def _of_best(found: Probabilities | None) -> Iterator[str]:
    """What is to be known where the best classes alone are stored."""
    if found is None or not found.best_only:
        return
    whole = f"are of the other {found.count:,}" if found.count else "are left out"
    yield (
        f"of {found.best_only:,} labelled predictions only the best classes are stored (--store-top):"
        f" log loss and Brier score take all, and {whole}; the truth is looked for among the"
        f" {max(found.top_k)} likeliest at most"
    )


def _regression(queries: Queries) -> Regression | None:
    count, mae, mse, variance = queries.row(counted.REGRESSION)
    if not count:
        return None
    r2 = None
    if count > 1:
        # As scikit-learn has it where all truths are one number.
        r2 = 1 - mse / variance if variance else 1.0 if mse == 0 else 0.0
    return Regression(count, mae, math.sqrt(mse), r2)


def _remarks(models: Sequence[str], sources: Sequence[str], labelled: int, predictions: int) -> list[str]:
    found = []
    if len(models) > 1:
        found.append(f"{len(models)} models are taken together; --model NAME or --by model tells them apart")
    if "review" in sources:
        found.append(
            "labels of a review are of images that were chosen for being uncertain:"
            " the accuracy on them is not the model's"
        )
    if "review-wrong" in sources:
        found.append(
            "labels of mistakes that were looked at again: nobody looked again at what was right,"
            " so the accuracy is rather too high"
        )
    if 0 < labelled < predictions:
        found.append(
            f"{labelled:,} of {predictions:,} predictions are of labelled images:"
            " what is said of right and wrong is of these"
        )
    return found
