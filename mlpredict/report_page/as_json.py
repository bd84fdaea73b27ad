"""Reports as values of JSON, by their public names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mlpredict.domain.comparisons import Comparison
from mlpredict.domain.reports import Group, Report


def report_as_json(report: Report) -> dict[str, Any]:
    """A report by the names of its parts; null is what nothing can be said of."""
    probabilities, regression = report.probabilities, report.regression
    averages = ("precision", "recall", "f1")
    return {
        "predictions": report.predictions,
        "images": report.images,
        "labelled": report.labelled,
        "right": report.right,
        "judged": report.judged,
        "accuracy": report.accuracy,
        "interval": None if report.interval is None else list(report.interval),
        **{
            f"{kind}_{one}": report.averages.get(f"{kind}_{one}")
            for kind in ("macro", "weighted")
            for one in averages
        },
        "ece": report.ece,
        "log_loss": None if probabilities is None else probabilities.log_loss,
        "brier": None if probabilities is None else probabilities.brier,
        "top_k": {} if probabilities is None else {str(k): v for k, v in probabilities.top_k.items()},
        "mean_score": report.mean_score,
        "mean_score_right": report.mean_score_right,
        "mean_score_wrong": report.mean_score_wrong,
        "mae": None if regression is None else regression.mae,
        "rmse": None if regression is None else regression.rmse,
        "r2": None if regression is None else regression.r2,
        "models": list(report.models),
        "sources": dict(report.sources),
        "by_label": {
            one.label: {
                "predicted": one.predicted,
                "mean_score": one.mean_score,
                "support": one.support,
                "precision": one.precision,
                "recall": one.recall,
                "f1": one.f1,
            }
            for one in report.by_label
        },
        "confusion": {truth: dict(said) for truth, said in report.confusion.items()},
        "calibration": [asdict(one) for one in report.calibration],
        "scores": list(report.scores),
        "over_time": _groups(report.over_time),
        **(
            {}
            if report.by is None
            else {"by": report.by.value, "against": report.against, "groups": _groups(report.groups)}
        ),
        "remarks": list(report.remarks),
    }


def report_as_rows(report: Report) -> Iterator[dict[str, Any]]:
    """The single numbers of a report, a row each."""
    for name, value in report_as_json(report).items():
        if name == "interval":
            low, high = value or (None, None)
            yield {"name": "interval_low", "value": low}
            yield {"name": "interval_high", "value": high}
        elif name == "top_k":
            yield from ({"name": f"top_{k}", "value": share} for k, share in value.items())
        elif name == "by_label":
            for label, counts in value.items():
                yield from ({"name": f"{what}:{label}", "value": one} for what, one in counts.items())
        elif not isinstance(value, (Mapping, list)):
            yield {"name": name, "value": value}


def _groups(groups: Sequence[Group]) -> list[dict[str, Any]]:
    return [
        {
            "key": one.key,
            "predictions": one.predictions,
            "labelled": one.labelled,
            "right": one.right,
            "accuracy": one.accuracy,
            "mean_score": one.mean_score,
            "mae": one.mae,
            "labels": dict(one.labels),
            "distance": one.distance,
        }
        for one in groups
    ]


def comparison_as_json(made: Comparison) -> dict[str, Any]:
    """A comparison by the names of its parts."""
    numbers = made.numbers
    return {
        "a": made.a,
        "b": made.b,
        "both": made.both,
        "labelled": made.labelled,
        "agreement": made.agreement,
        "both_right": made.both_right,
        "only_a_right": made.only_a_right,
        "only_b_right": made.only_b_right,
        "neither_right": made.neither_right,
        "accuracy_a": made.accuracy_a,
        "accuracy_b": made.accuracy_b,
        "p_value": made.p_value,
        "mae_a": None if numbers is None else numbers.mae_a,
        "mae_b": None if numbers is None else numbers.mae_b,
        "by_label": {
            one.label: {
                "images": one.images,
                "only_a_right": one.only_a_right,
                "only_b_right": one.only_b_right,
            }
            for one in made.by_label
        },
        "flips": [asdict(one) for one in made.flips],
        "remarks": list(made.remarks),
    }
