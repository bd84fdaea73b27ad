"""What the server is told by who starts it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """What `mlpredict serve` was asked for."""

    model: Path
    labels: str | None
    """The names of its classes, with commas between them, or a file of them."""
    trusted: bool
    """Whether the model may do more than compute."""
    dsn: str | None = field(repr=False)
    read_dsn: str | None = field(repr=False)
    """A replica of it, for what is listed."""
    host: str
    port: int
    workers: int
    max_upload: int
    token: str | None = field(repr=False)
    insecure: bool
    origins: tuple[str, ...]
    """The other sites whose pages may ask."""
    verbose: bool
