"""The server's beginning and end, and what it lives through between them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from mlpredict.storage.server import lease, lifecycle
from mlpredict.storage.server.local_server import LocalServer
from tests.benchmarks.inputs import write_digits
from tests.conftest import COMMAND, Command
from tests.proxy import Proxy
from tests.runs import stored_in
from tests.serving import Answer, File, Served, serving
from tests.tcp_server import TcpServer

IMAGES = 400
CLIENTS = 8
pytestmark = pytest.mark.usefixtures("compiled")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Images of which no two are alike."""
    directory = tmp_path_factory.mktemp("images")
    write_digits(directory, IMAGES, None)
    contents = [path.read_bytes() for path in sorted(directory.iterdir())]
    assert len(set(contents)) == IMAGES
    return contents


class Crowd:
    """Clients that post every image once, however that ends."""

    def __init__(self, served: Served, images: Sequence[bytes]) -> None:
        self._served = served
        self._images = images
        self._lock = threading.Lock()
        self.answers: list[Answer] = []
        self.lost = 0
        """Requests that were not answered at all."""

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._posts = [self._pool.submit(self._post, image) for image in self._images]
        return self

    def __exit__(self, *_: object) -> None:
        for post in self._posts:
            post.result(60)
        self._pool.shutdown()

    def wait_for(self, count: int) -> None:
        """Return when so many have their answers."""
        while len(self.answers) < count:
            time.sleep(0.005)

    def give_up(self) -> None:
        """Send what is not sent yet no more."""
        for post in self._posts:
            post.cancel()
        self._posts = [post for post in self._posts if not post.cancelled()]

    @property
    def ids(self) -> set[int]:
        """The predictions that were answered."""
        return {one.json["prediction_id"] for one in self.answers if one.status == 200}

    @property
    def statuses(self) -> Counter[int]:
        return Counter(one.status for one in self.answers)

    def _post(self, image: bytes) -> None:
        try:
            answer = self._served.post("/prediction/", File(image))
        except OSError:
            with self._lock:
                self.lost += 1
            return
        with self._lock:
            self.answers.append(answer)
        if answer.status == 503:
            assert int(answer.headers["retry-after"]) > 0
            time.sleep(0.1)


def answers_again(served: Served, path: str) -> None:
    """Ask until there is an answer."""
    deadline = time.monotonic() + 60
    while served.ask(path).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_it_when_all_that_was_accepted_is_answered(
    environment: dict[str, str], dsn: str, images: list[bytes], number: int
) -> None:
    with serving(environment, "--dsn", dsn) as served:
        with Crowd(served, images) as crowd:
            crowd.wait_for(50)
            served.process.send_signal(number)
            crowd.give_up()
        assert served.process.wait(60) == 0
        assert served.process.stdout is not None
        assert served.process.stdout.read() == ""
    assert served.said == []
    assert set(crowd.statuses) == {200}
    stored = stored_in(dsn)
    assert crowd.ids == stored.ids
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*), count(finished_at) FROM runs").fetchone() == (1, 1)


def test_a_database_that_is_killed_is_started_again_and_nothing_is_stored_twice(
    environment: dict[str, str], server: LocalServer, home: Path, images: list[bytes]
) -> None:
    environment = {**environment, "MLPREDICT_HOME": str(home)}
    with serving(environment) as served:
        with Crowd(served, images) as crowd:
            for count in (50, 150, 250):
                crowd.wait_for(count)
                pid = lifecycle.owner_pid(server)
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
        pid = lifecycle.owner_pid(server)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        answers_again(served, "/v1/predictions")  # reading alone starts it, too
        assert served.post("/prediction/", File(images[0])).status == 200
        assert served.stop() == 0
    assert crowd.lost == 0
    assert set(crowd.statuses) <= {200, 503}
    assert crowd.statuses[200] > IMAGES / 2
    with lifecycle.attached(server) as conninfo:
        stored = stored_in(conninfo)
    assert crowd.ids <= stored.ids
    assert len(stored.ids) <= IMAGES + 1
    assert stored.doubled <= 1  # the one that was posted once more at the end


def test_a_commit_whose_answer_is_lost_counts_once(
    environment: dict[str, str], proxy: Proxy, tcp_server: TcpServer, images: list[bytes]
) -> None:
    with serving(environment, "--dsn", proxy.dsn(tcp_server.dsn)) as served:
        proxy.swallows = lambda commit: commit % 3 == 0
        with Crowd(served, images) as crowd:
            pass
        assert served.stop() == 0
    assert crowd.statuses == {200: IMAGES}
    stored = stored_in(tcp_server.dsn)
    assert crowd.ids == stored.ids
    assert (stored.images, stored.doubled, stored.lonely) == (IMAGES, 0, 0)


def test_a_database_that_is_away_is_said_and_comes_back(
    environment: dict[str, str], proxy: Proxy, tcp_server: TcpServer, images: list[bytes]
) -> None:
    with serving(environment, "--dsn", proxy.dsn(tcp_server.dsn)) as served:
        assert served.post("/prediction/", File(images[0])).status == 200
        assert served.ask("/readyz").status == 200
        proxy.cut()
        with ThreadPoolExecutor() as pool:
            post = pool.submit(served.post, "/prediction/", File(images[1]))
            reads = pool.map(served.ask, ("/v1/predictions", "/readyz"))
            posted, read, ready = post.result(), *reads
        assert served.ask("/healthz").status == 200
        for answer in (posted, read, ready):
            assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True)
            # Where the database is, is nothing for a client.
            assert str(proxy.port) not in answer.body.decode()
        proxy.restore()
        answers_again(served, "/v1/predictions")
        deadline = time.monotonic() + 60
        while served.post("/prediction/", File(images[2])).status != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert served.stop() == 0
    assert [line for line in served.said if "s3cret" in line] == []
    assert len(stored_in(tcp_server.dsn).ids) == 2


