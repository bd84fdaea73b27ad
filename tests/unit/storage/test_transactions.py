"""No transaction depends on what somebody else has set."""

from __future__ import annotations

import re
from pathlib import Path

from mlpredict import storage
from mlpredict.storage import transactions
from mlpredict.storage.session_settings import settings_of, startup_options

ROOM = Path(storage.__file__).parent

WITHIN_ANOTHER = {"storing_inputs.py", "restoring.py"}
"""A savepoint, and the renaming of databases of the local server."""


def test_every_transaction_says_what_it_needs() -> None:
    """`transactions.writing` and `reading` begin them; the driver's own has whatever the session has."""
    begun = {path.name for path in ROOM.rglob("*.py") if re.search(r"\.transaction\(", path.read_text())}
    assert begun == WITHIN_ANOTHER


def test_nothing_is_set_for_longer_than_a_transaction() -> None:
    own = (("search_path", "pg_catalog"), ("statement_timeout", "'30s'"))
    begin = transactions._begin("READ WRITE", "read committed", (*settings_of(17), *own)).decode()
    first, *settings = begin.split("; ")
    assert first == "BEGIN ISOLATION LEVEL read committed READ WRITE"
    assert all(setting.startswith("SET LOCAL ") for setting in settings)
    assert {"SET LOCAL transaction_timeout = 0", "SET LOCAL search_path = pg_catalog"} <= set(settings)
    assert [one for one in settings if "statement_timeout" in one] == ["SET LOCAL statement_timeout = '30s'"]


def test_no_server_is_told_of_a_setting_that_it_does_not_know() -> None:
    assert "transaction_timeout" not in dict(settings_of(16))
    assert "transaction_timeout" not in startup_options(16)
    assert "-c transaction_timeout=0" in startup_options(17)
