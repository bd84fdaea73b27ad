"""One image with the least that does it: bare_one.py FLATBUFFER DSN IMAGE"""

import base64
import json
import sys

import numpy as np
import psycopg
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

flatbuffer, dsn, path = sys.argv[1:]
interpreter = Interpreter(flatbuffer)
runner = interpreter.get_signature_runner()
(name, detail), *_ = runner.get_input_details().items()
_, height, width, _ = detail["shape"]
image = Image.open(path).convert("L").resize((width, height))
outputs = runner(**{name: np.asarray(image, np.float32)[None, ..., None] / 255})
output = next(iter(outputs.values()))[0].tolist()
with open(path, "rb") as file:
    uri = f"data:image/png;base64,{base64.b64encode(file.read()).decode()}"
with psycopg.connect(dsn) as connection:
    row = connection.execute("INSERT INTO inputs (image) VALUES (%s) RETURNING id", (uri,)).fetchone()
    connection.execute(
        "INSERT INTO predictions (inputid, predictions) VALUES (%s, %s)", (*(row or ()), json.dumps(output))
    )
sys.stdout.write(f"{path}\t{output}\n")
