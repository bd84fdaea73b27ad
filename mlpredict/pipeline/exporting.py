"""Images out of the database into `DIR/LABEL/NAME.ext`, with what is known of them in `metadata.csv`.

The layout is that of TensorFlow's `image_dataset_from_directory`, the table that of Hugging Face's
ImageFolder, where a file's path comes first as `file_name`:
https://huggingface.co/docs/datasets/image_dataset#imagefolder
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlpredict.domain.export import Exported, ImageOut
from mlpredict.errors import OutputError
from mlpredict.inputs.file_names import Folders, Names, image_name, portable, with_mark
from mlpredict.inputs.image_file import image_format
from mlpredict.inputs.kept import ImageUnavailable, load_stored, referenced_path
from mlpredict.pipeline.metadata import MetadataRow, MetadataTable
from mlpredict.support.whole_file import discard_partial, replacing, usual_mode

READ_BY_TENSORFLOW = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
"""https://www.tensorflow.org/api_docs/python/tf/keras/preprocessing/image_dataset_from_directory"""

MARK_DIGITS = 8


@dataclass(slots=True)
class ImageExport:
    """Writes images into the folders of their labels; what is there already is left as it is.

    With `link`, an image that is kept as a reference becomes a symbolic link to its file.
    """

    directory: Path
    link: bool = False
    done: Exported = field(default_factory=Exported)
    _folders: Folders = field(default_factory=Folders)
    _names: Names = field(default_factory=Names)
    _made: set[str] = field(default_factory=set)
    _mode: int = field(default_factory=usual_mode)

    def write(
        self, images: Iterable[ImageOut], tell: Callable[[str], None], enough: Callable[[], bool]
    ) -> Iterator[Exported]:
        """Write images one by one, and give what was done so far after each; at the end, the table of all.

        What cannot be written of the database's own is told and left out.

        Raises:
            OutputError: a file cannot be written, or the table there is none of an export.
        """
        _make(self.directory)
        with MetadataTable(self.directory) as table:
            for one in images:
                try:
                    table.add(self._written(one))
                except ImageUnavailable as error:
                    tell(f"prediction {one.prediction_id}: {error.message}")
                    self.done = replace(self.done, failed=self.done.failed + 1)
                yield self.done
                if enough():
                    break

    def _written(self, one: ImageOut) -> MetadataRow:
        file = load_stored(one.image)
        sha256 = hashlib.sha256(file.content).hexdigest()
        label = one.true_label if one.true_label is not None else one.label
        folder = self._folders.of(label or "")
        self._make_folder(folder)
        kind = image_format(file.content)
        name = portable(image_name(one.filename, kind, f"prediction-{one.prediction_id}"))
        if not self._names.is_new(f"{folder}/{name}"):
            name = with_mark(name, sha256[:MARK_DIGITS])
            self._names.is_new(f"{folder}/{name}")
        target, new = self._placed(self.directory / folder, name, sha256, one, file.content)
        self._count(target, new=new)
        return MetadataRow.of(one, f"{folder}/{target.name}", label or "", sha256)

    def _placed(
        self, folder: Path, name: str, sha256: str, one: ImageOut, content: bytes
    ) -> tuple[Path, bool]:
        """Where the image is, and whether it was not there before."""
        for mark in (None, sha256[:MARK_DIGITS], sha256):
            target = folder / (name if mark is None else with_mark(name, mark))
            if os.path.lexists(target):
                if _holds(target, content):
                    return target, False
                continue
            with suppress(FileExistsError):
                self._place(target, one, content)
                return target, True
        raise OutputError(f"{folder / name}: there are other files of all names that it could have")

    def _place(self, target: Path, one: ImageOut, content: bytes) -> None:
        try:
            if self.link and (path := referenced_path(one.image)) is not None:
                os.symlink(os.path.abspath(path), target)
                return
            with replacing(target, new=True) as file:
                file.write(content)
                os.chmod(file.name, self._mode)
        except FileExistsError:
            raise
        except OSError as error:
            raise OutputError(f"{target}: {error.strerror or error}") from error

    def _make_folder(self, folder: str) -> None:
        if folder not in self._made:
            _make(self.directory / folder)
            discard_partial(self.directory / folder)
            self._made.add(folder)

    def _count(self, target: Path, *, new: bool) -> None:
        unread = target.suffix.lower() not in READ_BY_TENSORFLOW
        self.done = replace(
            self.done,
            written=self.done.written + new,
            present=self.done.present + (not new),
            unread=self.done.unread + unread,
        )


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{directory}: {error.strerror or error}") from error


def _holds(target: Path, content: bytes) -> bool:
    """Whether a file, or what a link leads to, is this image."""
    try:
        if not target.is_file() or target.stat().st_size != len(content):
            return False
        return target.read_bytes() == content
    except OSError:
        return False
