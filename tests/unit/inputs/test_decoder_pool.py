"""Decoding by processes: the same answers, whatever becomes of a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from mlpredict.domain import Rejected, Sample, Source
from mlpredict.inputs import decoding
from mlpredict.inputs.decoder_pool import Chunk, Decoders
from mlpredict.inputs.decoding import Asked, Item, decode_all, start_decoders
from mlpredict.inputs.sources import discover
from mlpredict.inputs.started_decoder import COMMAND
from tests.processes import started
from tests.unit.images import decode, file_of, picture, png, spec

pytestmark = pytest.mark.usefixtures("working_directory")

# It decodes as the real one does, until a file's name is that of a signal.
MORTAL = """
import os, signal
from mlpredict.inputs import decoder_process, image
real = image.decode_source
def mortal(source, *others):
    if hasattr(signal, source.filename):
        os.kill(os.getpid(), getattr(signal, source.filename))
    return real(source, *others)
decoder_process.decode_source = mortal
decoder_process.main()
"""


@pytest.fixture
def decoders(working_directory: object) -> Iterator[Decoders]:
    with Decoders(2) as processes:
        yield processes


def chunk(*names: str, start: int = 10) -> list[Item]:
    return [Asked(start + n, Source(name)) for n, name in enumerate(names)]


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
def test_a_process_decodes_like_this_one(channels: int) -> None:
    names = write_all_kinds()
    wanted = spec(channels, 5, 6)
    with Decoders(1) as decoders:
        (answers,) = decoders.decode(iter([chunk(*names)]), wanted)
    expected = [decode(10 + n, Source(name), wanted) for n, name in enumerate(names)]
    assert len(answers) == len(names)
    assert all(map(same, answers, expected))
    assert {type(answer) for answer in answers} == {Sample, Rejected}


def test_what_needs_no_decoding_stays_in_its_place(decoders: Decoders) -> None:
    Path("a.png").write_bytes(png())
    gone = Rejected(11, Source("gone"), "no such file or folder")
    read = decode(12, Source("-", png()), spec())
    chunks: list[Chunk] = [[gone], [gone, *chunk("a.png"), gone, read]]
    first, second, decoded, *others = [
        item for items in decoders.decode(iter(chunks), spec()) for item in items
    ]
    assert [first, second] == [gone, gone]
    assert isinstance(decoded, Sample)
    assert others == [gone, read]


def test_chunks_come_back_in_order_from_all_processes(decoders: Decoders) -> None:
    chunks = []
    for n in range(30):
        Path(f"{n}.png").write_bytes(png(n + 1))
        chunks.append(chunk(*[f"{n}.png"] * (1 + n % 4)))
    answers = list(decoders.decode(iter(chunks), spec()))
    assert [{item.width for item in items if isinstance(item, Sample)} for items in answers] == [
        {n + 1} for n in range(30)
    ]
    assert [len(items) for items in answers] == [1 + n % 4 for n in range(30)]


def test_answers_larger_than_a_pipe_hold_up_nobody(decoders: Decoders) -> None:
    Path("a.png").write_bytes(png() + bytes(3 << 20))
    answers = list(decoders.decode(iter([chunk("a.png")] * 20), spec()))
    assert all(isinstance(item, Sample) for items in answers for item in items)


def test_long_names_hold_up_nobody(decoders: Decoders) -> None:
    name = "/".join(["a" * 200] * 20)
    answers = list(decoders.decode(iter([chunk(name, name)] * 40), spec()))
    assert {item.reason for items in answers for item in items if isinstance(item, Rejected)} == {
        "no such file or folder"
    }


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_file_that_kills_its_process_is_rejected_and_the_others_are_decoded() -> None:
    Path("a.png").write_bytes(png())
    chunks = [chunk("a.png"), chunk("a.png", "SIGSEGV", "a.png"), chunk("a.png"), chunk("SIGKILL")]
    with Decoders(1, [sys.executable, "-c", MORTAL]) as mortal:
        answers = [
            item for items in mortal.decode(iter([*chunks, *chunks[:1] * 5]), spec()) for item in items
        ]
    assert [answer.reason if isinstance(answer, Rejected) else "" for answer in answers] == [
        "",
        "",
        "decoding it ended the decoder (SIGSEGV)",
        "",
        "",
        "decoding it ended the decoder (SIGKILL)",
        *[""] * 5,
    ]


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-c", "import nothing_of_this_name"],
        [sys.executable, "-c", "print('hello')"],
        ["/no/such/program"],
    ],
)
def test_what_a_process_that_does_not_start_should_do_is_done_here(command: list[str]) -> None:
    Path("a.png").write_bytes(png())
    with Decoders(1, command) as decoders:
        answers = [
            item for items in decoders.decode(iter([chunk("a.png", "b.png")] * 9), spec()) for item in items
        ]
    assert [isinstance(item, Sample) for item in answers] == [True, False] * 9


def test_the_working_folder_is_not_searched_for_modules() -> None:
    for name in ("pickle", "hashlib", "PIL", "mlpredict"):
        Path(f"{name}.py").write_text("raise SystemExit(7)")
    Path("a.png").write_bytes(png())
    with Decoders(1) as processes:
        ((item,),) = processes.decode(iter([chunk("a.png")]), spec())
    assert isinstance(item, Sample)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")
def test_processes_end_with_the_block() -> None:
    with Decoders(3, [*COMMAND, "a-sign-to-find-it-by"]):
        assert before_long(lambda: len(processes_with("a-sign-to-find-it-by")) == 3)
    assert processes_with("a-sign-to-find-it-by") == []


def before_long(happened: Callable[[], object]) -> bool:
    """Whether something becomes true within a minute."""
    pause = threading.Event()
    return any(happened() or pause.wait(0.01) for _ in range(6000))


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
    with started([sys.executable, "-c", master], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        decoder = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    # A zombie, until whoever adopted it has looked, has no command line any more.
    assert before_long(lambda: not command_line(Path(f"/proc/{decoder}/cmdline")))


def test_standard_input_and_names_that_are_too_long_are_no_files_for_a_process() -> None:
    Path("a.png").write_bytes(png())
    odd = [Source("-", png(7)), Source("b" * 100_000)]
    items = list(decode_all(iter([*odd, *[Source("a.png")] * 100]), spec()))
    assert isinstance(items[0], Sample)
    assert items[0].width == 7
    assert isinstance(items[1], Rejected)
    assert all(isinstance(item, Sample) for item in items[2:])


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
    monkeypatch.setattr("mlpredict.inputs.decoder_pool.Decoders", None)
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

    monkeypatch.setattr("mlpredict.inputs.decoder_pool.Decoders", Noted)
    monkeypatch.setattr(decoding, "available_cores", lambda: 2)
    Path("a.png").write_bytes(png() + bytes(size))
    assert len(list(decode_all(iter([Source("a.png")] * files), spec()))) == files
    assert started == [2 if large else 1]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")
def test_an_abandoned_decoding_ends_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def signed(count: int) -> Decoders:
        return Decoders(count, [*COMMAND, "another-sign"])

    monkeypatch.setattr("mlpredict.inputs.decoder_pool.Decoders", signed)
    Path("a.png").write_bytes(png())
    items = decode_all(iter([Source("a.png")] * 500), spec())
    assert len(list(islice(items, 70))) == 70
    assert processes_with("another-sign") != []
    items.close()  # type: ignore[attr-defined]
    assert processes_with("another-sign") == []


def test_processes_that_were_ended_are_not_replaced() -> None:
    Path("a.png").write_bytes(png())
    with Decoders(1, [*COMMAND, "a-third-sign"]) as decoders:
        answers = decoders.decode(iter([chunk("a.png")] * 9), spec())
        next(answers)
    with pytest.raises(ValueError, match="closed"):
        list(answers)
    assert processes_with("a-third-sign") == []


def test_names_that_promise_many_files_start_a_process_beforehand() -> None:
    Path("few").mkdir()
    Path("many").mkdir()
    for n in range(decoding.MANY_FILES):
        Path(f"many/{n:03}.png").write_bytes(png(n + 1))
    for names in (["few"], ["a.png"] * 5, ["missing"], []):
        with start_decoders(names) as none:
            assert none is None
    with start_decoders(["few", "many"]) as decoders:
        assert isinstance(decoders, Decoders)
        items = list(decode_all(discover(["many"]), spec(), decoders))
        assert [item.width for item in items if isinstance(item, Sample)] == list(range(1, 65))
        again = list(decode_all(discover(["many/000.png"]), spec(), decoders))
        assert isinstance(again[0], Sample)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_process_decodes_contents_like_files(channels: int) -> None:
    names = [name for name in write_all_kinds() if name != "missing.png"]
    wanted = spec(channels, 5, 6)
    sources = [Source(name, Path(name).read_bytes()) for name in names]
    with Decoders(1) as decoders:
        (answers,) = decoders.decode(iter([[Asked(n, source) for n, source in enumerate(sources)]]), wanted)
    assert all(map(same, answers, [decode(n, source, wanted) for n, source in enumerate(sources)]))
    assert {type(answer) for answer in answers} == {Sample, Rejected}


@pytest.mark.parametrize("size", [300, 200_000, 3 << 20])
def test_contents_and_answers_larger_than_a_pipe_hold_up_nobody(decoders: Decoders, size: int) -> None:
    """However large both are; each answer is two megabytes of pixels."""
    source = Source("large", file_of(picture(1000, 700)) + bytes(size))
    answers = list(decoders.decode(iter([[Asked(n, source)] * 3 for n in range(12)]), spec()))
    assert [isinstance(item, Sample) for items in answers for item in items] == [True] * 36


def test_contents_are_taken_a_few_at_a_time() -> None:
    taken = given = most = 0

    def found() -> Iterator[Source]:
        nonlocal taken
        for _ in range(40):
            taken += 1
            yield Source("large", png() + bytes(5 << 20))

    for item in decode_all(found(), spec()):
        assert isinstance(item, Sample)
        given += 1
        most = max(most, taken - given)
    assert given == 40
    assert most <= 8


def test_many_contents_are_decoded_in_order() -> None:
    found = [Source(f"{n}", png(n % 60 + 1, 1)) for n in range(300)]
    found[7] = Source("text", b"no image")
    items = list(decode_all(iter(found), spec()))
    assert [item.position for item in items] == list(range(300))
    widths = [item.width if isinstance(item, Sample) else 8 for item in items]
    assert widths == [n % 60 + 1 for n in range(300)]
    assert all(a.content is b.content for a, b in zip(items, found, strict=True) if isinstance(a, Sample))


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_contents_that_wait_outlive_a_process_that_dies() -> None:
    Path("a.png").write_bytes(png())
    contents = [Asked(n, Source("content", png(n + 1) + bytes(200_000))) for n in range(6)]
    chunks: list[Chunk] = [chunk("SIGKILL"), *([one] for one in contents)]
    with Decoders(1, [sys.executable, "-c", MORTAL]) as mortal:
        killed, *answers = [item for items in mortal.decode(iter(chunks), spec()) for item in items]
    assert isinstance(killed, Rejected)
    assert [item.width for item in answers if isinstance(item, Sample)] == [1, 2, 3, 4, 5, 6]
