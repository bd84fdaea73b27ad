"""The server over TCP that other tests use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import tcp_server as module
from tests.tcp_server import TcpServer


def test_a_port_that_somebody_else_takes_meanwhile_costs_another_try(
    tcp_server: TcpServer, public_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the port is a server of the same password, which must not be taken for the new one."""
    ports: Iterator[int] = iter((tcp_server.port, module.port_that_was_free()))
    monkeypatch.setattr(module, "port_that_was_free", lambda: next(ports))
    directory = public_directory / f"second-{os.getpid()}"
    with TcpServer.started(directory) as second:
        assert second.port != tcp_server.port
        with psycopg.connect(second.dsn) as connection:
            found = connection.execute("SHOW data_directory").fetchone()
        assert found == (str(directory / "data"),)
    assert next(ports, None) is None
