"""`mlpredict watch`: what appears in a folder is predicted, once, whatever happens meanwhile."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.benchmarks.inputs import write_digits
from tests.conftest import COMMAND, Command
from tests.processes import SECONDS, started
from tests.proxy import Proxy
from tests.runs import stored_in
from tests.tcp_server import TcpServer

BURST = 1000
QUICK = ("--settle", "0.2", "--poll", "1")

pytestmark = pytest.mark.usefixtures("compiled")


@dataclass(slots=True)
class Watching:
    """A command that watches, and what it has printed and said so far."""

    process: subprocess.Popen[str]
    printed: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    _readers: list[threading.Thread] = field(default_factory=list)

    def read(self) -> None:
        """Go on reading, until it ends."""
        for stream, take in ((self.process.stdout, self._print), (self.process.stderr, self.said.append)):
            reader = threading.Thread(target=_each, args=(stream, take), daemon=True)
            reader.start()
            self._readers.append(reader)

    def until(self, happened: Callable[[], object]) -> None:
        """Wait until something is so."""
        end = time.monotonic() + SECONDS
        while not happened():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, (self.printed, self.said)
            time.sleep(0.02)

    def until_printed(self, count: int) -> list[str]:
        """Wait for so many lines; the names of their files."""
        self.until(lambda: len(self.printed) >= count)
        return [Path(one["filename"]).name for one in self.printed]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit status. What it printed and said is complete then."""
        self.process.send_signal(number)
        status = self.process.wait(SECONDS)
        for reader in self._readers:
            reader.join(SECONDS)
        return status

    def _print(self, line: str) -> None:
        self.printed.append(json.loads(line))


def _each(stream: Any, take: Callable[[str], None]) -> None:
    with suppress(ValueError):  # closed
        for line in stream:
            take(line.rstrip("\n"))


@contextmanager
def watching(environment: dict[str, str], folder: Path, *options: str) -> Iterator[Watching]:
    command = [*COMMAND, "watch", str(folder), "--format", "jsonl", *QUICK, *options]
    pipe = subprocess.PIPE
    with started(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        watch = Watching(process)
        watch.read()
        watch.until(lambda: any("watching" in line for line in watch.said))
        yield watch


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_appears_is_predicted_stored_and_printed_until_a_signal_ends_it(
    environment: dict[str, str], dsn: str, incoming: Path, digits: list[Path], number: int
) -> None:
    shutil.copy(digits[0], incoming)
    with watching(environment, incoming, "--dsn", dsn) as watch:
        watch.until_printed(1)
        (incoming / "deep").mkdir()
        shutil.copy(digits[1], incoming / "deep")
        watch.until_printed(2)
        shutil.copy(digits[2], incoming / "unfinished.part")
        shutil.copy(digits[3], incoming)
        watch.until_printed(3)
        (incoming / "unfinished.part").rename(incoming / "finished.png")
        watch.until_printed(4)
        shutil.copy(digits[4], incoming / "finished.png")  # again, with another content
        names = watch.until_printed(5)
        assert watch.stop(number) == 0
    assert names == [*(digits[n].name for n in (0, 1, 3)), "finished.png", "finished.png"]
    assert [one["label"] for one in watch.printed] == [digits[n].name[0] for n in (0, 1, 3, 2, 4)]
    stored = stored_in(dsn)
    assert ({one["prediction_id"] for one in watch.printed}, stored.runs) == (stored.ids, 1)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT ended FROM runs").fetchall() == [("finished",)]


def test_started_again_it_predicts_what_is_new_alone(
    environment: dict[str, str], dsn: str, incoming: Path, digits: list[Path]
) -> None:
    shutil.copy(digits[0], incoming)
    with watching(environment, incoming, "--dsn", dsn) as watch:
        watch.until_printed(1)
        watch.process.kill()
    shutil.copy(digits[1], incoming)
    with watching(environment, incoming, "--dsn", dsn) as watch:
        assert watch.until_printed(1) == [digits[1].name]
        assert watch.stop() == 0
    assert len(stored_in(dsn).ids) == 2


def test_a_burst_of_files_is_predicted_once_each(
    environment: dict[str, str], dsn: str, incoming: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write_digits(source, BURST, None)
    with watching(environment, incoming, "--dsn", dsn) as watch:
        for n in range(0, BURST, 100):
            folder = incoming / f"{n}"
            folder.mkdir()
            for path in sorted(source.iterdir())[n : n + 100]:
                shutil.copy(path, folder)
        names = watch.until_printed(BURST)
        assert watch.stop() == 0
    stored = stored_in(dsn)
    assert len(set(names)) == len(stored.ids) == stored.images == BURST
    assert (stored.doubled, stored.runs) == (0, 1)


def test_a_database_that_is_gone_for_a_while_loses_no_file(
    environment: dict[str, str], proxy: Proxy, tcp_server: TcpServer, incoming: Path, digits: list[Path]
) -> None:
    with watching(environment, incoming, "--dsn", proxy.dsn(tcp_server.dsn)) as watch:
        shutil.copy(digits[0], incoming)
        watch.until_printed(1)
        proxy.cut()
        for path in digits[1:6]:
            shutil.copy(path, incoming)
            time.sleep(0.4)
        watch.until(lambda: any("trying again until it answers" in line for line in watch.said))
        proxy.restore()
        watch.until_printed(6)
        assert watch.stop() == 0
    assert sum("trying again" in line for line in watch.said) == 1
    assert sum("answers again" in line for line in watch.said) == 1
    assert len(stored_in(tcp_server.dsn).ids) == 6


def test_a_signal_ends_it_while_the_database_is_gone_and_nothing_is_lost(
    environment: dict[str, str], proxy: Proxy, tcp_server: TcpServer, incoming: Path, digits: list[Path]
) -> None:
    with watching(environment, incoming, "--dsn", proxy.dsn(tcp_server.dsn)) as watch:
        proxy.cut()
        shutil.copy(digits[0], incoming)
        watch.until(lambda: any("trying again" in line for line in watch.said))
        assert watch.stop() == 0
    proxy.restore()
    with watching(environment, incoming, "--dsn", proxy.dsn(tcp_server.dsn)) as watch:
        assert watch.until_printed(1) == [digits[0].name]


def test_what_makes_no_sense_is_refused(mlpredict: Command, incoming: Path, dsn: str) -> None:
    for arguments, said in [
        (["nowhere"], "nowhere: no such folder"),
        ([str(incoming), "--format", "table"], "a table has an end"),
        ([str(incoming), "--settle", "nan"], "not a number of seconds"),
    ]:
        done = mlpredict("watch", *arguments, "--dsn", dsn)
        assert (done.returncode, said in done.stderr.decode()) == (2, True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_the_unit_in_the_manual_is_one_that_systemd_takes(tmp_path: Path) -> None:
    page = (files("mlpredict") / "manual/watch.md").read_text("utf-8")
    [unit] = re.findall(r"```ini\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "mlpredict-watch.service"
    file.write_text(unit.replace("/usr/local/bin/mlpredict", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
