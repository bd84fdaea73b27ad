"""The convolutional network, and its export together with the normalisation."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers
from normalise import Normalise

CLASSES = 10
RESIDUAL_BLOCKS = 3


def _activated(maps: Any) -> Any:
    return layers.ReLU()(layers.BatchNormalization()(maps))


def _separable(maps: Any, filters: int, strides: int = 1) -> Any:
    """A 3x3 convolution of each map, then a 1x1 one across all: a quarter of the time of one of both."""
    own = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(maps)
    return _activated(layers.Conv2D(filters, 1, use_bias=False)(_activated(own)))


def build_network() -> Any:
    """Keras model from normalised images (n, 28, 28, 1) to probabilities (n, 10)."""
    image = keras.Input((28, 28, 1), name="normalised")
    maps = _activated(layers.Conv2D(16, 5, strides=2, padding="same", use_bias=False)(image))
    maps = _separable(_separable(maps, 32), 64, strides=2)
    for _ in range(RESIDUAL_BLOCKS):
        maps = layers.Add()([maps, _separable(maps, 64)])
    maps = layers.Dropout(0.3)(layers.Flatten()(maps))
    maps = layers.Dropout(0.3)(_activated(layers.Dense(64, use_bias=False)(maps)))
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
