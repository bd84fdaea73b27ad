"""Environment variables, default places, and how much of the machine there is to use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mlpredict.errors import DatabaseError, UsageError

APP_NAME = "mlpredict"
PACKAGE = Path(__file__).parent
LINGER_SECONDS = 300
CGROUPS = Path("/sys/fs/cgroup")
HOME, CACHE = "MLPREDICT_HOME", "MLPREDICT_CACHE"
"""The variables that name the folders which are written to."""

NO_PLACE = Path(os.devnull, APP_NAME)
"""Where nothing can be read or written, whoever tries."""


def bundled(name: str) -> Path:
    """The folder `schema` or `saved_model`: inside an installed wheel, else beside the package."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def data_home() -> Path:
    """Where the local PostgreSQL lives: `MLPREDICT_HOME`, else the user's data directory.

    Raises:
        DatabaseError: neither the variable nor the system says where.
    """
    if (place := _place(HOME, "user_data_path")) is None:
        raise DatabaseError(
            "the local PostgreSQL has no place: this user has no home directory",
            hint=f"set {HOME} to a folder for it, or name another PostgreSQL with --dsn",
        )
    return place


def cache_home() -> Path:
    """Where compiled models live: `MLPREDICT_CACHE`, else the user's cache directory.

    A user without a home directory has `NO_PLACE`.
    """
    return _place(CACHE, "user_cache_path") or NO_PLACE


def dsn() -> str | None:
    """The PostgreSQL that `MLPREDICT_DSN` names, if it names one."""
    return os.environ.get("MLPREDICT_DSN") or None


def read_dsn(given: str | None, primary: str | None) -> str | None:
    """The read replica of a primary: that given, else what `MLPREDICT_READ_DSN` names; "" is none.

    Raises:
        UsageError: nothing says what it is a replica of.
    """
    named = os.environ.get("MLPREDICT_READ_DSN") if given is None else given
    if not named:
        return None
    if primary is None:
        where = "MLPREDICT_READ_DSN" if given is None else "--read-dsn"
        raise UsageError(
            f"{where} names a read replica, and nothing names its primary",
            hint="name that with --dsn or MLPREDICT_DSN; a replica alone is read with --dsn, too",
        )
    return named


def model_path() -> Path:
    """The model to use when the command line names none."""
    named = os.environ.get("MLPREDICT_MODEL")
    return Path(named) if named else bundled("saved_model")


def linger_seconds() -> float:
    """How long the local PostgreSQL goes on without being used: `MLPREDICT_PG_LINGER`, else 5 minutes.

    0 stops it with the last command that uses it, -1 leaves it running.

    Raises:
        UsageError: the variable holds no such number.
    """
    given = os.environ.get("MLPREDICT_PG_LINGER") or str(LINGER_SECONDS)
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if seconds != -1 and not 0 <= seconds < math.inf:
        raise UsageError(
            f"MLPREDICT_PG_LINGER={given} is no number of seconds",
            hint="300 is usual, 0 stops the local PostgreSQL with the last command, -1 leaves it running",
        )
    return seconds


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_of_a_model() -> int | None:
    """How many bytes a model may take to be tried or converted: three quarters of the machine's memory.

    The next who asks for memory may be another program, and be ended in its place.
    """
    total = machine_memory()
    return None if total is None else total // 4 * 3


def machine_memory() -> int | None:
    """Bytes of memory that the machine has, or the container or service; None where nobody tells."""
    try:
        known = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, ValueError, OSError):
        return None
    return min([*known, *_memory_of_groups()])


def _memory_of_groups() -> Iterator[int]:
    """The limits of the control groups that this process is in (cgroups(7)), of both versions."""
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in groups:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers not in ("", "memory"):
            continue
        root, name = (CGROUPS, "memory.max")
        if controllers:
            root, name = (CGROUPS / "memory", "memory.limit_in_bytes")
        own = root / path.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(root):
                with suppress(OSError, ValueError):  # "max" is no number
                    yield int((folder / name).read_text())


def expanded(path: Path, variable: str) -> Path:
    """A path that a variable names, with a `~` at its beginning replaced.

    Raises:
        UsageError: there is no such home directory.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise UsageError(f"{variable}={path}: there is no such home directory") from None


def _place(variable: str, directory: str) -> Path | None:
    if chosen := os.environ.get(variable):
        return expanded(Path(chosen), variable).absolute()
    import platformdirs

    try:
        place: Path = getattr(platformdirs, directory)(APP_NAME, appauthor=False)
    except RuntimeError:  # there is no home directory
        return None
    # What older versions say instead.
    return None if place.parts[0] == "~" else place.absolute()
