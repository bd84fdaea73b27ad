"""Removing the local PostgreSQL with all that it holds."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from mlpredict.storage.server import ending, lease, local_server, older_layout, own_files
from mlpredict.storage.server.local_server import LocalServer
from mlpredict.storage.server.service_account import Account

ABANDONED = "destroyed-*"


def remains(server: LocalServer) -> list[Path]:
    """The directories that `destroy` removes, those of other versions of PostgreSQL included."""
    home = server.root.parent
    # Of the abandoned ones a destroy was killed.
    return [path for glob in ("pg[0-9]*", ABANDONED) for path in sorted(home.glob(glob)) if path.is_dir()]


def destroy(server: LocalServer) -> None:
    """Stop the server and remove all that remains of it.

    Raises:
        DatabaseError: a command is using it.
    """
    with local_server.as_database_errors():
        for directory in remains(server):
            if directory.match(ABANDONED):
                shutil.rmtree(directory)
            else:
                _destroy_root(directory, server.account)
        own_files.remove_socket_directory(server.socket_dir, server.root)


def _destroy_root(root: Path, account: Account) -> None:
    older_layout.prepare_root(root, account)
    with lease.alone(root):
        ending.stop_owner(root / "data")
        # Renamed before anything is removed: nobody ever finds half of a database in its place.
        grave = Path(tempfile.mkdtemp(prefix=ABANDONED.rstrip("*"), dir=root.parent))
        root.rename(grave / root.name)
        shutil.rmtree(grave)
