"""Statements that take their time, so that what is killed in the midst of them is not over before."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal

FUNCTION = SQL("""
    CREATE OR REPLACE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_catalog.pg_sleep(TG_ARGV[0]::float8); RETURN NULL; END $$
""")
TRIGGER = SQL("""
    CREATE TRIGGER linger AFTER INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION linger({seconds})
""")


def slow_down(connection: psycopg.Connection[Any], table: str, seconds: float) -> None:
    """Have each statement that changes a table take so long at the least."""
    connection.execute(FUNCTION)
    connection.execute(TRIGGER.format(table=Identifier(table), seconds=Literal(str(seconds))))
