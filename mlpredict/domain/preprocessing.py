"""From an image file to what a model takes: every step, and the choices of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple


class Resize(StrEnum):
    """The filter that brings an image to the model's height and width.

    The first six are Pillow's, the others those of `cv2.resize` for 8 bits a channel, which never
    antialias. `Preprocessing.antialias` makes the first three those of `tf.image.resize`.
    """

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"
    BOX = "box"
    HAMMING = "hamming"
    OPENCV_NEAREST = "opencv-nearest"
    OPENCV_LINEAR = "opencv-linear"
    OPENCV_CUBIC = "opencv-cubic"
    OPENCV_AREA = "opencv-area"


class Fit(StrEnum):
    """What happens to an image whose aspect ratio is not the model's."""

    STRETCH = "stretch"
    PAD = "pad"
    CROP = "crop"


class ChannelOrder(StrEnum):
    """The order of the colours in a model's input; alpha is always the last."""

    RGB = "rgb"
    BGR = "bgr"


class Decode(StrEnum):
    """How much of a large image is decoded: all of it, or a part, still larger than the model's input."""

    FULL = "full"
    REDUCED = "reduced"


class PerImage(StrEnum):
    """Scalings that depend on all the values of an image."""

    STANDARDIZATION = "per-image-standardization"
    """`(pixel - mean) / max(std, 1 / sqrt(values))`, as `tf.image.per_image_standardization`."""
    MIN_MAX = "min-max"
    """`(pixel - min) / (max - min)`; 0 where all values are the same."""


OTSU: Final = "otsu"
"""The threshold that Otsu's method finds for each image."""


class Scaling(NamedTuple):
    """Pixel values 0..255 to what the model takes: `(pixel / divisor - mean) / std`, by channel.

    Means and deviations are in the order of the model's channels. `per_image` is another formula, in
    the place of this one.
    """

    divisor: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    per_image: PerImage | None = None


class Preprocessing(NamedTuple):
    """From an image file to a model's input; the defaults are the 2020 program's rules.

    The steps are taken in this order:

    1. `decode`: all of a large image, or a part.
    2. `white`: the value that becomes 255 where there are more than 8 bits; with None the format tells,
       or the brightest pixel.
    3. `background`: the colour behind transparency; with None alpha is dropped. Then grey or colours.
    4. `threshold`: what is above it becomes 255, anything else 0, as with `cv2.threshold`.
    5. `invert`: 255 minus the value, but for alpha.
    6. `central_crop`: this part of both sides is cut out of the middle, as by `tf.image.central_crop`.
    7. `resize`, `antialias` and `fit`; with `resize_to` the shorter side is brought to so many pixels,
       and the model's height and width are cut out of the middle.
    8. `channels`, then `scaling`. None is decided by the input's dtype: 0..1 for floats, 0..255 for
       integers.
    """

    scaling: Scaling | None = None
    resize: Resize = Resize.BICUBIC
    fit: Fit = Fit.STRETCH
    background: str | None = None
    antialias: bool = True
    channels: ChannelOrder = ChannelOrder.RGB
    invert: bool = False
    threshold: int | Literal["otsu"] | None = None
    white: float | None = None
    central_crop: float | None = None
    resize_to: int | None = None
    decode: Decode = Decode.FULL

    @property
    def rounds(self) -> bool:
        """Whether pixels are whole levels (uint8), and not float32 between them."""
        return self.antialias or self.resize is Resize.NEAREST

    @property
    def keeps_pixels(self) -> bool:
        """Whether an image of the input's size and channels stays as it is, up to the scaling."""
        return (self.invert, self.threshold, self.central_crop, self.resize_to) == (False, None, None, None)

    def stated(self) -> dict[str, Any]:
        """What names this preprocessing, for hashes: the same as ever for what could ever be said.

        Entries that came later are in it only where they differ from their defaults, so that no model
        gets another fingerprint when the program learns a new word.
        """
        stated = self._asdict()
        if self.scaling is not None:
            stated["scaling"] = self.scaling._asdict()
            if self.scaling.per_image is None:
                del stated["scaling"]["per_image"]
        return {
            name: entry
            for name, entry in stated.items()
            if name in _FIRST_ENTRIES or entry != self._field_defaults[name]
        }

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> Preprocessing:
        """The preprocessing that `stated` names, as JSON gives it back.

        Raises:
            ValueError: it has words that this version does not know.

        Example:
            >>> Preprocessing.of({"resize": "nearest", "fit": "crop"}).fit
            <Fit.CROP: 'crop'>
        """
        values = dict(stated)
        if unknown := values.keys() - set(cls._fields):
            raise ValueError(f"unknown entries {', '.join(sorted(unknown))}")
        for name, word in _WORDS.items():
            if name in values:
                values[name] = word(values[name])
        if (scaling := values.get("scaling")) is not None:
            values["scaling"] = _scaling(**scaling)
        return cls(**values)


def _scaling(
    divisor: float, mean: Sequence[float], std: Sequence[float], per_image: str | None = None
) -> Scaling:
    return Scaling(divisor, tuple(mean), tuple(std), None if per_image is None else PerImage(per_image))


_WORDS: Final[Mapping[str, type[StrEnum]]] = {
    "resize": Resize,
    "fit": Fit,
    "channels": ChannelOrder,
    "decode": Decode,
}
_FIRST_ENTRIES = frozenset({"scaling", "resize", "fit", "background"})


class ImageSpec(NamedTuple):
    """The image a model takes: size in pixels (None: any), 1, 3 or 4 channels, and how to get there."""

    height: int | None
    width: int | None
    channels: int
    preprocessing: Preprocessing = Preprocessing()

    def __str__(self) -> str:
        size = "×".join("any" if n is None else str(n) for n in (self.height, self.width))
        return f"{size} pixels of {self.channels} channel{'s' if self.channels > 1 else ''}"
