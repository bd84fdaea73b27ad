"""What of an image is stored, and how it comes back."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.domain import DataUri, Keep, NewInput, Sample, Source, StoredImage
from mlpredict.domain.samples import URI_PART_BYTES
from mlpredict.inputs.kept import ImageFile, ImageUnavailable, data_uri, load_stored, new_input
from tests.unit.images import decode, decoded, file_of, picture, png, spec


def stored(new: NewInput) -> StoredImage:
    """The row that an input becomes."""
    return StoredImage(12, str(new.uri), new.sha256, new.contenttype, new.width, new.height)


def of_uri(uri: str | None) -> StoredImage:
    return StoredImage(12, uri, None, None, None, None)


@pytest.fixture(
    params=["plain.png", "two words.png", "100%25.png", "a#b?c;d&e.png", "a\nb\tc.png", b"caf\xe9.png"]
)
def sample_of_a_file(request: pytest.FixtureRequest, working_directory: Path) -> Sample:
    name = os.fsdecode(request.param)
    if sys.platform == "darwin":
        # The file system of macOS takes names in UTF-8 alone.
        name = name.encode("utf-8", "replace").decode()
    Path(name).write_bytes(png())
    sample = decode(0, Source(name), spec())
    assert isinstance(sample, Sample)
    return sample


@pytest.mark.parametrize(("kind", "contenttype"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_the_original_is_kept_byte_for_byte(kind: str, contenttype: str) -> None:
    content = file_of(picture(9, 7), kind)
    new = new_input(decoded(content, spec(1, 3, 3)), Keep.ORIGINAL, "ab12cd34")
    assert str(new.uri).startswith(f"data:{contenttype};base64,")
    assert (new.kept, new.contenttype, new.width, new.height) == ("original", contenttype, 9, 7)
    assert new.sha256 == hashlib.sha256(content).digest()
    assert load_stored(stored(new)) == ImageFile(content, contenttype)


def test_a_file_of_several_pages_looks_like_its_first_one() -> None:
    sample = decoded(png(), spec())
    second = sample._replace(source=Source("scan.tif#2", page=2, file="scan.tif"))
    looks = {
        (keep, one.source.page): new_input(one, keep, "ab12cd34", 5).difference_hash
        for keep in Keep
        for one in (sample._replace(source=Source("scan.tif")), second)
    }
    assert {place for place, look in looks.items() if look is None} == {
        (Keep.ORIGINAL, 2),
        (Keep.REFERENCE, 2),
    }
    assert new_input(sample, Keep.ORIGINAL, "ab12cd34").difference_hash is None


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_model_input_is_a_png_of_exactly_these_pixels(channels: int) -> None:
    sample = decoded(file_of(picture(9, 7), "JPEG"), spec(channels, 5, 6))
    new = new_input(sample, Keep.MODEL_INPUT, "ab12cd34")
    assert (new.kept, new.contenttype) == ("model-input/ab12cd34", "image/png")
    assert (new.sha256, new.width, new.height) == (sample.sha256, 9, 7)
    again = decoded(load_stored(stored(new)).content, spec(channels))
    np.testing.assert_array_equal(again.pixels, sample.pixels)


def test_a_reference_leads_back_to_the_file_from_anywhere(
    sample_of_a_file: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = new_input(sample_of_a_file, Keep.REFERENCE, "ab12cd34")
    monkeypatch.chdir("/")
    assert new.kept == "reference"
    assert str(new.uri).isascii()
    assert str(new.uri).startswith("file:///")
    assert load_stored(stored(new)) == ImageFile(png(), "image/png")


def test_a_file_that_has_changed_is_refused(sample_of_a_file: Sample) -> None:
    new = new_input(sample_of_a_file, Keep.REFERENCE, "ab12cd34")
    Path(sample_of_a_file.source.filename).write_bytes(png(5, 5))
    with pytest.raises(ImageUnavailable, match=r"(?s)^input 12: .*has changed since"):
        load_stored(stored(new))


def test_a_file_that_is_gone_is_refused(sample_of_a_file: Sample) -> None:
    new = new_input(sample_of_a_file, Keep.REFERENCE, "ab12cd34")
    os.unlink(sample_of_a_file.source.filename)
    with pytest.raises(ImageUnavailable, match=r"(?s)^input 12: .*no such file"):
        load_stored(stored(new))


def test_a_reference_without_a_hash_is_not_read(sample_of_a_file: Sample) -> None:
    new = new_input(sample_of_a_file, Keep.REFERENCE, "ab12cd34")
    with pytest.raises(ImageUnavailable, match=r"(?s)^input 12: .*no hash is stored"):
        load_stored(stored(new)._replace(sha256=None))


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "FILE:/etc/passwd", "file:etc/passwd"])
def test_no_row_gets_at_a_file_by_its_name_alone(uri: str) -> None:
    with pytest.raises(ImageUnavailable):
        load_stored(of_uri(uri))
    with pytest.raises(ImageUnavailable):
        load_stored(of_uri(uri)._replace(sha256=bytes(32)))


def test_a_file_of_this_machine_may_be_said_to_be_so(sample_of_a_file: Sample) -> None:
    new = new_input(sample_of_a_file, Keep.REFERENCE, "ab12cd34")
    local = stored(new)._replace(uri=str(new.uri).replace("file://", "file://localhost"))
    assert load_stored(local).content == png()
    elsewhere = stored(new)._replace(uri=str(new.uri).replace("file://", "file://fileserver"))
    with pytest.raises(ImageUnavailable, match="on another machine: fileserver"):
        load_stored(elsewhere)


@pytest.mark.parametrize("uri", ["file:///dev/zero", "file:///dev/tty", "file:///proc/kcore"])
def test_what_is_no_file_or_has_no_end_is_refused(uri: str) -> None:
    with pytest.raises(ImageUnavailable, match=r"^input 12: "):
        load_stored(of_uri(uri)._replace(sha256=bytes(32)))


@given(st.binary())
def test_any_bytes_come_back_from_a_data_uri(content: bytes) -> None:
    assert load_stored(of_uri(data_uri("image/png", content))) == ImageFile(content, "image/png")


def test_the_data_uris_of_the_2020_program_are_read() -> None:
    uri = f"data:image/jpg;base64,{base64.b64encode(b'bytes').decode()}"
    assert load_stored(of_uri(uri)) == ImageFile(b"bytes", "image/jpg")


def test_a_data_uri_need_not_be_base64() -> None:
    assert load_stored(of_uri("data:text/plain;charset=utf-8,a%20b%FF")) == ImageFile(
        b"a b\xff", "text/plain"
    )


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("iVBORw0KGgo=", id="Base64 alone"),
        pytest.param("https://example.org/a.png", id="elsewhere"),
        pytest.param("data:image/png;base64", id="no data"),
        pytest.param("data:image/png;base64,iVBORw0KGgo", id="no padding"),
        pytest.param("data:image/png;base64,iVBO*w0KGgo=", id="no Base64"),
        pytest.param("data:image/png;base64,ünlaut==", id="not ASCII"),
        pytest.param("file:///nowhere/a.png", id="missing file"),
        pytest.param("file:///", id="folder"),
        pytest.param("file:///nul%00.png", id="NUL"),
        pytest.param("file://[nowhere", id="no address"),
        pytest.param("data:image/png;BASE64,%%%", id="no Base64, in capitals"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_input_it_stands_in(uri: str | None) -> None:
    with pytest.raises(ImageUnavailable, match=r"^input 12: ") as raised:
        load_stored(of_uri(uri))
    assert raised.value.exit_status == 1


@pytest.mark.parametrize("size", [0, 1, 2, 3, URI_PART_BYTES - 1, URI_PART_BYTES, 2 * URI_PART_BYTES + 5])
def test_a_uri_in_pieces_is_the_same_as_in_one(size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    uri = DataUri("image/png", content)
    assert str(uri) == data_uri("image/png", content)
    assert len(uri) == len(str(uri))
    assert all(len(piece) <= URI_PART_BYTES * 4 // 3 for piece in uri.parts())
