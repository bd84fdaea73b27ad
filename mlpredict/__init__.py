"""Run a Keras image model over image files and keep every prediction in PostgreSQL."""

__version__ = "0.1.0"
