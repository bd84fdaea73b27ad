"""What decoding photos at a reduced scale changes against decoding all of their pixels.

    full_decoding.py MODEL FOLDER

Prints the largest and the mean difference of pixels (of 255) and the largest of predictions as JSON,
and what answers change by when as many pixels as differ are moved by 1 at random: no decoding of less
than all pixels can change them by less.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mlpredict import settings
from mlpredict.domain import Decode, EngineName, ImageSpec, Sample, Source
from mlpredict.inference.model import load_model
from mlpredict.inputs.image import as_sample, decode_source

if TYPE_CHECKING:
    from mlpredict.domain import Pixels

PHOTOS = 20
SEED = 2020


def reduced(path: Path, spec: ImageSpec) -> Pixels:
    """The pixels that mlpredict gives a model that takes a reduced scale."""
    wanted = spec._replace(preprocessing=spec.preprocessing._replace(decode=Decode.REDUCED))
    source = Source(str(path))
    sample = as_sample(0, source, decode_source(source, wanted))
    assert isinstance(sample, Sample)
    return sample.pixels


def full(path: Path, spec: ImageSpec) -> NDArray[np.uint8]:
    """The same, from every pixel of the photo."""
    with Image.open(path) as photo:
        size = (spec.width or photo.width, spec.height or photo.height)
        pixels = np.asarray(
            photo.convert("L" if spec.channels == 1 else "RGB").resize(size, Image.Resampling.BICUBIC)
        )
    return pixels.reshape(*pixels.shape[:2], spec.channels)


def jittered(pixels: NDArray[np.uint8], part: float) -> NDArray[np.uint8]:
    """The same with this part of all values one lighter or darker."""
    random = np.random.default_rng(SEED)
    steps = random.choice([-1, 1], pixels.shape) * (random.random(pixels.shape) < part)
    return np.asarray((pixels + steps).clip(0, 255), np.uint8)


def main() -> None:
    """Compare the first photos of a folder."""
    model_path, folder = map(Path, sys.argv[1:])
    model = load_model(model_path, engine=EngineName.LITERT, cache=settings.cache_home())
    paths = sorted(folder.iterdir())[:PHOTOS]
    # One at a time: a batch may be larger than the model was prepared for.
    seen = [reduced(path, model.spec)[None] for path in paths]
    whole = [full(path, model.spec)[None] for path in paths]
    pixels = np.abs(np.concatenate(seen).astype(int) - np.concatenate(whole))
    answers = [np.abs(model.outputs(a) - model.outputs(b)).max() for a, b in zip(seen, whole, strict=True)]
    least = [np.abs(model.outputs(b) - model.outputs(jittered(b, pixels.mean()))).max() for b in whole]
    result = {
        "largest": int(pixels.max()),
        "mean": float(pixels.mean()),
        "prediction": float(max(answers)),
        "least": float(max(least)),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
