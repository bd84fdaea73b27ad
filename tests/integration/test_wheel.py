"""The wheel: what is in it, and that it works where the source is not."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, newly built."""
    target = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    done = subprocess.run(build, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [built] = target.glob("*.whl")
    return built


def test_the_wheel_has_code_schema_and_model_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = (path for path in (PROJECT / "mlpredict").rglob("*") if path.is_file())
    code = {path.relative_to(PROJECT).as_posix() for path in package if "__pycache__" not in path.parts}
    schema = {f"mlpredict/schema/{path.name}" for path in (PROJECT / "schema").iterdir()}
    model = {
        f"mlpredict/saved_model/{name}"
        for name in (
            "MODEL_CARD.md",
            "assets.extra/mlpredict.toml",
            "fingerprint.pb",
            "saved_model.pb",
            "variables/variables.data-00000-of-00001",
            "variables/variables.index",
        )
    }
    assert names == code | schema | model


def test_what_is_left_out_of_a_plain_installation_can_be_asked_for(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        stated = archive.read(metadata).decode()
    assert "Provides-Extra: parquet" in stated
    assert re.search(r"^Requires-Dist: pyarrow.*extra == 'parquet'$", stated, re.MULTILINE)


def test_an_installed_wheel_predicts_from_anywhere(
    wheel: Path, environment: dict[str, str], digits: list[Path], tmp_path: Path, dsn: str
) -> None:
    place = tmp_path / "environment"
    venv.create(place, with_pip=True)
    install = [
        str(place / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True)
    # What the wheel depends on comes from this environment: there is no network in a test.
    [site] = place.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [
            str(place / "bin" / "mlpredict"),
            "predict",
            *map(str, digits[:2]),
            "--dsn",
            dsn,
            "--columns",
            "label",
        ],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split() == [path.name[0] for path in digits[:2]]
    found = [str(place / "bin" / "python"), "-c", "import mlpredict; print(mlpredict.__file__)"]
    imported = subprocess.run(found, cwd=elsewhere, capture_output=True, text=True, check=True).stdout
    assert Path(imported.strip()).is_relative_to(place)
