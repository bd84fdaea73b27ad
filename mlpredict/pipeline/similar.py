"""Near duplicates of a picture among those that are stored: found by their hashes, then compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.domain import (
    Decode,
    ImageSpec,
    PredictionFilter,
    Preprocessing,
    Rejected,
    Resize,
    Sample,
    Source,
)
from mlpredict.domain.similar import Alike, Look, Similar
from mlpredict.errors import ImageError
from mlpredict.inputs.decoding import SafeDecoder
from mlpredict.inputs.difference_hash import hashes_of
from mlpredict.inputs.likeness import SIDE, likenesses
from mlpredict.pipeline.stored_inputs import decoded_inputs
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlpredict.storage.looks import Looks
    from mlpredict.storage.repository import Repository

logger = get_logger(__name__)

DISTANCE = 10
"""Bits of 64 that may be different in the hashes of near duplicates."""

LIKENESS = 0.9
"""How like near duplicates are, at least; the manual has what is found with these two, and what is not."""

UNSEEN_DISTANCE = 4
"""Bits that may be different where the picture itself cannot be had."""

MOST_COMPARED = 1000
"""Of those that are near by their hashes; the others may be likelier, and it is said that there are some."""

LOOK_SPEC = ImageSpec(
    SIDE, SIDE, 1, Preprocessing(resize=Resize.BOX, background="white", decode=Decode.REDUCED)
)
"""How pictures are decoded to be compared, which is for no model."""

BLOCK_IMAGES = 1000


class Sought(NamedTuple):
    """How near and how like pictures are to be."""

    distance: int = DISTANCE
    likeness: float = LIKENESS
    limit: int | None = None


def look_of_file(path: str) -> Look:
    """What the image file of a name looks like.

    Raises:
        ImageError: it is no image that can be decoded.
    """
    with SafeDecoder(LOOK_SPEC) as decoder:
        decoded = decoder.decode(0, Source(path))
    if isinstance(decoded, Rejected):
        raise ImageError(f"{path}: {decoded.reason}")
    return Look(hash_of(decoded), decoded.sha256, grey=grey_of(decoded))


def look_of_prediction(repository: Repository, looks: Looks, prediction_id: int) -> Look:
    """What the picture of a prediction looks like.

    Raises:
        NotFound: there is no such prediction.
        ImageError: the image cannot be had, and nobody has looked at it before.
    """
    known = looks.look_of(prediction_id)
    reason = "its image is not stored any more"
    for _, item, _ in decoded_inputs(repository, [prediction_id], LOOK_SPEC, best=True, miniatures=True):
        if isinstance(item, Sample):
            # The hash of a file of several pages is that of the first one.
            first = known.difference_hash if (item.source.page or 1) == 1 else None
            return known._replace(
                difference_hash=hash_of(item) if first is None else first, grey=grey_of(item)
            )
        reason = item.reason
    if known.difference_hash is None:
        raise ImageError(f"prediction {prediction_id}: {reason}")
    logger.info(f"prediction {prediction_id}: compared by its hash alone: {reason}")
    return known


def similar(
    repository: Repository, looks: Looks, look: Look, wanted: PredictionFilter, sought: Sought
) -> Similar:
    """The stored pictures that look like another one, the likest first."""
    near = looks.near(look, sought.distance, MOST_COMPARED, wanted)
    likeness: dict[int, float | None] = {}
    if look.grey is not None:
        seen = {
            stored.prediction_id: grey_of(item)
            for stored, item, _ in decoded_inputs(repository, list(near.distances), LOOK_SPEC, best=True)
            if isinstance(item, Sample)
        }
        likeness |= zip(seen, likenesses(look.grey, list(seen.values())), strict=True)
    chosen = [
        one
        for one, distance in near.distances.items()
        if (distance <= UNSEEN_DISTANCE if (like := likeness.get(one)) is None else like >= sought.likeness)
    ]
    chosen.sort(key=lambda one: (-(likeness.get(one) or 0), near.distances[one], -one))
    records = {one.prediction_id: one for one in repository.predictions_of(chosen[: sought.limit])}
    alike = [
        Alike(records[one], near.distances[one], likeness.get(one))
        for one in chosen[: sought.limit]
        if one in records
    ]
    return Similar(look, alike, len(chosen), near.total, len(near.distances), near.without_hash)


class Filled(NamedTuple):
    """How many images were looked at that nobody had, and how many cannot be had."""

    looked: int = 0
    failed: int = 0


def fill(repository: Repository, looks: Looks, enough: Callable[[], bool]) -> Iterator[Filled]:
    """Look at images that nobody has looked at, and store it block by block; how far it is after each."""
    done, after = Filled(), 0
    while not enough() and (block := looks.without_hash(after, BLOCK_IMAGES)):
        after = block[-1].input_id
        ids = [one.prediction_id for one in block if one.prediction_id is not None]
        found: list[tuple[int, int]] = []
        for stored, item, _ in decoded_inputs(repository, ids, LOOK_SPEC, miniatures=True):
            if isinstance(item, Sample) and stored.image.input_id is not None:
                found.append((stored.image.input_id, hash_of(item)))
            elif isinstance(item, Rejected):
                logger.debug(f"{stored.name}: {item.reason}")
        looks.set_hashes(found)
        done = Filled(done.looked + len(found), done.failed + len(block) - len(found))
        yield done


def grey_of(sample: Sample) -> NDArray[np.uint8]:
    """The small version of what was decoded that is compared."""
    return sample.pixels[:, :, 0].astype("uint8")


def hash_of(sample: Sample) -> int:
    """The difference hash of what was decoded."""
    (look,) = hashes_of([sample.miniature])
    assert look is not None
    return look
