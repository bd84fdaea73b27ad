"""What a command does not use, it does not import: imports are most of the start-up."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = (
    *("numpy", "PIL", "psycopg", "rich", "orjson", "tensorflow", "keras", "ai_edge_litert", "obstore"),
    *("fastapi", "starlette", "uvicorn", "pydantic", "jinja2", "prometheus_client"),
)


def imported_by(code: str) -> set[str]:
    """Which heavy packages a fresh interpreter holds after running `code`."""
    report = f"import sys; print(' '.join(sorted(set({HEAVY!r}) & set(sys.modules))), file=sys.stderr)"
    process = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "MLPREDICT_HOME": os.devnull},
    )
    return set(process.stderr.splitlines()[-1].split())


def test_the_measure_sees_what_is_imported() -> None:
    assert imported_by("import numpy, PIL.Image") == {"numpy", "PIL"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["predict", "--help"],
        ["list", "--help"],
        ["show", "--help"],
        ["label", "--help"],
        ["review", "--help"],
        ["review"],
        ["report", "--help"],
        ["compare", "--help"],
        ["label", "--csv", "a.csv", "cat"],
        ["report", "--against", "x"],
        ["runs", "--help"],
        ["models", "--help"],
        ["failures", "--help"],
        ["export", "--help"],
        ["delete", "--help"],
        ["verify", "--help"],
        ["verify", "x"],
        ["verify", "--tolerance", "-1"],
        ["delete"],
        ["init-db", "--help"],
        ["serve", "--help"],
        ["replay", "--help"],
        ["watch", "--help"],
        ["watch", "/no/such/folder"],
        ["replay"],
        ["replay", "--model", "x", "--max-pixels", "many"],
        ["serve", "--max-upload", "much"],
        ["db", "--help"],
        ["db", "status", "--help"],
        ["db", "stop", "--dsn", "dbname=x"],
        ["nonsense"],
        ["ls"],
        ["help"],
        ["help", "list"],
        ["version"],
        ["show", "x"],
        ["predict"],
        ["list", "--since", "soon"],
    ],
    ids=" ".join,
)
def test_help_and_usage_errors_import_nothing_heavy(arguments: list[str]) -> None:
    assert imported_by(f"from mlpredict.cli import run; run({arguments!r})") == set()


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        pytest.param("import mlpredict.cli.listing", set(HEAVY), id="list"),
        pytest.param("import mlpredict.cli.output", set(HEAVY) - {"orjson"}, id="its output"),
        pytest.param("import mlpredict.storage.repository", {"numpy", "PIL", "rich"}, id="storage"),
        pytest.param(
            "import mlpredict.storage.server.lifecycle", {"numpy", "PIL", "rich"}, id="local server"
        ),
        pytest.param("import mlpredict.storage.server.supervisor", set(HEAVY), id="supervisor"),
        pytest.param("import mlpredict.cli.serve, mlpredict.web.server.options", set(HEAVY), id="serve"),
        pytest.param("import mlpredict.inputs.sources", set(HEAVY), id="discovery"),
        pytest.param(
            "import mlpredict.domain, mlpredict.errors, mlpredict.settings", set(HEAVY), id="domain"
        ),
        pytest.param("import mlpredict.inputs.decoder_process", set(HEAVY) - {"PIL"}, id="decoding process"),
        pytest.param(
            "import mlpredict.cli.prediction_run", {"psycopg", "rich", "tensorflow", "keras"}, id="predict"
        ),
        pytest.param("import mlpredict.inference.model", {"psycopg", "tensorflow", "keras"}, id="inference"),
    ],
)
def test_a_module_imports_only_what_it_needs(code: str, unwanted: set[str]) -> None:
    assert imported_by(code) & unwanted == set()


@pytest.mark.parametrize("line", ["mlpredict li", "mlpredict list --co", "mlpredict list --columns la"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_tab_for_what_no_database_knows_imports_nothing_heavy(shell: str, line: str) -> None:
    asked = {"_MLPREDICT_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "_TYPER_COMPLETE_ARGS": line}
    asked |= {"COMP_CWORD": str(line.count(" ")), "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    code = (
        f"import contextlib, os; os.environ.update({asked!r})\n"
        "from mlpredict.cli import run\n"
        "with contextlib.suppress(SystemExit): run([])"
    )
    assert imported_by(code) == set()


def test_a_tab_for_labels_imports_the_driver_alone() -> None:
    asked = {
        "_MLPREDICT_COMPLETE": "complete_bash",
        "COMP_WORDS": "mlpredict list --label ",
        "COMP_CWORD": "3",
    }
    code = (
        f"import contextlib, os; os.environ.update({asked!r})\n"
        "from mlpredict.cli import run\n"
        "with contextlib.suppress(SystemExit): run([])"
    )
    assert imported_by(code) <= {"psycopg", "orjson"}


def test_the_commands_of_db_are_not_built_for_others() -> None:
    code = "import sys; from mlpredict.cli import run; run(['--version'])\n"
    assert imported_by(code + "assert 'mlpredict.cli.db.commands' not in sys.modules") == set()


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["--version"]])
def test_help_comes_without_loggers(arguments: list[str]) -> None:
    code = f"import sys; from mlpredict.cli import run; run({arguments!r})\n"
    assert imported_by(code + "assert 'logging' not in sys.modules") == set()


def test_garbage_is_collected_while_there_is_work_and_not_before() -> None:
    code = (
        "import gc; from mlpredict.cli import garbage\n"
        "garbage.collect_nothing_yet(); assert not gc.isenabled()\n"
        "garbage.collect_from_here(); assert gc.isenabled() and gc.get_freeze_count()\n"
    )
    assert imported_by(code) == set()


@pytest.mark.parametrize(("given", "used"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "7"}, "7")])
def test_numpy_starts_no_threads_for_linear_algebra_unless_told_to(given: dict[str, str], used: str) -> None:
    code = "import atexit, os; from mlpredict.cli import main\n"
    code += "atexit.register(lambda: print(os.environ['OPENBLAS_NUM_THREADS']))\nmain(['--version'])"
    env = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"} | given
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60
    )
    assert process.stdout.splitlines()[-1] == used
