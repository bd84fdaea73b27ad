"""Stored predictions out of the database: images in folders, or a table in a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpredict.domain.export import Exported, FolderBy
from mlpredict.errors import UsageError
from mlpredict.support.ahead import never
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.api.connections import Connections
    from mlpredict.domain import PredictionFilter
    from mlpredict.storage.repository import Repository

logger = get_logger(__name__)

TABLES = (".csv", ".jsonl", ".parquet")
"""What a file is called whose name says that a table is wanted."""

ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported, and how."""

    filter: PredictionFilter
    by: FolderBy = FolderBy.TRUTH
    link: bool = False
    columns: Sequence[str] | None = None
    probabilities: bool = False
    force: bool = False


def is_table(target: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a table; any other is a folder for images."""
    return Path(target).suffix.lower() in TABLES and not os.path.isdir(target)


def export(
    database: Connections,
    target: str | os.PathLike[str],
    wanted: Wanted,
    *,
    starting: Callable[[int | None], None] = lambda _total: None,
    tell: Callable[[str], None] = logger.warning,
    enough: Callable[[], bool] = never,
) -> Iterator[Exported]:
    """Export step by step, and give what was done so far after each; `starting` is told how many there are.

    Raises:
        UsageError: two options do not go together, or what a table needs is not installed.
        OutputError: something cannot be written.
    """
    table = is_table(target)
    if table and (wanted.link or wanted.by is not FolderBy.TRUTH):
        raise UsageError("a table has no folders and no images: --by and --link go with a folder")
    if not table and (wanted.columns is not None or wanted.probabilities or wanted.force):
        raise UsageError(
            "--columns, --probabilities and --force go with a table",
            hint=f"a table is a file called {', '.join(TABLES)}",
        )
    with database.reading() as repository:
        if table:
            from mlpredict.api.tables import write_table

            starting(None)
            yield from write_table(repository, Path(target), wanted, enough)
        else:
            yield from _export_images(repository, Path(target), wanted, starting, tell, enough)


def _export_images(
    repository: Repository,
    directory: Path,
    wanted: Wanted,
    starting: Callable[[int | None], None],
    tell: Callable[[str], None],
    enough: Callable[[], bool],
) -> Iterator[Exported]:
    from mlpredict.pipeline.exporting import ImageExport
    from mlpredict.storage.exporting import Exporting

    reader = Exporting(repository.connection)
    chosen = reader.chosen(wanted.filter, wanted.by)
    left_out = Exported(unlabelled=chosen.unlabelled)
    starting(len(chosen.ids))
    yield left_out
    if chosen.ids:
        writer = ImageExport(directory, wanted.link)
        for done in writer.write(reader.images(chosen.ids), tell, enough):
            yield replace(done, unlabelled=chosen.unlabelled)
