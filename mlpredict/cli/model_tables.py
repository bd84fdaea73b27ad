"""What `mlpredict model` prints: a model as it was understood, and preprocessings side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson
from rich.text import Text

from mlpredict.cli.cutting import cut_path
from mlpredict.cli.stdout import terminal_width
from mlpredict.cli.tables import cell, print_pairs, print_renderable, simple_table
from mlpredict.domain import Prediction
from mlpredict.inference.choices import REASONS, Choice, Reason
from mlpredict.inference.toml_writing import as_lines, differing
from mlpredict.inference.understood import Understood
from mlpredict.pipeline.candidates import Candidate
from mlpredict.pipeline.measuring import Measured
from mlpredict.pipeline.trying import Score, Tried, telling
from mlpredict.support.printable import printable
from mlpredict.support.statistics import wilson
from mlpredict.support.units import in_bytes

FORMATS = {
    "saved_model": "SavedModel",
    "keras": "Keras (.keras)",
    "h5": "Keras (HDF5)",
    "tflite": "TensorFlow Lite",
}
LABELS_SHOWN = 20
EQUALS_SHOWN = 6
LEAST_FOR_THREE = 56
"""Columns of a terminal that has the reasons beside what was decided; below it, on a narrower one."""

NUMBERS_SHOWN = 50
"""Characters of an output that has neither a label nor a value."""

SHORTEST_HEADING = 10
IMAGES_ABREAST = 3
"""Answers that stand side by side on 80 columns; one on less than 56."""


def print_understood(found: Understood) -> None:
    """Everything about a model, with the reasons."""
    identity, engine = found.model.identity, found.model.engine
    first = engine.signature.inputs[0]
    outputs = ", ".join(f"{one.name} {_shape(one.shape)}" for one in found.outputs)
    print_pairs(
        {
            "model": str(identity),
            "file": identity.path,
            "format": _format(found),
            "size": in_bytes(found.size),
            "fingerprint": identity.fingerprint,
            "engine": _engine(found),
            "input": f"{first.dtype} {_shape(first.shape)}: {found.model.spec}",
            "outputs" if len(engine.signature.outputs) > 1 else "output": outputs,
        }
    )
    _print_choices("from an image to the input", found.steps)
    _print_choices("what the output means", found.meaning)
    if identity.labels:
        shown = ", ".join(identity.labels[:LABELS_SHOWN])
        more = (
            f" and {len(identity.labels) - LABELS_SHOWN:,} more"
            if len(identity.labels) > LABELS_SHOWN
            else ""
        )
        print_pairs({f"{len(identity.labels):,} labels": shown + more})


def print_tried(wanted: Sequence[Candidate], answers: Sequence[Tried]) -> None:
    """The label and the score that each candidate gives each image."""
    by_image: dict[str, dict[str, Prediction | str]] = defaultdict(dict)
    for candidate, item, said in answers:
        by_image[item.source.filename][candidate.name] = said
    names = list(by_image)
    shown = telling(wanted, answers)
    width = terminal_width()
    at_once = 1 if width is not None and width < LEAST_FOR_THREE else IMAGES_ABREAST
    for start in range(0, len(names), at_once):
        abreast = names[start : start + at_once]
        table = simple_table()
        table.add_column("preprocessing", no_wrap=True)
        for name in abreast:
            heading = (
                printable(name) if width is None else cut_path(printable(name), _room(width, shown, at_once))
            )
            table.add_column(Text(heading), overflow="fold", ratio=1)
        for one in shown:
            table.add_row(_name(one), *(_answer(by_image[name].get(one.name)) for name in abreast))
        print_renderable(table)
    lines = ["→ is what the model is given now. --try FOLDER with a folder a class measures."]
    if len(shown) < len(wanted):
        lines.append("Left out is what changes no label: the order of colours, inverting, a filter.")
    print_renderable(Text("\n".join(f" {line}" for line in lines) + "\n"))


def tried_as_json(wanted: Sequence[Candidate], answers: Sequence[Tried]) -> list[dict[str, Any]]:
    """The same for programs: a list of candidates, each with its answers."""
    by_candidate: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for candidate, item, said in answers:
        by_candidate[candidate.name].append({"filename": item.source.filename, **_said(said)})
    present = next(one for one in wanted if one.is_present)
    return [
        {
            "preprocessing": one.name,
            "present": one.is_present,
            "entries": differing(one.preprocessing, present.preprocessing),
            "answers": by_candidate[one.name],
        }
        for one in wanted
    ]


def _said(said: Prediction | str) -> dict[str, Any]:
    if isinstance(said, str):
        return {"error": said}
    if said.label is not None:
        several = {} if said.labels is None else {"labels": said.labels}
        return {"label": said.label, "score": said.score, **several}
    if said.value is not None:
        return {"value": said.value, "unit": said.unit}
    return {"prediction": orjson.loads(said.values)}


def print_measured(found: Measured) -> None:
    """How often each candidate was right, and what to write."""
    _print_scores(found.scalings)
    if len(found.refinements) > 1:
        print_renderable(Text(" The best of these with other filters and colours:"))
        _print_scores(found.refinements)
    print_renderable(Text("\n".join(f" {line}" for line in _conclusion(found)) + "\n"))


def measured_as_json(found: Measured) -> dict[str, Any]:
    """The same for programs."""
    return {
        "images": found.images,
        "best": found.best.candidate.name,
        "entries": found.stated,
        "p_value": found.p_value,
        "remarks": found.remarks,
        "tried": [_score(one) for one in (*found.scalings, *found.refinements)],
        "without": found.without,
    }


def _conclusion(found: Measured) -> list[str]:
    best, present = found.best, found.present
    equals = [
        one.candidate.name
        for one in (*found.scalings, *found.refinements)
        if one.right == best.right and one.candidate.name not in (best.candidate.name, present.candidate.name)
    ]
    more = f"; and {len(equals) - EQUALS_SHOWN} more" if len(equals) > EQUALS_SHOWN else ""
    names = "; ".join(equals[:EQUALS_SHOWN]) + more
    told = [f"As often right, and not told apart by these images: {names}."] if equals else []
    if not found.stated:
        return [f"Nothing is better than what the model is given now, on {found.images:,} images.", *told]
    chance = (
        f"by chance in {found.p_value:.1%} of cases"
        if found.is_sure
        else "which may be chance: try more images"
    )
    if best.right > present.right:
        told.insert(
            0, f"Right on {best.right:,} of {found.images:,} images instead of {present.right:,}, {chance}."
        )
    lines = [
        *told,
        "In mlpredict.toml (--write writes it):",
        *(f"  {line}" for line in as_lines(found.stated)),
    ]
    if found.without:
        lines.append(f"  and nothing of {', '.join(found.without)}")
    return lines


def _print_scores(scores: Sequence[Score]) -> None:
    table = simple_table()
    table.add_column("preprocessing", overflow="fold")
    for heading in ("right", "accuracy", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in scores:
        low, high = wilson(one.right, len(one.rights))
        table.add_row(
            _name(one.candidate),
            f"{one.right:,} of {len(one.rights):,}",
            f"{one.right / len(one.rights):.1%}",
            f"{low:.1%} to {high:.1%}",
        )
    print_renderable(table)


def _score(one: Score) -> dict[str, Any]:
    low, high = wilson(one.right, len(one.rights))
    return {
        "preprocessing": one.candidate.name,
        "present": one.candidate.is_present,
        "right": one.right,
        "accuracy": one.right / len(one.rights),
        "interval": [low, high],
    }


def _print_choices(heading: str, choices: Sequence[Choice]) -> None:
    table = simple_table()
    width = terminal_width()
    narrow = width is not None and width < LEAST_FOR_THREE
    print_renderable(Text(f" {heading}", style="bold"))
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    if not narrow:
        table.add_column("because of", overflow="fold", ratio=1)
    for one in choices:
        because = printable(REASONS[one.reason] + (f": {one.detail}" if one.detail else ""))
        value = Text(printable(one.value))
        if narrow:
            table.add_row(one.what, value.append(f"\n{because}", style="dim"))
        else:
            table.add_row(one.what, value, Text(because, style="dim" if one.reason is Reason.DEFAULT else ""))
    print_renderable(table)


def _room(width: int, shown: Sequence[Candidate], abreast: int) -> int:
    """How wide the heading of each of so many answers may be, beside the names of candidates."""
    names = max(len(one.name) for one in shown)
    return max(SHORTEST_HEADING, (width - names - 2 * (abreast + 2)) // abreast)


def _name(one: Candidate) -> Text:
    return Text(f"{'→' if one.is_present else ' '} {one.name}", style="bold" if one.is_present else "")


def _answer(said: Prediction | str | None) -> Text:
    if not isinstance(said, Prediction):
        return Text(printable(said or "–"), style="red")
    if said.value is not None:
        return Text(printable(f"{said.value:.6g} {said.unit or ''}".rstrip()))
    if said.label is None or said.score is None:
        text = printable(said.values)
        return Text(text if len(text) <= NUMBERS_SHOWN else f"{text[:NUMBERS_SHOWN]}…")
    label = said.label if said.labels is None else ", ".join(said.labels) or f"none, but {said.label}"
    return Text(f"{printable(label)} ") + cell("score", said.score)


def _format(found: Understood) -> str:
    name = FORMATS.get(found.model.identity.format, found.model.identity.format)
    return name if found.written_by is None else f"{name}, written by Keras {found.written_by}"


def _engine(found: Understood) -> str:
    engine = str(found.model.engine.name)
    if found.difference is not None:
        return f"{engine}; differs from TensorFlow by {found.difference:.1e} at most"
    return engine if found.not_on_litert is None else f"{engine}, not LiteRT: {found.not_on_litert}"


def _shape(shape: Sequence[int | None]) -> str:
    return "×".join("any" if side is None else str(side) for side in shape)
