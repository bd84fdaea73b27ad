"""Tables and bars for a person at a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from mlpredict.cli.stdout import data_console, output_errors
from mlpredict.records import plain
from mlpredict.support.printable import printable
from mlpredict.support.units import local_time

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mlpredict.pipeline.tally import Tally

NUMBERS = frozenset({"prediction_id", "input_id", "run_id", "likely_class", "score", "value", "version"})
FOLDED = frozenset({"filename", "labels"})
WRAPPED = FOLDED | {"prediction", "outputs"}
BAR_WIDTH = 30
EIGHTHS = " ▏▎▍▌▋▊▉"


def print_renderable(renderable: RenderableType) -> None:
    """Print to standard output.

    Raises:
        OutputError: standard output cannot be written.
    """
    with output_errors():
        data_console().print(renderable)


def print_table(records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """A table with one row a record."""
    table = simple_table()
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in NUMBERS else "left",
            no_wrap=column not in WRAPPED,
            overflow="fold" if column in FOLDED else "ellipsis",
        )
    for record in records:
        table.add_row(*(cell(column, record[column]) for column in columns))
    print_renderable(table)


def simple_table() -> Table:
    """An empty table as all of ours look."""
    return Table(box=box.SIMPLE_HEAD, header_style="bold", collapse_padding=True, pad_edge=False)


def print_pairs(pairs: Mapping[str, str]) -> None:
    """Names and what there is to say of each, one a line."""
    grid = Table.grid(padding=(0, 0, 0, 2), pad_edge=True)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs.items():
        grid.add_row(Text(name), Text(printable(value)))
    print_renderable(grid)


def print_summary(tally: Tally) -> None:
    """What came of a run that is too long for a table."""
    table = simple_table()
    table.add_column("label")
    table.add_column("images", justify="right")
    table.add_column("")
    most = max(tally.labels.values(), default=1)
    for label, images in sorted(tally.labels.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(Text(printable(label)), f"{images:,}", bar(images / most))
    if tally.labels:
        print_renderable(table)
    lines = [f"{tally.predicted:,} images, {tally.predicted / tally.seconds:,.0f} a second"]
    if tally.labels:
        lines.append(f"mean score {tally.score_sum / tally.predicted:.4f}")
    lines += [f"{count:,} failed: {printable(reason)}" for reason, count in tally.failures.most_common()]
    if tally.run_id is not None:
        lines.append(f"stored as run {tally.run_id}: mlpredict list --run {tally.run_id}")
    print_renderable(Text("\n".join(f" {line}" for line in lines) + "\n"))


def cell(column: str, value: Any) -> Text:
    """A value as a table shows it, safe for the terminal."""
    if value is None:
        return Text("–", style="dim")
    if column == "score":
        return Text(f"{value:.4f}", style=_score_style(value))
    if column == "right":
        return Text("yes" if value else "no", style="green" if value else "red")
    if column == "value":
        return Text(f"{value:.6g}")
    if column == "labels":
        return Text(printable(", ".join(value)))
    if isinstance(value, datetime):
        return Text(f"{local_time(value):%Y-%m-%d %H:%M:%S}")
    return Text(printable(plain(value)))


def bar(share: float, width: int = BAR_WIDTH) -> Text:
    """A horizontal bar for a share of 0..1."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return Text(("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip(), style="cyan")


def _score_style(score: float) -> str:
    return "green" if score >= 0.9 else "yellow" if score >= 0.5 else "red"
