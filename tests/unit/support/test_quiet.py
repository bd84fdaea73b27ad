"""File descriptor 2, kept off the terminal and given back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from mlpredict.support.quiet import quiet_stderr


def test_what_libraries_write_is_kept_back(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"noise")
    os.write(2, b"talk")
    assert capfd.readouterr().err == "talk"


def fail_noisily() -> None:
    with quiet_stderr():
        subprocess.run([sys.executable, "-c", "import os; os.write(2, b'the cause')"], check=True)
        raise ZeroDivisionError


def test_a_failure_carries_what_was_kept_back() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        fail_noisily()
    assert raised.value.__notes__ == ["the cause"]


def test_threads_that_overlap_leave_the_terminal_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with quiet_stderr():
            entered.set()
            leave.wait(60)
            os.write(2, b"noise of the second")

    thread = threading.Thread(target=other)
    with quiet_stderr():
        thread.start()
        assert entered.wait(60)
    os.write(2, b"still quiet")
    leave.set()
    thread.join()
    os.write(2, b"talk")
    assert capfd.readouterr().err == "talk"
