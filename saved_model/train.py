"""Train the digit model and export it: uv run python saved_model/train.py --data DIR"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from augment import FINE, augment, enlarge
from card import Facts, write_card
from data import Digits, as_input, md5_sums, read_handwriting, read_mnist
from layout import CARD, describe, replace_pieces, workshop
from measure import compare_with_litert, load, misses, score, score_kinds
from network import CLASSES, build_network, export, with_normalisation
from normalise import normalise
from numpy.typing import NDArray
from strokes import thin

SEED = 20201
VALIDATION = 5000
BATCH = 128
CHUNK = 500
PEAK_RATE = 3e-3
SMOOTHING = 0.02
INK = 0.45
"""Brightness from which a pixel counts as ink when strokes are thinned."""


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
def _variants(images: Any, lines: Any, seed: Any) -> Any:
    return normalise(augment(images, lines, seed))


def _centre_lines(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (n, 56, 56), 1 on the centre lines of the digits."""
    shapes = np.empty((len(images), FINE, FINE), np.uint8)
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        shapes[part] = enlarge(images[part]).numpy() > INK
    return thin(shapes)


def _pool(images: NDArray[np.uint8], lines: NDArray[np.uint8], epoch: int) -> NDArray[np.float32]:
    """A fresh variant of every image, normalised: float32 (n, 28, 28, 1)."""
    pool = np.empty((*images.shape, 1), np.float32)
    for number, start in enumerate(range(0, len(images), CHUNK)):
        part = slice(start, start + CHUNK)
        seed = tf.constant(epoch * 1000 + number, tf.int32)
        pool[part] = _variants(tf.constant(images[part]), tf.constant(lines[part]), seed)
    return pool


def _compiled(network: Any, epochs: int, count: int) -> Any:
    steps = -(-count // BATCH) * epochs
    warm = min(400, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK_RATE / 30, steps - warm, alpha=0.001, warmup_target=PEAK_RATE, warmup_steps=warm
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3, clipnorm=1.0),
        keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING),
        metrics=["accuracy"],
        jit_compile=False,
    )
    return network


def fit(network: Any, digits: Digits, epochs: int) -> float:
    """Train on all but the last VALIDATION digits; returns the accuracy on those, plain."""
    train, held = digits.images[:-VALIDATION], digits.images[-VALIDATION:]
    targets = keras.utils.to_categorical(digits.labels, CLASSES)
    lines = _centre_lines(train)
    _compiled(network, epochs, len(train))
    plain = normalise(as_input(held)).numpy()
    accuracy = 0.0
    for epoch in range(epochs):
        pool = _pool(train, lines, epoch)
        history = network.fit(
            pool, targets[:-VALIDATION], batch_size=BATCH, epochs=1, verbose=0, shuffle=True
        )
        accuracy = network.evaluate(plain, targets[-VALIDATION:], batch_size=500, verbose=0)[1]
        loss = history.history["loss"][0]
        print(f"epoch {epoch + 1}/{epochs}: loss {loss:.4f}, held out {accuracy:.4f}", flush=True)
    return float(accuracy)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the digit model and export it.")
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST's IDX files")
    parser.add_argument("--handwriting", type=Path, help="folder of other digits, only reported on")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--epochs", type=int, default=22)
    return parser.parse_args()


def _facts(folder: Path, arguments: argparse.Namespace, test: Digits, **known: Any) -> Facts:
    predict = load(folder)
    light = as_input(test.images)
    written = read_handwriting(arguments.handwriting) if arguments.handwriting else None
    return Facts(
        md5=md5_sums(arguments.data),
        seed=SEED,
        epochs=arguments.epochs,
        test=score(predict, light, test.labels),
        inverted=score(predict, 1.0 - light, test.labels),
        handwriting=score_kinds(predict, written) if written else {},
        misses=misses(predict, written) if written else [],
        agreement=compare_with_litert(folder, predict, test.images),
        **known,
    )


def main() -> None:
    """Train, export, measure what was exported, and put it in place."""
    arguments = _arguments()
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    training, test = read_mnist(arguments.data)
    start = time.monotonic()
    network = build_network()
    validation = fit(network, training, arguments.epochs)
    seconds = time.monotonic() - start
    with workshop(arguments.output) as folder:
        new = folder / "model"
        export(with_normalisation(network), new)
        describe(new)
        parameters = int(network.count_params())
        known = {"validation": validation, "seconds": seconds, "parameters": parameters}
        write_card(new / CARD, _facts(new, arguments, test, **known))
        replace_pieces(new, arguments.output, folder / "old")
    print((arguments.output / CARD).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
