"""One run in parts by processes of their own, which are killed, interrupted, doubled and kept waiting."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.benchmarks.inputs import write_digits
from tests.conftest import Command
from tests.proxy import Proxy
from tests.runs import Running, running
from tests.slowed import slow_down
from tests.tcp_server import TcpServer

IMAGES = 3000
KILLS = 9
SEED = 20261125

pytestmark = pytest.mark.usefixtures("compiled")

Asking = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("images")
    write_digits(directory, IMAGES, None)
    return directory


@contextmanager
def several(
    environment: dict[str, str], dsn: str, folder: Path, *parts: str, key: str = "night"
) -> Iterator[list[Running]]:
    """Processes that do parts of one run at once."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                running(environment, folder, "--dsn", dsn, "--run-key", key, "--part", part, "--quiet")
            )
            for part in parts
        ]


def finished(processes: list[Running]) -> list[tuple[int, list[str]]]:
    """Read all of what they print at once: one that nobody reads waits, and others for it."""
    with ThreadPoolExecutor(len(processes)) as pool:
        return list(pool.map(Running.finish, processes))


def whole(connection: Asking) -> tuple[int, int, int, int]:
    """Of the only run: predictions, different positions, what the ledger has, parts that are not done."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM predictions), (SELECT count(DISTINCT position) FROM predictions),"
        " (SELECT coalesce(sum(last - first + 1), 0)::bigint FROM run_parts),"
        " (SELECT count(*) FROM run_claims WHERE NOT done) FROM (SELECT count(*) AS n FROM runs) AS r"
        " WHERE n = 1"
    ).fetchone()
    assert row is not None
    counts: tuple[int, int, int, int] = row
    return counts


def ended(connection: Asking) -> str | None:
    ((how,),) = connection.execute("SELECT ended FROM runs").fetchall()
    return how  # type: ignore[no-any-return]


@pytest.mark.parametrize("parts", [("0/3", "1/3", "2/3"), ("auto", "auto", "auto"), ("1/2", "auto", "0/2")])
def test_processes_that_start_at_once_do_one_run(
    environment: dict[str, str], dsn: str, folder: Path, connection: Asking, parts: tuple[str, ...]
) -> None:
    with several(environment, dsn, folder, *parts) as processes:
        done = finished(processes)
    if parts[1] == "auto" and parts[0] != "auto" and done[0][0] == 2:
        # The one that finds free parts was first, and divided the run in its own way.
        assert "it has " in done[0][1][0]
        return
    assert done == [(0, [])] * len(parts)
    assert whole(connection) == (IMAGES, IMAGES, IMAGES, 0)
    assert ended(connection) == "finished"
    assert sum(len(one.printed) for one in processes) == IMAGES
    assert len(set[int]().union(*(one.ids for one in processes))) == IMAGES
    names = [row[0] for row in connection.execute("SELECT filename FROM predictions ORDER BY position")]
    assert names == sorted(names)


def test_two_attempts_at_one_part_store_it_once(
    environment: dict[str, str], dsn: str, folder: Path, connection: Asking
) -> None:
    with several(environment, dsn, folder, "0/1", "0/1") as processes:
        assert finished(processes) == [(0, [])] * 2
    first, second = processes
    assert whole(connection) == (IMAGES, IMAGES, IMAGES, 0)
    assert first.ids | second.ids == {row[0] for row in connection.execute("SELECT id FROM predictions")}
    assert not first.ids & second.ids


def test_killed_at_any_moment_each_position_is_there_once(
    environment: dict[str, str], dsn: str, folder: Path, connection: Asking
) -> None:
    chance = random.Random(SEED)
    slow_down(connection, "predictions", 0.05)
    printed: list[int] = []
    for kill in range(KILLS):
        part = "auto" if kill % 3 == 2 else f"{kill % 2}/2"
        with several(environment, dsn, folder, "0/2" if kill == 0 else part) as (process,):
            if kill % 4 == 3:
                time.sleep(chance.uniform(0.2, 0.9))
            else:
                process.read_lines(chance.randint(1, 200))
            process.process.kill()
            process.finish()
        printed += process.ids
    stored, positions, entered, _ = whole(connection)
    assert stored == positions == entered
    assert 0 < stored < IMAGES
    assert len(printed) == len(set(printed)) <= stored
    with several(environment, dsn, folder, "0/2", "1/2") as processes:
        assert finished(processes) == [(0, [])] * 2
    assert whole(connection) == (IMAGES, IMAGES, IMAGES, 0)
    assert ended(connection) == "finished"
    with several(environment, dsn, folder, "0/2", "auto") as processes:
        assert finished(processes) == [(0, [])] * 2
    assert [one.printed for one in processes] == [[], []]


def test_a_process_that_was_killed_here_is_not_waited_for(
    environment: dict[str, str], dsn: str, folder: Path, connection: Asking
) -> None:
    with several(environment, dsn, folder, "auto") as (process,):
        process.read_lines(1)
        process.process.kill()
        process.finish()
    held = connection.execute("SELECT count(*) FROM run_claims WHERE attempt IS NOT NULL AND NOT done")
    assert held.fetchone() != (0,)
    began = time.monotonic()
    with several(environment, dsn, folder, "auto") as (process,):
        assert process.finish() == (0, [])
    assert time.monotonic() - began < 30
    assert whole(connection) == (IMAGES, IMAGES, IMAGES, 0)


def test_a_signal_to_one_leaves_the_others(
    environment: dict[str, str], dsn: str, folder: Path, connection: Asking
) -> None:
    with several(environment, dsn, folder, "0/2", "1/2") as (first, second):
        first.read_lines(1)
        first.process.send_signal(signal.SIGINT)
        status, said = first.finish()
        assert second.finish() == (0, [])
    assert (status, ended(connection)) == (130, None)
    assert "--skip-existing" not in said[-1]
    assert said[-1].endswith("go on with the same command")
    state = connection.execute("SELECT done, attempt FROM run_claims ORDER BY part").fetchall()
    assert state[0] == (False, None)
    assert state[1][0] is True
    with several(environment, dsn, folder, "0/2") as (again,):
        assert again.finish() == (0, [])
    assert whole(connection) == (IMAGES, IMAGES, IMAGES, 0)
    assert len(first.ids | second.ids | again.ids) == IMAGES
    assert ended(connection) == "finished"


@pytest.mark.parametrize("every", [2, 3])
def test_a_commit_whose_answer_is_lost_counts_once(
    environment: dict[str, str], proxy: Proxy, tcp_server: TcpServer, folder: Path, every: int
) -> None:
    proxy.swallows = lambda commit: commit % every == 1  # the first one is the run's
    with several(environment, proxy.dsn(tcp_server.dsn), folder, "0/1") as (process,):
        assert process.finish() == (0, [])
    assert proxy.commits > IMAGES / 256
    with psycopg.connect(tcp_server.dsn) as connection:
        assert whole(connection) == (IMAGES, IMAGES, IMAGES, 0)
        assert ended(connection) == "finished"
        ids = {row[0] for row in connection.execute("SELECT id FROM predictions")}
    assert (len(process.printed), process.ids) == (IMAGES, ids)


def few(tmp_path: Path, digits: list[Path], count: int = 5) -> Path:
    folder = tmp_path / "few"
    folder.mkdir()
    for digit in digits[:count]:
        shutil.copy(digit, folder)
    return folder


def test_more_parts_than_images(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path, connection: Asking
) -> None:
    folder = few(tmp_path, digits, 2)
    for part in range(5):
        done = mlpredict("predict", folder, "--json", "--run-key", "k", "--part", f"{part}/5", "--dsn", dsn)
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)) == (part in (2, 4))
    assert ended(connection) == "finished"
    assert b"part 4/5; run 1 of 2 images is finished" in done.stderr
    again = mlpredict("predict", folder, "--run-key", "k", "--part", "4/5", "--dsn", dsn)
    assert b"part 4/5 was there already; run 1 of 2 images is finished" in again.stderr


def test_failures_are_stored_once_too(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path, connection: Asking
) -> None:
    folder = few(tmp_path, digits)
    (folder / "0-broken.png").write_bytes(b"nothing")
    ask = ("predict", folder, folder / "none.png", "--run-key", "k", "--dsn", dsn, "--part")
    assert [mlpredict(*ask, part).returncode for part in ("0/2", "0/2", "1/2", "1/2", "auto")] == [
        1,
        0,
        1,
        0,
        0,
    ]
    rows = connection.execute("SELECT position, reason FROM failures ORDER BY 1").fetchall()
    assert [row[0] for row in rows] == [1, 6]
    assert rows[1][1] == "no such file or folder"
    record = json.loads(mlpredict("runs", "1", "--json", "--dsn", dsn).stdout)[0]
    told = (
        record["predictions"],
        record["failures"],
        record["images"],
        record["parts"],
        record["parts_done"],
    )
    assert told == (5, 2, 7, 2, 2)
    assert [part["state"] for part in record["part_states"]] == ["done", "done"]
    assert [sum(part["by"].values()) for part in record["part_states"]] == [3, 4]


def test_what_a_run_has_left_is_shown(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path, connection: Asking
) -> None:
    folder = few(tmp_path, digits)
    mlpredict("predict", folder, "--run-key", "k", "--part", "1/3", "--dsn", dsn)
    connection.execute(
        "UPDATE run_claims SET host = 'far', attempt = 'far:1:x', held_until = now() - interval '1 hour'"
        " WHERE part = 2"
    )
    (record,) = json.loads(mlpredict("runs", "last", "--json", "--dsn", dsn).stdout)
    assert (record["run_key"], record["ended"], record["parts_done"]) == ("k", None, 1)
    states = [(part["state"], part["missing"], part["host"]) for part in record["part_states"]]
    assert [state[0] for state in states] == ["free", "done", "silent"]
    assert states[2] == ("silent", 2, "far")
    shown = mlpredict("runs", "1", "--format", "table", "--dsn", dsn).stdout.decode()
    assert re.search(r"2 +2 +2 +silent +far", shown), shown
    listed = mlpredict("runs", "--format", "table", "--dsn", dsn).stdout.decode()
    assert re.search(r"parts", listed)
    # Who was away is taken over.
    done = mlpredict("predict", folder, "--run-key", "k", "--dsn", dsn)
    assert done.returncode == 0
    assert ended(connection) == "finished"


def refused(mlpredict: Command, dsn: str, *arguments: str | Path, cwd: Path | None = None) -> str:
    done = mlpredict("predict", "--run-key", "k", "--dsn", dsn, *arguments, cwd=cwd)
    assert (done.returncode, done.stdout) == (2, b""), done.stderr
    return done.stderr.decode()


def test_a_key_is_one_run(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path, connection: Asking
) -> None:
    folder = few(tmp_path, digits)
    assert mlpredict("predict", folder, "--run-key", "k", "--part", "0/2", "--dsn", dsn).returncode == 0
    begun = "--run-key k is run 1, which began otherwise: "
    said = refused(mlpredict, dsn, folder, "--part", "1/3")
    assert begun + "it has 2 parts there and 3 here; give" in said
    said = refused(mlpredict, dsn, folder, "--keep", "reference", "--max-pixels", "1M", "--skip-existing")
    assert "--keep is original there and reference here; --skip-existing is not given there and given" in said
    assert "--max-pixels is 100000000 there and 1000000 here" in said
    said = refused(mlpredict, dsn, folder, "--labels", "a,b,c,d,e,f,g,h,i,j")
    assert re.search(r"the model is mnist-convnet@\w{8} there and mnist-convnet@\w{8} here", said)
    names = sorted(path.name for path in folder.iterdir())
    (folder / names[1]).rename(folder / "zz.png")
    said = refused(mlpredict, dsn, folder)
    assert (
        f"image 1 is {folder / names[1]} there and {folder / names[2]} here (5 images there, 5 here)" in said
    )
    (folder / "zz.png").rename(folder / names[1])
    (folder / "zz.png").touch()
    assert f"image 5 is none there and {folder / 'zz.png'} here" in refused(mlpredict, dsn, folder)
    (folder / "zz.png").unlink()
    (folder / names[3]).write_bytes((folder / names[0]).read_bytes())
    assert f"{folder / names[3]} is another file: " in refused(mlpredict, dsn, folder)
    assert whole(connection)[0] == 2


def test_another_folder_with_the_same_names(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    for day, digit in [("monday", digits[0]), ("tuesday", digits[1])]:
        (tmp_path / day).mkdir()
        shutil.copy(digit, tmp_path / day / "a.png")
    own = ("predict", ".", "--run-key", "k", "--dsn", dsn)
    assert mlpredict(*own, cwd=tmp_path / "monday").returncode == 0
    said = refused(mlpredict, dsn, ".", cwd=tmp_path / "tuesday")
    assert "./a.png is another file: " in said
    assert f"names start from {tmp_path / 'monday'} there and from {tmp_path / 'tuesday'} here" in said
    # The same files by another way are the same.
    shutil.copytree(tmp_path / "monday", tmp_path / "mounted")
    assert mlpredict(*own, cwd=tmp_path / "mounted").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-"], "an image on stdin has no name"),
        (["x.png", "--no-store"], "--run-key and --no-store exclude each other"),
        (["x.png", "--pages", "all"], "how many pages a file has is known when it is read"),
        (["x.png", "--label-from", "folders"], "labels are stored after their images"),
    ],
)
def test_what_has_no_list_that_stays(
    mlpredict: Command, dsn: str, arguments: list[str], reason: str, connection: Asking
) -> None:
    assert reason in refused(mlpredict, dsn, *arguments)
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_names_that_lead_nowhere_are_no_run(mlpredict: Command, dsn: str, connection: Asking) -> None:
    done = mlpredict("predict", "none.png", "--run-key", "k", "--dsn", dsn)
    assert done.returncode == 1
    assert b"none.png: no such file or folder" in done.stderr
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_list_on_stdin_is_compared_as_well(mlpredict: Command, dsn: str, digits: list[Path]) -> None:
    names = "\n".join(map(str, digits)).encode()
    own = ("predict", "-T", "-", "--run-key", "k", "--dsn", dsn, "--part")
    assert mlpredict(*own, "0/2", stdin=names).returncode == 0
    assert mlpredict(*own, "1/2", stdin=b"\n".join(names.split(b"\n")[:-1])).returncode == 2
    assert mlpredict(*own, "1/2", stdin=names).returncode == 0


def test_what_another_run_has_predicted_is_passed_over(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path, connection: Asking
) -> None:
    folder = few(tmp_path, digits)
    first = sorted(folder.iterdir())[0]
    shutil.copy(first, folder / "zz-again.png")
    assert mlpredict("predict", first, "--dsn", dsn).returncode == 0
    own = ("predict", folder, "--json", "--run-key", "k", "--skip-existing", "--dsn", dsn, "--part")
    counts = [len(json.loads(mlpredict(*own, part).stdout)) for part in ("0/2", "0/2", "1/2", "1/2")]
    assert counts == [2, 0, 2, 0]
    assert connection.execute("SELECT sum(skipped), sum(last - first + 1) FROM run_parts").fetchone() == (
        2,
        6,
    )
    assert connection.execute("SELECT ended FROM runs ORDER BY id DESC").fetchone() == ("finished",)
