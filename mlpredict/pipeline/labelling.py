"""Labels from where people have them: folders, lists, files and ids."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from mlpredict.domain import Labelled, NewLabel, PredictionRecord, Rejected, Sample, Source
from mlpredict.errors import UsageError
from mlpredict.inputs.passed_over import PassedOver
from mlpredict.inputs.reading import Unusable, read
from mlpredict.inputs.remote.names import may_be_many, remote_folder_of
from mlpredict.inputs.sources import discover
from mlpredict.pipeline.batch import Outcome, Skipped
from mlpredict.pipeline.label_files import Entry
from mlpredict.support.addresses import is_bucket, is_remote

SHA256 = re.compile(r"[0-9a-fA-F]{64}")
Named = int | str | bytes
"""A prediction's id, a file's or folder's name, or the bytes of an image file."""


class LabelStore(Protocol):
    """The repository, as far as labels go."""

    def label(self, new: Sequence[NewLabel], *, source: str, labelled_by: str | None = None) -> Labelled: ...


def named_images(images: Iterable[Named], text: str) -> Iterator[NewLabel]:
    """The images that ids, files and folders name, with one label for all.

    A file that is there is known by what it holds. One that is not is looked for by the name it had.
    """
    for image in images:
        if isinstance(image, int):
            yield NewLabel(text, prediction_id=image)
        elif isinstance(image, bytes):
            yield NewLabel(text, sha256=hashlib.sha256(image).digest(), called="image")
        elif os.path.isdir(image):
            yield from (_of_file(one.path, text) for one in discover([image]) if isinstance(one, Source))
        elif os.path.lexists(image):
            yield _of_file(image, text)
        else:
            yield NewLabel(text, filename=image)


def named_as(text: str) -> Named:
    """What a word of the command line, or of a list, names: digits are an id, anything else a file."""
    return int(text) if text.isascii() and text.isdecimal() else text


def foldered_images(folder: str) -> list[NewLabel]:
    """The images below a folder, each with the name of the folder in it that leads to it.

    Raises:
        UsageError: there are no images in folders of it.
    """
    labels = FolderLabels([folder])
    passed_over = PassedOver()
    found = []
    is_one = os.path.isdir(folder) and _has_folders(folder)
    for source in discover([folder] if is_one else [], passed_over=passed_over):
        if isinstance(source, Source) and (text := labels.label_of(source.path)) is not None:
            found.append(_of_file(source.path, text))
    passed_over.tell()
    if not found:
        raise UsageError(
            f"{folder}: there are no images in folders of it",
            hint="expected one folder a class, named as its label",
        )
    return found


def listed_images(entries: Iterable[Entry]) -> list[NewLabel]:
    """The images that the entries of a list name, by a hash, an id or a name."""
    return [_listed(one) for one in entries]


def _listed(entry: Entry) -> NewLabel:
    if SHA256.fullmatch(entry.image) and entry.kind in (None, "sha256"):
        return NewLabel(entry.label, sha256=bytes.fromhex(entry.image), called=entry.image)
    if entry.kind == "sha256":
        raise UsageError(f"{entry.where}: {entry.image} is no SHA-256")
    named = named_as(entry.image)
    if isinstance(named, int) and entry.kind in (None, "prediction_id"):
        return NewLabel(entry.label, prediction_id=named)
    if entry.kind == "prediction_id":
        raise UsageError(f"{entry.where}: {entry.image} is no prediction's id")
    return NewLabel(entry.label, filename=entry.image)


def add_listed(
    store: LabelStore, labels: Sequence[NewLabel], folder: str, *, source: str, labelled_by: str | None
) -> Labelled:
    """Store the labels of a list; a name that no prediction has, or several, is looked for on disk.

    Names there start from the working directory, or from the `folder` of the list.
    """
    done = store.label(labels, source=source, labelled_by=labelled_by)
    by_name = {one.filename: one for one in labels if one.filename is not None}
    hashed = [
        _of_file(path, by_name[name].text, called=name)
        for name in done.missing
        if name in by_name and (path := _found(name, folder)) is not None
    ]
    if not hashed:
        return done
    again = store.label(hashed, source=source, labelled_by=labelled_by)
    looked_for = {one.name for one in hashed}
    left = tuple(name for name in done.missing if name not in looked_for)
    return replace(done, missing=left) + again


def _found(name: str, folder: str) -> str | None:
    return next((path for path in (name, os.path.join(folder, name)) if os.path.isfile(path)), None)


def _of_file(path: str, text: str, called: str | None = None) -> NewLabel:
    try:
        return NewLabel(text, sha256=hashlib.sha256(read(Source(path))).digest(), called=called or path)
    except Unusable as unusable:
        return NewLabel(text, filename=path, called=f"{path} ({unusable})")


class FolderLabels:
    """The labels that folders give to images which are predicted.

    It is the folder in the one that was named, however deep the image lies in it. An image in a folder
    without folders, or one that was named itself, has the name of its own folder.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._roots = {root: has_folders for name in names for root, has_folders in _roots(name)}
        self._seen: dict[str, tuple[bytes, str]] = {}
        """The SHA-256 and the path of images on their way, by their names."""

    def label_of(self, path: str) -> str | None:
        """The label of an image; None where it lies beside the folders."""
        for root, has_folders in self._roots.items():
            if path.startswith(root):
                inside = path[len(root) :].lstrip(os.sep)
                first, separator, _ = inside.partition(os.sep)
                if separator:
                    return first
                if has_folders:
                    return None
        if is_remote(path):
            return remote_folder_of(path)
        return os.path.basename(os.path.dirname(os.path.abspath(path))) or None

    def see(self, items: Iterable[object]) -> None:
        """Take note of images that are decoded and will be predicted, or have been."""
        for item in items:
            # What is in memory lies in no folder, unless it has come from one.
            if isinstance(item, Sample) and (item.source.content is None or item.source.remote is not None):
                self._seen[item.source.filename] = item.sha256, item.source.path
            elif isinstance(item, Rejected) and item.predicted is not None:
                self._seen[item.source.filename] = item.predicted, item.source.path

    def of(self, outcomes: Iterable[Outcome]) -> list[NewLabel]:
        """The labels of images that have been stored, now or before."""
        found = []
        for outcome in outcomes:
            match outcome:
                case PredictionRecord(filename=str(name)) | Skipped(source=Source(filename=name)):
                    digest, path = self._seen.pop(name, (None, name))
                    if digest is not None and (text := self.label_of(path)) is not None:
                        found.append(NewLabel(text, sha256=digest, called=name))
        return found


def _roots(name: str) -> Iterator[tuple[str, bool]]:
    """What all names begin with that are found in a folder, or below a prefix, and whether it has folders."""
    if is_bucket(name) and may_be_many(name):
        from mlpredict.inputs.remote.listing import has_folders

        yield os.path.join(name, ""), has_folders(name)
    elif not is_remote(name) and os.path.isdir(name):
        yield os.path.join(name, ""), _has_folders(name)


def _has_folders(folder: str) -> bool:
    with os.scandir(folder) as entries:
        return any(entry.is_dir() and not entry.name.startswith(".") for entry in entries)
