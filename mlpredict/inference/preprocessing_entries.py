"""The entries of `mlpredict.toml` that say how an image becomes a model's input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mlpredict.domain import OTSU, ChannelOrder, Decode, Fit, PerImage, Preprocessing, Resize, Scaling
from mlpredict.inference.toml_entries import Misstated, Table, choice, flag, is_number, text

NAMED_SCALES: Final[Mapping[str, Scaling]] = {
    "0..1": Scaling(255.0),
    "-1..1": Scaling(127.5, mean=(1.0,)),
    "0..255": Scaling(1.0),
    **{kind: Scaling(1.0, per_image=kind) for kind in PerImage},
}

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "tf": {"scaling": NAMED_SCALES["-1..1"]},
    "torch": {"scaling": Scaling(255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))},
    "caffe": {"scaling": Scaling(1.0, (103.939, 116.779, 123.68)), "channels": ChannelOrder.BGR},
    "raw": {"scaling": NAMED_SCALES["0..255"]},
    "teachable-machine": {
        "scaling": NAMED_SCALES["-1..1"],
        "resize": Resize.LANCZOS,
        "fit": Fit.CROP,
    },
}
"""What `preprocess = …` stands for, as fields of `Preprocessing`.

The first three are the modes of `keras.applications.imagenet_utils.preprocess_input`, the last is what
Teachable Machine's own Python snippet does.
"""

KEYS: Final = frozenset(
    {
        "preprocess",
        "scale",
        "channels",
        "resize",
        "antialias",
        "fit",
        "resize_to",
        "central_crop",
        "background",
        "white",
        "threshold",
        "invert",
        "decode",
    }
)
"""The entries that are read here."""

SHORT_FOR = {"area": Resize.OPENCV_AREA}
"""The one filter that is known without its library's name."""

WITHOUT_ANTIALIASING = (Resize.NEAREST, Resize.BILINEAR, Resize.BICUBIC)
"""The filters of `tf.image.resize` that do without by default."""


ANTIALIASING = (Resize.BILINEAR, Resize.BICUBIC, Resize.LANCZOS, Resize.BOX, Resize.HAMMING)
"""The filters that take all pixels of an image into account, however many there are."""


def preprocessing_of(table: Table, known: Preprocessing | None = None) -> Preprocessing:
    """The preprocessing that a table states; `known` is what holds where it says nothing.

        >>> preprocessing_of({"preprocess": "torch", "fit": "crop"}).fit
        <Fit.CROP: 'crop'>

    Raises:
        Misstated: an entry is not understood, or contradicts another one.
    """
    found = (known or Preprocessing())._replace(**_stated(table))
    if found.resize_to is not None and found.fit is not Fit.CROP:
        raise Misstated('resize_to goes with fit = "crop", which cuts the model\'s input out of the middle')
    if not found.antialias and found.resize not in WITHOUT_ANTIALIASING:
        raise Misstated(
            f"antialias = false goes with resize = {', '.join(WITHOUT_ANTIALIASING)};"
            " the filters of OpenCV never antialias"
        )
    if found.decode is Decode.REDUCED:
        _check_reduced(found)
    return found


def _check_reduced(found: Preprocessing) -> None:
    if not found.antialias or found.resize not in ANTIALIASING or found.threshold is not None:
        raise Misstated(
            f'decode = "reduced" goes with an antialiasing resize = {", ".join(ANTIALIASING)}'
            " and without a threshold: the others look at single pixels"
        )


def stated_fields(table: Table) -> frozenset[str]:
    """The names of the fields of `Preprocessing` that a table states.

    Raises:
        Misstated: an entry is not understood.
    """
    return frozenset(_stated(table))


def scale_name(scaling: Scaling) -> str:
    """What a scaling is called in a `mlpredict.toml`: `0..1`, `torch`, or its numbers."""
    presets = {name: fields["scaling"] for name, fields in PRESETS.items() if name in ("torch", "caffe")}
    for name, known in {**NAMED_SCALES, **presets}.items():
        if scaling == known:
            return name
    numbers = {"mean": list(scaling.mean), "std": list(scaling.std)}
    return ", ".join(
        [f"divided by {scaling.divisor:g}"] * (scaling.divisor != 1)
        + [f"{name} {' '.join(f'{one:g}' for one in values)}" for name, values in numbers.items()]
    )


