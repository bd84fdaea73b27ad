"""One model, several preprocessings side by side: which of them is right?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mlpredict.domain import ChannelOrder, Prediction, Preprocessing, Rejected, Sample, Source
from mlpredict.inference.model import Model
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.pipeline.batch import predicted, select
from mlpredict.pipeline.candidates import Candidate
from mlpredict.pipeline.predicting import decoding
from mlpredict.pipeline.recording import NotStoring

BATCH_IMAGES = 32

Tried = tuple[Candidate, Sample | Rejected, Prediction | str]
"""A candidate, an image, and what the model says of it; in the place of an answer, why there is none."""


@dataclass(slots=True)
class Score:
    """How often a candidate was right; `rights` has an entry for each image, in their order."""

    candidate: Candidate
    rights: list[bool] = field(default_factory=list)

    @property
    def right(self) -> int:
        """On how many images."""
        return sum(self.rights)

    @property
    def rank(self) -> tuple[int, bool]:
        """The higher, the better: more images right; else what holds now."""
        return self.right, self.candidate.is_present


def tried(
    model: Model,
    wanted: Sequence[Candidate],
    sources: Sequence[Source],
    limits: Limits = USUAL_LIMITS,
) -> Iterator[Tried]:
    """What the model says of each image with each candidate.

    An image is decoded once for all candidates that see the same pixels.

    Raises:
        ModelError: the engine fails.
    """
    for seen, alike in _by_view(wanted).items():
        viewed = replace(model, spec=model.spec._replace(preprocessing=seen))
        with decoding(iter(sources), viewed.spec, batch_size=BATCH_IMAGES, limits=limits) as batches:
            for items in batches:
                for candidate in alike:
                    yield from _answers(model, candidate, items)


def telling(wanted: Sequence[Candidate], answers: Iterable[Tried]) -> list[Candidate]:
    """The candidates without the variations that label every image as what they are variations of.

    What the model is given now always stays.
    """
    labels: dict[str, dict[int, str | None]] = defaultdict(dict)
    for candidate, item, said in answers:
        labels[candidate.name][item.position] = said.label if isinstance(said, Prediction) else None
    return [one for one in wanted if one.of is None or one.is_present or labels[one.name] != labels[one.of]]


def accuracy(
    model: Model,
    wanted: Sequence[Candidate],
    labelled: Sequence[tuple[str, str]],
    limits: Limits = USUAL_LIMITS,
) -> tuple[list[Score], list[Rejected]]:
    """How often each candidate is right, the best first, and the images that could not be read.

    `labelled` has the name of a file and its true label. Of equals the more usual comes first.
    """
    truth = dict(labelled)
    scores = {one.name: Score(one) for one in wanted}
    rejected: dict[str, Rejected] = {}
    for candidate, item, answer in tried(model, wanted, [Source(name) for name in truth], limits):
        if isinstance(item, Rejected):
            rejected[item.source.filename] = item
            continue
        scores[candidate.name].rights.append(
            isinstance(answer, Prediction) and answer.label == truth[item.source.filename]
        )
    return sorted(scores.values(), key=lambda one: one.rank, reverse=True), list(rejected.values())


def _answers(model: Model, candidate: Candidate, items: Iterable[Sample | Rejected]) -> Iterator[Tried]:
    batch = select(list(items), NotStoring(candidate.name))
    fed = replace(model, spec=model.spec._replace(preprocessing=candidate.preprocessing))
    said = predicted(batch, fed)
    answers: list[Tried] = [(candidate, sample, one) for sample, one in zip(batch.fresh, said, strict=True)]
    answers += [(candidate, failure, failure.reason) for failure in batch.failures]
    yield from sorted(answers, key=lambda answer: answer[1].position)


def _by_view(wanted: Sequence[Candidate]) -> dict[Preprocessing, list[Candidate]]:
    """Candidates by what is done to an image until it is pixels; what is done to these comes later."""
    found: dict[Preprocessing, list[Candidate]] = defaultdict(list)
    for one in wanted:
        found[one.preprocessing._replace(scaling=None, channels=ChannelOrder.RGB)].append(one)
    return found
