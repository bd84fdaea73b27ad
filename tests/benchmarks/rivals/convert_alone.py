"""What TensorFlow takes to be imported and to convert a model, with no look at what comes of it.

convert_alone.py MODEL FLATBUFFER
"""

import sys
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

source, target = sys.argv[1:]
model = keras.models.load_model(source)
with tempfile.TemporaryDirectory() as folder:
    model.export(folder, verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    Path(target).write_bytes(converter.convert())
