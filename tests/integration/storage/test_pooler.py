"""Behind pgbouncer: sessions are shared with other programs, and nothing of ours stays in them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from mlpredict.storage.migrations import migrate
from mlpredict.storage.pool import open_reads
from tests.conftest import Command
from tests.serving import File, serving
from tests.tcp_server import PASSWORD, TcpServer

PGBOUNCER = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
SESSION = """
    SELECT current_setting('statement_timeout'), current_setting('default_transaction_read_only'),
           current_setting('DateStyle'), current_setting('TimeZone'), current_setting('search_path'),
           current_setting('lock_timeout'), current_setting('extra_float_digits')
"""
pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def pooled(server: TcpServer, directory: Path, mode: str) -> Iterator[str]:
    """A server's databases behind a pooler with two sessions."""
    password = PASSWORD.replace("'", "''")
    target = f"host=127.0.0.1 port={server.port} user=tester password='{password}'"
    port = free_port()
    path = directory / "pgbouncer.ini"
    path.write_text(
        f"[databases]\n* = {target}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"auth_type = any\npool_mode = {mode}\ndefault_pool_size = 2\nunix_socket_dir =\n"
    )
    assert PGBOUNCER is not None
    command = [PGBOUNCER, str(path)]
    if os.geteuid() == 0:  # it does not run as root
        directory.chmod(0o755)
        path.chmod(0o644)
        command = [PGBOUNCER, "-u", "nobody", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"postgresql://tester@127.0.0.1:{port}/pooled"
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def direct(tcp_server: TcpServer) -> Iterator[str]:
    """A database with the schema, reached without the pooler."""
    with psycopg.connect(tcp_server.dsn, autocommit=True) as administrator:
        administrator.execute("CREATE DATABASE pooled")
        dsn = make_conninfo(tcp_server.dsn, dbname="pooled")
        with psycopg.connect(dsn, autocommit=True) as connection:
            migrate(connection)
        yield dsn
        administrator.execute("DROP DATABASE pooled WITH (FORCE)")


@pytest.fixture
def pooler_directory(public_directory: Path) -> Path:
    directory = public_directory / f"pooler-{os.getpid()}"
    directory.mkdir(exist_ok=True)
    return directory


def test_predict_and_serve_leave_nothing_in_the_sessions_of_others(
    mlpredict: Command,
    environment: dict[str, str],
    tcp_server: TcpServer,
    direct: str,
    pooler_directory: Path,
    digits: list[Path],
) -> None:
    with psycopg.connect(direct, autocommit=True) as connection:
        connection.execute("ALTER DATABASE pooled SET DateStyle = 'German'")
        connection.execute("ALTER DATABASE pooled SET TimeZone = 'Asia/Tokyo'")
        connection.execute("ALTER DATABASE pooled SET lock_timeout = '7s'")
    with psycopg.connect(direct) as connection:
        untouched = connection.execute(SESSION).fetchone()
    with pooled(tcp_server, pooler_directory, "transaction") as dsn:
        with serving(environment, "--dsn", dsn) as served:
            content = digits[0].read_bytes()
            for number in range(10):
                for key in [{}] if number % 2 else 2 * [{"Idempotency-Key": str(number)}]:
                    assert served.post("/v1/predictions", File(content), headers=key).status == 201
                assert served.ask("/v1/predictions").status == 200
            with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as other:
                for _ in range(4):  # of two sessions
                    assert other.execute(SESSION).fetchone() == untouched
                assert other.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
            # Batches beside the server, on the same two sessions.
            done = mlpredict("predict", *digits, *digits, "--batch-size", "1", "--dsn", dsn, "--json")
            assert (done.returncode, len(json.loads(done.stdout))) == (0, 2 * len(digits))
            for part in ("0/2", "auto"):
                done = mlpredict("predict", *digits, "--run-key", "k", "--part", part, "--dsn", dsn)
                assert done.returncode == 0, done.stderr
            assert b"is finished" in done.stderr
        assert served.said == []
        assert mlpredict("list", "--all", "--dsn", dsn, "--json").returncode == 0
    with psycopg.connect(direct) as connection:
        assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (10 + 3 * len(digits),)


def test_statement_mode_has_no_transactions_which_is_said(
    mlpredict: Command, tcp_server: TcpServer, direct: str, pooler_directory: Path, digits: list[Path]
) -> None:
    with pooled(tcp_server, pooler_directory, "statement") as dsn:
        done = mlpredict("predict", digits[0], "--dsn", dsn, "--retry", "0")
    assert done.returncode == 3
    assert b"transaction blocks not allowed in statement pooling mode" in done.stderr
    assert done.stdout == b""
    with psycopg.connect(direct) as connection:
        assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (0,)


def test_a_pool_reads_in_transactions_that_write_nothing(dsn: str) -> None:
    with open_reads(dsn) as reads, reads.repository() as repository:
        (limit,) = repository._connection.execute("SHOW statement_timeout").fetchone() or ("",)
        assert limit == "30s"
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            repository._connection.execute("DELETE FROM predictions")
