"""The pixels of a decoded image, upright and with the model's channels: whole, or a large one in bands."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from mlpredict.domain import ImageSpec, Resize
from mlpredict.inputs.limits import DEEP
from mlpredict.inputs.pixels import BAND_PIXELS, MODES, Transpose, to_channels, turn_of, white_of
from mlpredict.inputs.placement import Region, Size
from mlpredict.inputs.tones import tone_curve, toned

# More than this is converted in bands: beside an image as large as that there is no room for another.
LARGE_PIXELS = 16 << 20
# Turns that make columns of rows, and those after which what was the last row, or column, is the first.
ON_THE_SIDE = frozenset(
    {Transpose.TRANSPOSE, Transpose.TRANSVERSE, Transpose.ROTATE_90, Transpose.ROTATE_270}
)
BACKWARDS = frozenset(
    {Transpose.FLIP_TOP_BOTTOM, Transpose.ROTATE_180, Transpose.TRANSVERSE, Transpose.ROTATE_90}
)
# Their users read images with OpenCV, whose grey is its own.
OF_OPENCV = (Resize.OPENCV_NEAREST, Resize.OPENCV_LINEAR, Resize.OPENCV_CUBIC, Resize.OPENCV_AREA)
GREYS = frozenset({"1", "L", "LA", "La"})


class Bands:
    """What a decoded image shows, on its way to a model."""

    def __init__(self, image: Image.Image, spec: ImageSpec, white: float | None) -> None:
        self._image = image
        self._spec = spec
        self._turn = turn_of(image)
        self._white = white
        self._curve: list[int] | None = None

    @property
    def size(self) -> Size:
        """Width and height of the upright image."""
        width, height = self._image.size
        return (height, width) if self._turn in ON_THE_SIDE else (width, height)

    @property
    def mode(self) -> str:
        """The model's channels, as Pillow calls them."""
        return MODES[self._spec.channels]

    @property
    def is_large(self) -> bool:
        """Whether there should never be all of its pixels at once."""
        return self._image.width * self._image.height > LARGE_PIXELS

    def whole(self) -> Image.Image:
        """All of it."""
        plain = self._plain(self._image, self._white)
        self._curve = tone_curve(self._spec.preprocessing, plain.histogram)
        return plain if self._curve is None else toned(plain, self._curve)

    def of(self, region: Region) -> Iterator[Image.Image]:
        """A region of it, from the top down in bands as wide as the region."""
        everything = (0, 0, *self.size)
        white = self._white or white_of(self._image)
        self._curve = tone_curve(self._spec.preprocessing, lambda: self._histogram(everything, white))
        for band in self._plain_bands(region, white):
            yield band if self._curve is None else toned(band, self._curve)

    def margin(self) -> tuple[int, ...]:
        """The colour beside an image that does not fill the model's input, by channel.

        It is the background, which the image's tones hold for once they are known; without one it is
        what the model takes for black.
        """
        background = self._spec.preprocessing.background
        margin = Image.new(self.mode, (1, 1), background or "black")
        if background is not None and self._curve is not None:
            margin = toned(margin, self._curve)
        return tuple(margin.tobytes())

    def _histogram(self, region: Region, white: float | None) -> list[int]:
        histograms = (band.histogram() for band in self._plain_bands(region, white))
        return [sum(counts) for counts in zip(*histograms, strict=True)]

    def _plain_bands(self, region: Region, white: float | None) -> Iterator[Image.Image]:
        left, top, right, bottom = region
        rows = max(1, BAND_PIXELS // self.size[0])
        for first in range(top, bottom, rows):
            part = self._image.crop(self._before_turning((0, first, self.size[0], min(first + rows, bottom))))
            plain = self._plain(part, white)
            yield plain if (left, right) == (0, plain.width) else plain.crop((left, 0, right, plain.height))

    def _before_turning(self, band: Region) -> Region:
        """Where rows of the upright image are in the image as it lies in the file."""
        _, top, _, bottom = band
        width, height = self.size
        if self._turn in BACKWARDS:
            top, bottom = height - bottom, height - top
        return (top, 0, bottom, width) if self._turn in ON_THE_SIDE else (0, top, width, bottom)

    def _plain(self, part: Image.Image, white: float | None) -> Image.Image:
        """The part upright, with the model's channels, and nothing else done to it."""
        preprocessing, channels = self._spec.preprocessing, self._spec.channels
        by_opencv = channels == 1 and preprocessing.resize in OF_OPENCV and _has_colours(part)
        plain = to_channels(part, 3 if by_opencv else channels, preprocessing.background, white)
        if by_opencv:
            plain = _opencv_grey(plain)
        return plain if self._turn is None else plain.transpose(self._turn)


def _has_colours(image: Image.Image) -> bool:
    return image.mode not in GREYS and not image.mode.startswith(DEEP)


def _opencv_grey(image: Image.Image) -> Image.Image:
    import numpy as np

    from mlpredict.inputs.opencv_filters import grey

    return Image.fromarray(grey(np.asarray(image)))