def _stated(table: Table) -> dict[str, Any]:
    """The fields that the table states."""
    stated = {
        "scaling": _scaling(table.get("scale")),
        "channels": choice(table, "channels", ChannelOrder),
        "resize": _resize(table),
        "antialias": _antialias(table),
        "fit": choice(table, "fit", Fit),
        "resize_to": _resize_to(table.get("resize_to")),
        "central_crop": _central_crop(table.get("central_crop")),
        "background": _colour(text(table, "background")),
        "white": _white(table.get("white")),
        "threshold": _threshold(table.get("threshold")),
        "invert": flag(table, "invert"),
        "decode": choice(table, "decode", Decode),
    }
    return {**_preset(table), **{key: value for key, value in stated.items() if value is not None}}


def _preset(table: Table) -> Mapping[str, Any]:
    name = text(table, "preprocess")
    if name is None:
        return {}
    if name not in PRESETS:
        raise Misstated(f"preprocess = {name!r}: expected one of {', '.join(PRESETS)}")
    if "scale" in table:
        raise Misstated(
            "preprocess and scale both say what becomes of a pixel's value: leave one of them out"
        )
    return {"antialias": True, **PRESETS[name]} if "resize" in PRESETS[name] else PRESETS[name]


def _resize(table: Table) -> Resize | None:
    return SHORT_FOR.get(str(table.get("resize"))) or choice(table, "resize", Resize)


def _antialias(table: Table) -> bool | None:
    stated = flag(table, "antialias")
    if stated is not None and "resize" not in table:
        raise Misstated('antialias goes with a resize, which is "bilinear" where tf.image.resize names none')
    # A filter that is stated does not inherit the lack of it from one that was not.
    return True if stated is None and "resize" in table else stated


def _scaling(value: object) -> Scaling | None:
    match value:
        case None:
            return None
        case str() if value in NAMED_SCALES:
            return NAMED_SCALES[value]
        case {"mean": [*mean], "std": [*std], **rest} if (
            not rest and _numbers(mean) and _numbers(std) and len(mean) == len(std)
        ):
            if 0 in std:
                raise Misstated("scale: std must not be 0")
            return Scaling(255.0, tuple(map(float, mean)), tuple(map(float, std)))
        case _:
            raise Misstated(
                f"scale: expected one of {', '.join(NAMED_SCALES)} or {{ mean = […], std = […] }}"
            )


def _numbers(values: list[Any]) -> bool:
    return bool(values) and all(map(is_number, values))


def _resize_to(value: object) -> int | None:
    if value is None or (type(value) is int and value > 0):
        return value
    raise Misstated(f"resize_to = {value!r}: expected the pixels of the shorter side, such as 256")


def _central_crop(value: Any) -> float | None:
    if value is None or (is_number(value) and 0 < value <= 1):
        return value if value is None else float(value)
    raise Misstated(f"central_crop = {value!r}: expected the part of each side that is kept, such as 0.875")


def _white(value: Any) -> float | None:
    if value is None or (is_number(value) and value > 0):
        return value if value is None else float(value)
    raise Misstated(f"white = {value!r}: expected the value that is white, such as 4095 for 12 bits")


def _threshold(value: Any) -> int | str | None:
    if value in (None, OTSU) or (type(value) is int and 0 <= value <= 255):
        return value  # type: ignore[no-any-return]
    raise Misstated(
        f'threshold = {value!r}: expected a level of grey from 0 to 255, or "{OTSU}"; that of labels is '
        "score_threshold"
    )


def _colour(name: str | None) -> str | None:
    if name is None:
        return None
    from PIL import ImageColor

    try:
        ImageColor.getrgb(name)
    except ValueError:
        raise Misstated(f"background = {name!r}: expected a colour such as white or #ffeedd") from None
    return name
