"""Options that several commands share."""

from __future__ import annotations

import pytest

from mlpredict.cli import options
from mlpredict.cli.options import chosen_columns, chosen_format
from mlpredict.domain import FIELDS, Format
from mlpredict.errors import UsageError


@pytest.fixture(params=[True, False], ids=["terminal", "pipe"])
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    is_terminal: bool = request.param
    monkeypatch.setattr(options, "stdout_is_terminal", lambda: is_terminal)
    return is_terminal


def test_without_a_format_a_terminal_gets_a_table_and_a_pipe_tsv(terminal: bool) -> None:
    assert chosen_format(None, as_json=False) is (Format.TABLE if terminal else Format.TSV)


@pytest.mark.parametrize("given", list(Format))
def test_the_format_asked_for_is_taken_wherever_it_goes(terminal: bool, given: Format) -> None:
    assert chosen_format(given, as_json=False) is given


@pytest.mark.parametrize("given", [None, Format.JSON])
def test_json_is_short_for_format_json(terminal: bool, given: Format | None) -> None:
    assert chosen_format(given, as_json=True) is Format.JSON


@pytest.mark.parametrize("given", [Format.TABLE, Format.JSONL, Format.CSV, Format.TSV])
def test_json_and_another_format_exclude_each_other(given: Format) -> None:
    with pytest.raises(UsageError, match=f"--json and --format {given}"):
        chosen_format(given, as_json=True)


def test_without_columns_the_usual_ones_are_shown() -> None:
    assert chosen_columns(None, ("label", "score")) == ("label", "score")


@pytest.mark.parametrize("given", ["score,label", " score , label ", "score,,label,"])
def test_columns_keep_the_order_they_are_given_in(given: str) -> None:
    assert chosen_columns(given, ("filename",)) == ("score", "label")


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_a_column(name: str) -> None:
    assert chosen_columns(name, ()) == (name,)


def test_an_unknown_column_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no column scores") as raised:
        chosen_columns("label,scores", ())
    assert ", ".join(FIELDS) in raised.value.message


@pytest.mark.parametrize("given", ["", " ", ",,"])
def test_no_column_at_all_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="at least one"):
        chosen_columns(given, ("label",))
