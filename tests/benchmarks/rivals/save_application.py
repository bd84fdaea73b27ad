"""A network of keras.applications with random weights, whose answers differ all the same.

save_application.py NAME PATH
"""

import sys

import keras
import numpy as np

name, path = sys.argv[1:]
keras.utils.set_random_seed(2020)
model = getattr(keras.applications, name)(weights=None, input_shape=(224, 224, 3))
for layer in model.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.momentum = 0.0
# Fresh, its layers fade every image to nothing. This pass gives them the statistics of what they see.
colours = np.random.default_rng(2020).random((8, 7, 7, 3), np.float32)
model(keras.ops.image.resize(colours, (224, 224)), training=True)
model.save(path)
