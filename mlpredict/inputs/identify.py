"""What bytes are, whatever anybody says they are."""

from __future__ import annotations

from PIL import Image

from mlpredict.inputs.decode import UNKNOWN_CONTENTTYPE, open_image


def image_format(content: bytes) -> str | None:
    """The format of an image by Pillow's name, as `PNG`; None where the bytes are no image."""
    try:
        with open_image(content) as image:
            return image.format
    except Exception:  # noqa: BLE001 - Pillow raises many kinds on what it does not know
        return None


def contenttype_of(content: bytes) -> str:
    """The content type of bytes, whatever they are called."""
    return Image.MIME.get(image_format(content) or "", UNKNOWN_CONTENTTYPE)
