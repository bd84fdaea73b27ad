"""What tests of the local server's life, of storing and of lost connections share."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from mlpredict.domain import EngineName, Keep, Run
from mlpredict.storage.repository import Repository, open_repository
from mlpredict.storage.server import lifecycle, local_server, service_account
from mlpredict.storage.server.local_server import LocalServer
from tests.buckets import Bucket, network_before, s3_server
from tests.cloud_servers.google import ServiceAccount
from tests.clouds import OWN, Cloud, azure_container, azurite, azurite_container, google_bucket
from tests.conftest import Command, environment_of_command
from tests.local_servers import LONG, make_home
from tests.proxy import Proxy, proxy_to
from tests.rows import model
from tests.serving import Served, serving
from tests.tcp_server import TcpServer

bucket_numbers = count(1)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home; whatever server comes to live in it is stopped afterwards."""
    directory = make_home()
    monkeypatch.setattr(service_account, "SYSTEM_HOME", directory / "system")
    yield directory
    for place in (directory, directory / LONG, directory / "mine"):
        lifecycle.stop(local_server.locate(place))
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def prepared() -> Iterator[Path]:
    """A home whose server is stopped, to be copied: initialising takes most of a test's time."""
    directory = make_home()
    server = local_server.locate(directory)
    lifecycle.ensure_running(server)
    lifecycle.stop(server)
    yield directory / "pg18"
    shutil.rmtree(directory)


@pytest.fixture
def server(home: Path, prepared: Path) -> LocalServer:
    """A server that has a database and is stopped."""
    subprocess.run(["cp", "-a", prepared, home / "pg18"], check=True)
    return local_server.locate(home)


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalServer]:
    """A running server, for tests that only look at it."""
    directory = make_home()
    server = local_server.locate(directory)
    lifecycle.ensure_running(server)
    yield server
    lifecycle.stop(server)
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def served(dsn_of_module: str, cache_home: Path, public_directory: Path, compiled: None) -> Iterator[Served]:
    """A server that all the tests of a module ask."""
    environment = environment_of_command(cache_home, public_directory)
    with serving(environment, "--dsn", dsn_of_module) as server:
        yield server


@pytest.fixture
def proxy(tcp_server: TcpServer, mlpredict: Command) -> Iterator[Proxy]:
    """A way to an empty database of ours that can be cut."""
    with psycopg.connect(tcp_server.dsn, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    assert mlpredict("init-db", "--dsn", tcp_server.dsn).returncode == 0
    with proxy_to(tcp_server.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def s3() -> Iterator[tuple[str, int]]:
    """Where an S3 server listens."""
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(s3: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket of the test's own, which this process reaches by a network that can fail."""
    with network_before(s3) as (network, address):
        bucket = Bucket(f"bucket-{next(bucket_numbers)}", address, network)
        bucket.make()
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        yield bucket


@pytest.fixture(scope="session")
def google_account() -> ServiceAccount:
    """Whom the server of `gs://` knows."""
    return ServiceAccount()


@pytest.fixture(scope="session")
def azurite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Where Azurite listens."""
    if shutil.which("azurite-blob") is None:
        pytest.skip("Azurite is not installed: `npm install azurite`, and its folder on the PATH")
    with azurite(tmp_path_factory.mktemp("azurite")) as address:
        yield address


@pytest.fixture(params=["gs", "az", "azurite"])
def cloud(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """An empty bucket of Google's or container of Azure's, reached by a network that can fail."""
    name = f"bucket-{next(bucket_numbers)}"
    match request.param:
        case "gs":
            opened = google_bucket(name, request.getfixturevalue("google_account"), tmp_path)
        case "az":
            opened = azure_container(name)
        case _:
            opened = azurite_container(name, request.getfixturevalue("azurite_server"))
    for variable in [one for one in os.environ if one.startswith(OWN)]:
        monkeypatch.delenv(variable)
    with opened as cloud:
        for variable, value in cloud.environment.items():
            monkeypatch.setenv(variable, value)
        yield cloud


@pytest.fixture
def repository(dsn: str) -> Iterator[Repository]:
    """The repository of `dsn`."""
    with open_repository(dsn) as repository:
        yield repository


@pytest.fixture
def run(repository: Repository) -> Run:
    """A run that has started."""
    return repository.start_run(model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
