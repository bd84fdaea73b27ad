"""Roles with the rights that `init-db --grant-to` gives, and what is said to those without."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from mlpredict.errors import DatabaseError, UsageError
from mlpredict.storage import migrations
from mlpredict.storage.grants import Grant
from mlpredict.storage.labels import require_labelling
from mlpredict.storage.repository import open_repository
from tests.conftest import Command
from tests.controlling_terminal import terminal
from tests.integration.storage.test_planted_objects import store
from tests.serving import File, serving
from tests.tcp_server import TcpServer

AGAIN = b"--skip-existing"
SECRET = "of all roles"

EXTRA_RIGHTS = """
    SELECT table_name, privilege_type FROM information_schema.table_privileges
    WHERE grantee = %s AND privilege_type IN ('DELETE', 'TRUNCATE', 'UPDATE', 'TRIGGER')
    ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Owned:
    """A database and its owner, who is no superuser."""

    administrator: psycopg.Connection[tuple[object, ...]]
    dsn: str
    """As the owner."""

    def role(self, name: str, options: str = "") -> str:
        """A new role's DSN."""
        create = SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(SECRET))
        self.administrator.execute(create)
        return make_conninfo(self.dsn, user=name, options=options)

    def execute(self, statements: str) -> list[tuple[object, ...]]:
        """As a superuser."""
        cursor = self.administrator.execute(statements.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def owned(tcp_server: TcpServer) -> Iterator[Owned]:
    """Nobody but its owner has any right in it."""
    with psycopg.connect(tcp_server.dsn, autocommit=True) as server:
        known = {name for (name,) in server.execute("SELECT rolname FROM pg_roles")}
        server.execute(SQL("CREATE ROLE owning LOGIN PASSWORD {}").format(Literal(SECRET)))
        server.execute("CREATE DATABASE owned OWNER owning")
        server.execute("REVOKE ALL ON DATABASE owned FROM PUBLIC")
        there = make_conninfo(tcp_server.dsn, dbname="owned")
        try:
            with psycopg.connect(there, autocommit=True) as administrator:
                administrator.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
                yield Owned(administrator, make_conninfo(there, user="owning", password=SECRET))
        finally:
            server.execute("DROP DATABASE owned WITH (FORCE)")
            made = server.execute("SELECT rolname FROM pg_roles").fetchall()
            for (name,) in made:
                if name not in known:
                    server.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def test_a_writer_and_a_reader_can_do_what_they_are_for(
    mlpredict: Command, environment: dict[str, str], owned: Owned, digits: list[Path]
) -> None:
    writer, reader = "Wri\"t'er %s:\u00e9", "a b;--:reader"
    writing, reading = owned.role(writer), owned.role(reader)
    done = mlpredict("init-db", "--dsn", owned.dsn, "--grant-to", writer, "--grant-to", f"{reader}:reader")
    assert done.returncode == 0, done.stderr
    assert f"{writer} may store and read in the schema public".encode() in done.stderr
    assert f"{reader} may read in the schema public".encode() in done.stderr

    done = mlpredict("predict", *digits[:3], "--dsn", writing, "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 3
    again = mlpredict("predict", *digits[:4], "--skip-existing", "--dsn", writing, "--json")
    assert len(json.loads(again.stdout)) == 1
    for label in ("0", "1"):
        assert mlpredict("label", "1", label, "--dsn", writing).returncode == 0
    for dsn in (writing, reading):
        assert mlpredict("report", "--dsn", dsn).returncode == 0
        assert len(json.loads(mlpredict("list", "--json", "--dsn", dsn).stdout)) == 4
        assert json.loads(mlpredict("show", "1", "--json", "--dsn", dsn).stdout)[0]["prediction_id"] == 1
        assert mlpredict("show", "1", "--export-image", "-o", "-", "--dsn", dsn).stdout == (
            digits[0].read_bytes()
        )
        verified = mlpredict("verify", "--json", "--dsn", dsn)
        assert (verified.returncode, json.loads(verified.stdout)["identical"]) == (0, 4), verified.stderr
        assert mlpredict("db", "status", "--dsn", dsn).returncode == 0
        assert mlpredict("db", "dump", "-", "--dsn", dsn).returncode == 0
    with terminal({**environment, "TERM": "xterm-256color"}, "review", "--dsn", reading) as screen:
        assert screen.wait() == 3
        assert b"may store no labels: it has no INSERT on the table labels" in screen.screen
        assert b"\x1b[?1049h" not in screen.screen  # no picture was shown
    with open_repository(writing) as repository:
        require_labelling(repository.connection)
        store(repository)
    with serving(environment, "--dsn", writing) as served:
        assert served.post("/v1/predictions", File(digits[0].read_bytes())).status == 201
        assert served.ask("/v1/predictions").status == 200
        for _ in range(2):
            kept = served.post(
                "/v1/predictions", File(digits[1].read_bytes()), headers={"Idempotency-Key": '"once"'}
            )
            assert kept.status == 201
        assert served.ask("/v1/inputs/1/label", method="PUT", body=b'{"label": "0"}').status == 200
        assert served.ask("/v1/report").status == 200
        assert served.said == []
        refused = served.ask("/v1/predictions/1", method="DELETE")
        assert (refused.status, "may not change this" in refused.json["detail"]) == (403, True)
        served.said.remove(served.hears("permission denied for table predictions"))
        owned.administrator.execute(SQL("REVOKE INSERT ON predictions FROM {}").format(Identifier(writer)))
        answer = served.post("/v1/predictions", File(digits[0].read_bytes()))
        assert (answer.status, "Retry-After" in answer.headers) == (503, False)
        assert "refuses" in answer.json["detail"]
        served.hears("permission denied for table predictions; have the owner")

    done = mlpredict("predict", digits[0], "--dsn", reading)
    assert done.returncode == 3
    assert b"permission denied for sequence runs_id_seq; have the owner" in done.stderr
    assert b"init-db --grant-to ROLE" in done.stderr
    assert AGAIN not in done.stderr
    done = mlpredict("serve", "--port", "0", "--dsn", reading)
    assert done.returncode == 3
    assert b"permission denied for sequence runs_id_seq; have the owner" in done.stderr
    assert mlpredict("predict", digits[0], "--no-store", "--dsn", reading).returncode == 0
    owned.administrator.execute(SQL("GRANT INSERT ON predictions TO {}").format(Identifier(writer)))
    done = mlpredict("predict", *digits[:3], "--run-key", "k", "--dsn", writing)
    assert b"is finished" in done.stderr, done.stderr
    assert mlpredict("runs", "last", "--dsn", reading).returncode == 0
    for name, more in ((writer, [("idempotency_keys", "DELETE"), ("labels", "UPDATE")]), (reader, [])):
        assert owned.administrator.execute(EXTRA_RIGHTS, (name,)).fetchall() == more


def test_a_writer_stores_in_the_last_partition_until_its_owner_makes_another(
    mlpredict: Command, owned: Owned, digits: list[Path]
) -> None:
    writing, reading = owned.role("writer"), owned.role("reader")
    grants = ("--grant-to", "writer", "--grant-to", "reader:reader")
    done = mlpredict("init-db", "--dsn", owned.dsn, "--partition-by", "run", *grants)
    assert b"predictions is in 2 partitions by run; made predictions_from_1" in done.stderr, done.stderr
    for digit in digits[:2]:
        done = mlpredict("predict", digit, "--dsn", writing, "--json")
        assert (done.returncode, done.stderr) == (0, b"")
    refused = mlpredict("init-db", "--dsn", writing, "--partition-by", "run")
    assert (refused.returncode, b"as the owner" in refused.stderr) == (3, True), refused.stderr
    assert mlpredict("init-db", "--dsn", writing).returncode == 0
    done = mlpredict("init-db", "--dsn", owned.dsn)
    assert b"predictions is in 3 partitions by run; made predictions_from_1000" in done.stderr
    again = mlpredict("init-db", "--dsn", owned.dsn)
    assert b"predictions is in 3 partitions by run: nothing to do" in again.stderr
    mlpredict("predict", digits[2], "--dsn", writing)
    assert len(json.loads(mlpredict("list", "--json", "--dsn", reading).stdout)) == 3
    assert mlpredict("db", "dump", "-", "--dsn", reading).returncode == 0
    status = mlpredict("db", "status", "--json", "--dsn", reading)
    assert json.loads(status.stdout)["partitions"] == 3


def test_grants_are_given_again_and_again(mlpredict: Command, owned: Owned) -> None:
    dsn = owned.role("reading")
    for _ in range(2):
        done = mlpredict("init-db", "--dsn", owned.dsn, "--grant-to", "reading:reader")
        assert done.returncode == 0, done.stderr
    # A table that a later version brings is nobody's but the owner's, until it is granted again.
    owned.execute("REVOKE SELECT ON schema_migrations FROM reading")
    done = mlpredict("list", "--dsn", dsn)
    assert done.returncode == 3
    assert b"permission denied for table schema_migrations; have the owner" in done.stderr
    mlpredict("init-db", "--dsn", owned.dsn, "--grant-to", "reading:reader")
    assert mlpredict("list", "--dsn", dsn).returncode == 0


def test_nothing_is_made_for_a_role_that_there_is_not(mlpredict: Command, owned: Owned) -> None:
    done = mlpredict("init-db", "--dsn", owned.dsn, "--grant-to", "nobody here")
    assert done.returncode == 3
    assert b"there is no role nobody here; CREATE ROLE" in done.stderr
    assert owned.execute("SELECT FROM pg_tables WHERE schemaname = 'public'") == []


def test_only_the_owner_grants(mlpredict: Command, owned: Owned) -> None:
    other = owned.role("writing")
    mlpredict("init-db", "--dsn", owned.dsn, "--grant-to", "writing")
    owned.role("third")
    done = mlpredict("init-db", "--dsn", other, "--grant-to", "third:reader")
    assert done.returncode == 3
    assert b"GRANT " in done.stderr or b"permission denied" in done.stderr
    assert b"owner" in done.stderr
    assert owned.execute("SELECT has_table_privilege('third', 'predictions', 'SELECT')") == [(False,)]


def test_names_with_colons() -> None:
    assert Grant.of("a:reader:writer") == Grant("a:reader", stores=True)
    assert Grant.of("a:b") == Grant("a:b", stores=True)
    assert Grant.of("a:reader") == Grant("a", stores=False)
    with pytest.raises(UsageError):
        Grant.of(":reader")


CONNECT = "GRANT CONNECT ON DATABASE owned TO other;"
USE = CONNECT + "GRANT USAGE ON SCHEMA public TO other;"


@pytest.mark.parametrize(
    ("statements", "command", "said"),
    [
        ("SELECT", "list", 'permission denied for database "owned"'),
        ("SELECT", "list", "GRANT CONNECT ON DATABASE"),
        (CONNECT, "list", "the role other may not use the schema public; have the owner of mlpredict's"),
        (CONNECT, "init-db", "may not use the schema public; have the schema's"),
        (USE, "list", "permission denied for table schema_migrations; have the owner of mlpredict's"),
    ],
)
def test_what_is_not_permitted_is_told_with_what_to_do(
    mlpredict: Command, owned: Owned, statements: str, command: str, said: str
) -> None:
    assert mlpredict("init-db", "--dsn", owned.dsn).returncode == 0
    dsn = owned.role("other")
    owned.execute(statements)
    done = mlpredict(command, "--dsn", dsn)
    assert done.returncode == 3
    assert said in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


def test_who_may_not_make_tables_is_told(mlpredict: Command, owned: Owned) -> None:
    dsn = owned.role("other")
    owned.execute(USE)
    done = mlpredict("init-db", "--dsn", dsn)
    assert done.returncode == 3
    assert b"permission denied for schema public; have the schema's owner GRANT CREATE" in done.stderr


def test_who_does_not_own_the_tables_is_told_to_be_the_owner(
    mlpredict: Command, owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrations.migrations()
    with psycopg.connect(owned.dsn, autocommit=True) as connection, monkeypatch.context() as patch:
        patch.setattr(migrations, "migrations", lambda: known[:3])
        migrations.migrate(connection)
    dsn = owned.role("other")
    owned.execute(USE + "GRANT CREATE ON SCHEMA public TO other; GRANT SELECT ON schema_migrations TO other")
    done = mlpredict("init-db", "--dsn", dsn)
    assert done.returncode == 3
    assert b"; run it as the owner of mlpredict's tables" in done.stderr


def test_row_level_security(mlpredict: Command, owned: Owned, digits: list[Path]) -> None:
    dsn = owned.role("writing")
    mlpredict("init-db", "--dsn", owned.dsn, "--grant-to", "writing")
    assert mlpredict("predict", digits[0], "--dsn", dsn).returncode == 0

    def refused(table: str, words: bytes) -> None:
        owned.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        done = mlpredict("predict", *digits[:2], "--dsn", dsn)
        assert done.returncode == 3
        assert words in done.stderr
        assert b"row-level security" in done.stderr
        assert b"BYPASSRLS" in done.stderr
        assert AGAIN not in done.stderr
        assert b"Traceback" not in done.stderr
        owned.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    refused(
        "schema_migrations", b"row-level security hides the rows of public.schema_migrations from this role"
    )
    refused("runs", b"violates row-level security policy")
    refused("models", b"row-level security")
    refused("predictions", b"row-level security")
    refused("inputs", b"row-level security")
    owned.execute("CREATE POLICY p ON inputs FOR INSERT TO writing WITH CHECK (true)")
    refused("inputs", b"row-level security")
    assert mlpredict("predict", *digits[:2], "--dsn", dsn).returncode == 0


def test_a_standby_lists_and_says_that_it_does_not_store(
    mlpredict: Command,
    environment: dict[str, str],
    tcp_server: TcpServer,
    public_directory: Path,
    digits: list[Path],
) -> None:
    with psycopg.connect(tcp_server.dsn, autocommit=True) as administrator:
        administrator.execute("CREATE DATABASE copied")
        primary = make_conninfo(tcp_server.dsn, dbname="copied")
        try:
            assert mlpredict("init-db", "--dsn", primary).returncode == 0
            assert mlpredict("predict", digits[0], "--dsn", primary).returncode == 0
            with tcp_server.standby(public_directory / f"standby-{os.getpid()}") as standby:
                dsn = make_conninfo(standby.dsn, dbname="copied")
                assert len(json.loads(mlpredict("list", "--json", "--dsn", dsn).stdout)) == 1
                assert mlpredict("show", "1", "--dsn", dsn).returncode == 0
                assert mlpredict("verify", "--dsn", dsn).returncode == 0
                assert mlpredict("db", "dump", "-", "--dsn", dsn).returncode == 0
                assert mlpredict("init-db", "--dsn", dsn).returncode == 0
                with open_repository(dsn) as repository, pytest.raises(DatabaseError, match="is a standby"):
                    require_labelling(repository.connection)
                for command in (["predict", digits[1]], ["serve", "--port", "0"]):
                    done = mlpredict(*command, "--dsn", dsn)
                    assert done.returncode == 3, done.stderr
                    assert b"is a standby, which stores nothing of its own; name the primary" in done.stderr
                    assert AGAIN not in done.stderr
                done = mlpredict("init-db", "--dsn", dsn, "--grant-to", "tester")
                assert done.returncode == 3
                assert b"cannot execute GRANT in a read-only transaction" in done.stderr
                assert b"primary" in done.stderr or b"standby" in done.stderr
                # Both in one DSN, as after a failover.
                both = make_conninfo(
                    primary,
                    host="127.0.0.1,127.0.0.1",
                    port=f"{standby.port},{tcp_server.port}",
                    target_session_attrs="read-write",
                )
                assert mlpredict("predict", digits[1], "--dsn", both).returncode == 0
        finally:
            administrator.execute("DROP DATABASE copied WITH (FORCE)")
