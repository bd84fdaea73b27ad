"""Stored images back into files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from mlpredict.cli.consoles import talk, write_data
from mlpredict.domain import PredictionDetail
from mlpredict.errors import OutputError
from mlpredict.inputs.stored import ImageFile, load_stored
from mlpredict.printable import printable

STDOUT = "-"
NAME_BYTES = 255
# What a file of a type is called; a name that has any of its type's suffixes is kept as it is.
SUFFIXES = {
    "image/png": (".png", ".apng"),
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/gif": (".gif",),
    "image/bmp": (".bmp", ".dib"),
    "image/tiff": (".tif", ".tiff"),
    "image/webp": (".webp",),
    "image/avif": (".avif",),
    "image/jp2": (".jp2", ".j2k"),
    "image/x-icon": (".ico",),
    "image/x-portable-anymap": (".pnm", ".pgm", ".ppm", ".pbm"),
    "image/x-tga": (".tga",),
}


def export_images(details: Sequence[PredictionDetail], output: str | None, *, force: bool) -> None:
    """Write the image of every prediction to `output`: a file, a folder, or `-` for stdout.

    Without `output` it goes into the current folder by the last part of its stored name. Nothing
    the database holds leads a write anywhere else.

    Raises:
        ImageUnavailable: a stored image cannot be had.
        OutputError: a file is there already, or cannot be written.
    """
    for detail in details:
        image = load_stored(detail.image)
        if output == STDOUT:
            write_data(image.content)
            continue
        target = _target(detail, image, output, several=len(details) > 1)
        _write(target, image.content, force=force)
        talk.notice(f"wrote {target} ({len(image.content):,} bytes, {image.contenttype})")


def _target(detail: PredictionDetail, image: ImageFile, output: str | None, *, several: bool) -> Path:
    own_name = _own_name(detail, image)
    if output is None:
        return Path(own_name)
    target = Path(output)
    if target.is_dir():
        return target / own_name
    if several:
        raise OutputError(f"{output}: several images need a folder that exists")
    return target


def _own_name(detail: PredictionDetail, image: ImageFile) -> str:
    """A name for the current folder: the last part of the stored one, with its type's suffix."""
    stored = PurePosixPath((detail.record.filename or "").replace("\\", "/")).name
    name = printable(stored).lstrip(".-").replace("/", "_").replace("\\", "_")
    suffixes = SUFFIXES.get(image.contenttype, ())
    if not name:
        name = f"prediction-{detail.record.prediction_id}"
    if suffixes and not name.lower().endswith(suffixes):
        name += suffixes[0]
    if len(os.fsencode(name)) > NAME_BYTES:
        name = f"prediction-{detail.record.prediction_id}{''.join(suffixes[:1])}"
    return name


def _write(target: Path, content: bytes, *, force: bool) -> None:
    """Write a file; without `force` never over one that is there, nor through a link."""
    try:
        if force:
            _replace(target, content)
        else:
            with target.open("xb") as file:
                file.write(content)
    except FileExistsError:
        raise OutputError(
            f"{target}: there is a file of this name", hint="overwrite it with --force"
        ) from None
    except OSError as error:
        raise OutputError(f"{target}: {error.strerror or error}") from error


def _replace(target: Path, content: bytes) -> None:
    """Write beside the target and rename, so that what was there is whole until this is."""
    partial = target.with_name(f".mlpredict-{os.getpid()}.partial")
    try:
        with partial.open("xb") as file:
            file.write(content)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
