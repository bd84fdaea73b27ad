"""What people export needs no trust: the lists of what a model may have against such models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlpredict.inference.trust import danger_in_keras

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("MLPREDICT_TEST_DATA") or ROOT / "../shared/data") / "models"


@pytest.mark.parametrize(
    "group",
    ["functions", *(pytest.param(one, marks=pytest.mark.slow) for one in ("layers", "old", "applications"))],
)
def test_usual_exports_need_no_trust(tmp_path: Path, group: str) -> None:
    program = [sys.executable, "-m", "tests.make_usual_models", str(tmp_path), group]
    made = subprocess.run(program, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found
    assert {name: danger for name, danger in found.items() if danger} == {}


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real models in {DATA}: set MLPREDICT_TEST_DATA")
def test_published_keras_files_need_no_trust() -> None:
    files = [*DATA.glob("*.h5"), *DATA.glob("*.hdf5"), *DATA.glob("*.keras")]
    assert files
    assert [path for path in files if "lambda" not in path.stem and danger_in_keras(path)] == []
