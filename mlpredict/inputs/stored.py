"""Stored images → sources to decode, and whether what was decoded is what had been stored."""

from __future__ import annotations

import hashlib
import struct

from mlpredict.domain import ImageSpec, Keep, NewInput, Rejected, Sample, Source
from mlpredict.domain.stored import DecodedInput, StoredInput, Trouble
from mlpredict.inputs.kept import ImageChanged, ImageUnavailable, known_path, load_stored
from mlpredict.inputs.pages import PAGE_MARK, asked_page

PREPARED = f"{Keep.MODEL_INPUT}/"
PNG_HEADER = struct.Struct(">16xIIBB")
"""Width, height, bits and colour type (https://www.w3.org/TR/png-3/#11IHDR)."""
PNG_CHANNELS = {0: 1, 2: 3, 6: 4}
"""By colour type: those that pixels are kept in."""


class OtherModelInput(ImageUnavailable):
    """Only what another model saw of the image was kept."""


def prepared_name(preprocessing: str) -> str:
    """What `kept` is for the model inputs of a preprocessing by its name."""
    return f"{PREPARED}{preprocessing}"


def source_of(
    stored: StoredInput, spec: ImageSpec, prepared: str | None, *, miniature: bool = False
) -> Source:
    """What is to be decoded for a model: the file, or the model's own input as it was kept.

    `prepared` is what `kept` is for inputs of this model's preprocessing; with None what was kept is its own.

    Raises:
        ImageUnavailable: the row is damaged, or refers to a file that cannot be told from any other.
        OtherModelInput: it is what another model saw of the image.
    """
    kept = stored.kept or ""
    if kept.startswith(PREPARED):
        if prepared is not None and kept.partition(PAGE_MARK)[0] != prepared:
            raise OtherModelInput(_other("another preprocessing"))
        content = load_stored(stored.image).content
        _check_size(content, spec)
        return Source(stored.name, content, prepared=True, miniature=miniature)
    page = asked_page(stored.filename)
    if (path := known_path(stored.image)) is not None:
        return Source(stored.name, None, page, path, miniature=miniature)
    return Source(stored.name, load_stored(stored.image).content, page, miniature=miniature)


def checked(stored: StoredInput, item: Sample | Rejected) -> DecodedInput:
    """What was decoded of a stored image, if it is the one that was predicted."""
    light = without_uri(stored)
    if isinstance(item, Rejected):
        return DecodedInput(light, *_explained(stored, item))
    known = stored.image.sha256
    if known is not None and not item.source.prepared and item.sha256 != known:
        changed = Rejected(item.position, Source(stored.name), _changed(stored))
        return DecodedInput(light, changed, Trouble.CHANGED)
    page = asked_page(stored.filename)
    return DecodedInput(
        light,
        item._replace(
            content=b"",
            source=Source(stored.name, page=page, stored=light),
            sha256=digest_of(stored),
            pages=item.pages if page is None else max(2, item.pages),
        ),
    )


def digest_of(stored: StoredInput) -> bytes:
    """What an image is known by: the SHA-256 of its file, or the id of an input of the 2020 program."""
    digest = stored.image.sha256
    return (stored.image.input_id or 0).to_bytes(8, "big", signed=True) if digest is None else digest


def stored_input(sample: Sample, stored: StoredInput) -> NewInput:
    """The input that a sample is already."""
    image = stored.image
    contenttype = image.contenttype or sample.contenttype
    return NewInput(
        *("", stored.kept or "", digest_of(stored), contenttype, sample.width, sample.height),
        input_id=image.input_id,
    )


def unavailable(stored: StoredInput, position: int, error: ImageUnavailable) -> DecodedInput:
    """What comes of a stored image that cannot even be read."""
    rejected = Rejected(position, Source(stored.name), error.message)
    return DecodedInput(without_uri(stored), rejected, _trouble(error))


def without_uri(stored: StoredInput) -> StoredInput:
    """The same, as light as it can be."""
    return stored._replace(image=stored.image._replace(uri=None))


def _explained(stored: StoredInput, item: Rejected) -> tuple[Rejected, Trouble]:
    """Why an image was rejected: one that is another than before need not be one at all."""
    content, known = item.source.content, stored.image.sha256
    light = item._replace(source=Source(stored.name))
    if known is None or item.source.prepared:
        return light, Trouble.UNDECODABLE
    if content is not None:
        if hashlib.sha256(content).digest() == known:
            return light, Trouble.UNDECODABLE
        return light._replace(reason=_changed(stored)), Trouble.CHANGED
    try:
        load_stored(stored.image)
    except ImageUnavailable as error:
        return light._replace(reason=error.message), _trouble(error)
    return light, Trouble.UNDECODABLE


def _trouble(error: ImageUnavailable) -> Trouble:
    match error:
        case OtherModelInput():
            return Trouble.OTHER_MODEL_INPUT
        case ImageChanged():
            return Trouble.CHANGED
        case _:
            return Trouble.UNAVAILABLE


def _changed(stored: StoredInput) -> str:
    return f"input {stored.image.input_id}: the image has changed since it was predicted"


def _check_size(content: bytes, spec: ImageSpec) -> None:
    """A preprocessing goes by one name for models of all sizes: the pixels tell whose it was."""
    try:
        width, height, _, colours = PNG_HEADER.unpack_from(content)
    except struct.error:
        return  # decoding will tell
    alike = spec.height in (None, height) and spec.width in (None, width)
    if not alike or PNG_CHANNELS.get(colours) != spec.channels:
        raise OtherModelInput(_other("another size"))


def _other(what: str) -> str:
    return f"kept as the input of a model of {what} (--keep model-input): not usable for this one"
