"""The `metadata.csv` of exported images: written anew as a whole, with what it had of other images kept."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from mlpredict.domain.export import ImageOut
from mlpredict.errors import OutputError
from mlpredict.storage.values import storable
from mlpredict.support.whole_file import discard_partial, replacing, usual_mode

FILE_NAME = "metadata.csv"
UTF8: dict[str, Any] = {"encoding": "utf-8", "newline": ""}


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """What is known of an exported image: the columns of the table, in their order.

    `label` is what its folder is named after; `label_source` says whether that is the truth or was
    predicted. `prediction` is what the model said.
    """

    file_name: str
    label: str
    label_source: str
    prediction: str
    score: str
    model: str
    sha256: str
    prediction_id: str
    filename: str
    created_at: str

    @classmethod
    def of(cls, one: ImageOut, file_name: str, label: str, sha256: str) -> MetadataRow:
        """The row of an image that has been exported."""
        said = one.label if one.label is not None else one.value
        return cls(
            file_name=file_name,
            label=label,
            label_source="predicted" if one.true_label is None else "truth",
            prediction="" if said is None else str(said),
            score="" if one.score is None else str(one.score),
            model=one.model or "",
            sha256=sha256,
            prediction_id=str(one.prediction_id),
            filename=storable(one.filename or ""),
            created_at=one.created_at or "",
        )


COLUMNS = [one.name for one in fields(MetadataRow)]


class MetadataTable:
    """Rows that take the table's place when the block ends in order.

    Ended by an error, or killed, it leaves the table as it was: the images are there, and the same export
    finds them.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / FILE_NAME
        self._files = ExitStack()
        self._added: set[str] = set()
        self._keeps = False

    def __enter__(self) -> Self:
        self._keeps = self._is_there()
        discard_partial(self._directory)
        self._file = self._files.enter_context(_text(self._path))
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)
        return self

    def add(self, row: MetadataRow) -> None:
        """Add the row of a file."""
        if self._keeps:
            self._added.add(row.file_name)
        self._writer.writerow(astuple(row))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._keeps:
            self._keep_others()
        self._files.__exit__(kind, error, trace)

    def _is_there(self) -> bool:
        """Whether there is a table of an earlier export.

        Raises:
            OutputError: there is one of another origin.
        """
        try:
            with open(self._path, **UTF8) as file:
                header = next(csv.reader(file), [])
        except FileNotFoundError:
            return False
        except (OSError, UnicodeDecodeError, csv.Error):
            header = []
        if header != COLUMNS:
            raise OutputError(
                f"{self._path}: not made by mlpredict export, and left alone", hint="name another folder"
            )
        return True

    def _keep_others(self) -> None:
        """What an earlier export said of files that are still there, and that this one has not written."""
        with open(self._path, **UTF8) as file:
            for row in csv.DictReader(file):
                name = row["file_name"]
                if name not in self._added and os.path.lexists(self._directory / name):
                    self._writer.writerow([row[column] for column in COLUMNS])


@contextmanager
def _text(target: Path) -> Iterator[IO[str]]:
    """Text that takes the target's place in the end."""
    with replacing(target) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
        yield text
        text.flush()
        text.detach()
        os.chmod(file.name, usual_mode())
