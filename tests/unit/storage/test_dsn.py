"""A DSN is taken as it was meant, or refused without a piece of its password."""

from __future__ import annotations

import psycopg
import pytest

from mlpredict.errors import DatabaseError
from mlpredict.storage.dsn import parse, without_secrets


@pytest.mark.parametrize(
    ("dsn", "parameters"),
    [
        (
            "postgresql://me:pw@db.example.org:5432/d",
            {"user": "me", "password": "pw", "host": "db.example.org"},
        ),
        ("postgres://me:p%40s%2Fs%23w@db/d", {"password": "p@s/s#w", "host": "db"}),
        ("postgresql://me:p:a?s#s@db/d", {"password": "p:a?s#s", "host": "db"}),
        ("postgresql://me:pw@/d?host=/run/a%20b", {"host": "/run/a b"}),
        (
            "postgresql://[fe80::1%25eth0]:6432,db-2_a:5432/d",
            {"host": "fe80::1%eth0,db-2_a", "port": "6432,5432"},
        ),
        ("postgresql://me@bücher.example/d", {"host": "bücher.example"}),
        ("postgresql:///d?user=me%40corp", {"user": "me@corp"}),
        (r"host=db password='it\'s a p@ss=w' dbname=d", {"password": "it's a p@ss=w", "dbname": "d"}),
        ("host=@abstract password=a#b/c", {"host": "@abstract", "password": "a#b/c"}),
        ("host=db passfile=/home/me/.pgpass", {"passfile": "/home/me/.pgpass"}),
        ("service=work", {"service": "work"}),
    ],
)
def test_what_is_meant_is_taken(dsn: str, parameters: dict[str, str]) -> None:
    found = parse(dsn)
    assert {name: found[name] for name in parameters} == parameters


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:s3c@r3t#w@db/d",
        "postgresql://me:s3c@r3t#w/d",
        "postgresql://me:s3c@r3t@db:5432/d",
        "postgresql://me:s3c@r3t/pw@db/d",
        "postgresql://me:s3c/r3t@db/d",
        "postgresql://me:12/r3t@db/d",
        "postgresql://me:s3c@r3t?pw@db/d",
        "postgresql://me:s3c@r3t?user=pw@db/d",
        "postgresql://me:s3c/r3t?user=pw@db/d",
        "postgresql://me:s3c%r3t@db/d",
        "postgresql://me:s3c%00r3t@db/d",
        "postgresql://me:s3c@[r3t@db/d",
        "postgresql://me@server:s3cr3t@db/d",
        "postgresql://me:s3cr3t",
        "postgresql://me:s3c r3t/d",
        "postgresql://me:s3cr3t@db/d?password=s3c&r3t",
        "postgresql+psycopg://me:s3cr3t@db/d",
        "mysql://me:s3cr3t@db/d",
        "me:s3cr3t@db",
        "host=db password=s3c r3t dbname=d",
        "host=db password='s3c'r3t dbname=d",
        "host=db password='s3c r3t",
        'host=db password="s3c r3t" dbname=d',
        "host=db password=s3c port=r3t",
        "host=db;password=s3cr3t;user=me",
        "host=db,password=s3cr3t",
        "host=db dbname=d;pwd=s3cr3t",
        "host=db dbname=postgresql://me:s3cr3t@db/d",
        "host=s3c#r3t",
        "Host=db;Password=s3cr3t",
        "jdbc:postgresql://db/d?user=me&password=s3cr3t",
    ],
)
def test_a_dsn_in_which_a_password_may_be_torn_is_refused_without_it(dsn: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        parse(dsn)
    said = f"{raised.value.message} {raised.value.hint}"
    assert "s3c" not in said
    assert "r3t" not in said
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_it_is_said_how_to_write_the_password() -> None:
    with pytest.raises(DatabaseError) as raised:
        parse("postgresql://me:s3c@r3t@db/d")
    assert "percent-encoded: @ is %40" in (raised.value.hint or "")


def test_what_the_driver_says_is_said_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "fr0m env")
    error = psycopg.OperationalError('no "s3cr3t" and "fr0m env" at "s3cr3ts"')
    assert without_secrets(error, {"password": "s3cr3t"}) == 'no "…" and "…" at "s3cr3ts"'
