"""What `--ray` says where a cluster and this machine do not go together: a line, and nothing is stored."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.ray.clusters import SECONDS, Nodes, cluster, driver

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled")]

Environment = dict[str, str]
STRANGE = {
    "__version__ = '9.9.9'\n": "node 127.0.0.2 has mlpredict 9.9.9, and this machine",
    "raise ModuleNotFoundError('No module named mlpredict', name='mlpredict')\n": "on each node",
}


def said_of(environment: Environment, nodes: Nodes, dsn: str, image: Path) -> tuple[int, str]:
    """The exit status and what was said, which is one line where the status is not 0."""
    with driver(environment, nodes, dsn, "predict", image) as process:
        printed, said = process.communicate(timeout=SECONDS)
    assert printed == ""
    return process.returncode, said


def refused(environment: Environment, nodes: Nodes, dsn: str, image: Path) -> str:
    """The one line by which a cluster, or its use, is refused."""
    status, said = said_of(environment, nodes, dsn, image)
    (line,) = said.splitlines()
    assert status == 2, said
    return line


def test_another_token_and_none(environment: Environment, nodes: Nodes, dsn: str, digits: list[Path]) -> None:
    without = {name: value for name, value in environment.items() if name != "RAY_AUTH_TOKEN"}
    for others in ({**environment, "RAY_AUTH_TOKEN": "0" * 64}, {**without, "HOME": "/nonexistent"}):
        line = refused(others, nodes, dsn, digits[0])
        assert "its token is another one, or this process has none" in line
        assert environment["RAY_AUTH_TOKEN"] not in line


@pytest.mark.parametrize("content", STRANGE)
def test_a_node_without_this_version(
    environment: Environment, dsn: str, digits: list[Path], tmp_path: Path, content: str
) -> None:
    (tmp_path / "mlpredict").mkdir()
    (tmp_path / "mlpredict" / "__init__.py").write_text(content)
    with cluster({**environment, "PYTHONPATH": str(tmp_path)}) as nodes:
        status, said = said_of(environment, nodes, dsn, digits[0])
    assert (status, STRANGE[content] in said.splitlines()[-1]) == (2, True), said


@pytest.fixture
def encrypted(environment: Environment, tmp_path: Path) -> Iterator[tuple[Nodes, Environment]]:
    """A cluster that uses TLS, and what its drivers need for that."""
    own = {**environment, **certificates(tmp_path / "own")}
    with cluster(own) as nodes:
        yield nodes, own


def test_tls(
    environment: Environment,
    encrypted: tuple[Nodes, Environment],
    dsn: str,
    digits: list[Path],
    tmp_path: Path,
    connection: psycopg.Connection[Any],
) -> None:
    nodes, own = encrypted
    assert "the cluster uses TLS, and this process does not" in refused(environment, nodes, dsn, digits[0])
    other = {**environment, **certificates(tmp_path / "other")}
    assert "certificate is not trusted" in refused(other, nodes, dsn, digits[0])
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    status, said = said_of(own, nodes, dsn, digits[0])
    assert (status, "1 predicted and 0 failed" in said) == (0, True), said


def test_tls_where_the_cluster_has_none(
    environment: Environment, nodes: Nodes, dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    own = {**environment, **certificates(tmp_path / "own")}
    assert "(RAY_USE_TLS), and the cluster does not" in refused(own, nodes, dsn, digits[0])


def certificates(folder: Path) -> Environment:
    """What has Ray use TLS, with a certificate that an authority of its own has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made by openssl, which is not here")
    folder.mkdir()
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,IP:127.0.0.2,DNS:localhost\n")
    new = "-newkey rsa:2048 -nodes -subj /CN=mlpredict-test"
    for words in (
        f"req -x509 -days 1 {new} -keyout ca.key -out ca.crt",
        f"req {new} -keyout node.key -out node.csr",
        "x509 -req -days 1 -in node.csr -CA ca.crt -CAkey ca.key -set_serial 1 -extfile names -out node.crt",
    ):
        subprocess.run(["openssl", *words.split()], check=True, capture_output=True, cwd=folder)
    return {
        "RAY_USE_TLS": "1",
        "RAY_TLS_SERVER_CERT": str(folder / "node.crt"),
        "RAY_TLS_SERVER_KEY": str(folder / "node.key"),
        "RAY_TLS_CA_CERT": str(folder / "ca.crt"),
    }
