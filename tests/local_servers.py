"""What tests of the local server's life share."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mlpredict.storage.server import postmaster
from mlpredict.storage.server.local_server import LocalServer

LONG = "long" * 30


def make_home() -> Path:
    """A directory every account can enter."""
    directory = Path(tempfile.mkdtemp(prefix="mlpredict-test-")).resolve()
    directory.chmod(0o755)
    return directory


def pid_of(server: LocalServer) -> int:
    pid = postmaster.owner_pid(server.data)
    assert pid is not None
    return pid
