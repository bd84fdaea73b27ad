"""Which heavy packages a command that does its work has imported by the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Command

HEAVY = (
    *("numpy", "PIL", "psycopg", "rich", "orjson", "tensorflow", "keras", "ai_edge_litert"),
    *("fastapi", "starlette", "uvicorn", "pydantic", "psycopg_pool", "prometheus_client"),
    # Its fractions and decimals take as long as all of PIL beside it.
    "PIL.TiffImagePlugin",
)
REPORT = f"""
import atexit, sys
atexit.register(lambda: print(*sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr))
from mlpredict.cli import main
main()
"""
DATABASE = {"psycopg", "orjson"}
MODEL = {"numpy", "PIL", "ai_edge_litert", "orjson"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["--version"], set(), id="version"),
        pytest.param(["init-db"], DATABASE, id="init-db"),
        pytest.param(["db", "status"], DATABASE, id="db status"),
        pytest.param(["db", "url"], {"psycopg"}, id="db url"),
        pytest.param(["list"], DATABASE, id="list"),
        pytest.param(["list", "--json"], DATABASE, id="list as json"),
        pytest.param(["list", "--format", "table"], DATABASE | {"rich"}, id="list as a table"),
        pytest.param(["show", "1", "--json"], DATABASE, id="show as json"),
        pytest.param(["label", "1", "7"], DATABASE, id="label"),
        pytest.param(["report", "--json"], DATABASE, id="report"),
        pytest.param(["compare", "1", "1", "--json"], DATABASE, id="compare"),
        pytest.param(["predict", "{digit}"], MODEL | DATABASE, id="predict"),
        pytest.param(["predict", "{digit}", "--no-store"], MODEL, id="predict without storing"),
    ],
)
def test_a_command_imports_what_it_uses_and_nothing_else(
    arguments: list[str],
    expected: set[str],
    mlpredict: Command,
    environment: dict[str, str],
    dsn: str,
    digits: list[Path],
) -> None:
    database = {"MLPREDICT_DSN": dsn}
    # So that there is something to be shown, and the model is compiled already.
    assert mlpredict("predict", digits[0], env=database).returncode == 0
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *(argument.format(digit=digits[0]) for argument in arguments)],
        env={**environment, **database},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.splitlines()[-1].split()) == expected
