"""Stored images back into files, whatever the database says they are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlpredict.cli.export import export_images
from mlpredict.domain import PredictionDetail, StoredImage
from mlpredict.errors import OutputError
from mlpredict.inputs.keep import data_uri
from mlpredict.inputs.stored import ImageUnavailable
from tests.unit.images import png, record

CONTENT = png()


def detail(
    filename: str | None = "three.png", contenttype: str = "image/png", prediction_id: int = 7
) -> PredictionDetail:
    image = StoredImage(3, data_uri(contenttype, CONTENT), None, contenttype, 4, 3)
    return PredictionDetail(record(prediction_id, filename), image, None, None, None)


def everything_under(folder: Path) -> list[str]:
    return sorted(os.path.relpath(path, folder) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        pytest.param("three.png", "three.png", id="own name"),
        pytest.param("scans/2026/three.PNG", "three.PNG", id="last part"),
        pytest.param("../../etc/passwd", "passwd.png", id="parents"),
        pytest.param("/etc/cron.d/job", "job.png", id="absolute"),
        pytest.param("..\\..\\windows\\system.ini", "system.ini.png", id="backslashes"),
        pytest.param("-rf", "rf.png", id="option"),
        pytest.param(".hidden", "hidden.png", id="hidden"),
        pytest.param("...", "prediction-7.png", id="dots alone"),
        pytest.param("..", "prediction-7.png", id="parent"),
        pytest.param("/", "prediction-7.png", id="root"),
        pytest.param("", "prediction-7.png", id="empty"),
        pytest.param(None, "prediction-7.png", id="none"),
        pytest.param("-", "prediction-7.png", id="standard input"),
        pytest.param("three.txt", "three.txt.png", id="wrong suffix"),
        pytest.param("\x1b[2Jclear.png", "_x1b[2Jclear.png", id="escape sequence"),
        pytest.param("a\nb.png", "a_nb.png", id="newline"),
        pytest.param(os.fsdecode(b"caf\xe9.png"), "caf_xe9.png", id="not UTF-8"),
        pytest.param("數字 3.png", "數字 3.png", id="not ASCII"),
        pytest.param("n" * 252 + ".png", "prediction-7.png", id="one byte too long"),
        pytest.param("n" * 251 + ".png", "n" * 251 + ".png", id="as long as can be"),
        pytest.param("數" * 90 + ".png", "prediction-7.png", id="long in bytes alone"),
    ],
)
def test_a_stored_name_leads_nowhere_but_into_the_current_folder(
    working_directory: Path, stored: str | None, written: str
) -> None:
    export_images([detail(stored)], None, force=False)
    assert everything_under(working_directory.parent) == ["here", f"here/{written}"]
    assert (working_directory / written).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("stored", "contenttype", "written"),
    [
        ("three.jpeg", "image/jpeg", "three.jpeg"),
        ("three.JPG", "image/jpeg", "three.JPG"),
        ("three.png", "image/jpeg", "three.png.jpg"),
        ("three", "image/tiff", "three.tif"),
        ("three.xyz", "image/x-unheard-of", "three.xyz"),
        ("x" * 300, "image/x-unheard-of", "prediction-7"),
        ("three", "", "three"),
    ],
)
def test_a_name_has_a_suffix_of_its_type(
    working_directory: Path, stored: str, contenttype: str, written: str
) -> None:
    export_images([detail(stored, contenttype)], None, force=False)
    assert everything_under(working_directory) == [written]


def test_a_file_that_is_there_is_left_alone(working_directory: Path) -> None:
    target = working_directory / "three.png"
    target.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"three\.png.*there is a file") as raised:
        export_images([detail()], None, force=False)
    assert "--force" in str(raised.value.hint)
    assert target.read_bytes() == b"mine"
    assert everything_under(working_directory) == ["three.png"]


def test_a_dangling_link_is_not_followed(working_directory: Path) -> None:
    (working_directory / "three.png").symlink_to(working_directory.parent / "elsewhere")
    with pytest.raises(OutputError):
        export_images([detail()], None, force=False)
    export_images([detail()], None, force=True)
    assert everything_under(working_directory.parent) == ["here", "here/three.png"]


def test_force_overwrites(working_directory: Path) -> None:
    target = working_directory / "three.png"
    target.write_bytes(b"mine")
    export_images([detail()], None, force=True)
    assert target.read_bytes() == CONTENT
    assert everything_under(working_directory) == ["three.png"]


@pytest.mark.parametrize("force", [True, False])
def test_a_folder_of_that_name_is_not_replaced(working_directory: Path, force: bool) -> None:
    (working_directory / "three.png").mkdir()
    with pytest.raises(OutputError):
        export_images([detail()], None, force=force)
    assert everything_under(working_directory) == ["three.png"]


def test_output_names_the_file(working_directory: Path) -> None:
    export_images([detail()], "out.dat", force=False)
    assert everything_under(working_directory) == ["out.dat"]


def test_output_may_be_a_folder_for_several(working_directory: Path) -> None:
    (working_directory / "out").mkdir()
    export_images([detail("a/1.png"), detail("b/2.png", prediction_id=8)], "out", force=False)
    assert everything_under(working_directory) == ["out", "out/1.png", "out/2.png"]


def test_several_images_do_not_go_into_one_file(working_directory: Path) -> None:
    with pytest.raises(OutputError, match="folder that exists"):
        export_images([detail("1.png"), detail("2.png")], "out", force=False)
    assert everything_under(working_directory) == []


def test_a_missing_folder_is_named(working_directory: Path) -> None:
    with pytest.raises(OutputError, match=r"^nowhere/three\.png: "):
        export_images([detail()], "nowhere/three.png", force=False)
    assert everything_under(working_directory) == []


def test_the_image_goes_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    export_images([detail()], "-", force=False)
    assert capfdbinary.readouterr().out == CONTENT


def test_the_umask_decides_who_may_read_it(working_directory: Path) -> None:
    before = os.umask(0o027)
    try:
        export_images([detail()], None, force=False)
    finally:
        os.umask(before)
    assert (working_directory / "three.png").stat().st_mode & 0o777 == 0o640


def test_an_image_that_cannot_be_had_writes_nothing(working_directory: Path) -> None:
    gone = StoredImage(3, None, None, None, None, None)
    with pytest.raises(ImageUnavailable, match="input 3"):
        export_images([PredictionDetail(record(), gone, None, None, None)], None, force=True)
    assert everything_under(working_directory) == []
