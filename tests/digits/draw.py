"""Draws the sample digits beside this file: python tests/digits/draw.py

Every digit is a list of strokes, and a stroke a list of points (x, y) in 0..1 placed by hand;
a smooth curve goes through them. The first character of a file's name is the digit.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Point = tuple[float, float]
Stroke = list[Point]

_OVERSAMPLING = 4
_STEPS = 40


class Sheet(NamedTuple):
    """One picture: grey levels 0..255, pen width and size in pixels, shading across the paper."""

    name: str
    strokes: list[Stroke]
    size: tuple[int, int]
    pen: float
    ink: int = 30
    paper: int = 255
    shade: int = 0
    grain: float = 0.0
    box: tuple[float, float, float, float] = (0.2, 0.13, 0.8, 0.87)


ZERO = [
    [
        (0.55, 0.02),
        (0.22, 0.16),
        (0.05, 0.52),
        (0.2, 0.9),
        (0.5, 0.99),
        (0.83, 0.8),
        (0.94, 0.45),
        (0.8, 0.12),
        (0.52, 0.01),
        (0.4, 0.06),
    ]
]
ONE = [[(0.5, 0.0), (0.49, 0.3), (0.47, 0.65), (0.47, 1.0)]]
ONE_WITH_FLAG = [
    [(0.4, 0.2), (0.5, 0.11), (0.58, 0.0)],
    [(0.58, 0.0), (0.57, 0.35), (0.55, 0.7), (0.56, 1.0)],
]
TWO = [
    [
        (0.08, 0.24),
        (0.22, 0.06),
        (0.5, 0.0),
        (0.78, 0.1),
        (0.83, 0.32),
        (0.65, 0.58),
        (0.36, 0.8),
        (0.06, 0.97),
    ],
    [(0.06, 0.97), (0.35, 0.95), (0.66, 0.96), (0.95, 0.93)],
]
TWO_WITH_LOOP = [
    [
        (0.12, 0.2),
        (0.3, 0.03),
        (0.6, 0.02),
        (0.78, 0.2),
        (0.68, 0.5),
        (0.42, 0.8),
        (0.16, 0.97),
        (0.06, 0.87),
        (0.22, 0.79),
        (0.48, 0.93),
        (0.72, 0.99),
        (0.95, 0.88),
    ]
]
THREE = [
    [
        (0.12, 0.1),
        (0.42, 0.0),
        (0.74, 0.08),
        (0.8, 0.27),
        (0.62, 0.43),
        (0.36, 0.48),
    ],
    [
        (0.36, 0.48),
        (0.7, 0.52),
        (0.88, 0.7),
        (0.76, 0.92),
        (0.42, 1.0),
        (0.08, 0.9),
    ],
]
FOUR = [
    [(0.3, 0.02), (0.2, 0.3), (0.06, 0.6)],
    [(0.06, 0.6), (0.35, 0.6), (0.65, 0.58), (0.97, 0.56)],
    [(0.68, 0.2), (0.66, 0.5), (0.64, 0.78), (0.63, 1.0)],
]
FOUR_CLOSED = [
    [(0.68, 0.0), (0.4, 0.32), (0.04, 0.66)],
    [(0.04, 0.66), (0.35, 0.67), (0.7, 0.66), (0.96, 0.65)],
    [(0.68, 0.0), (0.67, 0.35), (0.68, 0.7), (0.67, 1.0)],
]
FIVE = [
    [(0.85, 0.01), (0.6, 0.03), (0.26, 0.04)],
    [(0.26, 0.04), (0.22, 0.22), (0.17, 0.43)],
    [
        (0.17, 0.43),
        (0.48, 0.36),
        (0.78, 0.48),
        (0.87, 0.7),
        (0.7, 0.93),
        (0.38, 1.0),
        (0.07, 0.9),
    ],
]
SIX = [
    [
        (0.72, 0.0),
        (0.42, 0.17),
        (0.18, 0.48),
        (0.12, 0.77),
        (0.3, 0.98),
        (0.62, 0.98),
        (0.83, 0.78),
        (0.72, 0.57),
        (0.45, 0.53),
        (0.17, 0.72),
    ]
]
SEVEN = [
    [(0.06, 0.07), (0.35, 0.06), (0.65, 0.05), (0.9, 0.03)],
    [(0.9, 0.03), (0.7, 0.32), (0.52, 0.64), (0.4, 1.0)],
]
SEVEN_WITH_BAR = [*SEVEN, [(0.33, 0.53), (0.55, 0.51), (0.8, 0.48)]]
EIGHT = [
    [
        (0.74, 0.12),
        (0.5, 0.0),
        (0.23, 0.1),
        (0.22, 0.3),
        (0.5, 0.47),
        (0.8, 0.67),
        (0.78, 0.9),
        (0.48, 1.0),
        (0.17, 0.9),
        (0.18, 0.68),
        (0.48, 0.47),
        (0.75, 0.28),
        (0.74, 0.12),
    ]
]
NINE = [
    [
        (0.78, 0.2),
        (0.58, 0.02),
        (0.3, 0.07),
        (0.17, 0.28),
        (0.3, 0.48),
        (0.58, 0.46),
        (0.77, 0.22),
    ],
    [(0.78, 0.18), (0.76, 0.45), (0.7, 0.75), (0.62, 1.0)],
]

SHEETS = [
    Sheet("0-ballpoint", ZERO, (200, 240), 7, ink=60),
    Sheet("1-marker", ONE, (180, 220), 17),
    Sheet("1-with-flag-pencil", ONE_WITH_FLAG, (200, 200), 6, ink=90, paper=245),
    Sheet("2-felt-pen", TWO, (220, 220), 14),
    Sheet("2-on-grey-paper", TWO_WITH_LOOP, (280, 280), 7, 70, 170, 18, 7.0, (0.3, 0.28, 0.62, 0.72)),
    Sheet("3-brush", THREE, (200, 240), 20, ink=10),
    Sheet("4-open-ballpoint", FOUR, (220, 220), 8, ink=50),
    Sheet("4-chalk", FOUR_CLOSED, (200, 200), 13, ink=240, paper=25),
    Sheet("5-felt-pen", FIVE, (200, 220), 13, ink=40),
    Sheet("5-pencil-off-centre", FIVE, (260, 260), 8, 90, 225, 12, 6.0, (0.5, 0.12, 0.82, 0.58)),
    Sheet("6-marker", SIX, (180, 220), 16),
    Sheet("6-white-on-black", SIX, (200, 200), 12, ink=255, paper=0),
    Sheet("7-marker", SEVEN, (200, 220), 15),
    Sheet("7-with-bar-pencil", SEVEN_WITH_BAR, (220, 240), 8, ink=80, paper=240),
    Sheet("8-felt-pen", EIGHT, (200, 240), 12, ink=35),
    Sheet("9-ballpoint", NINE, (200, 240), 9, ink=45),
]


def _curve(points: Stroke) -> NDArray[np.float64]:
    """Catmull-Rom spline through the points: (steps, 2)."""
    known = np.array([points[0], *points, points[-1]])
    t = np.linspace(0.0, 1.0, _STEPS)[:, None]
    pieces = []
    for a, b, c, d in zip(known, known[1:], known[2:], known[3:], strict=False):
        bend = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        pieces.append(0.5 * (2 * b + (c - a) * t + bend))
    return np.concatenate(pieces)


def _waves(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """A slow random wave of about -1..1 along a stroke: (count,)."""
    position = np.linspace(0.0, 2.0 * np.pi, count)
    start = random.uniform(0.0, 2.0 * np.pi, 3)
    return sum((np.sin((k + 1) * position + start[k]) / 3 for k in range(3)), np.zeros(count))


def _ink(sheet: Sheet, random: np.random.Generator) -> NDArray[np.float64]:
    """How much ink lies on each pixel, 0..1: (height, width)."""
    width, height = sheet.size
    canvas = Image.new("L", (width * _OVERSAMPLING, height * _OVERSAMPLING), 0)
    pencil = ImageDraw.Draw(canvas)
    left, top, right, bottom = sheet.box
    for stroke in sheet.strokes:
        curve = _curve(stroke)
        shake = np.stack([_waves(random, len(curve)), _waves(random, len(curve))], axis=1)
        at = (curve + 0.006 * shake) * [right - left, bottom - top] + [left, top]
        radii = sheet.pen / 2 * (1.0 + 0.18 * _waves(random, len(curve))) * _OVERSAMPLING
        for (x, y), radius in zip(at * canvas.size, radii, strict=True):
            pencil.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(canvas.resize(sheet.size, Image.Resampling.BOX)) / 255.0


def draw(sheet: Sheet) -> Image.Image:
    """The picture, greyscale; the same at every call."""
    random = np.random.default_rng([ord(letter) for letter in sheet.name])
    ink = _ink(sheet, random)
    light = np.add.outer(np.linspace(-0.5, 0.5, ink.shape[0]), np.linspace(-0.5, 0.5, ink.shape[1]))
    # Few specks rather than grain on every pixel, which would make the files large.
    specks = random.standard_normal(ink.shape) * (random.random(ink.shape) < 0.02)
    paper = sheet.paper + sheet.shade * light + sheet.grain * specks
    grey = paper + (sheet.ink - paper) * ink
    return Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8))


def main() -> None:
    """Write every picture beside this file."""
    for sheet in SHEETS:
        draw(sheet).save(Path(__file__).with_name(f"{sheet.name}.png"), optimize=True)


if __name__ == "__main__":
    main()
