"""What in a folder is no image: never predicted, never unsaid."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mlpredict.inputs.passed_over import PassedOver
from mlpredict.inputs.sources import discover, volume_of
from tests.notices import heard
from tests.unit.images import file_of, picture, png

pytestmark = pytest.mark.usefixtures("working_directory")

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def folder(**files: bytes) -> None:
    """Files in the folder `in`; `_` in a name stands for the dot."""
    Path("in").mkdir()
    for name, content in files.items():
        Path("in", name.replace("__", ".")).write_bytes(content)


def walked() -> tuple[list[str], list[str]]:
    """What is predicted of the folder, and what is said at the end."""
    passed_over = PassedOver()
    with heard() as said:
        names = [getattr(one, "filename", "") for one in discover(["in"], passed_over=passed_over)]
        passed_over.tell()
    assert volume_of(["in"])[0] == len([name for name in names if name])
    return [Path(name).name for name in names if name], said


def test_everything_in_a_folder_is_predicted_or_counted() -> None:
    folder(a__png=png(), b__txt=b"x", c__mov=b"x", d__mov=b"x", notes=b"x", e__HEIC=HEIC, f__mpo=b"x")
    Path("in/sub").mkdir()
    Path("in/sub/g.csv").write_bytes(b"x")
    names, said = walked()
    assert names == ["a.png", "e.HEIC", "f.mpo"]
    assert said == ["passed over: 2 .mov, 1 .txt, 1 without extension, 1 .csv"]


@pytest.mark.parametrize("name", ["IMG_0001", "photo.1", "photo.jpg_large", "photo.dat", "photo.bin"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "AVIF", "JPEG2000"])
def test_files_are_known_by_their_first_bytes_where_the_name_says_nothing(name: str, kind: str) -> None:
    Path("in").mkdir()
    Path("in", name).write_bytes(file_of(picture(), kind))
    assert walked() == ([name], [])


def test_a_heic_file_is_known_by_each_of_its_brands() -> None:
    for brand in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"):
        Path("in").mkdir(exist_ok=True)
        Path("in", brand.decode()).write_bytes(b"\0\0\0\x14ftyp" + brand + b"\0\0\0\0" + brand)
    assert len(walked()[0]) == 8


@pytest.mark.parametrize("content", [b"BM is how this text begins", b"GIF8", b"", b"II*", b"\xff\x0a and"])
def test_text_that_happens_to_begin_like_an_image_is_none(content: bytes) -> None:
    folder(readme=content)
    names, said = walked()
    assert names == []
    assert said == ["passed over: 1 without extension"]


def test_hidden_files_and_unfinished_downloads_stay_out_and_are_counted() -> None:
    folder(a__png=png(), __b__png=png(), c__png__part=png(), d__crdownload=png())
    Path("in/.thumbnails").mkdir()
    Path("in/.thumbnails/e.png").write_bytes(png())
    names, said = walked()
    assert names == ["a.png"]
    assert said == ["passed over: 2 hidden, 1 .part, 1 .crdownload"]


def test_a_hidden_folder_that_is_named_is_walked() -> None:
    Path(".in").mkdir()
    Path(".in/a.png").write_bytes(png())
    assert [getattr(one, "filename", "") for one in discover([".in"])] == [".in/a.png"]


def test_dicom_and_camera_raw_are_told_with_a_way_to_convert_them() -> None:
    folder(IM000001=bytes(128) + b"DICM", a__nef=b"MM\0*", b__dcm=b"x", c=b"IIU\0")
    names, said = walked()
    assert names == []
    assert len(said) == 1
    for told in (
        "1 without extension (DICOM)",
        "1 .nef (camera RAW)",
        "1 .dcm (DICOM)",
        "dcmj2pnm",
        "darktable",
    ):
        assert told in said[0]


def test_each_is_named_to_who_asks_for_more(caplog: pytest.LogCaptureFixture) -> None:
    folder(a__png=png(), b__txt=b"x")
    with caplog.at_level(logging.DEBUG, "mlpredict"):
        list(discover(["in"], passed_over=PassedOver()))
    assert caplog.messages == ["in/b.txt: passed over (.txt)"]


def test_nothing_is_said_where_nothing_was_passed_over() -> None:
    folder(a__png=png())
    assert walked() == (["a.png"], [])
