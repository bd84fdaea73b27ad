"""Tables and bars for a person at a terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from mlpredict.cli.cells import NUMBERS as NUMBERS
from mlpredict.cli.cells import cell as cell
from mlpredict.cli.cutting import cut_end, is_uncertain, width_of
from mlpredict.cli.fitting import GAP, Column, fitted
from mlpredict.cli.stdout import data_console, output_errors, terminal_width
from mlpredict.support.printable import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mlpredict.pipeline.tally import Tally

BAR_WIDTH = 30
LEAST_BAR = 5
EIGHTHS = " ▏▎▍▌▋▊▉"


def print_renderable(renderable: RenderableType) -> None:
    """Print to standard output.

    Raises:
        OutputError: standard output cannot be written.
    """
    with output_errors():
        data_console().print(renderable)


def print_table(records: Sequence[Mapping[str, Any]], columns: Sequence[str], *, asked: bool = False) -> None:
    """A table with one row a record, that fits the terminal; elsewhere it is as wide as it gets.

    Columns that no record fills are left out. Where columns that somebody has `asked` for do not fit
    beside one another, they stand below one another.
    """
    if not asked:
        columns = [one for one in columns if any(record[one] is not None for record in records)]
    fit = fitted(records, columns, terminal_width(), asked=asked)
    if not fit.columns:
        for record in records:
            print_pairs({name: cell(name, record[name]).plain for name in columns})
            print_renderable(Text())
        return
    print_lines(Text(), _line(fit.columns, [Text(one.heading, style="bold") for one in fit.columns]))
    print_lines(Text(" " + "─" * (sum(one.width + GAP for one in fit.columns) - GAP)))
    print_lines(
        *(_line(fit.columns, cells) for cells in zip(*(one.cells for one in fit.columns), strict=True))
    )
    print_lines(
        Text(), *(Text(f" {note}", style="dim") for note in fit.notes), *([Text()] if fit.notes else [])
    )


def print_lines(*lines: Text) -> None:
    """Print lines as they are, however long.

    Raises:
        OutputError: standard output cannot be written.
    """
    console = data_console()
    with output_errors():
        for line in lines:
            console.print(line, soft_wrap=True)


def _line(columns: Sequence[Column], cells: Sequence[Text]) -> Text:
    """A row, each cell at its place even where the terminal needs fewer columns for one than others do."""
    line, place = Text(" "), 1
    jumps = terminal_width() is not None and os.environ.get("TERM", "dumb") != "dumb"
    for column, one in zip(columns, cells, strict=True):
        spaces = " " * (column.width - width_of(one.plain))
        line.append_text(Text(spaces) + one if column.name in NUMBERS else one + Text(spaces))
        place += column.width + GAP
        if column is not columns[-1]:
            line.append(" " * GAP)
            if jumps and is_uncertain(one.plain):
                line.append(f"\x1b[{place + 1}G")
    line.rstrip()
    return line


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


def print_heading(text: str) -> None:
    """What stands above names and values that belong together."""
    print_renderable(Text(f"\n {text}", style="dim"))


def print_counts(name: str, counts: Mapping[str, int]) -> None:
    """How many there are of each, as bars; nothing where there is none."""
    if not counts:
        return
    table = simple_table()
    table.add_column(name, no_wrap=True)
    table.add_column("images", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    most = max(counts.values())
    longest = max(width_of(printable(one)) for one in counts)
    label_width, bar_width = label_and_bar(longest, beside=len(f"{most:,}") + 8)
    for one, images in counts.items():
        table.add_row(
            Text(cut_end(printable(one), label_width)), f"{images:,}", bar(images / most, bar_width)
        )
    print_renderable(table)


def print_summary(tally: Tally) -> None:
    """What came of a run that is too long for a table."""
    print_counts("label", dict(sorted(tally.labels.items(), key=lambda item: (-item[1], item[0]))))
    lines = [f"{tally.predicted:,} images, {tally.predicted / tally.seconds:,.0f} a second"]
    if tally.labels:
        lines.append(f"mean score {tally.score_sum / tally.predicted:.4f}")
    lines += [f"{count:,} failed: {printable(reason)}" for reason, count in tally.failures.most_common()]
    if tally.run_id is not None:
        lines.append(f"stored as run {tally.run_id}: mlpredict list --run {tally.run_id}")
    print_renderable(Text("\n".join(f" {line}" for line in lines) + "\n"))


def label_and_bar(longest: int, *, beside: int) -> tuple[int, int]:
    """How wide labels and bars are on this terminal, with so much beside them: bars give way first."""
    width = terminal_width()
    if width is None:
        return longest, BAR_WIDTH
    spare = max(0, width - beside)
    bar_width = max(LEAST_BAR, min(BAR_WIDTH, spare - longest))
    return max(1, min(longest, spare - bar_width)), bar_width


def bar(share: float, width: int = BAR_WIDTH) -> Text:
    """A horizontal bar for a share of 0..1."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return Text(("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip(), style="cyan")
