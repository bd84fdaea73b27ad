"""Decoding by processes: the same answers, whatever becomes of a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest

from mlpredict.domain import Rejected, Sample, Source
from mlpredict.inputs import decoding
from mlpredict.inputs.decode import decode
from mlpredict.inputs.decoders import COMMAND, Decoders
from mlpredict.inputs.decoding import decode_all
from tests.unit.images import file_of, picture, png, spec

pytestmark = pytest.mark.usefixtures("working_directory")

# It decodes as the real one does, until a file's name is that of a signal.
MORTAL = """
import os, signal
from mlpredict.inputs import decode, decoder_process
real = decode.decode_source
def mortal(source, spec):
    if hasattr(signal, source.filename):
        os.kill(os.getpid(), getattr(signal, source.filename))
    return real(source, spec)
decoder_process.decode_source = mortal
decoder_process.main()
"""


@pytest.fixture
def decoders(working_directory: object) -> Iterator[Decoders]:
    with Decoders(2) as processes:
        yield processes


def numbered(*names: str) -> list[tuple[int, Source | Rejected]]:
    return [(10 + n, Source(name)) for n, name in enumerate(names)]


def same(one: Sample | Rejected, other: Sample | Rejected) -> bool:
    if isinstance(one, Rejected) or isinstance(other, Rejected):
        return one == other
    return (one.pixels == other.pixels).all() and [*fields(one)] == [*fields(other)]


def fields(sample: Sample) -> Iterator[object]:
    yield from (sample.position, sample.source, sample.content, sample.contenttype, sample.sha256)
    yield from (sample.width, sample.height, sample.pixels.shape, sample.pixels.dtype)


def write_all_kinds() -> list[str]:
    """Files of several formats and modes, of all kinds of trouble, and of names that are not UTF-8."""
    files = {
        "rgb.png": png(),
        "grey.png": png(mode="L"),
        "sixteen.png": file_of(picture(mode="L").convert("I;16")),
        "photo.jpg": file_of(picture(), "JPEG"),
        "text.png": b"no image at all",
        "cut.png": png(40, 30)[:-30],
        "empty.png": b"",
        os.fsdecode(b"\xff\xfe.png"): png(),
        "line\nbreak.png": png(),
    }
    for name, content in files.items():
        Path(name).write_bytes(content)
    return [*files, "missing.png"]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_process_decodes_like_this_one(decoders: Decoders, channels: int) -> None:
    names = write_all_kinds()
    wanted = spec(channels, 5, 6)
    answers = decoders.decode(numbered(*names), wanted)
    expected = [decode(10 + n, Source(name), wanted) for n, name in enumerate(names)]
    assert len(answers) == len(names)
    assert all(map(same, answers, expected))
    assert {type(answer) for answer in answers} == {Sample, Rejected}


def test_what_was_rejected_and_what_was_read_already_stay_in_their_places(decoders: Decoders) -> None:
    Path("a.png").write_bytes(png())
    gone = Rejected(11, Source("gone"), "no such file or folder")
    chunk = [*numbered("a.png"), (11, gone), (12, Source("-", png(mode="L")))]
    first, second, third = decoders.decode(chunk, spec())
    assert isinstance(first, Sample)
    assert second is gone
    assert isinstance(third, Sample)
    assert (first.position, third.position, third.source.filename) == (10, 12, "-")


def test_nothing_to_decode_is_no_request(decoders: Decoders) -> None:
    assert decoders.decode([], spec()) == []


def test_many_threads_share_the_processes(decoders: Decoders) -> None:
    names = [f"{n}.png" for n in range(40)]
    for n, name in enumerate(names):
        Path(name).write_bytes(png(n + 1))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: decoders.decode(numbered(name), spec()), names))
    assert [answer.width for (answer,) in answers if isinstance(answer, Sample)] == list(range(1, 41))


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_file_that_kills_its_process_is_rejected_and_the_others_are_decoded() -> None:
    Path("a.png").write_bytes(png())
    with Decoders(1, [sys.executable, "-c", MORTAL]) as mortal:
        before, killer, after = mortal.decode(numbered("a.png", "SIGSEGV", "a.png"), spec())
        assert isinstance(before, Sample)
        assert killer == Rejected(11, Source("SIGSEGV"), "decoding it ended the decoder (SIGSEGV)")
        assert isinstance(after, Sample)
        assert isinstance(mortal.decode(numbered("a.png"), spec())[0], Sample)


def test_the_working_folder_is_not_searched_for_modules() -> None:
    for name in ("pickle", "hashlib", "PIL", "mlpredict"):
        Path(f"{name}.py").write_text("raise SystemExit(7)")
    Path("a.png").write_bytes(png())
    with Decoders(1) as processes:
        assert isinstance(processes.decode(numbered("a.png"), spec())[0], Sample)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")
def test_processes_end_with_the_block() -> None:
    with Decoders(3, [*COMMAND, "a-sign-to-find-it-by"]):
        assert before_long(lambda: len(processes_with("a-sign-to-find-it-by")) == 3)
    assert processes_with("a-sign-to-find-it-by") == []


def before_long(happened: Callable[[], object]) -> bool:
    """Whether something becomes true within ten seconds."""
    pause = threading.Event()
    return any(happened() or pause.wait(0.01) for _ in range(1000))


def processes_with(argument: str) -> list[Path]:
    return [
        entry
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if argument.encode() in command_line(entry).split(b"\0")
    ]


def command_line(entry: Path) -> bytes:
    """Nothing of a process that is gone."""
    try:
        return entry.read_bytes()
    except OSError:
        return b""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")
def test_a_process_whose_master_was_killed_ends_too() -> None:
    master = f"""
