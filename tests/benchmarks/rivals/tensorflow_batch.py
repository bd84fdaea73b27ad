"""A folder through TensorFlow, as a practitioner writes it: tensorflow_batch.py MODEL DSN FOLDER"""

import base64
import json
import sys
from pathlib import Path

import keras
import psycopg
import tensorflow as tf

from tests.benchmarks.rivals.keras_model import load

model_path, dsn, folder = sys.argv[1:]
model = load(model_path)
_, height, width, channels = model.input_shape
images = keras.utils.image_dataset_from_directory(
    folder,
    labels=None,
    color_mode="grayscale" if channels == 1 else "rgb",
    image_size=(height, width),
    batch_size=256,
    shuffle=False,
    verbose=False,
)
paths = images.file_paths
scaled = images.map(lambda batch: batch / 255, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
outputs = model.predict(scaled, verbose=0)

inputs, predictions = [], []
for number, (path, output) in enumerate(zip(paths, outputs, strict=True), start=1):
    content = base64.b64encode(Path(path).read_bytes()).decode()
    inputs.append((number, f"data:image/{Path(path).suffix[1:]};base64,{content}"))
    predictions.append((number, json.dumps(output.tolist())))
with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
    cursor.executemany("INSERT INTO inputs (id, image) VALUES (%s, %s)", inputs)
    cursor.executemany("INSERT INTO predictions (inputid, predictions) VALUES (%s, %s)", predictions)
