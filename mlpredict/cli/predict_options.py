"""The options of `predict`, some of which its relatives have too."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict.cli.layout import OUTPUT
from mlpredict.cli.options import MODEL
from mlpredict.domain import Pages

if TYPE_CHECKING:
    from mlpredict.inputs.limits import Limits

RETRY_SECONDS = 30.0
IMAGES = "Images"
STORING = "What is stored"
PARTS = "One run in parts"


class FromFolders(StrEnum):
    """Where labels come from."""

    FOLDERS = "folders"


Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH…",
        help="Image files and folders (recursive), s3://BUCKET/PREFIX/; - for one image on stdin.",
    ),
]
FilesFrom = Annotated[
    str | None,
    typer.Option(
        "-T",
        "--files-from",
        metavar="FILE",
        help="Read more paths from FILE, one a line; - for stdin.",
        show_default=False,
        rich_help_panel=IMAGES,
    ),
]
NulSeparated = Annotated[
    bool,
    typer.Option(
        "-0",
        "--null",
        help="Paths of --files-from end in NUL.",
        show_default=False,
        rich_help_panel=IMAGES,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        metavar="N",
        help="Images at a time; else what suits their size.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
TopK = Annotated[
    int | None,
    typer.Option(
        "--top-k",
        min=1,
        metavar="N",
        help="Add the N likeliest labels to JSON.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
NoStore = Annotated[
    bool,
    typer.Option(
        "--no-store",
        help="Only print; needs no database.",
        show_default=False,
        rich_help_panel=STORING,
    ),
]
StoreTop = Annotated[
    int | None,
    typer.Option(
        "--store-top",
        min=1,
        metavar="N",
        help="Of many classes store the N likeliest, not all; the others cannot be verified then.",
        show_default=False,
        rich_help_panel=STORING,
    ),
]
SkipExisting = Annotated[
    bool,
    typer.Option(
        "--skip-existing",
        help="Pass over images that this model has predicted already.",
        show_default=False,
        rich_help_panel=IMAGES,
    ),
]
Retry = Annotated[
    float,
    typer.Option(
        "--retry",
        min=0,
        metavar="SECONDS",
        help="How long to try again when the connection to the database is lost.",
        rich_help_panel=STORING,
    ),
]
RunKey = Annotated[
    str | None,
    typer.Option(
        "--run-key",
        metavar="KEY",
        help="Do one run together with all who name this key; killed, the same command goes on.",
        show_default=False,
        rich_help_panel=PARTS,
    ),
]
PartChoice = Annotated[
    str | None,
    typer.Option(
        "--part",
        metavar="I/N",
        help="Which part of it to do: 0/4 to 3/4, or auto, those that nobody is at.  [default: auto]",
        show_default=False,
        rich_help_panel=PARTS,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="HOST:PORT",
        help="Have the nodes of a Ray cluster do it; --dsn is a database that they reach.",
        show_default=False,
        rich_help_panel=PARTS,
    ),
]
LabelFrom = Annotated[
    FromFolders | None,
    typer.Option(
        "--label-from",
        help="Label what is predicted: by the folders that images lie in.",
        show_default=False,
    ),
]
PagesChoice = Annotated[
    Pages,
    typer.Option(
        "--pages",
        help="Which pages of a file, or frames: the first, or all as FILE#1, FILE#2.",
        rich_help_panel=IMAGES,
    ),
]
KeepChoice = Annotated[
    str,
    typer.Option(
        "--keep",
        metavar="WHAT",
        help="Store the file itself (original), what the model saw of it (model-input), or only where it is"
        " (reference); s3://BUCKET/PREFIX/ stores files there.",
        rich_help_panel=STORING,
    ),
]
MaxPixels = Annotated[
    str,
    typer.Option(
        "--max-pixels",
        metavar="N",
        help="Refuse larger images, before they are decoded.",
        rich_help_panel=IMAGES,
    ),
]
MaxBytes = Annotated[
    str,
    typer.Option(
        "--max-bytes",
        metavar="N",
        help="Refuse larger files, before they are read.",
        rich_help_panel=IMAGES,
    ),
]


def limits_of(max_pixels: str, max_bytes: str) -> Limits:
    """What one image may cost, by `--max-pixels` and `--max-bytes`.

    Raises:
        UsageError: one of them is no size.
    """
    from mlpredict.inputs.limits import Limits
    from mlpredict.support.units import parse_size

    return Limits(parse_size(max_pixels, "--max-pixels"), parse_size(max_bytes, "--max-bytes"))
