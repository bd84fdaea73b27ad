"""A report for a person at a terminal: tables, bars and sparklines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mlpredict.cli.stdout import data_console
from mlpredict.cli.tables import bar, print_pairs, print_renderable, simple_table
from mlpredict.domain.reports import Group, LabelCounts, Report
from mlpredict.support.printable import printable

MATRIX_CLASSES = 12
"""More do not fit beside one another: then the largest confusions are listed."""

LABELS_SHOWN = 30
CONFUSIONS_SHOWN = 15
GROUPS_SHOWN = 60
MATRIX_LABEL = 9
"""Characters of a label above its column."""

SPARKS = "▁▂▃▄▅▆▇█"
BAR = 12
SAY_LEAST = ("", "predicted", "score", "precision", "recall", "mean score", "labelled", "images")
"""The columns that a narrow terminal has no room for; the first of a table always stays."""

WIDEST = 10_000
"""So wide a table may be when it is measured."""

GREENS = ("#0b3d1c", "#14532d", "#166534", "#15803d")
REDS = ("#450a0a", "#7f1d1d", "#991b1b", "#b91c1c")
"""Grounds for white text, the stronger the greater the share."""


def print_report(report: Report) -> None:
    """Everything there is to be said, the most important first."""
    if not report.predictions:
        print_renderable(Text("no predictions\n"))
        return
    print_pairs(dict(_facts(report)))
    print_renderable(Text(""))
    _print_labels(report)
    if report.confusion:
        _print_confusion(report)
        _print_calibration(report)
    if report.by is not None:
        _print_groups(report)
    elif len(report.over_time) > 1:
        _print_over_time(report)
    for remark in report.remarks:
        print_renderable(Text(f" {printable(remark)}.", style="yellow"))


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    yield "predictions", f"{report.predictions:,} of {report.images:,} images"
    yield "models" if len(report.models) > 1 else "model", ", ".join(report.models) or "unknown"
    chosen = ", ".join(f"{count:,} by {source}" for source, count in report.sources.items())
    yield "labelled", f"{report.labelled:,}" + (f" ({chosen})" if chosen else ": mlpredict label says how")
    if report.accuracy is not None and report.interval is not None:
        low, high = report.interval
        yield (
            "accuracy",
            (f"{report.accuracy:.2%}, {report.right:,} of {report.judged:,} (95 %: {low:.2%} to {high:.2%})"),
        )
    if report.averages:
        for kind in ("macro", "weighted"):
            yield (
                kind,
                ", ".join(
                    f"{name} {report.averages[f'{kind}_{key}']:.4f}"
                    for name, key in (("precision", "precision"), ("recall", "recall"), ("F1", "f1"))
                ),
            )
    if (one := report.probabilities) is not None:
        yield "truth among the likeliest", ", ".join(f"{k}: {share:.2%}" for k, share in one.top_k.items())
        if one.log_loss is not None and one.brier is not None:
            yield "log loss, Brier", f"{one.log_loss:.4f}, {one.brier:.4f}"
    if report.ece is not None:
        yield "calibration error", f"{report.ece:.4f} (ECE, {len(report.calibration)} bins)"
    if (errors := report.regression) is not None:
        r2 = "" if errors.r2 is None else f", R² {errors.r2:.4f}"
        yield "error", f"MAE {errors.mae:.6g}, RMSE {errors.rmse:.6g}{r2} ({errors.count:,} numbers)"
    if report.mean_score is not None:
        yield "mean score", f"{report.mean_score:.4f}" + _right_and_wrong(report)
        yield "scores 0 to 1", spark(report.scores)


def _right_and_wrong(report: Report) -> str:
    parts = (("right", report.mean_score_right), ("wrong", report.mean_score_wrong))
    said = [f"{word} {score:.4f}" for word, score in parts if score is not None]
    return f" ({', '.join(said)})" if said else ""


def _print_fitted(table: Table) -> None:
    """Print a table, on a narrow terminal without the columns that say least; a cut number says nothing."""
    console = data_console()
    missing = []
    for heading in SAY_LEAST:
        if Measurement.get(console, console.options.update(max_width=WIDEST), table).maximum <= console.width:
            break
        for column in table.columns[1:]:
            if column.header == heading:
                table.columns.remove(column)
                # Rich pads a column by its number.
                for place, other in enumerate(table.columns):
                    other._index = place
                missing += [heading] if heading else []
    print_renderable(table)
    if missing:
        print_renderable(Text(f" no room for: {', '.join(missing)}", style="dim"))


def _print_labels(report: Report) -> None:
    shown = sorted(report.by_label, key=lambda one: (-(one.support or 0), -one.predicted, one.label))
    if not shown:
        return
    judged = any(one.support is not None for one in shown)
    table = simple_table()
    table.add_column("label", overflow="fold")
    headings = ("predicted", "score") + (("support", "precision", "recall", "F1") if judged else ())
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    most = max(one.predicted for one in shown)
    for one in shown[:LABELS_SHOWN]:
        table.add_row(*_label_cells(one, judged, most))
    _print_fitted(table)
    if (more := len(shown) - LABELS_SHOWN) > 0:
        print_renderable(Text(f" and {more:,} more labels; --json has all\n", style="dim"))


def _label_cells(one: LabelCounts, judged: bool, most: int) -> list[Text]:
    cells = [Text(printable(one.label)), Text(f"{one.predicted:,}"), _share(one.mean_score)]
    if judged:
        cells += [
            Text("–" if one.support is None else f"{one.support:,}"),
            _share(one.precision),
            _share(one.recall),
            _share(one.f1),
        ]
        return [*cells, bar(one.f1 or 0.0, BAR)]
    return [*cells, bar(one.predicted / most if most else 0.0, BAR)]


def _share(value: float | None) -> Text:
    return Text("–", style="dim") if value is None else Text(f"{value:.4f}")


def _print_confusion(report: Report) -> None:
    labels = sorted(report.confusion.keys() | {said for row in report.confusion.values() for said in row})
    if len(labels) <= MATRIX_CLASSES:
        print_renderable(_matrix(report, labels))
        return
    pairs = sorted(
        (
            (-count, truth, said)
            for truth, row in report.confusion.items()
            for said, count in row.items()
            if said != truth
        )
    )
    table = simple_table()
    table.add_column("truth", overflow="fold")
    table.add_column("predicted as", overflow="fold")
    table.add_column("images", justify="right")
    table.add_column("of its class", justify="right")
    for count, truth, said in pairs[:CONFUSIONS_SHOWN]:
        of = sum(report.confusion[truth].values())
        table.add_row(
            Text(printable(truth)), Text(printable(said)), f"{-count:,}", Text(f"{-count / of:.1%}", "red")
        )
    _print_fitted(table)
    if (more := len(pairs) - CONFUSIONS_SHOWN) > 0:
        print_renderable(Text(f" and {more:,} more confusions; --json has all\n", style="dim"))


def _matrix(report: Report, labels: Sequence[str]) -> Table:
    """The truth beside its row, what was predicted above its column."""
    table = simple_table()
    table.add_column("truth ↓  predicted →", overflow="fold")
    for label in labels:
        shown = printable(label)
        short = shown if len(shown) <= MATRIX_LABEL else f"{shown[: MATRIX_LABEL - 1]}…"
        table.add_column(Text(short), justify="right", no_wrap=True)
    for truth in labels:
        row = report.confusion.get(truth, {})
        total = sum(row.values())
        cells = [_matrix_cell(row.get(said, 0), total, said == truth) for said in labels]
        table.add_row(Text(printable(truth)), *cells)
    return table


def _matrix_cell(count: int, total: int, right: bool) -> Text:
    if not count:
        return Text("·", style="dim")
    shades = GREENS if right else REDS
    shade = shades[min(int(count / total * len(shades)), len(shades) - 1)]
    return Text(f"{count:,}", style=f"bold white on {shade}")


def _print_calibration(report: Report) -> None:
    table = simple_table()
    for heading in ("score", "images", "mean score", "accuracy"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for one in report.calibration:
        if one.accuracy is not None and one.mean_score is not None:
            table.add_row(
                f"{one.low:.2f}–{one.high:.2f}",
                f"{one.count:,}",
                f"{one.mean_score:.4f}",
                f"{one.accuracy:.4f}",
                bar(one.accuracy, BAR),
            )
    _print_fitted(table)


def _print_groups(report: Report) -> None:
    table = simple_table()
    table.add_column(str(report.by), overflow="fold")
    errors = any(one.mae is not None for one in report.groups)
    for heading in ("predictions", "labelled", "accuracy", "score", "distance", *(["MAE"] if errors else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for one in report.groups[-GROUPS_SHOWN:]:
        cells = [Text(f"{one.predictions:,}"), Text(f"{one.labelled:,}")]
        cells += [_share(value) for value in (one.accuracy, one.mean_score, one.distance)]
        cells += [Text("–" if one.mae is None else f"{one.mae:.6g}")] * errors
        table.add_row(Text(printable(one.key)), *cells, bar(one.distance or 0.0, BAR))
    _print_fitted(table)
    if (more := len(report.groups) - GROUPS_SHOWN) > 0:
        print_renderable(Text(f" and {more:,} before; --json has all", style="dim"))
    lines = [
        f" distance: Jensen-Shannon, of the labels' shares to those of {printable(report.against or '')}\n"
    ]
    print_renderable(Text("\n".join(lines), style="dim"))


def _print_over_time(report: Report) -> None:
    groups = report.over_time[-GROUPS_SHOWN:]
    lines = {
        "predictions": spark([one.predictions for one in groups]),
        "mean score": spark([one.mean_score or 0.0 for one in groups], most=1.0),
    }
    if any(one.accuracy is not None for one in groups):
        lines["accuracy"] = spark([one.accuracy or 0.0 for one in groups], most=1.0)
    commonest = sorted(_totals(groups).items(), key=lambda item: (-item[1], item[0]))[:5]
    for label, _ in commonest:
        shares = [one.labels.get(label, 0) / (one.predictions or 1) for one in groups]
        lines[f"share of {label}"] = spark(shares, most=1.0)
    print_renderable(Text(f" {printable(groups[0].key)} to {printable(groups[-1].key)}", style="bold"))
    print_pairs(lines)
    print_renderable(Text(""))


def _totals(groups: Sequence[Group]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for one in groups:
        for label, count in one.labels.items():
            totals[label] = totals.get(label, 0) + count
    return totals


def spark(values: Sequence[float], most: float | None = None) -> str:
    """Numbers as a line of columns from 0 up to the largest, or up to `most`.

    Example:
        >>> spark([0, 1, 4])
        '▁▃█'
    """
    top = max(values, default=0) if most is None else most
    if not top:
        return SPARKS[0] * len(values)
    last = len(SPARKS) - 1
    return "".join(SPARKS[min(last, round(value / top * last))] for value in values)
