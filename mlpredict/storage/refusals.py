"""What can be done where PostgreSQL refuses something, and whether it would refuse it again."""

from __future__ import annotations

import re

import psycopg

INSUFFICIENT_PRIVILEGE = "42501"
READ_ONLY_TRANSACTION = "25006"
QUERY_CANCELED = "57014"
"""By a timeout, or by whoever asked."""

LASTING_CLASSES = ("0A", "0L", "0P", "22", "28", "3D", "3F", "42", "44", "P0")
"""Of SQLSTATEs that say something about the statement, the role or the row (PostgreSQL's appendix A)."""

LASTING = ("23502", "23514")
"""not_null_violation and check_violation: a constraint that somebody has added."""

SHUT_OUT = re.compile(
    r"""FATAL:\s+ (?:
        database\ .*\ does\ not\ exist | no\ such\ database
      | role\ .*\ (?:does\ not\ exist | is\ not\ permitted\ to\ log\ in)
      | (?:\w+\ )*authentication\ failed
      | no\ pg_hba\.conf\ entry | pg_hba\.conf\ rejects
      | permission\ denied\ for\ database
      | connection\ requires\ a\ valid\ client\ certificate
    ) | no\ password\ supplied""",
    re.DOTALL | re.VERBOSE,
)
"""How servers and poolers refuse a connection for good: 3D000, 28000, 28P01 and 42501, in English.

While connecting, libpq gives no SQLSTATE. In another language nothing tells these from a server that is on
its way, and they are tried again.
"""

EACH_HOST = "\n- host: "
"""Before what the driver says of each of several hosts."""

GRANT_HINT = (
    "have the owner of mlpredict's tables run mlpredict init-db --grant-to ROLE, or --grant-to ROLE:reader "
    "for a role that only reads; what deletes is run as the owner"
)
OWNER_HINT = (
    "run it as the owner of mlpredict's tables; roles that only use them need no more than their grants"
)
CREATE_HINT = (
    "have the schema's owner GRANT CREATE ON SCHEMA … TO the role, or name a schema of the role's own by "
    "?options=-csearch_path%3DSCHEMA in the DSN"
)
CONNECT_HINT = "have the database's owner GRANT CONNECT ON DATABASE … TO the role"
POLICY_HINT = (
    "of a table with row-level security, a role reads what a policy FOR SELECT shows it, and only its owner "
    "and roles with BYPASSRLS store, as COPY knows no policies; or ALTER TABLE … DISABLE ROW LEVEL SECURITY"
)
READ_ONLY_HINT = (
    "name the primary server: several hosts in the DSN with target_session_attrs=read-write find it; list "
    "and show work here, and predict --no-store"
)
SET_READ_ONLY_HINT = (
    "the server, the database or the role has default_transaction_read_only on, or the server is a standby: "
    "end that or name another server; list and show work here, and predict --no-store"
)

CONFLICT_HINT = (
    "the standby had to go on, with changes that the query was in the way of: ask again, ask the primary, or "
    "set max_standby_streaming_delay or hot_standby_feedback on the standby"
)

POLICY_FUNCTIONS = ("ExecWithCheckOptions", "check_enable_rls")
"""Of PostgreSQL, which tell of row-level security in whatever language the server speaks."""


SERIALIZATION_FAILURE = "40001"
CONFLICT_FUNCTIONS = ("ProcessRecoveryConflictInterrupt", "ProcessInterrupts")
"""Which end a query that conflicts with a standby's recovery, from PostgreSQL 16 on and before."""


def hint_for(error: psycopg.Error) -> str | None:
    """What to do about an error; None where that is not known."""
    said = str(error)
    if "row-level security" in said or error.diag.source_function in POLICY_FUNCTIONS:
        return POLICY_HINT
    if error.sqlstate == READ_ONLY_TRANSACTION or "during recovery" in said:
        return SET_READ_ONLY_HINT
    if "permission denied for database" in said:  # while connecting there is no SQLSTATE
        return CONNECT_HINT
    if error.sqlstate == SERIALIZATION_FAILURE and error.diag.source_function in CONFLICT_FUNCTIONS:
        return CONFLICT_HINT
    if error.sqlstate == INSUFFICIENT_PRIVILEGE:
        return OWNER_HINT if "must be owner" in said else GRANT_HINT
    return None


def is_lasting(error: psycopg.Error) -> bool:
    """Whether the same would be refused again."""
    state = error.sqlstate or ""
    return state.startswith(LASTING_CLASSES) or state in LASTING


def is_shut_out(error: psycopg.Error) -> bool:
    """Whether a connection would be refused again: by each of the hosts, where there are several.

    Example:
        >>> is_shut_out(psycopg.OperationalError('FATAL:  database "missing" does not exist'))
        True
        >>> is_shut_out(psycopg.OperationalError("FATAL:  the database system is starting up"))
        False
    """
    last, *each = str(error).split(EACH_HOST)
    return all(SHUT_OUT.search(one) for one in each or [last])
