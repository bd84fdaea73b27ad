"""Models and predictions on their way into a database, of which a test names what matters to it."""

from __future__ import annotations

from typing import Any

import psycopg

from mlpredict.domain import ModelIdentity, NewInput, NewPrediction, Prediction, Task

LABELS = ("cat", "dog", "mouse")


def model(name: str = "pets", fingerprint: str = "3f2a91c0" * 8) -> ModelIdentity:
    description = {"activation": "softmax", "height": 28}
    return ModelIdentity(
        name, fingerprint, "keras", f"/models/{name}", Task.CLASSIFICATION, LABELS, description
    )


def new(
    position: int, *, image: bytes | None = None, likely: int = 0, score: float = 0.5, **changes: Any
) -> NewPrediction:
    digest = (image or str(position).encode()).ljust(32, b"\0")
    values = {
        "position": position,
        "filename": f"pictures/{position}.png",
        "contenttype": "image/png",
        "input": NewInput(f"data:image/png;base64,{position}", "original", digest, "image/png", 28, 14),
        "prediction": Prediction("[0.1,0.2,0.7]", likely, LABELS[likely], score),
    }
    return NewPrediction(**{**values, **changes})


def insert_input(connection: psycopg.Connection[Any], one: NewInput) -> int:
    """The id of an input that another program stores; nothing is committed."""
    row = connection.execute(
        "INSERT INTO inputs (sha256, kept, image, contenttype) VALUES (%s, %s, %s, %s) RETURNING id",
        (one.sha256, one.kept, one.uri, one.contenttype),
    ).fetchone()
    assert row is not None
    return int(row[0])