import subprocess, sys
process = subprocess.Popen({list(COMMAND)!r}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(process.pid, flush=True)
input()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", master], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        decoder = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    # A zombie, until whoever adopted it has looked, has no command line any more.
    assert before_long(lambda: not command_line(Path(f"/proc/{decoder}/cmdline")))


@pytest.mark.parametrize("count", [0, 3, 64, 150])
def test_all_sources_are_decoded_in_order(count: int) -> None:
    names = [f"{n:03}.png" for n in range(count)]
    for n, name in enumerate(names):
        Path(name).write_bytes(png(n + 1, 1))
    found: list[Source | Rejected] = [Source(name) for name in names]
    if count > 2:
        found[2] = Rejected(2, Source("two"), "gone")
    items = list(decode_all(iter(found), spec()))
    assert [item.position for item in items] == list(range(count))
    assert [item.width for item in items if isinstance(item, Sample)] == [
        n + 1 for n in range(count) if n != 2
    ]


def test_few_small_files_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpredict.inputs.decoders.Decoders", None)
    Path("a.png").write_bytes(png())
    few = [Source("a.png")] * (decoding.MANY_FILES - 1)
    assert len(list(decode_all(iter(few), spec()))) == len(few)


@pytest.mark.parametrize(
    ("files", "size", "large"),
    [(decoding.MANY_FILES, 1, False), (3, decoding.MANY_BYTES // 3 + 1, True)],
    ids=["many", "large"],
)
def test_many_files_are_decoded_by_processes(
    files: int, size: int, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    class Noted(Decoders):
        def __init__(self, count: int) -> None:
            started.append(count)
            super().__init__(count)

    monkeypatch.setattr("mlpredict.inputs.decoders.Decoders", Noted)
    monkeypatch.setattr(decoding, "available_cores", lambda: 2)
    Path("a.png").write_bytes(png() + bytes(size))
    assert len(list(decode_all(iter([Source("a.png")] * files), spec()))) == files
    assert started == [2 if large else 1]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")
def test_an_abandoned_decoding_ends_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [*COMMAND, "another-sign"]
    monkeypatch.setattr("mlpredict.inputs.decoders.Decoders", lambda count: Decoders(count, command))
    Path("a.png").write_bytes(png())
    items = decode_all(iter([Source("a.png")] * 500), spec())
    assert len(list(islice(items, 70))) == 70
    assert processes_with("another-sign") != []
    items.close()  # type: ignore[attr-defined]
    assert processes_with("another-sign") == []
