"""Stored images, and maps of their classes, into files."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from mlpredict.cli.stdout import write_data
from mlpredict.cli.talk import talk
from mlpredict.domain import PredictionDetail
from mlpredict.errors import OutputError
from mlpredict.inputs.image_file import image_format
from mlpredict.inputs.kept import load_stored
from mlpredict.inputs.pages import page_of
from mlpredict.support.printable import printable
from mlpredict.support.whole_file import whole_file

STDOUT = "-"
NAME_BYTES = 255

SUFFIXES = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "DIB": (".dib", ".bmp"),
    "TIFF": (".tif", ".tiff"),
    "JPEG2000": (".jp2", ".j2k"),
    "HEIF": (".heic", ".heif", ".hif"),
    "PPM": (".pnm", ".pgm", ".ppm", ".pbm"),
}
"""What a file of a format is called; a name that has any of its format's suffixes is kept as it is."""

NO_IMAGE = (".bin",)
"""Nothing opens it by itself."""


def require_folder(output: str | None) -> None:
    """Refuse to write several images into one file.

    Raises:
        OutputError: the target is no folder.
    """
    if output is not None and not Path(output).is_dir():
        raise OutputError(f"{output}: several images need a folder that exists")


def write_image(detail: PredictionDetail, output: str | None, *, force: bool) -> None:
    """Write the image of a prediction to `output`: a file, a folder, or `-` for stdout.

    Without `output` it goes into the current folder by the last part of its stored name. Nothing
    the database holds leads a write anywhere else, nor gives a file a suffix that its bytes belie.

    Raises:
        ImageUnavailable: the stored image cannot be had.
        FileNotWritten: a file is there already, or cannot be written.
        OutputError: standard output cannot be written.
    """
    content = load_stored(detail.image).content
    kind = image_format(content)
    page = page_of(detail.record.filename)
    whole = f"; the whole file, of which page {page} was predicted" if page > 1 else ""
    _write(content, _own_name(detail, kind), f"{kind or 'no image'}{whole}", output, force=force)


def write_map(detail: PredictionDetail, content: bytes, output: str | None, *, force: bool) -> None:
    """Write the class of each pixel, a PNG, to `output`; without it as `NAME-map.png` of the image's name.

    Raises:
        FileNotWritten: a file is there already, or cannot be written.
        OutputError: standard output cannot be written.
    """
    name = f"{Path(_own_name(detail, 'PNG')).stem}-map.png"
    if len(os.fsencode(name)) > NAME_BYTES:
        name = f"prediction-{detail.record.prediction_id}-map.png"
    _write(content, name, "PNG", output, force=force)


def _write(content: bytes, name: str, kind: str, output: str | None, *, force: bool) -> None:
    if output == STDOUT:
        write_data(content)
        return
    folder = None if output is None else Path(output)
    target = Path(name) if folder is None else folder / name if folder.is_dir() else folder
    with whole_file(target, force=force, lasting=False) as partial:
        partial.write_bytes(content)
    talk.notice(f"wrote {target} ({len(content):,} bytes, {kind})")


def _own_name(detail: PredictionDetail, kind: str | None) -> str:
    """A name for the current folder: the last part of the stored one, with its format's suffix."""
    stored = PurePosixPath((detail.record.filename or "").replace("\\", "/")).name
    name = printable(stored).lstrip(".-").replace("/", "_").replace("\\", "_")
    suffixes = NO_IMAGE if kind is None else SUFFIXES.get(kind, (f".{kind.lower()}",))
    if not name:
        name = f"prediction-{detail.record.prediction_id}"
    if not name.lower().endswith(suffixes):
        name += suffixes[0]
    if len(os.fsencode(name)) > NAME_BYTES:
        name = f"prediction-{detail.record.prediction_id}{suffixes[0]}"
    return name
