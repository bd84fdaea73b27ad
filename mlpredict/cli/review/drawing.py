"""What a review shows, line by line, for a terminal of any size from 20 columns and 8 rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rich.text import Text

from mlpredict.cli.cutting import cut_end, cut_path, width_of
from mlpredict.cli.review.choices import RANKS
from mlpredict.cli.review.controller import Controller, Mode
from mlpredict.cli.review.entries import Counts, Entry, Item, Kind, Said, counts_of
from mlpredict.cli.review.graphics import Box
from mlpredict.cli.tables import bar
from mlpredict.support.printable import printable

LEAST = Box(20, 8)
WIDE = 60
"""From here on the bars stand beside the picture, and below it on a narrower terminal."""

GAP = 2
LEAST_BAR = 4
MOST_BAR = 30
SCORE = 6
MOST_LABEL = 24


class Layout(NamedTuple):
    """Where things are: the picture, and so many rows for the bars, from a column and a row on."""

    size: Box
    picture: Box
    bars: Box
    bars_at: Box
    footer: int

    @property
    def fits(self) -> bool:
        """Whether there is room for anything."""
        return self.size.columns >= LEAST.columns and self.size.rows >= LEAST.rows


@dataclass(frozen=True, slots=True)
class State:
    """What is known beside what the keys have done."""

    total: int | None
    unsaved: int
    says: str
    is_loading: bool


def layout_of(columns: int, rows: int) -> Layout:
    """Where things are on a terminal of this size."""
    size = Box(columns, rows)
    footer = 3 if columns >= WIDE else 4
    body = max(1, rows - 1 - footer)
    if columns >= WIDE:
        picture = Box(columns // 2 - GAP, body)
        bars = Box(columns - columns // 2, body)
        return Layout(size, picture, bars, Box(columns // 2, 1), footer)
    above = max(1, body * 3 // 5)
    picture, bars = Box(columns, above), Box(columns, body - above)
    return Layout(size, picture, bars, Box(0, 1 + above), footer)


def heading(controller: Controller, layout: Layout, state: State) -> Text:
    """The image's name, its place, and the model."""
    entry = controller.entry
    columns = layout.size.columns
    if entry is None:
        return Text(cut_end("mlpredict review", columns), style="bold")
    place = f"{controller.place + 1:,}" + ("" if state.total is None else f" of {state.total:,}")
    model = printable(entry.item.model)
    name = printable(entry.item.filename)
    beside = f"  {place}" + (f"  {model}" if columns >= WIDE else "")
    room = columns - width_of(beside)
    if room < 8:
        return Text(cut_path(name, columns), style="bold")
    shown = cut_path(name, room)
    line = Text().append(shown, style="bold")
    line.append(" " * (room - width_of(shown)))
    line.append(beside, style="dim")
    return line


def bars(controller: Controller, layout: Layout) -> list[Text]:
    """The likeliest labels with their keys, or those that are searched for."""
    entry = controller.entry
    if entry is None:
        return []
    if controller.mode is Mode.SEARCH:
        return list(_search(controller, entry, layout.bars))
    lines = list(_verdict(entry, layout.bars.columns))
    room = layout.bars.rows - len(lines)
    if entry.item.kind is Kind.NUMBER:
        return [*_number(controller, entry, layout.bars.columns), *lines][: layout.bars.rows]
    return [*_bars(controller, entry.item, layout.bars, max(1, room)), *lines][: layout.bars.rows]


def _bars(controller: Controller, item: Item, box: Box, room: int) -> Iterator[Text]:
    several = item.kind is Kind.SEVERAL
    marked = 4 if several else 0
    ranked = item.best[:room]
    # What is called as its key is written once.
    own_keys = all(key == label for key, label in item.choices.keys.items()) and not item.choices.are_ranked
    beside = (0 if own_keys else 2) + marked + SCORE + 2
    longest = max((width_of(printable(label)) for label, _ in ranked), default=0)
    label_width = max(1, min(longest, MOST_LABEL, box.columns - beside - LEAST_BAR - 1))
    bar_width = min(MOST_BAR, box.columns - beside - label_width - 1)
    for rank, (label, score) in enumerate(ranked):
        key = item.choices.key_of(label, rank)
        line = Text().append("" if own_keys else f"{printable(key):1} ", style="bold magenta")
        if several:
            on = label in controller.toggled
            line.append("[x] " if on else "[ ] ", style="bold green" if on else "dim")
        shown = cut_end(printable(label), label_width)
        is_predicted = label == item.predicted and not several
        style = "bold magenta" if own_keys else "bold" if is_predicted else ""
        line.append(shown + " " * (label_width - width_of(shown)), style=style)
        line.append(f" {score:.4f}", style="dim")
        if bar_width >= LEAST_BAR:
            line.append(" ").append_text(bar(score, bar_width))
        yield line


def _verdict(entry: Entry, columns: int) -> Iterator[Text]:
    """What has been said of the image, now or before."""
    if entry.problem is not None:
        yield Text(cut_end(printable(entry.problem), columns), style="bold red")
    elif entry.decision is not None:
        said = entry.decision.said
        text = {
            Said.LABEL: f"labelled {entry.decision.text or '(none holds)'}",
            Said.NOTHING: "without a label",
        }.get(said, str(said))
        yield Text(cut_end(printable(text), columns), style="bold green" if said is Said.LABEL else "bold")
    elif entry.item.truth is not None:
        yield Text(cut_end(printable(f"labelled {entry.item.truth} before"), columns), style="green")


