"""Run a Keras image model over image files and keep every prediction in PostgreSQL.

>>> import mlpredict
>>> mlpredict.load_model().predict("tests/digits/7-marker.png").label
'7'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpredict.api import Answer, Database, Model, Predictions, Run, StoredPrediction, connect, load_model

__version__ = "0.1.0"
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


def __getattr__(name: str) -> Any:
    # `import mlpredict` alone is cheap: every command begins with it.
    if name in __all__:
        from mlpredict import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
