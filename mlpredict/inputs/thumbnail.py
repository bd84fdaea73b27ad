"""An image file's bytes → a picture for a person to look at."""

from __future__ import annotations

from PIL import Image

from mlpredict.inputs.limits import USUAL_LIMITS, check_memory, check_pixels
from mlpredict.inputs.opening import Wanted, opened
from mlpredict.inputs.pixels import load, to_channels, upright
from mlpredict.inputs.reading import Unusable
from mlpredict.inputs.refusals import reason
from mlpredict.support.quiet import quiet_stderr


def picture(content: bytes, page: int = 1) -> Image.Image:
    """The whole picture, or a page of it if there are as many, upright and in RGB on white.

    Raises:
        Unusable: with the reason.
    """
    try:
        with quiet_stderr(), _opened(content, page) as image:
            check_pixels(image.size, USUAL_LIMITS)
            check_memory(image, image.size, len(content), USUAL_LIMITS)
            load(image)
            return upright(to_channels(image, 3, "white"), image)
    except Unusable:
        raise
    except Exception as error:
        raise Unusable(reason(error, content, None, USUAL_LIMITS)) from error


def _opened(content: bytes, page: int) -> Image.Image:
    first = opened(content, USUAL_LIMITS, Wanted(), lambda _text: None)
    # What the model saw of a page is kept alone, and any file may be called like a page.
    if page == 1 or page > first.pages:
        return first.image
    return opened(content, USUAL_LIMITS, Wanted(page), lambda _text: None).image


def thumbnail(content: bytes, size: tuple[int, int], page: int = 1) -> Image.Image:
    """The same, not larger than `size`, which is (width, height) in pixels.

    Raises:
        Unusable: with the reason.
    """
    shown = picture(content, page)
    shown.thumbnail(size)
    return shown
