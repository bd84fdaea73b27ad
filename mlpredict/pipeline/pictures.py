"""Stored predictions with their images, decoded as a model takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpredict.domain import ImageSpec, Keep, Rejected, Sample, Source, StoredImage
from mlpredict.inputs.decoding import SafeDecoder
from mlpredict.inputs.kept import ImageUnavailable, load_stored, referenced_path
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.inputs.pages import page_of
from mlpredict.pipeline.verifying import Pictured
from mlpredict.storage.verifying import Verifying

if TYPE_CHECKING:
    from mlpredict.inference.model import Model

BLOCK = 512


@dataclass(frozen=True, slots=True)
class StoredPictures:
    reader: Verifying
    limits: Limits = USUAL_LIMITS

    @contextmanager
    def __call__(self, model: Model, ids: Sequence[int]) -> Iterator[Iterable[list[Pictured]]]:
        with (
            SafeDecoder(model.spec, self.limits) as whole,
            SafeDecoder(
                ImageSpec(model.spec.height, model.spec.width, model.spec.channels), self.limits
            ) as kept,
        ):
            yield self._batches(whole, kept, ids)

    def _batches(self, whole: SafeDecoder, seen: SafeDecoder, ids: Sequence[int]) -> Iterator[list[Pictured]]:
        position = 0
        for start in range(0, len(ids), BLOCK):
            answers = list(self.reader.answers(ids[start : start + BLOCK]))
            images = {
                one.input_id: (kept, one)
                for kept, one in self.reader.images([a.input_id for a in answers if a.input_id is not None])
            }
            batch = []
            for answer in answers:
                kept, image = images.get(answer.input_id, (None, None))
                item: Sample | Rejected
                sha256, is_damaged = None, False
                position += 1
                if image is None:
                    item = Rejected(position, Source(""), "its image is not stored any more")
                else:
                    is_view = (kept or "").startswith(Keep.MODEL_INPUT)
                    sha256 = None if is_view else image.sha256
                    try:
                        source = _source(answer.filename, image, whole_file=not is_view)
                        item = (seen if is_view else whole).decode(position, source)
                    except ImageUnavailable as error:
                        reason = error.message.removeprefix(f"input {image.input_id}: ")
                        item = Rejected(position, Source(""), reason)
                        is_damaged = kept == Keep.ORIGINAL
                batch.append(Pictured(answer, item, sha256, is_damaged))
            yield batch


def _source(filename: str | None, image: StoredImage, *, whole_file: bool) -> Source:
    page = page_of(filename) if whole_file else 1
    if (path := referenced_path(image)) is not None:
        return Source(path, page=page)
    return Source(filename or "", load_stored(image).content, page)
