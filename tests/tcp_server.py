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
        server = cls(_free_port())
        settings = [f"-cport={server.port}", "-clisten_addresses=127.0.0.1", "-cunix_socket_directories="]
        settings += ["-cfsync=off", "-cfull_page_writes=off"]  # no machine crashes here
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen(
                [bindir / "postgres", "-D", directory / "data", *settings], stdout=log, stderr=log, **options
            )
        try:
            server._wait()
            yield server
        finally:
            process.terminate()
            process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.dsn).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


assert os.name == "posix", "the tests start servers of their own, on Linux and macOS"
