"""A comparison for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from mlpredict.cli.tables import cell, print_pairs, print_renderable, simple_table
from mlpredict.domain.comparisons import Comparison, Side
from mlpredict.support.printable import printable
from mlpredict.support.statistics import wilson

FLIPS_SHOWN = 15
CLASSES_SHOWN = 20


def print_comparison(made: Comparison) -> None:
    """What became of the images, then the classes that won and lost, then flips."""
    print_pairs(dict(_facts(made)))
    print_renderable(Text(""))
    _print_classes(made)
    _print_flips(made)


def _facts(made: Comparison) -> Iterator[tuple[str, str]]:
    yield "A", made.a
    yield "B", made.b
    yield "images of both", f"{made.both:,}, {made.labelled:,} of them labelled"
    if made.agreement is not None:
        yield "agreement", f"{made.agreement:.2%}, {made.agreed:,} images"
    if made.accuracy_a is not None and made.accuracy_b is not None and made.p_value is not None:
        for name, accuracy, only in (
            ("A", made.accuracy_a, made.only_a_right),
            ("B", made.accuracy_b, made.only_b_right),
        ):
            low, high = wilson(made.both_right + only, made.labelled)
            yield f"accuracy of {name}", f"{accuracy:.2%} (95 %: {low:.2%} to {high:.2%})"
        yield "both right", f"{made.both_right:,}"
        yield "only A right", f"{made.only_a_right:,}"
        yield "only B right", f"{made.only_b_right:,}"
        yield "neither right", f"{made.neither_right:,}"
        yield (
            "p",
            f"{made.p_value:.4g} (exact McNemar)"
            + ("" if made.p_value < 0.05 else ": such a difference may well be chance"),
        )
    if (numbers := made.numbers) is not None:
        yield "MAE", f"A {numbers.mae_a:.6g}, B {numbers.mae_b:.6g} ({numbers.count:,} numbers)"
        yield "nearer to the truth", f"A {numbers.a_nearer:,}, B {numbers.b_nearer:,}"


def _print_classes(made: Comparison) -> None:
    changed = sorted(
        (one for one in made.by_label if one.only_a_right or one.only_b_right),
        key=lambda one: (-abs(one.only_b_right - one.only_a_right), one.label),
    )
    if not changed:
        return
    table = simple_table()
    table.add_column("truth", overflow="fold")
    for heading in ("images", "only A right", "only B right", "B won"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in changed[:CLASSES_SHOWN]:
        won = one.only_b_right - one.only_a_right
        table.add_row(
            Text(printable(one.label)),
            f"{one.images:,}",
            f"{one.only_a_right:,}",
            f"{one.only_b_right:,}",
            Text(f"{won:+,}", style="green" if won > 0 else "red" if won < 0 else ""),
        )
    print_renderable(table)
    if (more := len(changed) - CLASSES_SHOWN) > 0:
        print_renderable(Text(f" and {more:,} more classes; --json has all\n", style="dim"))


def _print_flips(made: Comparison) -> None:
    if not made.flips:
        return
    table = simple_table()
    table.add_column("filename", overflow="fold")
    table.add_column("truth", overflow="fold")
    for name in ("A", "B"):
        table.add_column(f"{name} said", overflow="fold")
        table.add_column(f"id of {name}", justify="right")
    for one in made.flips[:FLIPS_SHOWN]:
        right = (None, None) if one.a_right is None else (one.a_right, not one.a_right)
        table.add_row(
            cell("filename", one.filename),
            cell("label", one.true_label),
            _said(one.a, right[0]),
            str(one.a.prediction_id),
            _said(one.b, right[1]),
            str(one.b.prediction_id),
        )
    print_renderable(table)
    if (more := len(made.flips) - FLIPS_SHOWN) > 0:
        print_renderable(Text(f" and {more:,} more; --json has them, --html their pictures\n", style="dim"))


def _said(side: Side, right: bool | None) -> Text:
    score = "" if side.score is None else f" {side.score:.4f}"
    style = "" if right is None else "green" if right else "red"
    return Text(printable(f"{side.label or '–'}{score}"), style=style)
