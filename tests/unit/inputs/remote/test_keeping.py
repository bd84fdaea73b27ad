"""Images taken out of buckets, where some are gone and some rows name nothing."""

from __future__ import annotations

import obstore
import pytest

from mlpredict.errors import OutputError
from mlpredict.inputs.remote import keeping, stores


def test_a_key_that_is_gone_leaves_no_other_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Google answers: the first that is not there ends the request."""
    there = {"kept/a", "kept/c"}

    def delete(_store: object, keys: list[str]) -> None:
        for key in keys:
            if key not in there:
                raise FileNotFoundError(key)
            there.remove(key)

    monkeypatch.setattr(obstore, "delete", delete)
    monkeypatch.setattr(stores, "store_of", lambda *_place: None)
    keeping.remove([f"gs://scans/kept/{name}" for name in "abc"])
    assert there == set()


def test_a_uri_that_names_nothing_is_told() -> None:
    with pytest.raises(OutputError, match="cannot be taken away"):
        keeping.remove(["s3://scans/a//b"])