def test_the_local_database_is_kept_as_long_as_the_server_runs(
    environment: dict[str, str], server: LocalServer, home: Path
) -> None:
    environment = {**environment, "MLPREDICT_HOME": str(home), "MLPREDICT_PG_LINGER": "0"}
    with serving(environment) as served:
        usage = lease.usage(server.root)
        assert usage is not None
        assert usage.in_use
        assert lifecycle.is_running(server)
        assert served.stop() == 0
    deadline = time.monotonic() + 60
    while lifecycle.is_running(server):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children_of(pid: int) -> set[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return {int(line) for line in found.stdout.split()}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_share_the_port_and_are_started_again(
    environment: dict[str, str], dsn: str, images: list[bytes]
) -> None:
    with serving(environment, "--dsn", dsn, "--workers", "2") as served:
        workers = children_of(served.process.pid)
        assert len(workers) == 2
        with Crowd(served, images) as crowd:
            pass
        assert crowd.statuses == {200: IMAGES}
        numbers = served.ask("/metrics").body.decode()
        total = f'mlpredict_requests_total{{method="POST",route="/prediction/",status="200"}} {IMAGES}.0'
        assert total in numbers
        killed = workers.pop()
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while len(children_of(served.process.pid) - {killed}) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert served.post("/prediction/", File(images[0])).status == 200
        assert served.stop() == 0
    assert served.said == [f"mlpredict: worker {killed} has died; starting another"]
    assert len(stored_in(dsn).ids) == IMAGES + 1


def test_no_worker_and_no_file_outlives_the_process_above(
    environment: dict[str, str], dsn: str, tmp_path: Path
) -> None:
    environment = {**environment, "TMPDIR": str(tmp_path)}
    with serving(environment, "--dsn", dsn, "--workers", "2") as served:
        workers = children_of(served.process.pid)
        assert list(tmp_path.iterdir())  # their numbers, which they share
        served.process.kill()
        deadline = time.monotonic() + 60
        while any(map(is_alive, workers)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


def test_workers_that_cannot_begin_end_all_with_their_reason(
    environment: dict[str, str], mlpredict: Command, tmp_path: Path, dsn: str
) -> None:
    done = mlpredict("serve", "--workers", "2", "--port", "0", "--dsn", dsn, "--model", tmp_path / "no.keras")
    assert done.returncode == 4
    assert done.stderr.decode().count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--host", "0.0.0.0"], 2, "is open to other machines; give a --token"),
        (["--host", "no.such.host.invalid"], 2, "--host no.such.host.invalid: "),
        (["--token", ""], 2, "--token: "),
        (["--token", "two words"], 2, "--token: "),
        (["--max-upload", "much"], 2, "--max-upload: 'much' is no size"),
        (["--port", "70000"], 2, "--port"),
        (["--model", "no.keras", "--port", "0"], 4, "no.keras"),
        (["--dsn", "host=/no/where", "--port", "0"], 3, "/no/where"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(
    mlpredict: Command, arguments: list[str], status: int, words: str
) -> None:
    done = mlpredict("serve", *arguments)
    said = done.stderr.decode()
    assert (done.returncode, said.count("\n")) == (status, 1)
    assert words in said


def test_a_port_that_is_taken_is_said(mlpredict: Command, served: Served) -> None:
    done = mlpredict("serve", "--port", str(served.port))
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"mlpredict: --host 127.0.0.1 --port {served.port}: address already in use; "
        "--port 0 takes a port that is free\n"
    )


def test_it_is_said_where_packages_are_missing(environment: dict[str, str]) -> None:
    code = "import sys; sys.modules['fastapi'] = None\n" + COMMAND[2]
    done = subprocess.run(
        [sys.executable, "-c", code, "serve"], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "mlpredict: packages that serve needs are missing; install mlpredict again, with what it depends on\n"
    )


def test_the_token_and_file_names_stay_out_of_what_is_said(environment: dict[str, Any], dsn: str) -> None:
    environment = {**environment, "MLPREDICT_TOKEN": "open-sesame"}
    name = "\x1b[2J%0a.png"
    with serving(environment, "--dsn", dsn, "-v") as served:
        key = {"Authorization": "Bearer open-sesame"}
        assert served.post("/prediction/", File(b"x", name)).status == 401
        assert served.post("/prediction/", File(b"x", name), headers=key).status == 400
        assert served.ask("/prediction/%1b%5b2J", headers=key).status == 422
        assert served.ask("/v1/model").headers["www-authenticate"] == "Bearer"
        assert served.ask("/readyz").status == 200
        assert served.stop() == 0
    said = "\n".join(served.said)
    assert '"POST /prediction/ HTTP/1.1" 400' in said
    assert "\x1b" not in said
    assert "sesame" not in said
