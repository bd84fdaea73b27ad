"""The same picture twice where it should be once: labelled in two ways, or in two folders of a comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.domain import Sample
from mlpredict.inputs.likeness import likenesses
from mlpredict.pipeline.similar import LOOK_SPEC, grey_of
from mlpredict.pipeline.stored_inputs import decoded_inputs

if TYPE_CHECKING:
    from mlpredict.storage.lookalikes import Picture
    from mlpredict.storage.repository import Repository

SAME = 0.98
"""How like pictures of one hash are that are the same one: so like were no two of 10,000 different digits."""


class Twice(NamedTuple):
    """Pictures that are the same one, and are told apart; one is the same file where the two `image`s are."""

    one: Picture
    other: Picture


def same_pictures(repository: Repository, pictures: Sequence[Picture]) -> list[Twice]:
    """The pairs of pictures that are the same one, by what their files hold or by their looks."""
    if not pictures:
        return []
    ids = [one.prediction_id for one in pictures]
    greys = {
        stored.prediction_id: grey_of(item)
        for stored, item, _ in decoded_inputs(repository, ids, LOOK_SPEC, best=True)
        if isinstance(item, Sample)
    }
    return [
        Twice(one, other)
        for one, other in _pairs(pictures)
        if one.image == other.image
        or (
            one.prediction_id in greys
            and other.prediction_id in greys
            and likenesses(greys[one.prediction_id], [greys[other.prediction_id]])[0] >= SAME
        )
    ]


def _pairs(pictures: Iterable[Picture]) -> Iterable[tuple[Picture, Picture]]:
    of_look: dict[int, list[Picture]] = defaultdict(list)
    for one in pictures:
        of_look[one.difference_hash].append(one)
    for same in of_look.values():
        yield from ((one, other) for one, other in combinations(same, 2) if one.what != other.what)


def of_truths(twice: Sequence[Twice]) -> list[str]:
    """What is said of pictures that are labelled in two ways."""
    if not twice:
        return []
    one, other = twice[0]
    return [
        f"{_count(twice)} of the same picture labelled in two ways, as predictions {one.prediction_id}"
        f" ({one.what}) and {other.prediction_id} ({other.what}): mlpredict similar {one.prediction_id}"
    ]


def of_folders(twice: Sequence[Twice]) -> list[str]:
    """What is said of pictures that lie in two folders which are compared."""
    if not twice:
        return []
    one, other = twice[0]
    return [
        f"{_count(twice)} of the same picture in two folders, as predictions {one.prediction_id} ({one.what})"
        f" and {other.prediction_id} ({other.what}): what was trained on tells little of other pictures"
    ]


def _count(twice: Sequence[Twice]) -> str:
    return f"{len(twice):,} pair{'s' if len(twice) > 1 else ''}"
