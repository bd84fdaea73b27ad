"""What an image file is, by Pillow: identified and not decoded."""

from __future__ import annotations

import io
import logging
import warnings

from PIL import Image

from mlpredict.inputs.kinds import HEIC, JPEG_XL, TIFF, begun_as
from mlpredict.inputs.limits import USUAL_LIMITS, Limits, most_webp_pixels
from mlpredict.inputs.reading import Unusable

# Programs that draw: Pillow hands them to Ghostscript or to Windows, which then run them.
VECTOR_FORMATS = frozenset({"EPS", "WMF"})
ENHANCED_METAFILE = b" EMF"
"""After 40 bytes: Pillow calls both kinds of metafile WMF."""
UNKNOWN_CONTENTTYPE = "application/octet-stream"
# What Pillow does not know, or not all of: names as its own are, and their registered types.
OTHER_FORMATS = {HEIC: "HEIF", JPEG_XL: "JXL", TIFF: "TIFF"}
OTHER_TYPES = {"HEIF": "image/heic", "JXL": "image/jxl"}

# It warns of oddities that it copes with, and logs others.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())


def open_image(content: bytes, limits: Limits = USUAL_LIMITS) -> Image.Image:
    """Identify an image without decoding it.

    Raises:
        Unusable: it is of a format that would have to be run.
        Exception: whatever Pillow raises on what it does not know.
    """
    # Pillow's own limit would tell less of the size than `check_pixels` does, which comes next. But it is
    # needed where room for the image is made while it is opened, and for images inside of others.
    # It warns of more than the limit, and refuses twice as many.
    Image.MAX_IMAGE_PIXELS = most_webp_pixels(limits) // 2 if content[8:12] == b"WEBP" else None
    image = Image.open(io.BytesIO(content))
    Image.MAX_IMAGE_PIXELS = limits.max_pixels // 2
    if image.format in VECTOR_FORMATS:
        name = "EMF" if content[40:44] == ENHANCED_METAFILE else image.format
        raise Unusable(f"{name} files hold drawings, not pixels")
    return image


def contenttype_of_format(format_: str | None) -> str:
    """The content type of a format by its name."""
    name = format_ or ""
    return OTHER_TYPES.get(name) or Image.MIME.get(name, UNKNOWN_CONTENTTYPE)


def image_format(content: bytes) -> str | None:
    """The format of an image by Pillow's name, as `PNG`; None where the bytes are no image."""
    try:
        with open_image(content) as image:
            return image.format
    except Exception:  # noqa: BLE001 - Pillow raises many kinds on what it does not know
        return OTHER_FORMATS.get(begun_as(content) or "")


def contenttype_of(content: bytes) -> str:
    """The content type of bytes, whatever they are called."""
    return contenttype_of_format(image_format(content))
