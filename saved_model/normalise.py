"""The first layer of the model: any digit picture becomes one framed as MNIST frames it.

The steps are smooth functions of the pixels (no arg-max, no hard decision), so that two runtimes
whose sums differ in the last bit still agree, and they use only operations that LiteRT has.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

SIDE = 28
BOX = 20.0
CENTRE = 14.0
"""Mean centre of mass of MNIST's images, in pixels, the same in both directions."""

_EPSILON = 1e-6
_FAINTEST = 0.02
_FAINT = 0.1
_PERCENT_OF_PEAK = 0.08
_SIGMAS = 2.0
_SIZE_SLACK = 0.09
_SHIFT_SLACK = 0.8


_RIM_WIDTH = 2
_AXIS = (np.arange(SIDE, dtype=np.float32) - 13.5) / 13.5
_PIXELS = np.arange(SIDE, dtype=np.float32)
_NEIGHBOURS = (np.abs(_PIXELS[:, None] - _PIXELS) <= 1).astype(np.float32) / 3
"""Matrix (28, 28) that gives every pixel of a line a third of itself and of both its neighbours."""


def _rim(image: Any) -> Any:
    """The outer pixels as a list: (n, 28, 28) to (n, 208, 1)."""
    inside = slice(_RIM_WIDTH, SIDE - _RIM_WIDTH)
    first, last = slice(_RIM_WIDTH), slice(SIDE - _RIM_WIDTH, SIDE)
    sides = (image[:, first], image[:, last], image[:, inside, first], image[:, inside, last])
    return tf.concat([tf.reshape(side, (-1, side.shape[1] * side.shape[2], 1)) for side in sides], 1)


_COLUMNS = np.broadcast_to(_AXIS, (1, SIDE, SIDE))
_ACROSS = _rim(tf.constant(_COLUMNS)).numpy()
_DOWN = _rim(tf.constant(_COLUMNS.transpose(0, 2, 1))).numpy()


def _total(values: Any) -> Any:
    """Sum of each image, or of its rim: (n, 28, 28) or (n, 208, 1) to (n, 1, 1)."""
    return tf.reduce_sum(values, axis=[1, 2], keepdims=True)


def _beyond(value: Any, slack: float) -> Any:
    """What of `value` lies outside -slack..slack; continuous, 0 inside."""
    return tf.nn.relu(value - slack) - tf.nn.relu(-value - slack)


def _background(image: Any) -> tuple[Any, Any]:
    """Plane through the paper at the rim, and its noise.

    Takes float32 (n, 28, 28); returns the image less the plane, and the standard deviation of the
    rim about it, (n, 1, 1). Rim pixels far from the plane (strokes that reach the rim) lose
    their weight from one pass to the next.
    """
    rest = _rim(image)
    weight = tf.ones_like(rest[:1])
    level = right = below = variance = tf.zeros_like(rest[:, :1])
    for _ in range(3):
        mass = _total(weight) + _EPSILON
        step = _total(weight * rest) / mass
        rest, level = rest - step, level + step
        step = _slope(weight, _ACROSS, rest)
        rest, right = rest - step * _ACROSS, right + step
        step = _slope(weight, _DOWN, rest)
        rest, below = rest - step * _DOWN, below + step
        square = tf.square(rest)
        variance = _total(weight * square) / mass
        trust = 1.0 / (1.0 + square / (variance + 1e-5))
        weight = trust * trust
    plane = level + right * _AXIS[None, None, :] + below * _AXIS[None, :, None]
    return image - plane, tf.sqrt(variance + _EPSILON)


def _slope(weight: Any, axis: Any, rest: Any) -> Any:
    """Weighted slope of the rim along one axis: (n, 1, 1)."""
    return _total(weight * axis * rest) / (_total(weight * axis * axis) + _EPSILON)


