"""A machine without TensorFlow runs what was prepared for LiteRT, and says what is missing for the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import COMMAND, Command

WITHOUT = "import sys; sys.modules['tensorflow'] = None\n" + COMMAND[2]


def run(environment: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, "predict", "--no-store", *arguments],
        env=environment,
        capture_output=True,
        text=True,
    )


def test_a_prepared_model_needs_no_tensorflow(
    mlpredict: Command, environment: dict[str, str], digits: list[Path]
) -> None:
    assert mlpredict("predict", "--no-store", digits[3]).returncode == 0
    done = run(environment, digits[3])
    assert (done.returncode, done.stderr) == (0, "")


def test_a_new_model_names_what_is_missing(
    environment: dict[str, str], digits: list[Path], tmp_path: Path
) -> None:
    done = run({**environment, "MLPREDICT_CACHE": str(tmp_path / "empty")}, digits[3])
    assert (done.returncode, done.stdout) == (4, "")
    assert "only TensorFlow can load it or prepare it for LiteRT, and it is not installed; " in done.stderr


def test_the_engine_of_that_name_is_not_there(environment: dict[str, str], digits: list[Path]) -> None:
    done = run(environment, digits[3], "--engine", "tensorflow")
    assert (done.returncode, done.stdout) == (4, "")
    assert "it is not installed; install tensorflow" in done.stderr
