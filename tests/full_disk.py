"""A file system that is soon full, where the tests may mount one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(directory: Path, *, kibibytes: int) -> Iterator[Path]:
    """A tmpfs in a directory, which is made; the test is skipped where it cannot be mounted."""
    directory.mkdir()
    options = f"size={kibibytes}k,mode=755"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], capture_output=True)
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)
