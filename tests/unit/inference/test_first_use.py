"""What is remembered of a model that has been used."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from mlpredict.inference.first_use import Uses
from mlpredict.inference.output_facts import OutputFacts
from mlpredict.support import scratch

FACTS = (OutputFacts((10,), within_unit=True, sums_to_one=True, json_bytes=120), None)


def test_the_first_use_is_the_one_before_it_is_remembered(tmp_path: Path) -> None:
    uses = Uses(tmp_path / "new" / "uses", "ab")
    assert (uses.facts(), uses.is_first("a")) == (None, True)
    uses.remember(FACTS, "a")
    assert (uses.facts(), uses.is_first("a")) == (FACTS, False)
    assert uses.is_first("b")
    assert Uses(tmp_path / "new" / "uses", "cd").is_first("a")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"outputs": 3}',
        b'{"outputs": {"shape": [7], "within_unit": true, "sums_to_one": true}}',
        b"\xff",
    ],
)
def test_what_is_damaged_is_not_known(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ab.json").write_bytes(content)
    uses = Uses(tmp_path, "ab")
    assert (uses.facts(), uses.is_first("a")) == (None, True)


def test_what_was_given_another_s_name_is_not_known(tmp_path: Path) -> None:
    Uses(tmp_path, "ab").remember(FACTS, "a")
    (tmp_path / "ab.json").rename(tmp_path / "cd.json")
    assert Uses(tmp_path, "cd").facts() is None


def test_a_cache_that_cannot_be_written_costs_nothing_but_memory(
    working_directory: Path,
    unprivileged: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scratch, "scratch_folder", lambda: None)
    working_directory.chmod(0o555)
    uses = Uses(Path("uses"), "ab")
    with unprivileged():
        uses.remember(FACTS, "a")
        assert uses.is_first("a")
