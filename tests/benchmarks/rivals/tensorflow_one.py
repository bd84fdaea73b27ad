"""One image through TensorFlow: tensorflow_one.py MODEL DSN IMAGE"""

import base64
import json
import sys
from pathlib import Path

import psycopg
import tensorflow as tf

from tests.benchmarks.rivals.keras_model import load

model_path, dsn, path = sys.argv[1:]
model = load(model_path)
_, height, width, channels = model.input_shape
content = Path(path).read_bytes()
image = tf.image.resize(tf.io.decode_image(content, channels, expand_animations=False), (height, width))
output = model.predict(image[None] / 255, verbose=0)[0].tolist()
uri = f"data:image/png;base64,{base64.b64encode(content).decode()}"
with psycopg.connect(dsn) as connection:
    row = connection.execute("INSERT INTO inputs (image) VALUES (%s) RETURNING id", (uri,)).fetchone()
    connection.execute(
        "INSERT INTO predictions (inputid, predictions) VALUES (%s, %s)", (*(row or ()), json.dumps(output))
    )
sys.stdout.write(f"{path}\t{output}\n")
