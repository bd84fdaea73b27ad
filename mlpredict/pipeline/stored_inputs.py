"""Stored images on their way back to pixels: out of the database in blocks, then as files are decoded.

Example:
    >>> for stored, item, trouble in decoded_inputs(repository, ids, model.spec):
    ...     print(stored.name, item.pixels.shape if isinstance(item, Sample) else item.reason)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from mlpredict.domain import ImageSpec, Rejected, Source
from mlpredict.domain.stored import DecodedInput, StoredInput
from mlpredict.inputs.decoding import decode_all
from mlpredict.inputs.kept import ImageUnavailable
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.inputs.stored import checked, prepared_name, source_of, unavailable, without_uri
from mlpredict.pipeline.recording import preprocessing_name
from mlpredict.support.ahead import Prefetched

if TYPE_CHECKING:
    from mlpredict.inputs.decoder_pool import Decoders
    from mlpredict.storage.stored_inputs import MeasuredInput

MEASURED_AT_ONCE = 1000
BLOCK_BYTES = 1 << 20
"""So much is read at a time, and an image that has more by itself."""
BLOCK_IMAGES = 250
BLOCKS_AHEAD = 2


class InputStore(Protocol):
    """The repository, or the one that is connected to again, as far as stored images are concerned."""

    def measured_inputs(self, ids: Sequence[int], prepared: str | None = None) -> list[MeasuredInput]: ...

    def image_uris(self, input_ids: Collection[int]) -> dict[int, str | None]: ...


def decoded_inputs(
    store: InputStore,
    ids: Sequence[int],
    spec: ImageSpec,
    *,
    best: bool = False,
    own: bool = False,
    miniatures: bool = False,
    unwanted: Callable[[Sequence[int]], Collection[int]] | None = None,
    started: Decoders | None = None,
    limits: Limits = USUAL_LIMITS,
) -> Iterator[DecodedInput]:
    """The images of predictions by their ids, in this order, with their pixels as a model takes them.

    Each is the very input of its prediction; with `best` it is whatever serves best of what was kept of the
    same image. With `own` the model is the one that made the predictions: what was kept as its input is
    that, whatever the rules of decoding were called then. Those that are deleted meanwhile are left out, and
    those that `unwanted` tells of a few ids before their images are read. `miniatures` are made where they
    are asked for: an image that is stored mostly has its hash already.
    Memory is some megabytes and a few images, however many there are. Nothing else uses `store` until this
    has ended.

    Raises:
        DatabaseError: the images cannot be read.
    """
    prepared = prepared_name(preprocessing_name(spec.preprocessing))
    waiting: deque[StoredInput | DecodedInput] = deque()

    def sources() -> Iterator[Source | Rejected]:
        wanted = _wanted(ids, unwanted)
        for position, stored in enumerate(_stored(store, wanted, prepared if best else None)):
            try:
                source: Source | Rejected = source_of(
                    stored, spec, None if own else prepared, miniature=miniatures
                )
            except ImageUnavailable as error:
                without = unavailable(stored, position, error)
                waiting.append(without)
                source = Rejected(position, Source(stored.name), error.message)
            else:
                # What was a URI is the content of the source by now.
                is_content = isinstance(source, Source) and source.content is not None
                waiting.append(without_uri(stored) if is_content else stored)
            del stored
            yield source
            del source

    for item in decode_all(sources(), spec, started, limits):
        before = waiting.popleft()
        yield before if isinstance(before, DecodedInput) else checked(before, item)
        del item


def _wanted(
    ids: Sequence[int], unwanted: Callable[[Sequence[int]], Collection[int]] | None
) -> Iterator[Sequence[int]]:
    """The ids, so many at a time, without those that are not wanted by then."""
    for start in range(0, len(ids), MEASURED_AT_ONCE):
        some = ids[start : start + MEASURED_AT_ONCE]
        if unwanted is not None and (without := unwanted(some)):
            some = [one for one in some if one not in without]
        yield some


def _stored(
    store: InputStore, wanted: Iterator[Sequence[int]], prepared: str | None
) -> Iterator[StoredInput]:
    """Stored images, each given away for good, while the database reads the block after theirs."""
    measured = (store.measured_inputs(ids, prepared) for ids in wanted)
    read = (_with_uris(store, block) for inputs in measured for block in _blocks(inputs))
    with Prefetched(read, BLOCKS_AHEAD, BLOCK_BYTES, _uri_bytes) as ahead:
        for block in ahead:
            while block:
                yield block.popleft()


def _uri_bytes(block: Sequence[StoredInput]) -> int:
    return sum(len(one.image.uri or "") for one in block)


def _blocks(measured: Sequence[MeasuredInput]) -> Iterator[list[StoredInput]]:
    """The inputs, in blocks of `BLOCK_IMAGES` and of `BLOCK_BYTES` at most, or of one that has more."""
    block: list[StoredInput] = []
    size = 0
    for one in measured:
        if block and (size + one.size > BLOCK_BYTES or len(block) == BLOCK_IMAGES):
            yield block
            block, size = [], 0
        block.append(one.stored)
        size += one.size
    if block:
        yield block


def _with_uris(store: InputStore, block: list[StoredInput]) -> deque[StoredInput]:
    uris = store.image_uris({one.image.input_id for one in block if one.image.input_id is not None})
    return deque(
        one._replace(image=one.image._replace(uri=uris[one.image.input_id]))
        for one in block
        if one.image.input_id in uris
    )
