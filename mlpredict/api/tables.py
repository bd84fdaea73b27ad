"""Predictions as a table in a file, row by row: memory does not grow with their number."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from mlpredict.domain import FIELDS, PredictionRecord
from mlpredict.domain.export import Exported
from mlpredict.errors import OutputError, UsageError
from mlpredict.records import CsvEncoder, Encoder, JsonLinesEncoder, plain, ranking
from mlpredict.storage.values import storable
from mlpredict.support.json_text import prediction_fields
from mlpredict.support.whole_file import replacing, usual_mode

if TYPE_CHECKING:
    from mlpredict.api.exporting import Wanted
    from mlpredict.domain.history import ModelOutput
    from mlpredict.storage.repository import Repository

ROWS_AT_ONCE = 1000
PROBABILITY = "p_"
"""Before the name of a class, in the name of its column."""

Row = Mapping[str, Any]


class TableWriter(Protocol):
    """Writes rows into a file."""

    def write(self, rows: Sequence[Row]) -> None: ...

    def finish(self) -> None: ...


def write_table(
    repository: Repository, target: Path, wanted: Wanted, enough: Callable[[], bool]
) -> Iterator[Exported]:
    """Write predictions, newest first, and give how many there are after each thousand.

    The file appears when it is whole; ended early it does not.

    Raises:
        UsageError: there is no such column, or what the format needs is not installed.
        OutputError: there is a file, or it cannot be written.
    """
    outputs = _outputs(repository, wanted) if wanted.probabilities else {}
    classes = _classes(outputs.values())
    columns = (*_columns(wanted), *(PROBABILITY + label for label in classes))
    yield Exported(rows=0)
    try:
        with (
            _opened(target, force=wanted.force) as file,
            closing(repository.predictions(wanted.filter, limit=None)) as found,
        ):
            writer = _writer(target.suffix.lower(), file, columns)
            rows = 0
            while some := list(islice(found, ROWS_AT_ONCE)):
                writer.write([_row(one, outputs, classes) for one in some])
                rows += len(some)
                yield Exported(rows=rows)
                if enough():
                    raise _EndedEarly
            writer.finish()
    except _EndedEarly:
        yield Exported(rows=0)


class _EndedEarly(Exception):
    """Somebody wants no more of a table, which is not written then."""


class _Text:
    """Text of one of the formats that records are printed in."""

    def __init__(self, file: IO[bytes], encoder: Encoder, columns: Sequence[str]) -> None:
        self._file, self._encoder, self._columns = file, encoder, columns

    def write(self, rows: Sequence[Row]) -> None:
        self._file.write(self._encoder.encode({one: row[one] for one in self._columns} for row in rows))

    def finish(self) -> None:
        self._file.write(self._encoder.finish())


def _writer(suffix: str, file: IO[bytes], columns: Sequence[str]) -> TableWriter:
    if suffix == ".parquet":
        from mlpredict.api.parquet import ParquetTable

        return ParquetTable(file, columns)
    return _Text(file, CsvEncoder(columns, plain) if suffix == ".csv" else JsonLinesEncoder(), columns)


@contextmanager
def _opened(target: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A file that takes the target's place when it is whole."""
    exists = f"{target}: there is a file of this name"
    if not force and os.path.lexists(target):
        raise OutputError(exists, hint="overwrite it with --force")
    try:
        with replacing(target, new=not force) as file:
            yield file
            os.chmod(file.name, usual_mode())
    except FileExistsError as error:
        raise OutputError(exists, hint="overwrite it with --force") from error
    except OSError as error:
        raise OutputError(f"{target}: {error.strerror or error}") from error


def _columns(wanted: Wanted) -> Sequence[str]:
    """The columns asked for; without a word all, but for the output where each class has its own."""
    if wanted.columns is None:
        return [one for one in FIELDS if not (wanted.probabilities and one == "prediction")]
    for one in wanted.columns:
        if one not in FIELDS:
            raise UsageError(f"there is no column {one}; there are {', '.join(FIELDS)}")
    return wanted.columns


def _outputs(repository: Repository, wanted: Wanted) -> Mapping[str | None, ModelOutput]:
    from mlpredict.storage.history import History

    return {one.model: one for one in History(repository.connection).outputs(wanted.filter)}


def _classes(outputs: Iterable[ModelOutput]) -> list[str]:
    """The classes of all models, in their order, each once."""
    return list(dict.fromkeys(label for one in outputs for label in one.classes))


def _row(
    record: PredictionRecord, outputs: Mapping[str | None, ModelOutput], classes: Sequence[str]
) -> dict[str, Any]:
    row = prediction_fields(record)
    if record.filename is not None:
        row["filename"] = storable(record.filename)
    if classes:
        model = outputs.get(record.model)
        ranked = None
        if model is not None:
            ranked = ranking(record.prediction, model.task, model.activation, model.labels)
        shares = {one["label"]: one["score"] for one in ranked or ()}
        row |= {PROBABILITY + label: shares.get(label) for label in classes}
    return row
