"""No transaction depends on what somebody else has set."""

from __future__ import annotations

import re
from pathlib import Path

from mlpredict import storage
from mlpredict.storage import transactions

ROOM = Path(storage.__file__).parent

WITHIN_ANOTHER = {"storing_inputs.py", "restoring.py"}
"""A savepoint, and the renaming of databases of the local server."""


def test_every_transaction_says_what_it_needs() -> None:
    """`transactions.writing` and `reading` begin them; the driver's own has whatever the session has."""
    begun = {path.name for path in ROOM.rglob("*.py") if re.search(r"\.transaction\(", path.read_text())}
    assert begun == WITHIN_ANOTHER


def test_nothing_is_set_for_longer_than_a_transaction() -> None:
    begin = transactions._begin(
        "READ WRITE", "read committed", (("search_path", "pg_catalog"),), True
    ).decode()
    first, *settings = begin.split("; ")
    assert first == "BEGIN ISOLATION LEVEL read committed READ WRITE"
    assert all(setting.startswith("SET LOCAL ") for setting in settings)
    assert {"SET LOCAL transaction_timeout = 0", "SET LOCAL search_path = pg_catalog"} <= set(settings)
    older = transactions._begin("READ WRITE", "read committed", (), False).decode()
    assert "transaction_timeout" not in older
