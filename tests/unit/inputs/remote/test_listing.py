"""What a name of a bucket stands for, where little may be listed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mlpredict.domain import Source
from mlpredict.inputs.passed_over import PassedOver
from mlpredict.inputs.remote import listing
from mlpredict.inputs.remote.names import NotFetched


def test_an_object_that_may_be_read_needs_no_right_to_list(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"path": "scans/7", "size": 3, "e_tag": "x", "last_modified": datetime.now(UTC), "version": None}

    def refuse(*_place: Any) -> Any:
        raise NotFetched("the credentials lack the right to it")

    monkeypatch.setattr(listing, "_object", lambda _place: known)
    monkeypatch.setattr(listing, "pages_of", refuse)
    [found] = listing.remote_sources("s3://bucket/scans/7", PassedOver())
    assert isinstance(found, Source)
    assert found.filename == "s3://bucket/scans/7"
