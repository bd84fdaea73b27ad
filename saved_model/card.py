"""The model card, written from the numbers measured on the exported files."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from layout import sha256_sums, size
from measure import Agreement, Miss, Score


class Facts(NamedTuple):
    """Everything the card reports that was measured; validation is a fraction."""

    md5: dict[str, str]
    seed: int
    epochs: int
    parameters: int
    seconds: float
    validation: float
    test: Score
    inverted: Score
    handwriting: dict[str, Score]
    misses: list[Miss]
    agreement: Agreement


_HEAD = """\
# MNIST ConvNet

Recognises one handwritten digit, 0 to 9. Written by `train.py` beside this file; every number
below was measured on the exported files.

## Use

`serving_default` takes `image`, float32 (n, 28, 28, 1), values 0..1: the picture in greyscale,
transparency on white, resized to 28x28 (bicubic, antialiased), divided by 255. It returns
`probabilities`, float32 (n, 10). Dark on light and light on dark are the same to the model.
It knows digits only: a picture of anything else gets a digit too.

## Data

MNIST (LeCun, Cortes, Burges), the four original IDX files; licence CC BY-SA 3.0, as stated by
Keras' documentation. The last 5,000 training images were held out; the other 55,000 trained the
model. Test images and other handwriting were neither trained on nor used to choose weights:
the weights are those after the last epoch.
"""

_MODEL = """\
## Model

1. Normalisation (`normalise.py`, no weights): a plane is fitted through the paper at the rim and
   subtracted, the skewness of what remains decides which side is ink, noise is cut off, contrast
   stretched, and the digit is moved to the centre of mass and scaled to a box of 20 pixels, as
   MNIST's are. Images that are framed so already stay as they are.
2. Convolution 5x5 in steps of 2, 16 filters; separable convolutions (3x3 on each map, then 1x1
   across all) with 32 filters and, in steps of 2, with 64; three more of 64 filters, each added to
   what it was given; dense 64; dense 10 with softmax. Batch normalisation and ReLU after every
   layer but the last, dropout 0.3 on both sides of the dense layer.

## Training

AdamW, cosine decay from 0.003 after a warm-up, batches of 128, label smoothing 0.02. Each epoch
sees a new variant of every digit (`augment.py`): turned, sheared, scaled, shifted, bent, in both
polarities; half of them also redrawn with other pens from their centre lines (`strokes.py`),
smaller and off centre, blurred or sharpened, faint, on grey, unevenly lit, grainy paper.
"""


def _table(heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def _score_row(name: str, score: Score) -> tuple[object, ...]:
    means = f"{score.score_right:.3f}", f"{score.score_wrong:.3f}"
    return (name, f"{score.right} of {score.total}", f"{score.percent:.2f} %", *means)


def _results(facts: Facts) -> str:
    rows = [
        _score_row("MNIST test", facts.test),
        _score_row("MNIST test, inverted", facts.inverted),
        *(_score_row(f"handwriting, {kind}", one) for kind, one in facts.handwriting.items()),
    ]
    heads = ("images", "right", "accuracy", "mean score when right", "when wrong")
    held = f"\nHeld-out training images, plain: {100 * facts.validation:.2f} %.\n"
    return "## Accuracy\n\n" + _table(heads, rows) + held + _misses(facts)


def _misses(facts: Facts) -> str:
    if not facts.misses:
        return ""
    rows: list[tuple[object, ...]] = [
        (miss.name, miss.label, miss.answer, f"{miss.score:.3f}") for miss in facts.misses
    ]
    title = "\nHandwriting that was not recognised:\n\n"
    return title + _table(("picture", "is", "answer", "score"), rows)


def _litert(agreement: Agreement) -> str:
    speeds = ", ".join(f"{speed:,.0f} (batch {n})" for n, speed in agreement.speed.items())
    finite = "all" if agreement.finite else "NOT all"
    return (
        "## LiteRT\n\nConverted with built-in operations only. Largest difference from"
        f" TensorFlow: {agreement.real:.1e} on the test images in both polarities,"
        f" {agreement.noise:.1e} on uniform noise, {agreement.constant:.1e} on blank images;"
        f" {finite} outputs are finite. Images a second on two threads of the training machine,"
        f" while it may have been busy: {speeds}.\n"
    )


def _reproduction(facts: Facts) -> str:
    packages = ("tensorflow", "keras", "numpy", "pillow", "ai-edge-litert")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        "## Reproduction\n\n`uv run python saved_model/train.py --data DIR` writes the same layout"
        f" again. Seed {facts.seed}, {facts.epochs} epochs, {facts.seconds / 60:.0f} minutes on"
        f" two processor cores. Python {platform.python_version()}, {versions}. TensorFlow ran"
        " with deterministic operations; another processor may still differ in the last digits.\n"
    )


def write_card(path: Path, facts: Facts) -> None:
    """Write the card into the model's folder, whose files it lists."""
    sums = sha256_sums(path.parent)
    count = f"\n{facts.parameters:,} parameters, {size(path.parent):,} bytes in all.\n"
    sections = [
        _HEAD + "\n" + _table(("file", "MD5"), list(facts.md5.items())),
        _MODEL.replace("\n## Training", count + "\n## Training"),
        _results(facts),
        _litert(facts.agreement),
        _reproduction(facts),
        "## Files\n\n" + _table(("file", "SHA-256"), list(sums.items())),
    ]
    path.write_text("\n".join(sections), encoding="utf-8", newline="\n")
