"""Run a Keras image model over image files and keep every prediction in PostgreSQL.

>>> import mlpredict
>>> mlpredict.load_model().predict("tests/digits/7-marker.png").label
'7'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpredict.api.database import Database, connect
    from mlpredict.api.model import Answer, Model, load_model
    from mlpredict.api.run import Run
    from mlpredict.api.stored import Predictions, StoredPrediction

__version__ = "0.3.0"
__all__ = [
    "Answer",
    "Database",
    "Model",
    "Predictions",
    "Run",
    "StoredPrediction",
    "__version__",
    "connect",
    "load_model",
]


_FILE_OF = {
    "Answer": "model",
    "Database": "database",
    "Model": "model",
    "Predictions": "stored",
    "Run": "run",
    "StoredPrediction": "stored",
    "connect": "database",
    "load_model": "model",
}
"""The files of `mlpredict.api` that these names come from."""


def __getattr__(name: str) -> Any:
    # `import mlpredict` alone is cheap: every command begins with it.
    if (file := _FILE_OF.get(name)) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mlpredict.api.{file}"), name)
