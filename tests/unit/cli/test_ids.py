"""Predictions as a command line names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from mlpredict.cli import run
from mlpredict.cli.ids import MINUS, check, ids_of, may_be_ids, with_hyphen
from mlpredict.errors import NotFound, UsageError


class Stored:
    """A repository that holds predictions of these ids."""

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids = sorted(ids)

    def newest_id(self, place: int) -> int | None:
        return self._ids[-place] if place <= len(self._ids) else None

    def ids_between(self, first: int, last: int) -> list[int]:
        return [one for one in self._ids if first <= one <= last]


def found(word: str, ids: Sequence[int] = (3, 6, 8, 9, 12)) -> list[int]:
    check([word])
    return list(ids_of(cast("Any", Stored(ids)), word))


@pytest.mark.parametrize(
    ("word", "ids"),
    [
        ("7", [7]),
        ("last", [12]),
        ("LAST", [12]),
        ("-1", [12]),
        ("-2", [9]),
        ("−3", [8]),
        ("6-9", [6, 8, 9]),
        ("9-6", [6, 8, 9]),
        ("6..9", [6, 8, 9]),
        ("12-99999", [12]),
    ],
)
def test_words_for_predictions(word: str, ids: list[int]) -> None:
    assert found(word) == ids


@pytest.mark.parametrize(
    ("word", "ids", "message"),
    [
        ("last", [], "there are no predictions yet"),
        ("-3", [1, 2], "there are not 3 predictions"),
        ("4-5", [3, 6], "no prediction from 4 to 5"),
    ],
)
def test_words_for_predictions_that_there_are_not(word: str, ids: list[int], message: str) -> None:
    with pytest.raises(NotFound, match=message):
        found(word, ids)


@pytest.mark.parametrize("word", ["", "x", "1-", "-", "--1", "1-2-3", "1.5", "٣-٤", "9" * 5000, "lastly"])
def test_what_is_no_id_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="an id is a number"):
        check([word])


def test_a_minus_is_no_option_and_an_option_is_none_of_the_ids(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPREDICT_DSN", "host=/no/such/place")
    assert run(["show", "-1"]) == 3  # the database is looked for
    assert run(["show", "-1", "--frobnicate"]) == 2
    assert "no such option: --frobnicate" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("word", "typed"), [("−1", "-1"), ("−0.5", "-0.5"), ("−1e-3", "-1e-3"), ("−", "−"), ("x−1", "x−1")]
)
def test_a_number_below_zero_is_what_was_typed(word: str, typed: str) -> None:
    assert with_hyphen(word) == typed
    assert with_hyphen(typed) == typed


def test_words_for_files_are_none_for_ids() -> None:
    assert may_be_ids(f"{MINUS}2")
    assert not may_be_ids("last.png")
    assert not may_be_ids("scans/6-9")


@pytest.mark.parametrize("command", ["delete", "label", "export"])
def test_commands_that_take_ids_take_minus_one(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPREDICT_DSN", "host=/no/such/place")
    words = {"delete": ["-1"], "label": ["-1", "-0.5"], "export": ["out", "-1"]}[command]
    assert run([command, *words]) == 3
