"""Which clusters and which databases `--ray` takes."""

from __future__ import annotations

import pytest

from mlpredict.api.reachable import cluster_address, require_reachable, require_shared
from mlpredict.errors import UsageError

OTHERS = ["10.0.0.2"]


@pytest.mark.parametrize("text", ["local", "auto", "", "head", "ray://head:10001", "head:0", "head:99999"])
def test_only_an_address_of_a_cluster_is_one(text: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        cluster_address(text)


def test_addresses() -> None:
    assert cluster_address("head.example.org:6379") == ("head.example.org", 6379)
    assert cluster_address("[::1]:6379") == ("::1", 6379)


def test_without_a_dsn_the_reason_is_told() -> None:
    with pytest.raises(UsageError, match="cannot reach the local PostgreSQL"):
        require_shared(None, None)


@pytest.mark.parametrize("dsn", ["postgresql://me:secret@db/x", "host=db password=secret"])
def test_a_password_on_the_command_line_is_refused(dsn: str) -> None:
    with pytest.raises(UsageError, match="dashboard") as refused:
        require_shared(dsn, dsn)
    assert "secret" not in refused.value.in_full
    assert require_shared(dsn, None) == dsn


@pytest.mark.parametrize(
    "dsn",
    ["dbname=x", "host=/run dbname=x", "postgresql://localhost/x", "postgresql://[::1]/x", "host=127.0.0.1"],
)
def test_a_database_of_this_machine_is_refused_where_there_are_others(
    monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    require_reachable(dsn, [])
    with pytest.raises(UsageError, match="another machine on each node"):
        require_reachable(dsn, OTHERS)


@pytest.mark.parametrize("dsn", ["postgresql://db.example.org/x", "host=10.0.0.9", "service=night"])
def test_a_database_elsewhere_is_taken(dsn: str) -> None:
    require_reachable(dsn, OTHERS)
