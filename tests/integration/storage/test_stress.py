"""Commands that come and go while the local server is stopped, started and killed under them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from mlpredict.storage.server import lifecycle, local_server, postmaster
from mlpredict.storage.server.local_server import LocalServer
from tests.conftest import COMMAND, Command
from tests.processes import started

STARTED_AT_ONCE = 8
WORKERS = 4
COMMANDS = [32, pytest.param(120, marks=pytest.mark.slow)]
LINGERS = ("0", "0.1", "0.3")
KILLED_COMMANDS = 0.3
SECONDS_BETWEEN_KILLS = (0.2, 1.0)
SEED = 20261124


@dataclass(slots=True)
class Witness:
    """What the commands said, and what was done to them."""

    printed: set[int] = field(default_factory=set)
    unexplained: list[str] = field(default_factory=list)
    commands: int = 0
    killed_commands: int = 0
    killed_servers: list[float] = field(default_factory=list)
    killed_supervisors: int = 0

    def server_was_killed_since(self, start: float) -> bool:
        return any(killed >= start for killed in self.killed_servers)


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home, which is removed whatever still runs in it."""
    directory = Path(tempfile.mkdtemp(prefix="mlpredict-stress-")).resolve()
    directory.chmod(0o755)
    yield directory
    for pid in processes_of(directory):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(directory)


def processes_of(home: Path) -> dict[int, str]:
    """The processes that have the home in their command line: the server's first one, the supervisor."""
    listed = subprocess.run(
        ["ps", "-ww", "-A", "-o", "pid=,stat=,command="], capture_output=True, text=True
    ).stdout
    rows = [line.split(None, 2) for line in listed.splitlines() if str(home) in line]
    return {int(pid): command for pid, state, command in rows if not state.startswith("Z")}


def run(
    arguments: list[str | Path],
    environment: dict[str, str],
    linger: str,
    witness: Witness,
    kill_after: float | None,
) -> None:
    """Run one command, perhaps kill it, and note the ids it printed."""
    start = time.monotonic()
    command, env = [*COMMAND, *map(str, arguments)], {**environment, "MLPREDICT_PG_LINGER": linger}
    with started(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            stdout, stderr = process.communicate(timeout=kill_after or 60)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
    witness.commands += 1
    # The last line of a killed command may be half there.
    lines = stdout.decode().splitlines(keepends=True)
    witness.printed.update(json.loads(line)["prediction_id"] for line in lines if line.endswith("\n"))
    if process.returncode == -signal.SIGKILL and kill_after is not None:
        witness.killed_commands += 1
    elif process.returncode == 3 and witness.server_was_killed_since(start):
        said = [line for line in stderr.decode().splitlines() if "waiting for" not in line]
        assert len(said) == 1, stderr  # that the server is gone
    elif process.returncode:
        witness.unexplained.append(f"{process.returncode}: {stderr.decode()}")


def keep_killing(server: LocalServer, witness: Witness, stop: threading.Event) -> None:
    """Kill the server's first process, or the supervisor, every few seconds."""
    chance = random.Random(SEED)
    while not stop.wait(chance.uniform(*SECONDS_BETWEEN_KILLS)):
        pid = postmaster.owner_pid(server.data)
        supervisors = [pid for pid, command in processes_of(server.root).items() if "supervisor" in command]
        if chance.random() < 0.3 and supervisors:
            witness.killed_supervisors += 1
            kill(supervisors[0])
        elif pid is not None:
            witness.killed_servers.append(time.monotonic())
            kill(pid)


def kill(pid: int) -> None:
    """End a process, which may just have ended by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.mark.parametrize("commands", COMMANDS)
def test_no_row_is_lost_and_no_process_is_left(
    commands: int,
    home: Path,
    environment: dict[str, str],
    mlpredict: Command,
    digits: list[Path],
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    environment = {**environment, "MLPREDICT_HOME": str(home)}
    assert mlpredict("predict", digits[0], "--no-store").returncode == 0  # the model is compiled
    server = local_server.locate(home)
    witness = Witness()
    predict: list[str | Path] = ["predict", "--format", "jsonl"]

    with ThreadPoolExecutor(STARTED_AT_ONCE) as cold:
        started = [
            cold.submit(run, [*predict, digit], environment, "0.3", witness, None)
            for digit in digits[:STARTED_AT_ONCE]
        ]
    for one in started:
        one.result()
    assert witness.unexplained == []
    assert len(witness.printed) == STARTED_AT_ONCE

    stop = threading.Event()
    killer = threading.Thread(target=keep_killing, args=(server, witness, stop))
    killer.start()

    def work(number: int) -> None:
        chance = random.Random(SEED + number)
        for _ in range(commands // WORKERS):
            images = chance.sample(digits, chance.randint(1, 3))
            kill_after = chance.uniform(0.1, 0.6) if chance.random() < KILLED_COMMANDS else None
            run([*predict, *images], environment, chance.choice(LINGERS), witness, kill_after)
            time.sleep(chance.choice((0, 0, 0.2, 0.6)))

    try:
        with ThreadPoolExecutor(WORKERS) as workers:
            list(workers.map(work, range(WORKERS)))
    finally:
        stop.set()
        killer.join()
    assert witness.unexplained == []

    run([*predict, digits[0]], environment, "0.1", witness, None)
    with psycopg.connect(lifecycle.ensure_running(server)) as connection:
        stored = {row[0] for row in connection.execute("SELECT id FROM predictions")}
        lonely = connection.execute(
            "SELECT count(*) FROM inputs WHERE NOT EXISTS"
            " (SELECT FROM predictions WHERE predictions.inputid = inputs.id)"
        ).fetchone()
    assert witness.printed <= stored
    assert lonely == (0,)
    printed = len(witness.printed)

    run([*predict, digits[0]], environment, "0", witness, None)
    deadline = time.monotonic() + 60
    while left := processes_of(home):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    starts = server.log.read_text().count("starting PostgreSQL")
    counts = {
        "commands": witness.commands,
        "killed commands": witness.killed_commands,
        "starts of the server": starts,
        "killed servers": len(witness.killed_servers),
        "killed supervisors": witness.killed_supervisors,
        "rows printed": printed,
        "rows stored": len(stored),
    }
    for name, count in counts.items():
        record_testsuite_property(name, count)
    assert starts > 2
