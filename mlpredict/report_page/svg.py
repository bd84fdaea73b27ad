"""Plots as SVG, drawn with the colours of the page that they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from mlpredict.domain.reports import CalibrationBin

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 44
TICKS = 5

CELL = 46
SMALL_CELL = 22
LETTER = 7.5
"""About the width of one, for what is written beside and above the cells."""

COUNTED_CLASSES = 16
"""Of more, cells are too small for their numbers, which then are only in what is shown of a cell."""

LABEL_CHARACTERS = 14
WEAKEST, STRONGEST = 0.12, 0.5
"""The opacity of a cell with a single image, and of a full one: text upon it is still read well."""


def plot(title: str, body: str, width: float = WIDTH, height: float = HEIGHT) -> str:
    """A drawing with a name for who cannot see it."""
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}"><title>{escape(title)}</title>{body}</svg>'
    )


def reliability(bins: Sequence[CalibrationBin]) -> str:
    """How often predictions of a score are right, beside the line where scores are the truth."""
    parts = [axes("score", "accuracy", ("0", "0.25", "0.5", "0.75", "1"), 1.0)]
    parts.append(line([(0.0, 0.0), (1.0, 1.0)], "ideal"))
    points = []
    for one in bins:
        if one.accuracy is None or one.mean_score is None:
            continue
        left, right = across(one.low), across(one.high)
        top = down(one.accuracy)
        parts.append(
            f'<rect class="bar" x="{left + 1:.1f}" y="{top:.1f}" width="{right - left - 2:.1f}"'
            f' height="{down(0) - top:.1f}"><title>{one.count:,} images, mean score {one.mean_score:.3f},'
            f" accuracy {one.accuracy:.3f}</title></rect>"
        )
        points.append((one.mean_score, one.accuracy))
    parts += [f'<circle class="dot" cx="{across(x):.1f}" cy="{down(y):.1f}" r="4"/>' for x, y in points]
    return plot("Reliability: accuracy by score", "".join(parts))


def histogram(counts: Sequence[int]) -> str:
    """How many predictions have which scores."""
    most = max(counts, default=0) or 1
    parts = [axes("score", "predictions", ("0", "0.25", "0.5", "0.75", "1"), most)]
    for place, count in enumerate(counts):
        left, right = across(place / len(counts)), across((place + 1) / len(counts))
        top = down(count / most)
        parts.append(
            f'<rect class="bar" x="{left + 1:.1f}" y="{top:.1f}" width="{right - left - 2:.1f}"'
            f' height="{down(0) - top:.1f}"><title>{count:,} predictions</title></rect>'
        )
    return plot("Scores: how many predictions have which", "".join(parts))


def over_time(keys: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> str:
    """Shares from 0 to 1 over days, weeks or hours, a line each."""
    ends = (keys[0], keys[-1]) if len(keys) > 1 else (keys[0],)
    parts = [axes("", "share", ends, 1.0)]
    last = max(len(keys) - 1, 1)
    for number, (name, values) in enumerate(series.items()):
        points = [(place / last, value) for place, value in enumerate(values) if value is not None]
        parts.append(line(points, f"series s{number}", name))
        parts += [
            f'<circle class="mark s{number}" cx="{across(x):.1f}" cy="{down(y):.1f}" r="3">'
            f"<title>{escape(name)}: {y:.3f}</title></circle>"
            for x, y in points
        ]
    return plot(f"Over time: {', '.join(series)}", "".join(parts))


def confusion(matrix: Mapping[str, Mapping[str, int]], labels: Sequence[str]) -> str:
    """The truth beside its row, what was predicted above its column; the darker, the larger the share."""
    cell = CELL if len(labels) <= COUNTED_CLASSES else SMALL_CELL
    longest = min(max(map(len, labels), default=0), LABEL_CHARACTERS)
    left = top = 24 + LETTER * longest
    side = cell * len(labels)
    parts = []
    for place, label in enumerate(labels):
        middle = place * cell + cell / 2
        parts.append(
            f'<text class="label" x="{left - 8:g}" y="{top + middle + 4:g}" text-anchor="end">'
            f"{_short(label)}</text>"
            f'<text class="label" transform="translate({left + middle + 4:g} {top - 8}) rotate(-60)">'
            f"{_short(label)}</text>"
        )
    for row, truth in enumerate(labels):
        counts = matrix.get(truth, {})
        total = sum(counts.values())
        for column, said in enumerate(labels):
            count = counts.get(said, 0)
            x, y = left + column * cell, top + row * cell
            kind = "right" if truth == said else "wrong"
            opacity = WEAKEST + (STRONGEST - WEAKEST) * count / total if count else 0
            parts.append(
                f"<g><title>{escape(truth)} taken for {escape(said)}: {count:,}</title>"
                f'<rect class="cell" x="{x:g}" y="{y:g}" width="{cell}" height="{cell}"/>'
                f'<rect class="{kind}" fill-opacity="{opacity:.3f}" x="{x:g}" y="{y:g}" width="{cell}"'
                f' height="{cell}"/>'
            )
            if count and cell == CELL:
                parts.append(
                    f'<text class="count" x="{x + cell / 2:g}" y="{y + cell / 2 + 4:g}"'
                    f' text-anchor="middle">{count:,}</text>'
                )
            parts.append("</g>")
    parts.append(f'<text class="axis" x="8" y="{top + side + 20:g}">truth ↓, predicted →</text>')
    return plot(
        "Confusion: truths and what they were taken for", "".join(parts), left + side + 60, top + side + 32
    )


def axes(x: str, y: str, below: Sequence[str], most: float) -> str:
    """A frame with numbers from 0 to `most` on the left, and words below it."""
    parts = [
        f'<line class="axis" x1="{LEFT}" y1="{down(0)}" x2="{WIDTH - RIGHT}" y2="{down(0)}"/>',
        f'<line class="axis" x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{down(0)}"/>',
    ]
    for tick in range(TICKS):
        share = tick / (TICKS - 1)
        parts.append(
            f'<line class="grid" x1="{LEFT}" y1="{down(share):.1f}" x2="{WIDTH - RIGHT}"'
            f' y2="{down(share):.1f}"/>'
            f'<text class="axis" x="{LEFT - 6}" y="{down(share) + 4:.1f}" text-anchor="end">'
            f"{_number(share * most)}</text>"
        )
    for place, text in enumerate(below):
        share = place / max(len(below) - 1, 1)
        anchor = "start" if not place else "end" if place == len(below) - 1 else "middle"
        parts.append(
            f'<text class="axis" x="{across(share):.1f}" y="{down(0) + 18}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text class="axis" x="{middle:g}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x)}</text>'
    )
    parts.append(
        f'<text class="axis" transform="translate(12 {HEIGHT / 2:g}) rotate(-90)" text-anchor="middle">'
        f"{escape(y)}</text>"
    )
    return "".join(parts)


def line(points: Sequence[tuple[float, float]], kind: str, name: str = "") -> str:
    """Points of 0..1 joined."""
    if not points:
        return ""
    path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in points)
    title = f"<title>{escape(name)}</title>" if name else ""
    return f'<polyline class="{kind}" points="{path}">{title}</polyline>'


def across(share: float) -> float:
    """Where a share of the width is."""
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def down(share: float) -> float:
    """Where a share of the height is, from below."""
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2f}"


def _short(label: str) -> str:
    return escape(label if len(label) <= LABEL_CHARACTERS else f"{label[: LABEL_CHARACTERS - 1]}…")
