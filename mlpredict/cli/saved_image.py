"""Stored images, and maps of their classes, into files."""

from __future__ import annotations

import os
from pathlib import Path

from mlpredict.cli.stdout import write_data
from mlpredict.cli.talk import talk
from mlpredict.domain import PredictionDetail
from mlpredict.errors import OutputError
from mlpredict.inputs.file_names import NAME_BYTES, image_name, same_folder, with_mark
from mlpredict.inputs.image_file import image_format
from mlpredict.inputs.kept import load_stored
from mlpredict.inputs.pages import page_of
from mlpredict.support.whole_file import whole_file

STDOUT = "-"


def require_folder(output: str | None) -> None:
    """Refuse to write several images into one file.

    Raises:
        OutputError: the target is no folder.
    """
    if output is not None and not os.path.isdir(output):
        raise OutputError(f"{output}: several images need a folder that exists")


def write_image(
    detail: PredictionDetail, output: str | None, *, force: bool, taken: set[str] | None = None
) -> None:
    """Write the image of a prediction to `output`: a file, a folder, or `-` for stdout.

    Without `output` it goes into the current folder by the last part of its stored name. Nothing
    the database holds leads a write anywhere else, nor gives a file a suffix that its bytes belie. A name
    that is `taken` gets the prediction's number, and the one that is used is added to these.

    Raises:
        ImageUnavailable: the stored image cannot be had.
        FileNotWritten: a file is there already, or cannot be written.
        OutputError: standard output cannot be written.
    """
    content = load_stored(detail.image).content
    kind = image_format(content)
    page = page_of(detail.record.filename)
    whole = f"; the whole file, of which page {page} was predicted" if page > 1 else ""
    name = _not_taken(_own_name(detail, kind), detail, taken)
    _write(content, name, f"{kind or 'no image'}{whole}", output, force=force)


def write_map(
    detail: PredictionDetail,
    content: bytes,
    output: str | None,
    *,
    force: bool,
    taken: set[str] | None = None,
) -> None:
    """Write the class of each pixel, a PNG, to `output`; without it as `NAME-map.png` of the image's name.

    Raises:
        FileNotWritten: a file is there already, or cannot be written.
        OutputError: standard output cannot be written.
    """
    name = f"{Path(_own_name(detail, 'PNG')).stem}-map.png"
    if len(os.fsencode(name)) > NAME_BYTES:
        name = f"prediction-{detail.record.prediction_id}-map.png"
    _write(content, _not_taken(name, detail, taken), "PNG", output, force=force)


def _write(content: bytes, name: str, kind: str, output: str | None, *, force: bool) -> None:
    if output == STDOUT:
        write_data(content)
        return
    target = Path(output or name)
    if output is not None and os.path.isdir(output):
        target /= name
    with whole_file(target, force=force, lasting=False) as partial:
        partial.write_bytes(content)
    talk.notice(f"wrote {target} ({len(content):,} bytes, {kind})")


def _not_taken(name: str, detail: PredictionDetail, taken: set[str] | None) -> str:
    """The name, or with the prediction's number where another image has it already."""
    if taken is None:
        return name
    if same_folder(name) in taken:
        name = with_mark(name, str(detail.record.prediction_id))
    taken.add(same_folder(name))
    return name


def _own_name(detail: PredictionDetail, kind: str | None) -> str:
    """A name for the current folder: the last part of the stored one, with its format's suffix."""
    return image_name(detail.record.filename, kind, f"prediction-{detail.record.prediction_id}")
