"""What a file may cost: refused by its header where that tells, ended by the system where it does not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from mlpredict.domain import Decode, Preprocessing, Rejected, Sample, Source
from mlpredict.inputs import decoding
from mlpredict.inputs.decoder_pool import Decoders
from mlpredict.inputs.decoding import Asked, decode_all
from mlpredict.inputs.image import decode_if_harmless
from mlpredict.inputs.limits import Limits
from tests import hostile
from tests.unit.images import decode, decoded, file_of, picture, png, refused, spec

pytestmark = pytest.mark.usefixtures("working_directory")
MODEL = spec(1, 28, 28)
REDUCED = spec(1, 28, 28, Preprocessing(decode=Decode.REDUCED))
SMALL = Limits(max_pixels=1000, max_bytes=5000)
# So much memory that an image of 30 megapixels fits in only if it is grey: 100 MB.
NARROW = Limits(max_pixels=30_000_000, max_bytes=10_000_000)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="limits that only Linux keeps")
posix_only = pytest.mark.skipif(os.name != "posix", reason="processor time")


def reason(item: Sample | Rejected) -> str:
    assert isinstance(item, Rejected), item
    return item.reason


def decoded_apart(content: bytes, limits: Limits) -> Sample | Rejected:
    with Decoders(1) as decoders:
        return decoders.decode_one(0, Source("-", content), MODEL, limits)


def test_pixels_are_counted_before_they_are_decoded() -> None:
    assert isinstance(decode(0, Source("-", png(50, 20)), MODEL, SMALL), Sample)
    assert reason(decode(0, Source("-", png(50, 21)), MODEL, SMALL)) == (
        "too large: 50×21 pixels, limit 1,000 pixels"
    )


def test_the_usual_limit_is_a_hundred_megapixels() -> None:
    assert refused(hostile.png(60_000, 60_000), MODEL) == (
        "too large: 60000×60000 pixels, limit 100 megapixels"
    )


def test_a_canvas_that_is_made_when_a_file_is_opened_is_counted_too() -> None:
    assert refused(hostile.webp_of_size(16_000), MODEL) == ("too large: 256 megapixels, limit 100 megapixels")
    assert refused(hostile.webp_of_size(9_000), MODEL) == (
        "too large: 81 megapixels take more than 320 MB of memory"
    )


@pytest.mark.parametrize(
    ("content", "needed"),
    [
        pytest.param(hostile.png(5_000, 6_000, hostile.chunk(b"IDAT", b"")), None, id="grey"),
        pytest.param(
            hostile.png(5_000, 6_000, hostile.chunk(b"IDAT", b""), colours=hostile.RGB),
            "5000×6000 pixels of PNG take 120 MB",
            id="colours",
        ),
        pytest.param(
            file_of(Image.new("RGB", (5000, 5000)), "JPEG", progressive=True, subsampling=0),
            "5000×5000 pixels of JPEG take 156.5 MB",
            id="progressive",
        ),
        pytest.param(file_of(Image.new("L", (3200, 3200)), "JPEG2000"), None, id="JPEG 2000 that fits"),
        pytest.param(
            file_of(Image.new("RGB", (3200, 3200)), "JPEG2000"),
            "3200×3200 pixels of JPEG2000 take 194.6 MB",
            id="JPEG 2000",
        ),
    ],
)
def test_memory_is_counted_before_it_is_taken(content: bytes, needed: str | None) -> None:
    item = decode(0, Source("-", content), REDUCED, NARROW)
    if needed is None:
        assert isinstance(item, Sample) or not item.reason.startswith("too large")
    else:
        assert reason(item) == f"too large: {needed} of memory, limit 100 MB"


def test_what_a_large_photo_is_reduced_to_counts() -> None:
    content = file_of(Image.new("RGB", (5400, 5400)), "JPEG")
    assert isinstance(decode(0, Source("-", content), REDUCED, NARROW), Sample)
    assert reason(decode(0, Source("-", content), MODEL, NARROW)) == (
        "too large: 5400×5400 pixels of JPEG take 117.1 MB of memory, limit 100 MB"
    )


@linux_only
def test_memory_that_the_header_does_not_tell_of_is_refused_by_the_system() -> None:
    inner = hostile.png(60_000, 60_000, hostile.chunk(b"IDAT", b""))
    assert reason(decoded_apart(hostile.icon_with_png(inner), NARROW)) == (
        "too large: decoding it takes more than 100 MB of memory"
    )


@posix_only
def test_an_image_that_takes_too_long_is_given_up_and_the_others_are_decoded() -> None:
    Path("slow.jpg").write_bytes(hostile.jpeg_with_many_scans(1000, 30_000))
    Path("good.png").write_bytes(png())
    names = ["good.png", "slow.jpg", "good.png"]
    chunk = [Asked(n, Source(name)) for n, name in enumerate(names)]
    with Decoders(1) as decoders:
        (first, slow, last) = (
            item for items in decoders.decode(iter([chunk]), MODEL, Limits(seconds=0.2)) for item in items
        )
    assert isinstance(first, Sample)
    assert isinstance(last, Sample)
    assert reason(slow) == "takes too long to decode: more than 0.2 s of processor time"


@pytest.mark.parametrize("make", [hostile.png_with_text, hostile.png_with_profile])
def test_metadata_that_grow_are_refused(make: Callable[[int], bytes]) -> None:
    assert refused(make(200 << 20), MODEL) == "too large: text or a colour profile in it, once unpacked"


def test_a_long_comment_does_not_matter() -> None:
    assert decoded(hostile.gif_with_comment(2 << 20), MODEL).pixels.max() == 0


@posix_only
@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_of_hundreds_of_frames_one_is_decoded(kind: str) -> None:
    # All of them would take longer; the first takes a hundredth of it.
    item = decoded_apart(hostile.animation(kind, 400, side=500), Limits(seconds=0.1))
    assert isinstance(item, Sample), item
    assert item.pixels.min() >= 254


def test_a_directory_that_goes_in_circles_has_an_end() -> None:
    assert decoded(hostile.tiff_that_goes_in_circles(), MODEL).pixels.max() == 200


@pytest.mark.parametrize("size", [5000, 5001, 20_000])
def test_bytes_are_counted_before_they_are_read(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.png").write_bytes(png().ljust(size, b"\0"))
    if size > SMALL.max_bytes:
        monkeypatch.setattr(os, "read", None)
        assert reason(decode(0, Source("a.png"), MODEL, SMALL)) == (
            f"too large: {size:,} bytes, limit 5,000 bytes"
        )
    else:
        assert isinstance(decode(0, Source("a.png"), MODEL, SMALL), Sample)


class Growing:
    """A file that another program goes on writing to while it is read; it notes how much was read."""

    def __init__(self, patch: pytest.MonkeyPatch, step: int) -> None:
        self.read = 0
        self._step = step
        self._real = os.read
        patch.setattr(os, "read", self)

    def __call__(self, descriptor: int, size: int) -> bytes:
        with open("a.png", "ab") as file:
            file.write(bytes(self._step))
        content = self._real(descriptor, size)
        self.read += len(content)
        return content


def test_a_file_that_grows_is_read_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.png").write_bytes(png())
    growing = Growing(monkeypatch, step=1000)
    assert reason(decode(0, Source("a.png"), MODEL, SMALL)) == (
        "too large: more than 5,000 bytes, limit 5,000 bytes"
    )
    assert growing.read == SMALL.max_bytes + 1


def test_a_file_that_grew_a_little_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.png").write_bytes(png()[:-10])
    real, rest = os.read, [png()[-10:]]

    def read(descriptor: int, size: int) -> bytes:
        if rest:
            with open("a.png", "ab") as file:
                file.write(rest.pop())
        return real(descriptor, size)

    monkeypatch.setattr(os, "read", read)
    item = decode(0, Source("a.png"), MODEL, SMALL)
    assert isinstance(item, Sample)
    assert item.content == png()


def test_a_file_that_shrinks_is_truncated(monkeypatch: pytest.MonkeyPatch) -> None:
    content = file_of(picture(40, 40))
    Path("a.png").write_bytes(content)
    real = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        os.truncate("a.png", len(content) - 60)
        return status

    monkeypatch.setattr(os, "fstat", fstat)
    assert reason(decode(0, Source("a.png"), MODEL)) in (
        "truncated",
        "damaged: its PNG data cannot be decoded",
    )


@pytest.mark.parametrize(
    ("content", "harmless"),
    [
        pytest.param(png(), True, id="PNG"),
        pytest.param(file_of(picture(), "JPEG"), True, id="JPEG"),
        pytest.param(file_of(picture(), "GIF"), True, id="GIF"),
        pytest.param(file_of(picture(), "BMP"), True, id="BMP"),
        pytest.param(file_of(picture(), "TIFF"), False, id="TIFF"),
        pytest.param(b"no image", False, id="text"),
        pytest.param(file_of(Image.new("L", (5000, 5000))), False, id="many pixels"),
        pytest.param(hostile.jpeg_with_many_scans(200, 1000), False, id="many scans"),
        pytest.param(hostile.gif_with_comment(1 << 20), False, id="long GIF"),
        pytest.param(png() + bytes(5 << 20), False, id="long PNG"),
        pytest.param(png()[:50], True, id="short PNG"),
    ],
)
def test_only_what_is_harmless_is_decoded_in_this_process(content: bytes, harmless: bool) -> None:
    Path("file").write_bytes(content)
    assert (decode_if_harmless(3, Source("file"), MODEL, Limits()) is not None) is harmless
    (item,) = decode_all(iter([Source("file")]), MODEL)
    alone = decode(0, Source("file"), MODEL)
    assert type(item) is type(alone)
    if isinstance(item, Sample) and isinstance(alone, Sample):
        assert (item.pixels == alone.pixels).all()


def test_what_is_not_harmless_is_decoded_by_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Decoders] = []

    class Noted(Decoders):
        def __init__(self, count: int) -> None:
            super().__init__(count)
            started.append(self)

    monkeypatch.setattr("mlpredict.inputs.decoder_pool.Decoders", Noted)
    tiff = file_of(picture(9, 9), "TIFF")
    sources = [Source("-", tiff), Source("-", png()), Source("-", tiff)]
    assert [item.width for item in decode_all(iter(sources), MODEL) if isinstance(item, Sample)] == [9, 4, 9]
    assert len(started) == 1
    with pytest.raises(ValueError, match="closed"):
        started[0].decode_one(0, sources[0], MODEL, Limits())


def test_the_limits_travel_with_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MANY_FILES", 2)
    Path("a.png").write_bytes(png(50, 20))
    Path("b.png").write_bytes(png(50, 21))
    sources = [Source(name) for name in ("a.png", "b.png", "a.png")]
    items = list(decode_all(iter(sources), MODEL, limits=SMALL))
    assert [isinstance(item, Sample) for item in items] == [True, False, True]


@linux_only
def test_large_images_are_decoded_one_at_a_time() -> None:
    Path("large.png").write_bytes(hostile.black_png(8500, 8500))
    peaks: list[int] = []
    with Decoders(2) as decoders:
        chunks = iter([[Asked(n, Source("large.png"))] for n in range(4)])
        for items in decoders.decode(chunks, MODEL):
            assert isinstance(items[0], Sample)
            peaks.append(sum(map(resident, numbers_of(decoders))))
    assert len(peaks) == 4
    assert max(peaks) < 2 * 72_250_000


def numbers_of(decoders: Decoders) -> list[int]:
    """The numbers of the processes that run."""
    return [one._process.pid for one in decoders._processes if one._process is not None]


def resident(process: int) -> int:
    """Bytes that a process takes now."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
