"""The convolutional network, and its export together with the normalisation."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers
from normalise import Normalise

CLASSES = 10


def _convolution(maps: Any, filters: int) -> Any:
    maps = layers.Conv2D(filters, 3, padding="same", use_bias=False)(maps)
    return layers.ReLU()(layers.BatchNormalization()(maps))


def build_network() -> Any:
    """Keras model from normalised images (n, 28, 28, 1) to probabilities (n, 10)."""
    image = keras.Input((28, 28, 1), name="normalised")
    maps = layers.MaxPooling2D()(_convolution(image, 16))
    maps = _convolution(_convolution(maps, 32), 32)
    maps = layers.MaxPooling2D()(maps)
    maps = _convolution(_convolution(maps, 64), 64)
    maps = layers.Dropout(0.3)(layers.Flatten()(maps))
    maps = layers.Dense(96, use_bias=False)(maps)
    maps = layers.ReLU()(layers.BatchNormalization()(maps))
    maps = layers.Dropout(0.3)(maps)
    scores = layers.Dense(CLASSES, activation="softmax", name="probabilities")(maps)
    return keras.Model(image, scores, name="network")


def with_normalisation(network: Any) -> Any:
    """The model that is exported: images in 0..1 of either polarity to probabilities."""
    image = keras.Input((28, 28, 1), name="image")
    return keras.Model(image, network(Normalise()(image)), name="mnist_convnet")


def export(model: Any, folder: Path) -> None:
    """Write a SavedModel with `serving_default`: image (n, 28, 28, 1) to probabilities.

    A plain module holds the weights: Keras' own archive stores each of them twice.
    """
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    module.serve = tf.function(
        lambda image: {"probabilities": model(image, training=False)},
        input_signature=[tf.TensorSpec((None, 28, 28, 1), tf.float32, name="image")],
        autograph=False,
    )
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
