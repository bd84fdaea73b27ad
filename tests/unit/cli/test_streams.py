"""Standard output carries data, standard error carries talk."""

from __future__ import annotations

import errno
import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from mlpredict.cli.stdout import OutputClosed, output_errors, write_data
from mlpredict.cli.talk import Talk
from mlpredict.errors import OutputError


class Broken(io.StringIO):
    """A stream that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_notice_is_one_line_and_nothing_in_it_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    Talk().notice("\x1b[2Ja\nb.png: [red]not an image[/red]")
    captured = capsys.readouterr()
    assert captured.err == "mlpredict: \\x1b[2Ja\\nb.png: [red]not an image[/red]\n"
    assert captured.out == ""


def test_quiet_silences_notices_and_not_errors(capsys: pytest.CaptureFixture[str]) -> None:
    talk = Talk()
    talk.quiet = True
    talk.notice("a notice")
    talk.error("an error")
    assert capsys.readouterr().err == "mlpredict: an error\n"


@pytest.mark.parametrize(("verbose", "said"), [(False, ""), (True, "mlpredict: a detail\n")])
def test_details_are_for_who_asked(verbose: bool, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    talk = Talk()
    talk.verbose = verbose
    talk.detail("a detail")
    assert capsys.readouterr().err == said


def test_a_traceback_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Talk().traceback(["Traceback:\n  in \x1b[31mfile\n", "ValueError: x\n"])
    assert capsys.readouterr().err == "Traceback:\n  in \\x1b[31mfile\nValueError: x\n"


def test_a_closed_standard_error_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Broken())
    Talk().error("nobody hears this")


def test_talk_goes_on_while_descriptor_2_is_kept_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    from mlpredict.support.quiet import quiet_stderr

    talk = Talk()
    with talk.apart_from_descriptor_2(), quiet_stderr():
        print("native noise", file=sys.__stderr__, flush=True)
        talk.error("an error")
    talk.error("another")
    assert capfd.readouterr().err == "mlpredict: an error\nmlpredict: another\n"


def test_data_is_written_as_it_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_data(b"\x89PNG\r\n\xff")
    assert capfdbinary.readouterr().out == b"\x89PNG\r\n\xff"


def test_a_reader_that_has_gone_is_no_cause_for_complaint() -> None:
    with pytest.raises(OutputClosed) as raised, output_errors():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert raised.value.exit_status == 0


def test_a_full_disk_is_an_error_with_its_reason() -> None:
    with pytest.raises(OutputError, match="standard output: No space left on device"), output_errors():
        raise OSError(errno.ENOSPC, "No space left on device")


class Sluggish(io.RawIOBase):
    """A pipe without a buffer: it takes so many bytes at a time, or none."""

    def __init__(self, at_once: int | None) -> None:
        self.at_once = at_once
        self.written = b""

    def write(self, data: Any) -> int | None:
        taken = bytes(data[: self.at_once or 0])
        self.written += taken
        return len(taken) if self.at_once else None


def test_a_write_that_ends_early_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    # A signal does that to a stream without a buffer, and the data that was left was lost.
    pipe = Sluggish(3)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=pipe))
    write_data(b"ten bytes!")
    assert pipe.written == b"ten bytes!"


def test_a_pipe_that_takes_nothing_now_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=Sluggish(None)))
    with pytest.raises(OutputError, match="standard output: "):
        write_data(b"data")
