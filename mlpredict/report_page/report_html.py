"""A report as one page to send to a colleague."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlpredict.domain import PredictionRecord
from mlpredict.domain.reports import Group, Report
from mlpredict.report_page import svg
from mlpredict.report_page.page import facts, figure, page, pictures, remarks, shown, table

MATRIX_CLASSES = 60
"""Of more, the largest confusions are listed instead."""

CONFUSIONS_SHOWN = 40
LABELS_SHOWN = 200
LINES = 4
"""Labels whose shares are drawn over time."""


def report_page(report: Report, images: Mapping[int, str]) -> str:
    """The whole page; `images` are `data:` URIs of the worst mistakes, by the ids of their inputs."""
    of = ", ".join(report.models) or "no model"
    return page(f"Predictions of {of}", _parts(report, images))


def _parts(report: Report, images: Mapping[int, str]) -> Iterator[str]:
    yield facts(_facts(report))
    yield from remarks(report.remarks)
    if report.confusion:
        yield "<h2>Confusion</h2>"
        yield _confusion(report)
    if report.scores and sum(report.scores):
        yield '<h2>Scores</h2><div class="plots">'
        if any(one.count for one in report.calibration):
            yield figure(
                svg.reliability(report.calibration),
                "Bars: how many of a score are right. On the dashed line scores would be the truth.",
            )
        yield figure(svg.histogram(report.scores), "How many predictions have which scores.") + "</div>"
    if report.by_label:
        yield "<h2>Labels</h2>" + _labels(report)
    if report.by is not None:
        yield f"<h2>By {shown(report.by)}</h2>" + _groups(report)
    if len(report.over_time) > 1:
        yield "<h2>Over time</h2>" + _over_time(report.over_time)
    if report.worst:
        yield "<h2>The worst mistakes</h2><p>Those first that the model was most sure of.</p>"
        yield pictures((images.get(one.input_id or 0), _mistake(one)) for one in report.worst)


def _facts(report: Report) -> Iterator[tuple[str, str, str]]:
    yield "predictions", f"{report.predictions:,}", f"of {report.images:,} images"
    sources = ", ".join(f"{count:,} by {source}" for source, count in report.sources.items())
    yield "labelled", f"{report.labelled:,}", sources
    if report.accuracy is not None and report.interval is not None:
        low, high = report.interval
        yield "accuracy", f"{report.accuracy:.2%}", f"95 %: {low:.2%} to {high:.2%}"
    if report.averages:
        yield "macro F1", f"{report.averages['macro_f1']:.4f}", "each class the same weight"
        yield "weighted F1", f"{report.averages['weighted_f1']:.4f}", "by its images"
    if report.ece is not None:
        yield "calibration error", f"{report.ece:.4f}", "ECE, 15 bins"
    if (one := report.probabilities) is not None:
        if one.log_loss is not None and one.brier is not None:
            yield "log loss", f"{one.log_loss:.4f}", f"Brier {one.brier:.4f}"
        yield "truth among the likeliest", *_top(one.top_k)
    if (errors := report.regression) is not None:
        yield "MAE", f"{errors.mae:.6g}", f"{errors.count:,} numbers"
        yield "RMSE", f"{errors.rmse:.6g}", "" if errors.r2 is None else f"R² {errors.r2:.4f}"
    if report.mean_score is not None:
        right, wrong = report.mean_score_right, report.mean_score_wrong
        words = [f"right {right:.4f}"] if right is not None else []
        words += [f"wrong {wrong:.4f}"] if wrong is not None else []
        yield "mean score", f"{report.mean_score:.4f}", ", ".join(words)


def _top(shares: Mapping[int, float]) -> tuple[str, str]:
    first, *rest = (f"{k}: {share:.1%}" for k, share in shares.items())
    return first, ", ".join(rest)


def _confusion(report: Report) -> str:
    labels = sorted(report.confusion.keys() | {said for row in report.confusion.values() for said in row})
    if len(labels) <= MATRIX_CLASSES:
        caption = "A row is a truth, a column what was said; the stronger, the larger the share of the row."
        return figure(svg.confusion(report.confusion, labels), caption, "Confusion matrix")
    pairs = sorted(
        (-count, truth, said)
        for truth, row in report.confusion.items()
        for said, count in row.items()
        if truth != said
    )
    rows = (
        (truth, said, f"{-count:,}", f"{-count / sum(report.confusion[truth].values()):.1%}")
        for count, truth, said in pairs[:CONFUSIONS_SHOWN]
    )
    return table("The largest confusions", ("truth", "predicted as", "images", "of its class"), rows)


def _labels(report: Report) -> str:
    labels = sorted(report.by_label, key=lambda one: (-(one.support or 0), -one.predicted, one.label))
    rows = (
        (
            one.label,
            f"{one.predicted:,}",
            _number(one.mean_score),
            "–" if one.support is None else f"{one.support:,}",
            _number(one.precision),
            _number(one.recall),
            _number(one.f1),
        )
        for one in labels[:LABELS_SHOWN]
    )
    more = f"<p>and {len(labels) - LABELS_SHOWN:,} more</p>" if len(labels) > LABELS_SHOWN else ""
    headings = ("label", "predicted", "mean score", "support", "precision", "recall", "F1")
    return table("Labels", headings, rows) + more


def _groups(report: Report) -> str:
    rows = (
        (
            one.key,
            f"{one.predictions:,}",
            f"{one.labelled:,}",
            _number(one.accuracy),
            _number(one.mean_score),
            _number(one.distance),
        )
        for one in report.groups
    )
    headings = (str(report.by), "predictions", "labelled", "accuracy", "mean score", "distance")
    said = f"Distance: Jensen-Shannon, of the labels' shares to those of {report.against}, from 0 to 1."
    return table(f"By {report.by}", headings, rows) + f'<p class="quiet">{shown(said)}</p>'


def _over_time(groups: Sequence[Group]) -> str:
    totals: dict[str, int] = {}
    for one in groups:
        for label, count in one.labels.items():
            totals[label] = totals.get(label, 0) + count
    commonest = sorted(totals, key=lambda label: (-totals[label], label))[:LINES]
    most = max(one.predictions for one in groups)
    series: dict[str, list[float | None]] = {"predictions": [one.predictions / most for one in groups]}
    if any(one.accuracy is not None for one in groups):
        series["accuracy"] = [one.accuracy for one in groups]
    series["mean score"] = [one.mean_score for one in groups]
    for label in commonest:
        series[f"share of {label}"] = [one.labels.get(label, 0) / one.predictions for one in groups]
    series = {name: values for name, values in series.items() if any(one is not None for one in values)}
    key = "".join(f'<li><span class="s{n}"></span>{shown(name)}</li>' for n, name in enumerate(series))
    caption = f"{groups[0].key} to {groups[-1].key}; predictions as a share of {most:,}."
    return figure(svg.over_time([one.key for one in groups], series), caption) + f'<ul class="key">{key}</ul>'


def _mistake(one: PredictionRecord) -> str:
    score = "" if one.score is None else f" {one.score:.4f}"
    return (
        f'<span class="wrong-word">{shown(one.label or "")}</span>{shown(score)}, is '
        f'<span class="right-word">{shown(one.true_label or "none")}</span><br>'
        f'<span class="quiet">{shown(one.filename or "")}, '
        f'<span data-prediction="{one.prediction_id}">prediction {one.prediction_id}</span></span>'
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
