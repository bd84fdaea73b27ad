"""Variants of MNIST's digits as pens, papers, cameras and screens would make them.

Random numbers are stateless (a seed for each batch), so a run can be repeated exactly.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

SIDE = 28
FINE = 56
"""Side of the finer grid on which pens are drawn and digits moved."""

_PENS = 6


class Dice:
    """Stateless random numbers, all derived from the seed of one batch of `count` images."""

    def __init__(self, seed: Any, count: Any) -> None:
        self._seed = seed
        self._count = count
        self._calls = 0

    def _next(self) -> Any:
        self._calls += 1
        return tf.stack([self._seed, self._calls])

    def uniform(self, low: float, high: float, shape: tuple[int, ...] = (1, 1)) -> Any:
        """Float32 (n, *shape) between low and high."""
        size = (self._count, *shape)
        return tf.random.stateless_uniform(size, self._next(), low, high)

    def normal(self, shape: tuple[int, ...]) -> Any:
        """Float32 (n, *shape), mean 0, deviation 1."""
        return tf.random.stateless_normal((self._count, *shape), self._next())

    def chance(self, probability: float) -> Any:
        """Float32 (n, 1, 1): 1 with that probability, else 0."""
        return tf.cast(self.uniform(0.0, 1.0) < probability, tf.float32)


def _mean(images: Any, size: int) -> Any:
    return tf.nn.avg_pool2d(images[..., None], size, 1, "SAME")[..., 0]


def _thicker(images: Any, size: int) -> Any:
    return tf.nn.max_pool2d(images[..., None], size, 1, "SAME")[..., 0]


def _thinner(images: Any, size: int) -> Any:
    return -_thicker(-images, size)


def _cubic(size: int, target: int) -> NDArray[np.float32]:
    """Matrix (target, size) of cubic interpolation along one axis (Keys, a = -0.5)."""
    source = (np.arange(target) + 0.5) * size / target - 0.5
    distance = np.abs(source[:, None] - np.arange(size)[None, :])
    near = (1.5 * distance - 2.5) * distance**2 + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    weight = np.where(distance < 1.0, near, np.where(distance < 2.0, far, 0.0))
    matrix: NDArray[np.float32] = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
    return matrix


def _resize(images: Any, target: int) -> Any:
    """(n, size, size) to (n, target, target), as matrix products: tf.image has no XLA form."""
    matrix = _cubic(images.shape[1], target)
    wide = tf.einsum("nij,xj->nxi", images, matrix)
    return tf.einsum("nxi,yi->nyx", wide, matrix)


def enlarge(images: Any) -> Any:
    """uint8 (n, 28, 28) to float32 (n, 56, 56) in 0..1."""
    return tf.clip_by_value(_resize(tf.cast(images, tf.float32) / 255.0, FINE), 0.0, 1.0)


def _redraw(digits: Any, lines: Any, scan: Any, dice: Dice) -> Any:
    """Each digit with another pen where `scan` is 1: (n, 56, 56)."""
    thick = tf.minimum(_mean(_thicker(lines, 3), 3) * 1.2, 1.0)
    pens = [
        digits,
        _thinner(digits, 3),
        _thicker(digits, 3),
        tf.minimum(_mean(lines, 3) * 2.5, 1.0),
        thick,
        _mean(_thicker(lines, 5), 3),
    ]
    pick = dice.uniform(0.0, float(_PENS)) * scan
    chosen = tf.zeros_like(digits)
    for number, pen in enumerate(pens):
        chosen += tf.cast(tf.floor(pick) == number, tf.float32) * pen
    return chosen


def _sample(images: Any, x: Any, y: Any) -> Any:
    """Bilinear samples of (n, 56, 56) at pixel positions x, y (n, 56, 56); 0 outside."""
    wide = FINE + 2
    flat = tf.reshape(tf.pad(images, [[0, 0], [1, 1], [1, 1]]), (-1, wide * wide))
    x = tf.clip_by_value(x + 1.0, 0.0, wide - 1.001)
    y = tf.clip_by_value(y + 1.0, 0.0, wide - 1.001)
    left, top = tf.floor(x), tf.floor(y)
    right, below = x - left, y - top
    index = tf.cast(top * wide + left, tf.int32)

    def corner(step: int) -> Any:
        return tf.gather(flat, index + step, batch_dims=1)

    upper = corner(0) * (1.0 - right) + corner(1) * right
    lower = corner(wide) * (1.0 - right) + corner(wide + 1) * right
    return upper * (1.0 - below) + lower * below


def _wobble(dice: Dice, strength: Any) -> Any:
    """Smooth displacement field (n, 56, 56), in fine pixels."""
    return _resize(dice.normal((5, 5)), FINE) * strength


def _move(digits: Any, scan: Any, dice: Dice) -> Any:
    """Digits turned, sheared, scaled, shifted and bent; far and small where `scan` is 1."""
    far = tf.exp(dice.uniform(-0.95, 0.22))
    near = tf.exp(dice.uniform(-0.13, 0.13))
    scale = scan * far + (1.0 - scan) * near
    aspect = tf.exp(dice.uniform(-0.1, 0.1) * (1.0 + scan))
    angle = dice.uniform(-0.22, 0.22)
    shear = dice.uniform(-0.2, 0.2)
    room = tf.nn.relu(FINE / 2 - 21.0 * scale) * scan + 3.0 * (1.0 - scan)
    shift_x, shift_y = dice.uniform(-1.0, 1.0) * room, dice.uniform(-1.0, 1.0) * room
    axis = tf.range(FINE, dtype=tf.float32) - (FINE - 1) / 2
    x = (axis[None, None, :] - shift_x) / (scale * aspect)
    y = (axis[None, :, None] - shift_y) * aspect / scale
    turned_x = tf.cos(angle) * x + (tf.sin(angle) + shear) * y
    turned_y = tf.cos(angle) * y - tf.sin(angle) * x
    strength = dice.uniform(0.0, 1.3)
    middle = (FINE - 1) / 2
    return _sample(
        digits,
        turned_x + middle + _wobble(dice, strength),
        turned_y + middle + _wobble(dice, strength),
    )


def _blur_or_sharpen(digits: Any, scan: Any, dice: Dice) -> Any:
    soft = dice.uniform(0.0, 0.8) * dice.chance(0.4) * scan
    blurred = digits + soft * (_mean(digits, 3) - digits)
    crisp = dice.chance(0.15) * scan
    sharp = tf.sigmoid((blurred - dice.uniform(0.25, 0.45)) * 25.0)
    return blurred + crisp * (sharp - blurred)


def _on_paper(digits: Any, dice: Dice) -> Any:
    """Ink (n, 28, 28) on paper that is grey, unevenly lit and grainy."""
    shade = dice.uniform(0.0, 0.5) * dice.chance(0.6)
    contrast = tf.exp(dice.uniform(-1.9, 0.0)) * (1.0 - shade)
    axis = tf.linspace(-1.0, 1.0, SIDE)
    slope_x = dice.uniform(-0.1, 0.1) * axis[None, None, :]
    slope_y = dice.uniform(-0.1, 0.1) * axis[None, :, None]
    light = (slope_x + slope_y) * dice.chance(0.5)
    grain = dice.normal((SIDE, SIDE)) * dice.uniform(0.0, 0.1)
    stain = _resize(dice.normal((6, 6)), SIDE)
    dirt = (grain + stain * dice.uniform(0.0, 0.06)) * dice.chance(0.7)
    return shade + light + contrast * (digits * dice.uniform(0.7, 1.0) + dirt)


def augment(images: Any, lines: Any, seed: Any, scans: float = 0.5) -> Any:
    """Random variants of a batch.

    Takes uint8 images (n, 28, 28), uint8 centre lines (n, 56, 56), 0 or 1, an int32 seed and the
    part of the batch to be treated as scans; returns float32 (n, 28, 28, 1) in 0..1, half of
    them dark on light.
    """
    dice = Dice(seed, tf.shape(images)[0])
    scan = dice.chance(scans)
    fine = _redraw(enlarge(images), tf.cast(lines, tf.float32), scan, dice)
    moved = _move(fine, scan, dice)
    digits = tf.nn.avg_pool2d(moved[..., None], 2, 2, "VALID")[..., 0]
    digits = _blur_or_sharpen(digits, scan, dice)
    ink = scan * _on_paper(digits, dice) + (1.0 - scan) * digits
    ink = tf.clip_by_value(ink, 0.0, 1.0)
    inverted = dice.chance(0.5)
    return (ink + inverted * (1.0 - 2.0 * ink))[..., None]
