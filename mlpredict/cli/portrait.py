"""One prediction on a terminal: its facts, its probabilities as bars, its picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from mlpredict.cli.cutting import cut_end, width_of
from mlpredict.cli.pictures import as_text
from mlpredict.cli.stdout import terminal_width
from mlpredict.cli.tables import bar, cell, label_and_bar, print_renderable
from mlpredict.domain import PredictionDetail
from mlpredict.domain.environments import flat
from mlpredict.errors import MlpredictError
from mlpredict.inference.best_classes import is_best
from mlpredict.inference.outputs import stored_classes
from mlpredict.inputs.kept import load_stored
from mlpredict.inputs.pages import page_of
from mlpredict.inputs.reading import Unusable
from mlpredict.inputs.thumbnail import thumbnail
from mlpredict.support.printable import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

PICTURE_COLUMNS = 28
PICTURE_ROWS = 14
LEAST_WIDTH = 60
"""On a narrower terminal the facts stand below the picture."""

GAP = 3
MOST_CLASSES = 10
MOST_NUMBERS = 200
ONLY_ONE = "only the best class is stored"

MADE_WITH = ("litert", "tensorflow", "pillow", "numpy")
"""Of an environment, what is shown with one prediction."""


def print_portrait(detail: PredictionDetail) -> None:
    """Print everything about a prediction for a person."""
    width = terminal_width()
    stacked = width is not None and width < LEAST_WIDTH
    facts = Group(_facts(detail), Text(), _prediction(detail, beside=0 if stacked else PICTURE_COLUMNS + GAP))
    if stacked:
        print_renderable(Group(_picture(detail), facts, Text()))
        return
    portrait = Table.grid(padding=(0, GAP))
    portrait.add_column(width=PICTURE_COLUMNS)
    portrait.add_row(_picture(detail), facts)
    print_renderable(portrait)
    print_renderable(Text())


def _facts(detail: PredictionDetail) -> Table:
    record, image = detail.record, detail.image
    size = f"{image.width}×{image.height} pixels" if image.width and image.height else None
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in (
        ("prediction", record.prediction_id),
        ("file", record.filename),
        (
            "type",
            ", ".join(part for part in (record.contenttype or image.contenttype, size) if part) or None,
        ),
        ("label", record.label),
        ("score", record.score),
        *_more(detail),
        ("model", record.model),
        ("run", record.run_id),
        *_made_with(detail),
        ("input", record.input_id),
        ("time", record.created_at),
    ):
        facts.add_row(Text(name, style="dim"), value if isinstance(value, Text) else cell(name, value))
    return facts


def _made_with(detail: PredictionDetail) -> Iterator[tuple[str, Text]]:
    """What the run was made with, in short: all of it is with the run."""
    facts = flat(detail.environment or {})
    shown = [f"{name} {facts[name]}" for name in MADE_WITH if name in facts]
    if shown:
        yield "made with", Text(printable(", ".join(shown)))


def _more(detail: PredictionDetail) -> Iterator[tuple[str, Text]]:
    """What only some models say."""
    record = detail.record
    if record.true_label is not None:
        style = "" if record.right is None else "green" if record.right else "red"
        yield "truth", Text(printable(record.true_label), style=style)
    if record.labels is not None:
        yield "labels", cell("labels", record.labels)
    if record.value is not None:
        yield "value", cell("value", record.value) + Text(printable(f" {record.unit or ''}").rstrip())
    if detail.has_map:
        yield "map", Text("the class of each pixel: --export-map")
    if record.outputs is not None:
        for name, output in _named_outputs(record.outputs):
            yield printable(name), Text(printable(_shortened(output)))


def _named_outputs(outputs: str) -> Iterator[tuple[str, str]]:
    """The model's other outputs; another program may have put anything there."""
    import orjson

    found = orjson.loads(outputs)
    for name, output in found.items() if isinstance(found, dict) else ():
        yield name, orjson.dumps(output).decode()


def _prediction(detail: PredictionDetail, *, beside: int) -> RenderableType:
    output = detail.record.prediction
    ranked = stored_classes(output, detail.task, detail.activation, detail.labels)
    if ranked is None:
        return Text(printable(_shortened(output)))
    shown = [(printable(label), score) for label, score in ranked[:MOST_CLASSES]]
    longest = max(width_of(label) for label, _ in shown)
    label_width, bar_width = label_and_bar(longest, beside=beside + len(" 0.0000 "))
    bars = Table.grid(padding=(0, 1))
    for label, score in shown:
        bars.add_row(
            Text(cut_end(label, label_width)), Text(f"{score:.4f}", style="dim"), bar(score, bar_width)
        )
    more = [f"{len(ranked) - MOST_CLASSES} more"] if len(ranked) > MOST_CLASSES else []
    if is_best(output):
        more.append(f"only the {len(ranked)} best classes are stored" if len(ranked) > 1 else ONLY_ONE)
    if more:
        return Group(bars, Text(f"… {', '.join(more)}", style="dim"))
    return bars


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_NUMBERS else f"{text[:MOST_NUMBERS]}… ({len(text):,} characters)"


def _picture(detail: PredictionDetail) -> Text:
    try:
        content, page = load_stored(detail.image).content, page_of(detail.record.filename)
        shown = thumbnail(content, (PICTURE_COLUMNS, 2 * PICTURE_ROWS), page)
    except (MlpredictError, Unusable) as error:
        return Text(f"no picture: {printable(str(error))}", style="dim")
    return as_text(shown)
