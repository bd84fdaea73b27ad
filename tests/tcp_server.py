"""A PostgreSQL on a TCP port with a password, as a real one is reached."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from mlpredict.storage.server import service_account
from mlpredict.storage.server.pg_binaries import find_binaries

PASSWORD = "s3cret pass'word"
START_SECONDS = 60
PORTS_TRIED = 5


@dataclass(frozen=True, slots=True)
class TcpServer:
    """Where the server listens."""

    port: int

    @property
    def dsn(self) -> str:
        """A DSN of its `postgres` database, as a URL."""
        return f"postgresql://tester:s3cret%20pass%27word@127.0.0.1:{self.port}/postgres"

    @classmethod
    @contextmanager
    def started(cls, directory: Path) -> Iterator[TcpServer]:
        """A running server with its files in `directory`, which is made."""
        account = service_account.account_for(directory)
        bindir = service_account.runnable(find_binaries(), account)
        directory.mkdir(mode=0o700)
        password = directory / "password"
        password.write_text(PASSWORD)
        for path in (directory, password):
            os.chown(path, account.uid, account.gid)
        options = {"cwd": directory, **account.popen_options()}
        initdb = [
            str(bindir / "initdb"),
            "-D",
            str(directory / "data"),
            "--username=tester",
            f"--pwfile={password}",
        ]
        subprocess.run(
            [*initdb, "--auth=scram-sha-256", "--no-sync"], check=True, capture_output=True, **options
        )
        with cls._running(bindir, directory, options) as server:
            yield server

    @contextmanager
    def standby(self, directory: Path) -> Iterator[TcpServer]:
        """Another server, which follows this one and stores nothing of its own."""
        account = service_account.account_for(directory)
        bindir = service_account.runnable(find_binaries(), account)
        directory.mkdir(mode=0o700)
        os.chown(directory, account.uid, account.gid)
        options = {"cwd": directory, **account.popen_options()}
        copying = [bindir / "pg_basebackup", "-D", directory / "data", "-R", "-cfast", "-d", self.dsn]
        subprocess.run([*map(str, copying)], check=True, capture_output=True, timeout=120, **options)
        with self._running(bindir, directory, options) as server:
            yield server

    @classmethod
    @contextmanager
    def _running(cls, bindir: Path, directory: Path, options: dict[str, Any]) -> Iterator[TcpServer]:
        for _ in range(PORTS_TRIED):
            server = cls(port_that_was_free())
            with server._postgres(bindir, directory, options) as process:
                if server._is_up(process, directory / "data"):
                    yield server
                    return
        raise AssertionError((directory / "log").read_text())

    @contextmanager
    def _postgres(
        self, bindir: Path, directory: Path, options: dict[str, Any]
    ) -> Iterator[subprocess.Popen[bytes]]:
        settings = [f"-cport={self.port}", "-clisten_addresses=127.0.0.1", "-cunix_socket_directories="]
        settings += ["-cfsync=off", "-cfull_page_writes=off"]  # no machine crashes here
        with open(directory / "log", "ab") as log:
            process = subprocess.Popen(
                [bindir / "postgres", "-D", directory / "data", *settings], stdout=log, stderr=log, **options
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait()

    def _is_up(self, process: subprocess.Popen[bytes], data: Path) -> bool:
        """Wait until it answers; False when it has ended, as where somebody else took the port first."""
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None:
            try:
                with psycopg.connect(self.dsn) as connection:
                    answering = connection.execute("SHOW data_directory").fetchone()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
            else:
                if answering == (str(data),):  # and not the other one on the port
                    return True
            time.sleep(0.05)
        return False


def port_that_was_free() -> int:
    """PostgreSQL takes no socket: between this and its start, others may take the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


assert os.name == "posix", "the tests start servers of their own, on Linux and macOS"
