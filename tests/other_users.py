"""Commands that run as another user, as whom permissions count."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import COMMAND

NAMELESS = 54321
SETPRIV = shutil.which("setpriv")
SECONDS = 120

requires_root = pytest.mark.skipif(
    os.geteuid() != 0 or SETPRIV is None, reason="only root can become another user, by setpriv"
)


@dataclass(frozen=True, slots=True)
class OtherUser:
    """A user without a name on this system, and what it may write."""

    folder: Path
    uid: int = NAMELESS

    @property
    def temporary(self) -> Path:
        """Its folder for temporary files."""
        return self.folder / "tmp"

    def make(self, name: str, mode: int = 0o700) -> Path:
        """A folder of its own."""
        made = self.folder / name
        made.mkdir()
        os.chown(made, self.uid, self.uid)
        made.chmod(mode)
        return made

    def as_it(self, *command: str | Path) -> list[str]:
        """A command line that runs another one as this user."""
        assert SETPRIV is not None
        # The interpreter may lie where only root gets; what others may not write stays closed to it.
        reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        as_user = [f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        return [SETPRIV, *as_user, *reading, *map(str, command)]

    def run(
        self, *arguments: str | Path, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the program with nothing in its environment but what is given."""
        environment = {"PATH": os.environ["PATH"], "TMPDIR": str(self.temporary), **(env or {})}
        for name in ("PYTHONPYCACHEPREFIX", "PYTHONPATH"):
            if name in os.environ:
                environment[name] = os.environ[name]
        command = self.as_it(*COMMAND, *arguments)
        return subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, timeout=SECONDS, check=False
        )


@contextmanager
def other_user() -> Iterator[OtherUser]:
    """A user with a folder that everybody can enter, and with a folder for temporary files."""
    folder = Path(tempfile.mkdtemp(prefix="mlpredict-test-")).resolve()
    try:
        folder.chmod(0o755)
        user = OtherUser(folder)
        user.make("tmp")
        yield user
    finally:
        shutil.rmtree(folder)
