"""The way of images through a process that does parts of a run: taken, decoded, looked up, stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpredict.domain import ImageSpec, Prediction, PredictionRecord, Rejected, Sample, Source
from mlpredict.inputs.decoding import MANY_FILES, decode_all
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.passed_over import PassedOver
from mlpredict.inputs.sources import with_remote
from mlpredict.pipeline.predicting import Decoding, in_batches, made_ahead
from mlpredict.pipeline.recording import Storing
from mlpredict.pipeline.share import Share

if TYPE_CHECKING:
    from mlpredict.inputs.decoder_pool import Decoders


@dataclass(frozen=True, slots=True)
class SharedStoring:
    """Keeps every batch of a part, and looks before whether another process has."""

    share: Share
    kept: Storing

    def skipped(self, samples: Sequence[Sample]) -> set[int]:
        elsewhere = self.share.stored_elsewhere(sample.position for sample in samples)
        passed = self.kept.skipped([one for one in samples if one.position not in elsewhere])
        self.share.pass_over(passed)
        return passed | elsewhere

    def record(
        self, answered: Sequence[tuple[Sample, Prediction]], failures: Sequence[Rejected]
    ) -> list[PredictionRecord | Rejected]:
        return self.kept.record(answered, failures)


Gaps = Sequence[tuple[int, int]]
"""The first and last positions of what is missing of a part."""

Decode = Callable[[Gaps, "Decoders | None"], Iterator[Sample | Rejected]]
"""Gives the images of gaps, decoded, with the positions that they have in the run."""


def decoding_of(
    share: Share, spec: ImageSpec, *, batch_size: int, started: Decoders | None, limits: Limits
) -> Decoding:
    """The images of the parts that are this process's, decoded, in batches that each are of one part."""

    def decode(gaps: Gaps, decoders: Decoders | None) -> Iterator[Sample | Rejected]:
        found = _found(share, gaps, limits)
        positions = (position for first, last in gaps for position in range(first, last + 1))
        return _placed(decode_all(found, spec, decoders, limits), positions)

    return parts_decoded(share, decode, batch_size=batch_size, started=started)


def parts_decoded(share: Share, decode: Decode, *, batch_size: int, started: Decoders | None) -> Decoding:
    """The same, where something else than names of files leads to the images."""
    return made_ahead(_batches(share, decode, batch_size, started))


def _batches(
    share: Share, decode: Decode, batch_size: int, started: Decoders | None
) -> Iterator[list[Sample | Rejected]]:
    several = started is None and share.wanted.number is None and share.names.images >= MANY_FILES
    with _own_decoders() if several else nullcontext(started) as decoders:
        for claim in share.claims():
            for batch in in_batches(decode(share.missing(claim), decoders), batch_size):
                share.give(len(batch))
                yield batch
                del batch
            share.wait_for_room(batch_size)


def _found(share: Share, gaps: Gaps, limits: Limits) -> Iterator[Source | Rejected]:
    """What is missing of a part; what is remote is fetched, an image or not: it has a position."""
    named = (item for gap in gaps for item in share.names.items(*gap))
    return with_remote(named, limits, PassedOver())


def _own_decoders() -> Decoders:
    """A process that decodes for part after part."""
    from mlpredict.inputs.decoder_pool import Decoders

    return Decoders(1)


def _placed(decoded: Iterator[Sample | Rejected], positions: Iterator[int]) -> Iterator[Sample | Rejected]:
    """Decoded images with the positions that they have in the run."""
    for item, position in zip(decoded, positions, strict=True):
        yield item._replace(position=position)
        # It may be large, and the next one is waited for.
        del item
