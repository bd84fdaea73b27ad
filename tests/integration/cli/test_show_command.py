"""`mlpredict show`, and the images it gives back."""

from __future__ import annotations

import json
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Command


@pytest.fixture
def shown(mlpredict: Command, dsn: str, digits: list[Path]) -> str:
    """A database whose predictions 1, 2 and 3 are of the first sample digits."""
    assert mlpredict("predict", *digits[:3], "--dsn", dsn).returncode == 0
    return dsn


def test_show_tells_everything(mlpredict: Command, shown: str, digits: list[Path]) -> None:
    listed = json.loads(mlpredict("list", "--dsn", shown, "--json").stdout)
    records = json.loads(mlpredict("show", "3", "1", "--dsn", shown, "--json").stdout)
    assert records == [listed[0], listed[2]]
    [line] = mlpredict("show", "2", "--dsn", shown).stdout.decode().splitlines()
    assert [line.split("\t")[n] for n in (0, 2, 3)] == ["2", "1", str(digits[1])]


def test_show_draws_the_picture_and_the_bars(mlpredict: Command, shown: str, digits: list[Path]) -> None:
    done = mlpredict("show", "1", "--dsn", shown, "--format", "table")
    screen = done.stdout.decode()
    label = digits[0].name[0]
    assert f"label       {label}" in screen
    assert any(f"{label} 0.9" in line and "█████" in line for line in screen.splitlines())
    assert any(set(line[:28].strip()) & set(".:-=+*#%@") for line in screen.splitlines())
    coloured = mlpredict(
        "show", "1", "--dsn", shown, "--format", "table", env={"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    )
    assert "▀" in coloured.stdout.decode()


def test_an_unknown_prediction_has_a_status_of_its_own(mlpredict: Command, dsn: str) -> None:
    done = mlpredict("show", "999999", "--dsn", dsn)
    assert (done.returncode, done.stdout) == (5, b"")
    assert done.stderr == b"mlpredict: there is no prediction 999999\n"


def test_an_export_is_the_file_byte_for_byte(
    mlpredict: Command, shown: str, digits: list[Path], tmp_path: Path
) -> None:
    assert mlpredict("show", "1", "--dsn", shown, "--export-image", cwd=tmp_path).returncode == 0
    exported = tmp_path / digits[0].name
    assert exported.read_bytes() == digits[0].read_bytes()
    assert list(tmp_path.iterdir()) == [exported]
    assert not stat.S_IMODE(exported.stat().st_mode) & stat.S_IXUSR
    piped = mlpredict("show", "1", "--dsn", shown, "--export-image", "-o", "-")
    assert piped.stdout == digits[0].read_bytes()


def test_several_exports_go_into_a_folder(
    mlpredict: Command, shown: str, digits: list[Path], tmp_path: Path
) -> None:
    done = mlpredict("show", "1", "2", "3", "--dsn", shown, "--export-image", "-o", tmp_path)
    assert done.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in digits[:3])
    nowhere = mlpredict("show", "1", "2", "--dsn", shown, "--export-image", "-o", tmp_path / "nosuch")
    assert nowhere.returncode == 1


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_two_images_of_one_name_become_two_files(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path, options: tuple[str, ...]
) -> None:
    for folder, digit in (("a", digits[0]), ("b", digits[1])):
        (tmp_path / folder).mkdir()
        shutil.copy(digit, tmp_path / folder / "same.png")
    assert mlpredict("predict", "a", "b", "--dsn", dsn, cwd=tmp_path).returncode == 0
    target = tmp_path / "dup"
    target.mkdir()
    done = mlpredict("show", "1", "2", "--dsn", dsn, "--export-image", "-o", target, *options)
    assert done.returncode == 0
    assert (target / "same.png").read_bytes() == digits[0].read_bytes()
    assert (target / "same-2.png").read_bytes() == digits[1].read_bytes()
    assert b"same-2.png" in done.stderr


def test_an_export_overwrites_only_with_force(mlpredict: Command, shown: str, tmp_path: Path) -> None:
    target = tmp_path / "mine.png"
    target.write_text("precious")
    export = ("show", "1", "--dsn", shown, "--export-image", "-o", target)
    refused = mlpredict(*export)
    assert (refused.returncode, target.read_text()) == (1, "precious")
    assert b"--force" in refused.stderr
    assert mlpredict(*export, "--force").returncode == 0
    assert target.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "stored", ["../../../evil.png", "/etc/evil.png", "..", "-rf", "..\\..\\evil.png", "\x1b[2J.png"]
)
def test_no_stored_name_leads_an_export_elsewhere(
    mlpredict: Command, shown: str, connection: psycopg.Connection[Any], tmp_path: Path, stored: str
) -> None:
    connection.execute("UPDATE predictions SET filename = %s WHERE id = 1", (stored,))
    (tmp_path / "a" / "b").mkdir(parents=True)
    done = mlpredict("show", "1", "--dsn", shown, "--export-image", cwd=tmp_path / "a" / "b")
    assert done.returncode == 0
    [exported] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert exported.parent == tmp_path / "a" / "b"
    assert not exported.name.startswith(("-", "."))
    assert exported.name.isprintable()


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("data:image/png;base64,%%%", "damaged"),
        ("data:image/png;base64", "damaged"),
        ("javascript:alert(1)", "damaged"),
        (None, "no image is stored"),
        ("file:///no/such/file.png", "no such file"),
    ],
)
def test_a_damaged_row_is_reported(
    mlpredict: Command,
    shown: str,
    connection: psycopg.Connection[Any],
    tmp_path: Path,
    image: str | None,
    reason: str,
) -> None:
    connection.execute("UPDATE inputs SET image = %s", (image,))
    done = mlpredict("show", "1", "--dsn", shown, "--export-image", cwd=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    [line] = done.stderr.decode().splitlines()
    assert re.match(r"mlpredict: input \d: ", line)
    assert reason in line
    table = mlpredict("show", "1", "--dsn", shown, "--format", "table")
    assert (table.returncode, b"no picture" in table.stdout) == (0, True)


def test_a_reference_is_followed_while_the_file_is_the_same(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    original = Path(shutil.copy(digits[0], tmp_path / "digit.png"))
    mlpredict("predict", original, "--dsn", dsn, "--keep", "reference")
    export = ("show", "1", "--dsn", dsn, "--export-image", "-o", "-")
    assert mlpredict(*export).stdout == digits[0].read_bytes()
    shutil.copy(digits[1], original)
    changed = mlpredict(*export)
    assert (changed.returncode, changed.stdout) == (1, b"")
    assert b"has changed" in changed.stderr


def test_options_of_the_export_need_it(mlpredict: Command, shown: str) -> None:
    assert mlpredict("show", "1", "--dsn", shown, "-o", "x.png").returncode == 2
    assert mlpredict("show", "1", "2", "--dsn", shown, "--export-image", "-o", "-").returncode == 2
