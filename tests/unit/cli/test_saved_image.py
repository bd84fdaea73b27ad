"""Stored images back into files, whatever the database says they are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlpredict.cli.saved_image import require_folder, write_image
from mlpredict.domain import PredictionDetail, StoredImage
from mlpredict.errors import OutputError
from mlpredict.inputs.kept import ImageUnavailable, data_uri
from tests.unit.images import file_of, picture, png, record

CONTENT = png()
JPEG = file_of(picture(4, 3), "JPEG")


def detail(
    filename: str | None = "three.png",
    contenttype: str = "image/png",
    prediction_id: int = 7,
    content: bytes = CONTENT,
) -> PredictionDetail:
    image = StoredImage(3, data_uri(contenttype, content), None, contenttype, 4, 3)
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
    write_image(detail(stored), None, force=False)
    assert everything_under(working_directory.parent) == ["here", f"here/{written}"]
    assert (working_directory / written).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("stored", "contenttype", "content", "written"),
    [
        ("three.jpeg", "image/jpeg", JPEG, "three.jpeg"),
        ("three.JPG", "image/jpeg", JPEG, "three.JPG"),
        ("three.png", "image/png", JPEG, "three.png.jpg"),
        ("three.jpg", "image/jpeg", CONTENT, "three.jpg.png"),
        ("three", "", file_of(picture(4, 3), "TIFF"), "three.tif"),
        ("three", "text/html", file_of(picture(4, 3), "PCX"), "three.pcx"),
        ("page.html", "image/png", b"<script>alert(1)</script>", "page.html.bin"),
        ("three.png", "image/png", b"\x7fELF" + bytes(60), "three.png.bin"),
        ("drawing.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.svg.bin"),
        ("drawing.png", "image/png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "drawing.png.bin"),
        ("x" * 300, "image/png", b"", "prediction-7.bin"),
    ],
)
def test_a_suffix_says_what_the_bytes_are(
    working_directory: Path, stored: str, contenttype: str, content: bytes, written: str
) -> None:
    write_image(detail(stored, contenttype, content=content), None, force=False)
    assert everything_under(working_directory) == [written]
    assert (working_directory / written).read_bytes() == content


def test_a_file_that_is_there_is_left_alone(working_directory: Path) -> None:
    target = working_directory / "three.png"
    target.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"three\.png.*there is a file") as raised:
        write_image(detail(), None, force=False)
    assert "--force" in str(raised.value.hint)
    assert target.read_bytes() == b"mine"
    assert everything_under(working_directory) == ["three.png"]


def test_a_dangling_link_is_not_followed(working_directory: Path) -> None:
    (working_directory / "three.png").symlink_to(working_directory.parent / "elsewhere")
    with pytest.raises(OutputError):
        write_image(detail(), None, force=False)
    write_image(detail(), None, force=True)
    assert everything_under(working_directory.parent) == ["here", "here/three.png"]


def test_a_link_is_replaced_and_what_it_leads_to_left_alone(working_directory: Path) -> None:
    precious = working_directory.parent / "precious"
    precious.write_bytes(b"mine")
    (working_directory / "three.png").symlink_to(precious)
    with pytest.raises(OutputError):
        write_image(detail(), None, force=False)
    write_image(detail(), None, force=True)
    assert precious.read_bytes() == b"mine"
    assert not (working_directory / "three.png").is_symlink()


def test_force_overwrites(working_directory: Path) -> None:
    target = working_directory / "three.png"
    target.write_bytes(b"mine")
    write_image(detail(), None, force=True)
    assert target.read_bytes() == CONTENT
    assert everything_under(working_directory) == ["three.png"]


@pytest.mark.parametrize("force", [True, False])
def test_a_folder_of_that_name_is_not_replaced(working_directory: Path, force: bool) -> None:
    (working_directory / "three.png").mkdir()
    with pytest.raises(OutputError):
        write_image(detail(), None, force=force)
    assert everything_under(working_directory) == ["three.png"]


def test_output_names_the_file(working_directory: Path) -> None:
    write_image(detail(), "out.dat", force=False)
    assert everything_under(working_directory) == ["out.dat"]


def test_output_may_be_a_folder_for_several(working_directory: Path) -> None:
    (working_directory / "out").mkdir()
    for one in (detail("a/1.png"), detail("b/2.png", prediction_id=8)):
        write_image(one, "out", force=False)
    assert everything_under(working_directory) == ["out", "out/1.png", "out/2.png"]


def test_several_images_do_not_go_into_one_file(working_directory: Path) -> None:
    with pytest.raises(OutputError, match="folder that exists"):
        require_folder("out")
    assert everything_under(working_directory) == []


def test_a_missing_folder_is_named(working_directory: Path) -> None:
    with pytest.raises(OutputError, match=r"^nowhere/three\.png: "):
        write_image(detail(), "nowhere/three.png", force=False)
    assert everything_under(working_directory) == []


def test_the_image_goes_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_image(detail(), "-", force=False)
    assert capfdbinary.readouterr().out == CONTENT


def test_the_umask_decides_who_may_read_it(working_directory: Path) -> None:
    before = os.umask(0o027)
    try:
        write_image(detail(), None, force=False)
    finally:
        os.umask(before)
    assert (working_directory / "three.png").stat().st_mode & 0o777 == 0o640


def test_an_image_that_cannot_be_had_writes_nothing(working_directory: Path) -> None:
    gone = StoredImage(3, None, None, None, None, None)
    with pytest.raises(ImageUnavailable, match="input 3"):
        write_image(PredictionDetail(record(), gone, None, None, None), None, force=True)
    assert everything_under(working_directory) == []
