"""Large images, made smaller a band of rows at a time: a second copy of one would not fit into memory."""

from __future__ import annotations

from PIL import Image

from mlpredict.domain import ImageSpec
from mlpredict.inputs.pixels import MODES, to_channels, white_of

LARGE_PIXELS = 16 << 20
BAND_PIXELS = 1 << 20
# What is left is still so many times as large as the model's input: the filter has something to choose from.
MARGIN = 2


def worth_reducing(image: Image.Image, spec: ImageSpec) -> bool:
    """Whether an image is so large that its conversion is better done in bands."""
    width, height = image.size
    return width * height > LARGE_PIXELS and _factors(image, spec) != (1, 1)


def reduced(image: Image.Image, spec: ImageSpec) -> Image.Image:
    """The image with the channels of `spec`, its sides divided by whole numbers."""
    across, down = _factors(image, spec)
    width, height = image.size
    small = Image.new(MODES[spec.channels], (-(-width // across), -(-height // down)))
    rows = max(1, BAND_PIXELS // (width * down)) * down
    white = white_of(image, rows)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        converted = to_channels(band, spec.channels, spec.preprocessing.background, white)
        small.paste(converted.reduce((across, down)), (0, top // down))
    return small


def _factors(image: Image.Image, spec: ImageSpec) -> tuple[int, int]:
    if spec.height is None or spec.width is None:
        return 1, 1
    # The longer side both ways: EXIF may turn the image yet.
    side = MARGIN * max(spec.height, spec.width)
    return max(1, image.width // side), max(1, image.height // side)
