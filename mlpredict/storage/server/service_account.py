"""Who runs the server, and which directories its files may be in.

An ordinary user runs the server as themselves. PostgreSQL refuses to run as root, so root's server
runs under an account that exists everywhere, in directories which that account can reach as they
are: no account is made and no directory's mode is widened.

Other programs run under that account, too. What tells the server from them is its group: a number
that no group of the system has. Only this group may enter the directory that holds everything, which
is root's, and Linux lets no process of another group look into the server's (`ptrace(2)`). An account
without a name would do without that, but PostgreSQL 18's initdb, pg_upgrade and single-user server end with
"could not look up effective user ID", and libpq's `requirepeer` and peer authentication need the name as
well. A user who has none borrows one where the system allows it, see `borrowed_name`; then the socket's
directory, which only its owner can enter, is what lets nobody else in.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from mlpredict.errors import DatabaseError
from mlpredict.storage.server.pg_binaries import PACKAGE, USE_ANOTHER, PgBinaries
from mlpredict.storage.server.roots_paths import foreign_part

SYSTEM_HOME = Path("/var/lib/mlpredict")
"""Where root's databases and copied programs go when the account cannot reach their own place."""

UNPRIVILEGED = ("nobody", "daemon")

PRIVATE_GROUPS = range(60578, 61184)
"""Of these numbers no distribution and no systemd gives any to a group (systemd's "Users, Groups, UIDs
and GIDs": unused); they are also within the 65,536 that a container usually has."""


class Account(NamedTuple):
    """The operating system's account the server runs under."""

    name: str
    uid: int
    gid: int
    """Its own group, or for root's server one that nothing else runs under."""
    is_named: bool = True
    """The system knows it by its name, and not by its number alone."""

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


def account_for(root: Path) -> Account:
    """Who runs the server in `root`; under root, the account that has its data or an older version's.

    Raises:
        DatabaseError: the operating system has no name for it, no account to offer, or the data
            are an ordinary user's.
    """
    if os.geteuid() != 0:
        return _by_uid(os.geteuid())
    offered = unprivileged()
    for data in (root / "data", *sorted(root.parent.glob("pg[0-9]*/data"))):
        if not data.exists() or (uid := data.lstat().st_uid) in (0, offered.uid):
            continue
        offered = _by_uid(uid)
        if offered.name not in UNPRIVILEGED:
            raise DatabaseError(
                f"{data} belongs to {offered.name}, and root does not run other users' databases",
                hint=f"run mlpredict as {offered.name}, or set MLPREDICT_HOME to a directory of root's",
            )
        break
    return offered._replace(gid=_private_group(root))


def _private_group(root: Path) -> int:
    """The group recorded as that of the directory or of an older version's, else one that is unused.

    The same home always gives the same, so that two first commands agree.
    """
    for place in (root, *sorted(root.parent.glob("pg[0-9]*"))):
        if place.exists() and place.lstat().st_uid == 0 and place.lstat().st_gid in PRIVATE_GROUPS:
            return place.lstat().st_gid
    import grp

    taken = {entry.gr_gid for entry in grp.getgrall()}
    free = [number for number in PRIVATE_GROUPS if number not in taken]
    if not free:
        raise DatabaseError(f"all groups of {PRIVATE_GROUPS} are taken", hint=USE_ANOTHER)
    return free[zlib.crc32(os.fsencode(root.parent)) % len(free)]


def current_name() -> str:
    """The name of the user who runs mlpredict."""
    return _by_uid(os.geteuid()).name


def borrowed_uid() -> int:
    """The number of an account whose name will do for a user who has none.

    Raises:
        DatabaseError: the system knows no account but root.
    """
    import pwd

    entries = sorted(pwd.getpwall(), key=lambda entry: (entry.pw_name not in UNPRIVILEGED, entry.pw_uid))
    uid = next((entry.pw_uid for entry in entries if entry.pw_uid > 0), None)
    if uid is None:
        raise nameless_error(os.geteuid())
    return uid


def nameless_error(uid: int) -> DatabaseError:
    """What is said where a user has no name, and none can be borrowed."""
    return DatabaseError(
        f"user {uid} has no name on this system, which PostgreSQL's programs need",
        hint=f"add a line for it to /etc/passwd, or {USE_ANOTHER}",
    )


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


def root_for(home: Path, name: str) -> Path:
    """The directory `name` (`pg18`) in a home, or in a stand-in that root's server reaches.

    A database that exists wins over rules, so that a change of modes never starts an empty one.

    Raises:
        DatabaseError: there is one, and others than root can change the directories that lead to it.
    """
    wanted = home.resolve()
    root = wanted / name
    if os.geteuid() != 0:
        return root
    foreign = foreign_part(home)
    if has_data(wanted):
        require_roots(home)
        return root
    stand_in = SYSTEM_HOME / _readable(wanted)
    reachable = foreign is None and can_reach(wanted, unprivileged())
    return root if reachable and not has_data(stand_in) else stand_in / name


def require_roots(path: Path) -> None:
    """Raise DatabaseError where others than root can change or replace a directory of the path."""
    if foreign := foreign_part(path):
        raise DatabaseError(
            f"root keeps no database in {path}, as others can change {foreign}",
            hint=f"make it root's own (chown root, chmod go-w), run mlpredict as the owner, or {USE_ANOTHER}",
        )


def has_data(home: Path) -> bool:
    """Whether a home holds a database of any version."""
    return any(home.glob("pg[0-9]*/data/PG_VERSION"))


def runtime_directory(root: Path, account: Account) -> Path:
    """Where the socket goes when its path inside `root` would be too long: never shared."""
    if not account.is_ours:
        return SYSTEM_HOME / "sockets" / _digest(root) / "run"
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
    from importlib import metadata

    version = metadata.version(PACKAGE.replace("_", "-"))
    target = SYSTEM_HOME / f"postgresql-{binaries.major}-{version}"
    if not target.exists():
        _copy_wheel(bindir.parents[1], bindir.parent.name, target)
    return target / PACKAGE / bindir.parent.name / "bin"


def _copy_wheel(package: Path, install: str, target: Path) -> None:
    make_system_home()
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


def make_system_home() -> None:
    """Make the directory of root's that all accounts can enter.

    Raises:
        DatabaseError: it is not root's alone.
    """
    SYSTEM_HOME.mkdir(0o755, exist_ok=True)
    status = SYSTEM_HOME.lstat()
    if status.st_uid != 0 or status.st_mode & 0o022 or not stat.S_ISDIR(status.st_mode):
        raise DatabaseError(f"{SYSTEM_HOME} can be changed by others than root", hint=USE_ANOTHER)


def _by_uid(uid: int) -> Account:
    import pwd

    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, os.getegid(), is_named=False)
    return Account(entry.pw_name, uid, entry.pw_gid)


def _readable(path: Path) -> str:
    """A path as one file name, the way systemd-escape does it: `/a/b-c` is `a-b%2dc`."""
    parts = [part.replace("%", "%25").replace("-", "%2d") for part in path.parts[1:]]
    name = "-".join(parts)
    return name if len(os.fsencode(name)) <= 200 else f"{name[:60]}-{_digest(path)}"


def _digest(path: Path) -> str:
    import hashlib  # 4 ms, and hardly ever needed

    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
