"""Work that takes too long or too much memory is given up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlpredict import settings
from mlpredict.support.bounded import Bounds, Exceeded, Watched, bounded, held_bytes

MEGA = 10**6
GREEDY = "import time\nkept = []\nwhile True:\n    kept.append(b'x' * 4_000_000)\n    time.sleep(0.001)\n"

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc here")


def test_what_is_bounded_is_done_elsewhere_and_gives_its_result_or_its_error() -> None:
    assert bounded(threading.current_thread, Bounds(10, None)) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        bounded(lambda: 1 / 0, Bounds(10, None))


def test_what_takes_too_long_is_given_up() -> None:
    over = threading.Event()
    with pytest.raises(Exceeded, match="more than 0 minutes"):
        bounded(lambda: over.wait(10), Bounds(0.2, None))
    over.set()


@needs_proc
def test_what_takes_too_much_memory_is_given_up() -> None:
    over = threading.Event()
    room = held_bytes(os.getpid()) + 20 * MEGA

    def greedy() -> int:
        kept = b"x" * (60 * MEGA)
        over.wait(10)
        return len(kept)

    with pytest.raises(Exceeded, match="MB of memory"):
        bounded(greedy, Bounds(60, room))
    over.set()


@needs_proc
def test_a_process_that_takes_too_much_memory_is_killed_before_it_has_much_more() -> None:
    most = 0
    with (
        subprocess.Popen([sys.executable, "-c", GREEDY]) as process,
        Watched(process, Bounds(60, 200 * MEGA)) as watched,
    ):
        while process.poll() is None:
            most = max(most, held_bytes(process.pid))
            time.sleep(0.01)
    assert str(watched.exceeded) == "more than 200 MB of memory"
    assert 150 * MEGA < most < 600 * MEGA


def test_a_process_that_ends_in_time_is_let_alone() -> None:
    with (
        subprocess.Popen([sys.executable, "-c", ""]) as process,
        Watched(process, Bounds(60, 10**12)) as watched,
    ):
        assert process.wait(60) == 0
    assert watched.exceeded is None
    assert held_bytes(process.pid) == 0


def test_the_memory_of_a_container_is_less_than_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = settings.machine_memory()
    monkeypatch.setattr(settings, "CGROUPS", tmp_path)
    if whole is None or not Path("/proc/self/cgroup").exists():
        pytest.skip("this system does not tell")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = tmp_path / name
        limit.parent.mkdir(exist_ok=True)
        limit.write_text("max\n")
    assert (settings.machine_memory() or 0) >= whole
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        (tmp_path / name).write_text("400000000\n")
    assert settings.machine_memory() == 400_000_000
    assert settings.memory_of_a_model() == 300_000_000
