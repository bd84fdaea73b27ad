"""How `predict` prints: lines as they come, or a table or summary at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import orjson

from mlpredict.cli.stdout import stdout_is_terminal, write_data
from mlpredict.cli.talk import stderr_is_terminal, talk
from mlpredict.domain import EngineName, Format, PredictionRecord, Rejected
from mlpredict.inference.model import Model
from mlpredict.inference.outputs import top_classes
from mlpredict.pipeline.batch import Outcome
from mlpredict.pipeline.tally import Tally
from mlpredict.records import encoder
from mlpredict.support.json_text import prediction_fields

TABLE_ROWS = 50
ENGINES = {EngineName.LITERT: "LiteRT", EngineName.TENSORFLOW: "TensorFlow"}


class Answers(Protocol):
    """Prints predictions: as they come, or all at the end."""

    def show(self, records: Sequence[PredictionRecord]) -> None: ...

    def finish(self, tally: Tally) -> None: ...


def answers(
    chosen: Format, columns: Sequence[str], top_k: int | None, model: Model, *, asked: bool = False
) -> Answers:
    """What prints in the chosen format; `asked` says that somebody has named the columns."""
    if chosen is Format.TABLE:
        return _TableAnswers(columns, model, asked=asked)
    return _StreamedAnswers(chosen, columns, top_k, model)


class _StreamedAnswers:
    """Lines for programs, written batch by batch."""

    def __init__(self, chosen: Format, columns: Sequence[str], top_k: int | None, model: Model) -> None:
        self._encoder = encoder(chosen, columns, on_terminal=stdout_is_terminal())
        self._top_k = top_k
        self._model = model

    def show(self, records: Sequence[PredictionRecord]) -> None:
        write_data(self._encoder.encode(self._fields(record) for record in records))

    def finish(self, tally: Tally) -> None:
        write_data(self._encoder.finish())
        _tell_summary(tally, self._model)

    def _fields(self, record: PredictionRecord) -> dict[str, Any]:
        named = prediction_fields(record)
        if self._top_k is not None and record.label is not None:
            reader = self._model.reader
            values = orjson.loads(record.prediction)
            named["top"] = [
                {"label": label, "score": score}
                for label, score in top_classes(values, reader.task, reader.activation, reader.labels)[
                    : self._top_k
                ]
            ]
        return named


class _TableAnswers:
    """A table for a person, or a summary where it would be too long to read."""

    def __init__(self, columns: Sequence[str], model: Model, *, asked: bool) -> None:
        self._columns = columns
        self._model = model
        self._asked = asked
        self._records: list[PredictionRecord] = []

    def show(self, records: Sequence[PredictionRecord]) -> None:
        room = TABLE_ROWS + 1 - len(self._records)
        self._records.extend(records[:room])

    def finish(self, tally: Tally) -> None:
        from mlpredict.cli.tables import print_summary, print_table

        if tally.predicted > TABLE_ROWS:
            print_summary(tally)
            return
        if self._records:
            rows = [prediction_fields(record) for record in self._records]
            print_table(rows, self._columns, asked=self._asked)
        _tell_summary(tally, self._model)


def tell_failures(outcomes: Iterable[Outcome]) -> None:
    """Say what gave no prediction, a line each."""
    for outcome in outcomes:
        if isinstance(outcome, Rejected):
            talk.error(f"{outcome.source.filename}: {outcome.reason}{_option(outcome.reason)}")


def _option(reason: str) -> str:
    """What the command line has to say of a reason: the option that allows more."""
    if not reason.startswith("too large: ") or ("limit" not in reason and "of memory" not in reason):
        return ""
    return " (--max-pixels)" if "pixel" in reason or "memory" in reason else " (--max-bytes)"


def _tell_summary(tally: Tally, model: Model) -> None:
    if not stderr_is_terminal():
        return
    parts = [f"{tally.predicted:,} predicted by {model.identity} on {ENGINES[model.engine.name]}"]
    if tally.skipped:
        parts.append(f"{tally.skipped:,} skipped: this model has predicted them already")
    if tally.failed:
        parts.append(f"{tally.failed:,} failed")
    kept = "nothing stored" if tally.run_id is None else f"run {tally.run_id}"
    talk.notice(f"{', '.join(parts)} in {tally.seconds:.2f} s ({kept})")
