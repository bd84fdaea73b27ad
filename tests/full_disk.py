"""A file system that is soon full, where the tests may mount one."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILL = "fill"


@contextmanager
def small_file_system(*, kibibytes: int) -> Iterator[Path]:
    """One in memory, which every account can enter; the test is skipped where it cannot be mounted."""
    directory = Path(tempfile.mkdtemp(prefix="mlpredict-disk-")).resolve()
    options = f"size={kibibytes}k,mode=755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], capture_output=True, text=True
    )
    if mounted.returncode:
        directory.rmdir()
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.partition(chr(10))[0]}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
        directory.rmdir()


def fill(directory: Path, *, leaving: int = 0) -> None:
    """Leave so many bytes free."""
    with open(directory / FILL, "wb", buffering=0) as file:
        block = b"\0" * 65536
        while True:
            status = os.statvfs(directory)
            room = status.f_bavail * status.f_frsize - leaving
            if room <= 0:
                return
            file.write(block[:room])
