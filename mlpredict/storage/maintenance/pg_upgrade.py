"""Running PostgreSQL's own `pg_upgrade`: what it is given, and what it says when it fails."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import data_directory, own_files, service_account, untrusted
from mlpredict.storage.server.local_server import NAME, LocalServer

PORT = 5433
"""Nobody else comes to it: neither this port nor the directory of its socket is a server's usual one."""

SHELL_SPECIAL = re.compile(r'["$`\\]')
STATUS_LINE = re.compile(r" {2,}(ok|fatal|warning|failed\b.*)$")
REASON_CHARACTERS = 240


@dataclass(frozen=True, slots=True)
class Copying:
    """One attempt: the servers, which are stopped, and a directory of its own for the copy."""

    old: LocalServer
    new: LocalServer
    staging: Path
    """Beside the new server's data directory, so that a rename makes the copy that."""
    lock: int
    """An open file every program inherits: while one of them lives, it is locked."""

    @property
    def data(self) -> Path:
        """The copy."""
        return self.staging / "data"

    @property
    def bindir(self) -> Path:
        """The new version's programs, where the server's account can run them."""
        return service_account.runnable(self.new.binaries, self.new.account)

    @property
    def logs(self) -> Path:
        """What pg_upgrade leaves to be read when it fails."""
        return self.data / "pg_upgrade_output.d"

    def make(self) -> None:
        """Fill `data` with all of the old server's databases.

        Raises:
            DatabaseError: it fails; with the reason of PostgreSQL.
        """
        self._run(data_directory.filling(self.data, self.new.binaries.major, NAME))
        data_directory.include_settings(self.data)
        for name, text in data_directory.access_rules(NAME, {self.new.account.name}).items():
            own_files.write(self.data / name, text)
        with self._private_sockets() as sockets:
            self._upgrade(sockets)

    def adopt(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Set what the user has set with ALTER SYSTEM; why the new version does not take some, by name."""
        refused = {name: reason for name in settings if (reason := self._objection(name, settings[name]))}
        kept = [f"{name} = '{_quoted(settings[name])}'\n" for name in settings if name not in refused]
        own_files.write(self.data / "postgresql.auto.conf", "".join(kept))
        return refused

    def sync(self) -> None:
        """Make the copy survive a power cut."""
        self._run(data_directory.syncing(self.data, self.new.binaries.major))

    def _objection(self, name: str, setting: str) -> str | None:
        # Every setting is checked before the one that is asked for is printed.
        asked = ["postgres", "-D", str(self.data), "-c", f"{name}={setting}", "-C", "cluster_name"]
        try:
            self._run(asked)
        except DatabaseError as error:
            return error.message
        return None

    def _run(self, command: list[str]) -> None:
        program, *arguments = command
        data_directory.run([str(self.bindir / program), *arguments], "", self.staging, self._options())

    def _options(self) -> dict[str, Any]:
        return {"pass_fds": (self.lock,), **self.new.account.popen_options()}

    def _upgrade(self, sockets: Path) -> None:
        old_bindir = service_account.runnable(self.old.binaries, self.old.account)
        programs = ["-b", str(old_bindir), "-B", str(self.bindir)]
        data = ["-d", self._told(self.old.data), "-D", self._told(self.data)]
        # Not --link, which would spoil the old database. --clone does not fall back where it cannot.
        how = ["--no-sync", "-U", NAME, "-s", str(sockets), "-p", str(PORT), "-P", str(PORT)]
        done = subprocess.run(
            [self.bindir / "pg_upgrade", *programs, *data, *how],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self.staging,
            env=data_directory.environment(),
            start_new_session=True,  # a Ctrl-C is for us: it would leave its servers behind
            **self._options(),
        )
        if done.returncode:
            raise DatabaseError(f"pg_upgrade failed: {self._reason(done.stdout, done.returncode)}")

    def _told(self, data: Path) -> str:
        """A directory as pg_upgrade can be told it: it puts what it is told into shell commands."""
        return os.path.relpath(data, self.staging) if SHELL_SPECIAL.search(str(data)) else str(data)

    @contextlib.contextmanager
    def _private_sockets(self) -> Iterator[Path]:
        # Not in `staging`: its path may be too long, or one that pg_upgrade cannot quote.
        sockets = service_account.runtime_directory(self.new.root / "upgrade", self.new.account)
        own_files.make_private(sockets, self.new.account)
        for left in sockets.iterdir():
            left.unlink()
        try:
            yield sockets
        finally:
            shutil.rmtree(sockets, ignore_errors=True)

    def _reason(self, output: str, status: int) -> str:
        if named := re.search(r'Consult the last few lines of "(.+?)"', output):
            # By its name alone: the account that writes this does not say where root looks.
            for log in self.logs.rglob(glob.escape(Path(named[1]).name)):
                if blamed := data_directory.complaint(untrusted.read(log).decode(errors="replace")):
                    return blamed
        return data_directory.complaint(output) or _last_words(output) or f"it ended with status {status}"


def _last_words(output: str) -> str:
    """The first sentence of what pg_upgrade says after the last of its steps."""
    lines = output.replace("Failure, exiting", "").splitlines()
    steps = [number for number, line in enumerate(lines) if STATUS_LINE.search(line)]
    said = " ".join(" ".join(lines[steps[-1] + 1 :] if steps else lines).split())
    sentence = re.split(r"(?<=\.) (?=[A-Z])", said)[0].removesuffix(".")
    return sentence[:REASON_CHARACTERS]


def _quoted(setting: str) -> str:
    return setting.replace("\\", "\\\\").replace("'", "''")
