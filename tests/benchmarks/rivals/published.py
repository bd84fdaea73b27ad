"""The program of 2020: a web server, an image a request: published.py PORT MODEL DSN"""

from __future__ import annotations

import base64
import io
import json
import sys
from typing import Annotated, Any

import numpy as np
import psycopg
import uvicorn
from fastapi import FastAPI, File, UploadFile
from PIL import Image

from tests.benchmarks.rivals.keras_model import load

port, model_path, dsn = sys.argv[1:]
app = FastAPI()
model = load(model_path)
connection = psycopg.connect(dsn)


@app.post("/predictions")
async def predict(file: Annotated[UploadFile, File()]) -> dict[str, Any]:
    """Predict and store one image, with a commit for it and a commit for its prediction."""
    _, height, width, _ = model.input_shape
    image = Image.open(file.file).convert("L").resize((width, height))
    pixels = np.asarray(image, np.float32)[None, ..., None] / 255
    prediction = model.predict(pixels, verbose=0).tolist()
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG")
    uri = "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO inputs (image) VALUES (%s) RETURNING id", (uri,))
        (input_id,) = cursor.fetchone() or (None,)
        connection.commit()
        cursor.execute(
            "INSERT INTO predictions (inputid, predictions) VALUES (%s, %s) RETURNING id",
            (input_id, json.dumps(prediction)),
        )
        (prediction_id,) = cursor.fetchone() or (None,)
        connection.commit()
    return {"id": prediction_id, "predictions": prediction}


uvicorn.run(app, port=int(port), log_level="error")
