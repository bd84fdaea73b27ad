"""A second model to replay images with, and what came of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg

from mlpredict import settings

Counts = tuple[int, int, int]


def write_second_model(folder: Path, name: str = "second", resize: str = "bilinear") -> Path:
    """The digit model under another name and with another filter, which makes it another model."""
    target = folder / name
    shutil.copytree(settings.bundled("saved_model"), target)
    sidecar = target / "assets.extra/mlpredict.toml"
    text = sidecar.read_text().replace("bicubic", resize).replace("mnist-convnet", name)
    sidecar.write_text(text)
    return target


def counts_of(dsn: str, model: str = "second") -> Counts:
    """How many predictions a model has made, of how many inputs, and how many inputs there are."""
    with psycopg.connect(dsn) as connection:
        row: Any = connection.execute(
            "SELECT count(*), count(DISTINCT inputid), (SELECT count(*) FROM inputs) FROM predictions AS p"
            " JOIN models AS m ON m.id = p.model_id WHERE m.name = %s",
            (model,),
        ).fetchone()
    return (row[0], row[1], row[2])
