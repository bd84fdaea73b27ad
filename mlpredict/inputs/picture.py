"""An image file's bytes → a picture for a person to look at."""

from __future__ import annotations

from PIL import Image

from mlpredict.inputs import cost
from mlpredict.inputs.decode import open_image
from mlpredict.inputs.limits import USUAL_LIMITS
from mlpredict.inputs.orientation import upright
from mlpredict.inputs.pixels import load, to_channels
from mlpredict.inputs.reading import Unusable
from mlpredict.inputs.reasons import reason
from mlpredict.quiet import quiet_stderr


def thumbnail(content: bytes, size: tuple[int, int]) -> Image.Image:
    """The picture upright and in RGB on white, not larger than `size`.

    Raises:
        Unusable: with the reason.
    """
    try:
        with quiet_stderr(), open_image(content) as image:
            cost.check_pixels(image.size, USUAL_LIMITS)
            cost.check_memory(image, image.size, len(content), USUAL_LIMITS)
            load(image)
            shown = upright(to_channels(image, 3, "white"), image)
    except Unusable:
        raise
    except Exception as error:
        raise Unusable(reason(error, content, None, USUAL_LIMITS)) from error
    shown.thumbnail(size)
    return shown