def _as_ink(difference: Any) -> Any:
    """Ink as positive values, whether it is darker or lighter than the paper.

    The side on which the skewness lies is the ink; where it is near 0 both count in part.
    """
    square = tf.square(difference)
    spread = _total(square) / (SIDE * SIDE) + _EPSILON
    skew = _total(square * difference) / (SIDE * SIDE) / (spread * tf.sqrt(spread))
    light = tf.sigmoid(8.0 * skew)
    return light * tf.nn.relu(difference) + (1.0 - light) * tf.nn.relu(-difference)


def _peak(ink: Any) -> Any:
    """A maximum that no single pixel decides: (n, 28, 28) to (n, 1, 1)."""
    fourth = tf.square(tf.square(ink))
    return _total(fourth * ink) / (_total(fourth) + 1e-12)


def _stretch(ink: Any, floor: Any) -> Any:
    """Contrast so that strokes far above `floor` come to 1; it bounds the gain for noise."""
    peak = _peak(ink)
    return tf.minimum(ink * (1.1 / (peak + floor)), 1.0)


def _without_specks(ink: Any) -> Any:
    """Ink whose neighbourhood has ink too; grain of the paper would widen the digit's box."""
    # Five times as fast in LiteRT as a convolution of one channel.
    near = tf.matmul(_NEIGHBOURS[None], tf.matmul(ink, _NEIGHBOURS))
    support = tf.nn.relu(near - 0.08)
    return ink * tf.minimum(support * 8.0, 1.0)


def _extent(profile: Any) -> Any:
    """How many rows (or columns) hold ink; profile is the maximum of each, in 0..1."""
    return tf.reduce_sum(tf.minimum(profile * 4.0, 1.0), axis=[1, 2], keepdims=True)


def _resampler(centre: Any, scale: Any) -> Any:
    """Matrix (n, 28, 28), rows are output pixels, that brings `centre` to MNIST's centre.

    A triangle, wider where the image shrinks, as in Pillow's antialiased bilinear resize.
    """
    source = centre + (_PIXELS[None, :, None] - CENTRE) * scale
    width = tf.maximum(scale, 1.0)
    return tf.nn.relu(1.0 - tf.abs(source - _PIXELS[None, None, :]) / width) / width


def _reframe(ink: Any) -> Any:
    """Digit moved to the centre and scaled to a 20 pixel box; what nearly fits is left as is."""
    mass = _total(ink) + 0.5
    columns = tf.reduce_max(ink, axis=1, keepdims=True)
    rows = tf.reduce_max(ink, axis=2, keepdims=True)
    size = tf.maximum(_extent(columns), _extent(rows))
    scale = 1.0 + _beyond(size / BOX - 1.0, _SIZE_SLACK)
    scale = tf.minimum(tf.maximum(scale, 0.3), 1.5)
    offset = _PIXELS - CENTRE
    right = _beyond(_total(ink * offset[None, None, :]) / mass, _SHIFT_SLACK)
    below = _beyond(_total(ink * offset[None, :, None]) / mass, _SHIFT_SLACK)
    across = _resampler(CENTRE + right, scale)
    down = _resampler(CENTRE + below, scale)
    return tf.matmul(tf.matmul(down, ink), across, transpose_b=True)


def normalise(image: Any) -> Any:
    """Float32 (n, 28, 28, 1) in 0..1, either polarity, to the same shape, ink 1 on 0."""
    difference, noise = _background(tf.reshape(image, (-1, SIDE, SIDE)))
    ink = _as_ink(difference)
    ink = tf.nn.relu(ink - _SIGMAS * noise - _PERCENT_OF_PEAK * _peak(ink))
    ink = _reframe(_without_specks(_stretch(ink, _FAINTEST + noise)))
    return tf.reshape(_stretch(ink, _FAINT), (-1, SIDE, SIDE, 1))


class Normalise(keras.layers.Layer):  # type: ignore[misc]
    """`normalise` as a layer without weights."""

    def call(self, image: Any) -> Any:
        return normalise(image)
