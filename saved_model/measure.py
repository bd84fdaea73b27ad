"""What a finished SavedModel achieves: accuracies, agreement with LiteRT, speed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from data import Handwriting, as_input
from numpy.typing import NDArray

_BATCH = 250
_THREADS = 2

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Images (n, 28, 28, 1) to probabilities (n, 10)."""


class Score(NamedTuple):
    """Right answers, answers in all, and the mean top score of the right and the wrong ones."""

    right: int
    total: int
    score_right: float
    score_wrong: float

    @property
    def percent(self) -> float:
        """Accuracy in percent."""
        return 100.0 * self.right / self.total


class Miss(NamedTuple):
    """A handwritten digit that was taken for another."""

    name: str
    label: int
    answer: int
    score: float


class Agreement(NamedTuple):
    """LiteRT compared with TensorFlow: largest differences, and images a second by batch."""

    real: float
    noise: float
    constant: float
    finite: bool
    speed: dict[int, float]


def load(folder: Path) -> Predict:
    """The exported model as a function, through its serving signature."""
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
        outputs = [signature(image=tf.constant(part))["probabilities"] for part in parts]
        # The signature does not keep its module alive.
        assert loaded is not None
        return np.concatenate([output.numpy() for output in outputs])

    return predict


def score(predict: Predict, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Score:
    """Accuracy on images (n, 28, 28, 1) in 0..1."""
    probabilities = predict(images)
    right = probabilities.argmax(axis=1) == labels
    top = probabilities.max(axis=1)
    wrong_mean = float(top[~right].mean()) if (~right).any() else 0.0
    return Score(int(right.sum()), len(labels), float(top[right].mean()), wrong_mean)


def misses(predict: Predict, digits: Handwriting) -> list[Miss]:
    """The handwritten digits that were not recognised."""
    probabilities = predict(digits.images)
    answers = probabilities.argmax(axis=1)
    return [
        Miss(digits.names[i], int(digits.labels[i]), int(answers[i]), float(probabilities[i].max()))
        for i in np.flatnonzero(answers != digits.labels)
    ]


def score_kinds(predict: Predict, digits: Handwriting) -> dict[str, Score]:
    """Accuracy by kind of picture, and in total."""
    kinds = np.array(digits.kinds)
    result = {"all": score(predict, digits.images, digits.labels)}
    for kind in sorted(set(digits.kinds)):
        chosen = kinds == kind
        result[kind] = score(predict, digits.images[chosen], digits.labels[chosen])
    return result


def _convert(folder: Path) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return bytes(converter.convert())


def _interpreter(content: bytes, batch: int) -> tuple[Any, Callable[[Any], Any]]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=_THREADS)
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(source, (batch, 28, 28, 1))
    interpreter.allocate_tensors()

    def run(images: Any) -> Any:
        interpreter.set_tensor(source, images)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return interpreter, run


def _speed(content: bytes, batch: int) -> float:
    """Images a second, the best of some runs."""
    images = np.random.default_rng(0).random((batch, 28, 28, 1), np.float32)
    interpreter, run = _interpreter(content, batch)
    run(images)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        interpreter.invoke()
        best = min(best, time.perf_counter() - start)
    return batch / best


def compare_with_litert(folder: Path, predict: Predict, test: NDArray[np.uint8]) -> Agreement:
    """Convert with built-in operations only and compare on test images, noise and constants."""
    content = _convert(folder)
    random = np.random.default_rng(0)
    light = as_input(test)
    noise = random.random((1000, 28, 28, 1), np.float32)
    constant = np.repeat(np.array([0, 0.5, 1], np.float32), 784).reshape(3, 28, 28, 1)
    differences, finite = [], True
    for images in (np.concatenate([light, 1.0 - light]), noise, constant):
        _, run = _interpreter(content, len(images))
        answers = run(images)
        finite = finite and bool(np.isfinite(answers).all())
        differences.append(float(np.abs(answers - predict(images)).max()))
    speed = {batch: _speed(content, batch) for batch in (1, 32, 256)}
    return Agreement(differences[0], differences[1], differences[2], finite, speed)
