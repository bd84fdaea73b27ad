"""Near duplicates of a picture among those that are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpredict.domain import ImageSpec, PredictionFilter, Rejected, Sample, Source, StoredImage
from mlpredict.domain.similar import Alike, Look, Similar
from mlpredict.errors import ImageError
from mlpredict.inputs.decoding import SafeDecoder
from mlpredict.inputs.difference_hash import HEIGHT, WIDTH, hashes_of
from mlpredict.inputs.kept import ImageUnavailable, load_stored
from mlpredict.inputs.pages import page_of
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.storage.looks import Looks
    from mlpredict.storage.repository import Repository

logger = get_logger(__name__)

DISTANCE = 8
"""Bits of 64 that may be different."""

SMALLEST = ImageSpec(HEIGHT, WIDTH, 1)
"""What is decoded is not for a model."""

BLOCK_IMAGES = 500
"""Looked at before what they look like is stored."""


def look_of_file(path: str) -> Look:
    """What the image file of a name looks like.

    Raises:
        ImageError: it is no image that can be decoded.
    """
    with SafeDecoder(SMALLEST) as decoder:
        decoded = decoder.decode(0, Source(path))
    if isinstance(decoded, Rejected):
        raise ImageError(f"{path}: {decoded.reason}")
    return Look(_hash_of(decoded), decoded.sha256, filename=path)


def look_of_prediction(repository: Repository, looks: Looks, prediction_id: int) -> Look:
    """What the picture of a prediction looks like; looked at now, where nobody has yet.

    Raises:
        NotFound: there is no such prediction.
        ImageError: nobody has looked, and the image cannot be had.
    """
    look = looks.look_of(prediction_id)
    of_model = (look.kept or "").startswith("model-input/")
    page = 1 if of_model else page_of(look.filename)
    if look.difference_hash is not None and page == 1:
        return look
    found = _hash_of_stored(repository.image(look.input_id or 0), page)
    if isinstance(found, str):
        if look.difference_hash is not None:
            return look
        raise ImageError(f"prediction {prediction_id}: {found}")
    if of_model:
        logger.info(f"prediction {prediction_id}: compared by what the model saw of it, as no more is kept")
    return look._replace(difference_hash=found)


def similar(
    repository: Repository,
    looks: Looks,
    look: Look,
    wanted: PredictionFilter,
    *,
    distance: int = DISTANCE,
    limit: int | None = None,
) -> Similar:
    """The stored pictures that look like another one, the nearest first."""
    near = looks.near(look, distance, limit, wanted)
    records = {one.prediction_id: one for one in repository.predictions_of([one for one, _ in near.found])}
    alike = [Alike(records[one], far) for one, far in near.found if one in records]
    return Similar(look, alike, near.count, near.without_hash, is_plain(look.difference_hash or 0))


@dataclass(frozen=True, slots=True)
class Filled:
    """How many images were looked at that nobody had, and how many cannot be had."""

    looked: int = 0
    failed: int = 0


def fill(looks: Looks, enough: Callable[[], bool]) -> Iterator[Filled]:
    """Look at images that nobody has looked at, and store it block by block; how far it is after each."""
    done, after = Filled(), 0
    with SafeDecoder(SMALLEST) as decoder:
        while not enough():
            found: list[tuple[int, int]] = []
            count = 0
            for image in looks.without_hash(after, BLOCK_IMAGES):
                count += 1
                after = image.input_id or after
                look = _hash_of_stored(image, 1, decoder)
                if isinstance(look, int):
                    found.append((after, look))
                else:
                    logger.debug(f"input {after}: {look}")
            if not count:
                return
            if found:
                looks.set_hashes(found)
            done = Filled(done.looked + len(found), done.failed + count - len(found))
            yield done


def is_plain(look: int) -> bool:
    """Whether a picture shows so little that many look like it."""
    return look.bit_count() < 4


def _hash_of_stored(image: StoredImage, page: int, decoder: SafeDecoder | None = None) -> int | str:
    """The hash of a stored image, or why there is none."""
    try:
        content = load_stored(image).content
    except ImageUnavailable as error:
        return error.message
    source = Source(f"input {image.input_id}", content, page)
    if decoder is not None:
        decoded = decoder.decode(0, source)
    else:
        with SafeDecoder(SMALLEST) as own:
            decoded = own.decode(0, source)
    return decoded.reason if isinstance(decoded, Rejected) else _hash_of(decoded)


def _hash_of(sample: Sample) -> int:
    (look,) = hashes_of([sample.miniature])
    assert look is not None
    return look
