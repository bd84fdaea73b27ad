"""Who runs the server, and which directories its files may be in.

An ordinary user runs the server as themselves. PostgreSQL refuses to run as root, so root's server
runs under an account that exists everywhere, in directories which that account can reach as they
are: no account is made and no directory's mode is widened. In the account's own directories root
follows no links, so that nothing else under that account can mislead it.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from mlpredict.errors import DatabaseError
from mlpredict.storage.server.pg_binaries import PACKAGE, USE_ANOTHER, PgBinaries

SYSTEM_HOME = Path("/var/lib/mlpredict")
"""Where root's databases and copied programs go when the account cannot reach their own place."""

UNPRIVILEGED = ("nobody", "daemon")


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's account the server runs under."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """This process already runs under it."""
        return self.uid == os.geteuid()

    def popen_options(self) -> dict[str, Any]:
        """What makes `subprocess` run a program under this account."""
        return {} if self.is_ours else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, handle: int) -> None:
        """Give the account an open file or directory that this process has just made."""
        if not self.is_ours:
            os.fchown(handle, self.uid, self.gid)


def account_for(*places: Path) -> Account:
    """Who runs the server of a data directory: the owner of the first place there is, under root.

    Raises DatabaseError when the operating system has no name for it, or no account to offer.
    """
    if os.geteuid() != 0:
        return _by_uid(os.geteuid())
    owner = next((place.stat().st_uid for place in places if place.exists()), 0)
    return _by_uid(owner) if owner else unprivileged()


def current_name() -> str:
    """The name of the user who runs mlpredict."""
    return _by_uid(os.geteuid()).name


def unprivileged() -> Account:
    """The account root's server runs under. Raises DatabaseError when there is none."""
    import pwd

    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid > 0:  # macOS has nobody at -2, which cannot be switched to
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise DatabaseError(
        "PostgreSQL does not run as root, and there is no account like nobody", hint=USE_ANOTHER
    )


def may_enter(mode: int, owner: int, group: int, account: Account) -> bool:
    """Whether a directory's (or program's) mode bits let the account through."""
    if account.uid == owner:
        return bool(mode & stat.S_IXUSR)
    if account.gid == group:
        return bool(mode & stat.S_IXGRP)
    return bool(mode & stat.S_IXOTH)


def can_reach(path: Path, account: Account) -> bool:
    """Whether the account may enter everything of this path that exists."""
    for part in (path, *path.parents):
        try:
            status = part.stat()
        except FileNotFoundError:
            continue
        if not may_enter(status.st_mode, status.st_uid, status.st_gid, account):
            return False
    return True


def root_for(wanted: Path, name: str) -> Path:
    """The directory `name` (`pg18`) in the wanted home, or in a stand-in root's server reaches.

    A database that exists wins over rules, so that a change of modes never starts an empty one.
    """
    root = wanted / name
    if os.geteuid() != 0 or has_data(wanted):
        return root
    stand_in = SYSTEM_HOME / _readable(wanted)
    reachable = can_reach(root if root.is_dir() else wanted, unprivileged())
    return root if reachable and not has_data(stand_in) else stand_in / name


def has_data(home: Path) -> bool:
    """Whether a home holds a database of any version."""
    return any(home.glob("pg[0-9]*/data/PG_VERSION"))


def runtime_directory(root: Path, account: Account) -> Path:
    """Where the socket goes when its path inside `root` would be too long: never shared."""
    named = os.environ.get("XDG_RUNTIME_DIR")
    if named and Path(named).is_dir() and can_reach(Path(named), account):
        base = named
    else:
        base = tempfile.gettempdir()
    return Path(base) / f"mlpredict-{account.uid}-{_digest(root)}"


def runnable(binaries: PgBinaries, account: Account) -> Path:
    """A directory whose programs the account can run; the wheel's are copied once where it cannot.

    Raises DatabaseError when the user named the directory, as other installations cannot be moved.
    """
    bindir = binaries.bindir
    programs = (bindir / "postgres", bindir / "initdb")
    if account.is_ours or all(can_reach(program, account) for program in programs):
        return bindir
    if not binaries.bundled:
        raise DatabaseError(f"{account.name} cannot run the programs in {bindir}", hint=USE_ANOTHER)
    version = metadata.version(PACKAGE.replace("_", "-"))
    target = SYSTEM_HOME / f"postgresql-{binaries.major}-{version}"
    if not target.exists():
        _copy_wheel(bindir.parents[1], bindir.parent.name, target)
    return target / PACKAGE / bindir.parent.name / "bin"


def _copy_wheel(package: Path, install: str, target: Path) -> None:
    _make_system_home()
    partial = Path(tempfile.mkdtemp(prefix="copy-", dir=SYSTEM_HOME))
    try:
        # The programs look for their libraries beside the package (Linux) or inside it (macOS).
        for source, place in (
            (package / install, partial / PACKAGE / install),
            (package / ".dylibs", partial / PACKAGE / ".dylibs"),
            (package.parent / f"{PACKAGE}.libs", partial / f"{PACKAGE}.libs"),
        ):
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("*.a", "include"))
        for path in (partial, *partial.rglob("*")):
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)
        os.sync()  # a copy that is there must be whole, even after a power cut
        partial.rename(target)
    except OSError:
        if not target.exists():  # otherwise another process was faster
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _make_system_home() -> None:
    SYSTEM_HOME.mkdir(0o755, exist_ok=True)
    status = SYSTEM_HOME.lstat()
    if status.st_uid != 0 or status.st_mode & 0o022 or not stat.S_ISDIR(status.st_mode):
        raise DatabaseError(f"{SYSTEM_HOME} can be changed by others than root", hint=USE_ANOTHER)


def _by_uid(uid: int) -> Account:
    import pwd

    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise DatabaseError(
            f"user {uid} has no name on this system, which PostgreSQL needs", hint=USE_ANOTHER
        ) from None
    return Account(entry.pw_name, uid, entry.pw_gid)


def _readable(path: Path) -> str:
    """A path as one file name, the way systemd-escape does it: `/a/b-c` is `a-b%2dc`."""
    parts = [part.replace("%", "%25").replace("-", "%2d") for part in path.parts[1:]]
    name = "-".join(parts)
    return name if len(os.fsencode(name)) <= 200 else f"{name[:60]}-{_digest(path)}"


def _digest(path: Path) -> str:
    import hashlib  # 4 ms, and hardly ever needed

    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