def _number(controller: Controller, entry: Entry, columns: int) -> Iterator[Text]:
    item = entry.item
    unit = f" {item.unit}" if item.unit else ""
    if item.value is not None:
        yield Text(cut_end(printable(f"predicted {item.value:.6g}{unit}"), columns))
    line = Text().append("number ", style="bold magenta")
    line.append(controller.typed, style="bold").append("▁", style="bold magenta")
    yield line


def _search(controller: Controller, entry: Entry, box: Box) -> Iterator[Text]:
    line = Text().append("/ ", style="bold magenta")
    line.append(cut_end(printable(controller.typed), max(1, box.columns - 3)), style="bold")
    line.append("▁", style="bold magenta")
    yield line
    found = controller.found()
    room = max(1, box.rows - 1)
    first = max(0, min(controller.chosen - room + 1, len(found) - room))
    scores = dict(entry.item.best)
    for place, label in enumerate(found[first : first + room], first):
        score = f" {scores[label]:.4f}" if label in scores else ""
        shown = cut_end(printable(label), max(1, box.columns - 2 - len(score)))
        is_chosen = place == min(controller.chosen, len(found) - 1)
        line = Text().append("▸ " if is_chosen else "  ", style="bold magenta")
        line.append(shown, style="bold" if is_chosen else "").append(score, style="dim")
        yield line


def footer(controller: Controller, layout: Layout, state: State) -> list[Text]:
    """What keys do, what has been done, and what has to be said; as many lines as there is room for."""
    columns = layout.size.columns
    counts = counts_of(controller.entries)
    says = controller.message or state.says
    lines = [
        *_folded(_keys(controller), columns, layout.footer - 2),
        Text(cut_end(_progress(counts, state), columns), style="dim"),
        Text(cut_end(printable(says), columns), style="bold red" if says else ""),
    ]
    return [*([Text()] * (layout.footer - len(lines))), *lines]


def _keys(controller: Controller) -> list[tuple[str, str]]:
    entry = controller.entry
    if entry is None:
        return [("←", "back"), ("q", "end")]
    item = entry.item
    if controller.mode is Mode.SEARCH:
        return [("Enter", "takes it"), ("↑↓", "choose"), ("Esc", "leaves")]
    taken = item.choices.is_taken
    several, number = item.kind is Kind.SEVERAL, item.kind is Kind.NUMBER
    accept = "save" if several or number else "as predicted"
    if item.kind is Kind.ONE and entry.decision is not None and entry.label is not None:
        accept = printable(entry.label)
    elif item.kind is Kind.ONE and item.predicted is not None:
        accept = printable(item.predicted)
    keys = [printable(key) for key in item.choices.keys] or list(RANKS[: len(item.best)])
    does = "toggles" if several else "a class"
    return [
        ("Enter", cut_end(accept, MOST_LABEL)),
        *([(f"{keys[0]}…{keys[-1]}", does)] if len(keys) > 1 and not number else []),
        *([] if number else [("/", "search")]),
        ("←", "back"),
        ("→" if taken("s") else "s", "skip"),
        ("!" if taken("u") else "u", "not usable"),
        *([("Del", "take back")] if entry.label is not None else []),
        ("Ctrl-D" if taken("q") else "q", "end"),
    ]


def _folded(keys: list[tuple[str, str]], columns: int, most: int) -> list[Text]:
    """Keys and what they do, on as many lines as they need and may have."""
    lines = [Text()]
    for key, does in keys:
        one = Text().append(key, style="bold magenta").append(f" {does}")
        if lines[-1] and width_of(lines[-1].plain) + 2 + width_of(one.plain) > columns:
            if len(lines) == most:
                break
            lines.append(Text())
        if lines[-1]:
            lines[-1].append("  ")
        if width_of(lines[-1].plain) + width_of(one.plain) <= columns:
            lines[-1].append_text(one)
    return lines


def _progress(counts: Counts, state: State) -> str:
    parts = [f"{counts.labelled:,} labelled"]
    if counts.accuracy is not None:
        parts.append(f"{counts.accuracy:.1%} of them right")
    if counts.numbers:
        parts.append(f"off by {counts.off / counts.numbers:.3g}")
    if counts.skipped:
        parts.append(f"{counts.skipped:,} skipped")
    if counts.unusable:
        parts.append(f"{counts.unusable:,} not usable")
    if state.unsaved:
        parts.append(f"{state.unsaved:,} being stored")
    return ", ".join(parts)


def waiting(controller: Controller, layout: Layout, state: State) -> list[Text]:
    """What stands in the place of a picture where there is none."""
    if not layout.fits:
        return [Text(cut_end("make the terminal larger", layout.size.columns))]
    if state.is_loading:
        return [Text("loading …", style="dim")]
    return [Text("That was the last one.", style="bold"), Text("q ends, ← goes back", style="dim")]
