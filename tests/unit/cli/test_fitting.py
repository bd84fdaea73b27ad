"""Tables on terminals of any width."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlpredict.cli import stdout, tables
from mlpredict.cli.cells import short_time
from mlpredict.cli.cutting import width_of
from mlpredict.cli.fitting import Fitted, fitted

COLUMNS = ("prediction_id", "filename", "label", "score", "created_at", "model")
JUMP = re.compile(r"\x1b\[\d+G")
WIDTHS = (40, 60, 72, 80, 100, 200)
NOW = datetime.now(UTC)
NAMES = (
    "tests/digits/7-with-bar-pencil.png",
    "shapes/validation/triangle/IMG_1999.jpg",
    "x/" + "n" * 200 + ".jpg",
    "图片/测试/很长的文件名字照片很长的文件名字照片.png",
    "\U0001f600\U0001f600/❤️ party.png",
)


def record(number: int, **other: Any) -> dict[str, Any]:
    usual = {
        "prediction_id": number,
        "filename": NAMES[number % len(NAMES)],
        "label": "7",
        "score": 0.9967,
        "created_at": NOW,
        "model": "mnist-convnet@285f0e48",
    }
    return {**usual, **other}


RECORDS = [record(number) for number in range(20)]
LONG_LABELS = [
    record(number, label="Labrador retriever, golden retriever") for number in range(1_000_000, 1_000_020)
]
MODELS = [record(number, model=f"shapes@{number % 3}2345678") for number in range(20)]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def at(width: int | None, records: list[dict[str, Any]], **options: Any) -> list[str]:
        for module in (tables, stdout):
            monkeypatch.setattr(module, "terminal_width", lambda: width)
        tables.print_table(records, options.pop("columns", COLUMNS), **options)
        return JUMP.sub("", capsys.readouterr().out).splitlines()

    return at


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("records", [RECORDS, LONG_LABELS, MODELS], ids=["digits", "labels", "models"])
def test_a_row_is_one_line_and_has_the_name_of_the_file(
    printed: Any, width: int, records: list[dict[str, Any]]
) -> None:
    lines = printed(width, records)
    assert all(width_of(line) <= width for line in lines)
    rows = [line for line in lines if " 0.9967" in line]
    assert len(rows) == len(records)
    for row, one in zip(rows, records, strict=True):
        assert str(one["prediction_id"]) in row
        assert one["filename"][-3:] in row


def names(fit: Fitted) -> list[str]:
    return [one.name for one in fit.columns]


def test_a_wide_terminal_shows_everything() -> None:
    fit = fitted(RECORDS[:2], COLUMNS, 200)
    assert names(fit) == list(COLUMNS)
    assert fit.columns[1].cells[1].plain == NAMES[1]


def test_one_model_of_all_rows_is_said_once_below_them(printed: Any) -> None:
    lines = printed(72, RECORDS)
    assert [line for line in lines if "mnist-convnet" in line] == [" model: mnist-convnet@285f0e48"]


def test_models_are_told_apart_by_as_few_digits_as_do() -> None:
    records = [record(0), record(1, model="shapes@11112222"), record(2, model="shapes@11333222")]
    fit = fitted(records, COLUMNS, 80)
    shown = [cell.plain for cell in fit.columns[names(fit).index("model")].cells]
    assert shown == ["mnist-convnet", "shapes@111", "shapes@113"]


def test_what_no_row_has_is_no_column(printed: Any) -> None:
    lines = printed(80, [{**one, "prediction_id": None, "created_at": None} for one in RECORDS])
    assert lines[1].split() == ["filename", "label", "score", "model"]


def test_what_has_no_room_is_named() -> None:
    fit = fitted(MODELS, COLUMNS, 40)
    assert {"filename", "label", "score"} <= set(names(fit))
    assert any("no room for: " in note and "model" in note for note in fit.notes)


@pytest.mark.parametrize("width", [20, 40, 60])
def test_columns_that_were_asked_for_stand_below_one_another_where_they_do_not_fit(
    printed: Any, width: int
) -> None:
    lines = printed(width, RECORDS[:2], asked=True)
    text = "\n".join(lines)
    assert all(width_of(line) <= width for line in lines)
    assert all(name[:6] in text for name in ("filename", "score", "model"))


def test_into_a_pipe_nothing_is_cut(printed: Any) -> None:
    lines = printed(None, RECORDS)
    for name in NAMES:
        assert any(name in line and "mnist-convnet@285f0e48" in line for line in lines)


def test_a_number_is_never_cut() -> None:
    for width in range(10, 120):
        fit = fitted(LONG_LABELS, COLUMNS, width)
        for one in fit.columns:
            if one.name in ("prediction_id", "score"):
                assert all(one.width >= len(cell.plain) and "…" not in cell.plain for cell in one.cells)


def test_short_times() -> None:
    now = datetime(2026, 11, 25, 12).astimezone()
    assert short_time(now - timedelta(hours=3, minutes=5), now) == "08:55"
    assert short_time(now - timedelta(days=3), now) == "22 Nov"
    assert short_time(now - timedelta(days=400), now) == "2025-10"


def test_runs_in_parts_of_two_models_are_a_table_at_eighty_columns() -> None:
    runs = [
        {
            "run_id": number,
            "model": f"mnist-convnet@{number}85f0e48",
            "ended": "interrupted",
            "predictions": 10_000,
            "failures": 12,
            "mean_score": 0.9919,
            "accuracy": 0.9831,
            "engine": "litert",
            "started_at": NOW,
            "last_at": NOW,
            "parts_done": 1,
            "parts": 24,
        }
        for number in range(2)
    ]
    table = fitted(runs, tuple(runs[0]), 80)
    assert {"model", "ended", "parts_done", "parts"} <= {one.name for one in table.columns}
    assert table.notes == ("no room for: engine, last_at, mean_score",)
