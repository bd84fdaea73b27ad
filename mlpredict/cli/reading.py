"""The databases that a command reads: a replica where one is named, and else the primary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpredict import settings

if TYPE_CHECKING:
    from mlpredict.storage.repository import Repository


def primary_and_replica(dsn: str | None, read_dsn: str | None) -> tuple[str | None, str | None]:
    """Both, by what the options say, else the environment; None is the local database, and no replica.

    Raises:
        UsageError: a replica is named, and no primary.
    """
    primary = dsn or settings.dsn()
    return primary, settings.read_dsn(read_dsn, primary)


def open_reader(dsn: str | None, read_dsn: str | None) -> Repository:
    """The repository to read from, by what the options say, and the environment.

    Raises:
        UsageError: a replica is named, and no primary.
        DatabaseError: nothing answers there, or it has no tables of this version.
    """
    primary, replica = primary_and_replica(dsn, read_dsn)
    if primary is None or replica is None:
        from mlpredict.storage.repository import open_repository

        return open_repository(primary)
    from mlpredict.storage import replicas

    return replicas.open_reader(primary, replica)
