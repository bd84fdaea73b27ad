"""The predict use case, with a model and a store that are not real."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Lock
from time import sleep
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlpredict.domain import (
    Decode,
    Fit,
    Keep,
    PredictionRecord,
    Preprocessing,
    Rejected,
    Resize,
    Run,
    Scaling,
    Source,
)
from mlpredict.errors import DatabaseError, UsageError
from mlpredict.inputs.decoding import CHUNK_FILES
from mlpredict.inputs.sources import discover
from mlpredict.pipeline import predicting
from mlpredict.pipeline.batch import Outcome, Predictor, Skipped
from mlpredict.pipeline.predicting import decoding, examples
from mlpredict.pipeline.recording import NotStoring, Recorder, Storing, check_keep, preprocessing_name
from tests.rows import model as model_of_rows
from tests.unit.fakes import NOT_FINITE, FakeModel, FakeStore
from tests.unit.images import picture, png, spec

# Long enough for a thread that nothing holds back to take all it can get.
MOMENT_SECONDS = 0.2
RUN = Run(1, 1, "fake@00000000")
pytestmark = pytest.mark.usefixtures("working_directory")


@pytest.fixture
def model() -> FakeModel:
    return FakeModel(spec(3))


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


def storing(store: FakeStore, keep: Keep = Keep.ORIGINAL, skip_existing: str | None = None) -> Storing:
    return Storing(store, RUN, keep, Preprocessing(), skip_existing)


def images(count: int) -> list[str]:
    """Images in the current folder, none like another."""
    names = [f"{number:04}.png" for number in range(count)]
    for number, name in enumerate(names):
        pixels = picture()
        pixels.putpixel((0, 0), (number % 256, number // 256, 1))
        pixels.save(name)
    return names


def predict(
    names: Iterable[str], model: Predictor, recorder: Recorder, *, batch_size: int
) -> Iterator[list[Outcome]]:
    """What the command does with names, from one end to the other."""
    with decoding(discover(names), model.spec, batch_size=batch_size) as decoded:
        yield from predicting.predict(decoded, model, recorder)


def told(outcomes: list[Outcome]) -> list[str]:
    """Outcomes in a word or two."""
    words = {PredictionRecord: "", Rejected: " rejected", Skipped: " skipped"}
    return [
        f"{one.filename if isinstance(one, PredictionRecord) else one.source.filename}{words[type(one)]}"
        for one in outcomes
    ]


def test_every_image_is_predicted_in_order(model: FakeModel, store: FakeStore) -> None:
    names = images(7)
    batches = list(predict(names, model, storing(store), batch_size=3))
    assert [told(batch) for batch in batches] == [names[:3], names[3:6], names[6:]]
    assert model.batches == [names[:3], names[3:6], names[6:]]


def test_a_batch_is_one_transaction_of_predictions_and_failures(model: FakeModel, store: FakeStore) -> None:
    names = images(4)
    Path(names[1]).write_bytes(b"no image")
    names.insert(3, "missing.png")
    list(predict(names, model, storing(store), batch_size=5))
    (transaction,) = store.transactions
    assert transaction.stored == ["0000.png", "0002.png", "0003.png"]
    assert transaction.failed == ["0001.png", "missing.png"]
    assert [new.position for new in transaction.predictions] == [0, 2, 4]
    assert [failure.position for failure in transaction.failures] == [1, 3]


def test_outcomes_stand_in_the_order_of_their_sources(store: FakeStore) -> None:
    names = images(5)
    Path("0000.png").write_bytes(b"no image")
    store.known = {hashlib.sha256(Path("0003.png").read_bytes()).digest()}
    model = FakeModel(spec(3), unanswered=lambda sample: sample.source.filename == "0001.png")
    (outcomes,) = predict(names, model, storing(store, skip_existing="f" * 64), batch_size=10)
    assert told(outcomes) == [
        "0000.png rejected",
        "0001.png rejected",
        "0002.png",
        "0003.png skipped",
        "0004.png",
    ]


def test_nothing_is_given_before_it_is_stored(model: FakeModel, store: FakeStore) -> None:
    stored_when_given = []
    for outcomes in predict(images(6), model, storing(store), batch_size=2):
        stored = [name for transaction in store.transactions for name in transaction.stored]
        assert set(told(outcomes)) <= set(stored)
        stored_when_given.append(len(stored))
    assert stored_when_given == [2, 4, 6]


def test_what_cannot_be_stored_is_not_given(model: FakeModel, store: FakeStore) -> None:
    store.error = DatabaseError("the disk is full")
    with pytest.raises(DatabaseError, match="the disk is full"):
        next(predict(images(2), model, storing(store), batch_size=2))


def test_a_batch_without_any_image_records_its_failures(model: FakeModel, store: FakeStore) -> None:
    (outcomes,) = predict(["missing.png", "gone.png"], model, storing(store), batch_size=8)
    assert told(outcomes) == ["missing.png rejected", "gone.png rejected"]
    assert [one.failed for one in store.transactions] == [["missing.png", "gone.png"]]
    assert model.batches == []


def test_nothing_to_predict_is_no_transaction(model: FakeModel, store: FakeStore) -> None:
    assert list(predict([], model, storing(store), batch_size=8)) == []
    assert store.transactions == []


def test_an_image_of_another_shape_begins_another_batch(model: FakeModel, store: FakeStore) -> None:
    for name, width in [("a.png", 4), ("b.png", 4), ("d.png", 5), ("e.png", 4)]:
        Path(name).write_bytes(png(width))
    names = ["a.png", "b.png", "missing.png", "d.png", "e.png"]
    batches = [told(batch) for batch in predict(names, model, storing(store), batch_size=8)]
    assert model.batches == [["a.png", "b.png"], ["d.png"], ["e.png"]]
    assert batches == [["a.png", "b.png", "missing.png rejected"], ["d.png"], ["e.png"]]


def test_a_large_batch_is_closed_early(
    model: FakeModel, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = images(5)
    weight = Path(names[0]).stat().st_size + 3 * 4 * 3
    monkeypatch.setattr(predicting, "BATCH_BYTES", 2 * weight - 10)
    list(predict(names, model, storing(store), batch_size=100))
    assert model.batches == [names[:2], names[2:4], names[4:]]


def test_an_answer_that_cannot_be_stored_is_a_rejection_with_its_reason(store: FakeStore) -> None:
    names = images(3)
    model = FakeModel(spec(3), unanswered=lambda sample: sample.position == 1)
    (outcomes,) = predict(names, model, storing(store), batch_size=3)
    assert outcomes[1] == Rejected(1, Source("0001.png"), NOT_FINITE)
    assert store.transactions[0].stored == ["0000.png", "0002.png"]
    assert store.transactions[0].failures == [outcomes[1]]


def test_what_this_model_has_predicted_is_skipped(model: FakeModel, store: FakeStore) -> None:
    names = images(3)
    store.known = {hashlib.sha256(Path(names[1]).read_bytes()).digest()}
    (outcomes,) = predict(names, model, storing(store, skip_existing="f" * 64), batch_size=3)
    assert outcomes[1] == Skipped(Source("0001.png"))
    assert model.batches == [["0000.png", "0002.png"]]


def test_the_same_image_twice_in_a_batch_is_predicted_once_when_skipping(
    model: FakeModel, store: FakeStore
) -> None:
    names = images(1) * 2
    (skipping,) = predict(names, model, storing(store, skip_existing="f" * 64), batch_size=2)
    (repeating,) = predict(names, model, storing(store), batch_size=2)
    assert told(skipping) == ["0000.png", "0000.png skipped"]
    assert told(repeating) == ["0000.png", "0000.png"]


def test_an_image_that_is_still_being_predicted_is_skipped_too(model: FakeModel, store: FakeStore) -> None:
    model.workers = 3
    batches = list(predict(images(1) * 3, model, storing(store, skip_existing="f" * 64), batch_size=1))
    assert [told(batch) for batch in batches] == [["0000.png"], ["0000.png skipped"], ["0000.png skipped"]]


def test_the_store_is_asked_for_one_thing_at_a_time() -> None:
    class Exclusive(FakeStore):
        def add(self, *given: Any) -> list[PredictionRecord]:
            with self.alone():
                return super().add(*given)

        def predicted(self, fingerprint: str, digests: Sequence[bytes]) -> set[bytes]:
            with self.alone():
                return super().predicted(fingerprint, digests)

        @contextmanager
        def alone(self) -> Iterator[None]:
            assert turn.acquire(blocking=False)
            sleep(0.002)
            yield
            turn.release()

    turn = Lock()
    recorder = storing(Exclusive(), skip_existing="f" * 64)
    assert len(list(predict(images(60), FakeModel(spec()), recorder, batch_size=1))) == 60


def test_an_image_without_an_answer_is_tried_again(store: FakeStore) -> None:
    model = FakeModel(spec(), unanswered=lambda _sample: True)
    recorder = storing(store, skip_existing="f" * 64)
    names = images(1)
    for _ in range(2):
        ((outcome,),) = predict(names, model, recorder, batch_size=1)
        assert isinstance(outcome, Rejected)


def test_a_batch_that_is_skipped_whole_stores_nothing(model: FakeModel, store: FakeStore) -> None:
    names = images(2)
    store.known = {hashlib.sha256(Path(name).read_bytes()).digest() for name in names}
    (outcomes,) = predict(names, model, storing(store, skip_existing="f" * 64), batch_size=2)
    assert told(outcomes) == ["0000.png skipped", "0001.png skipped"]
    assert (model.batches, store.transactions) == ([], [])


def test_sources_are_not_taken_far_ahead(
    model: FakeModel, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "BATCHES_AHEAD", 1)
    names = images(500)
    taken = []
    another = Condition()

    def noted() -> Iterator[str]:
        for name in names:
            with another:
                taken.append(name)
                another.notify_all()
            yield name

    outcomes = predict(noted(), model, storing(store), batch_size=2)
    next(outcomes)
    # One batch was given, one is with the model, and one waits; sources are taken by the chunk, and
    # with every chunk that is decoded another waits.
    ahead = 3 * 2 + 3 * CHUNK_FILES
    with another:
        assert not another.wait_for(lambda: len(taken) > ahead, MOMENT_SECONDS)
    list(outcomes)
    assert len(taken) == 500


def test_what_is_kept_is_what_was_asked_for(store: FakeStore) -> None:
    (name,) = images(1)
    for keep in Keep:
        list(predict([name], FakeModel(spec(3, 2, 2)), storing(store, keep), batch_size=1))
    inputs = [transaction.predictions[0].input for transaction in store.transactions]
    assert [new.kept.partition("/")[0] for new in inputs] == list(Keep)
    assert len({new.uri for new in inputs}) == 3


def test_without_a_store_predictions_have_no_ids(model: FakeModel) -> None:
    (outcomes,) = predict([*images(1), "missing.png"], model, NotStoring("fake@00000000"), batch_size=4)
    answered, rejected = outcomes
    assert isinstance(answered, PredictionRecord)
    assert isinstance(rejected, Rejected)
    assert (answered.prediction_id, answered.input_id, answered.run_id) == (None, None, None)
    assert (answered.filename, answered.model, answered.created_at) == ("0000.png", "fake@00000000", None)
    with Image.open("0000.png") as image:
        assert json.loads(answered.prediction) == [np.asarray(image).mean()]


def test_examples_are_the_first_images_that_can_be_decoded() -> None:
    names = images(12)
    Path(names[0]).write_bytes(b"no image")
    pixels = examples(["missing.png", *names], spec(3))
    assert 1 <= len(pixels) < 12
    assert pixels.shape[1:] == (3, 4, 3)
    assert pixels[0, 0, 0].tolist() == [1, 0, 1]


def test_examples_leave_standard_input_alone() -> None:
    assert len(examples(["-", *images(1)], spec(3))) == 1


def test_without_examples_there_is_an_empty_batch() -> None:
    assert examples(["missing.png"], spec(3, 5, 6)).shape == (0, 5, 6, 3)


@pytest.mark.parametrize(
    "other",
    [
        Preprocessing(scaling=Scaling(1.0)),
        Preprocessing(resize=Resize.NEAREST),
        Preprocessing(fit=Fit.PAD),
        Preprocessing(background="white"),
        Preprocessing(resize=Resize.BILINEAR, antialias=False),
        Preprocessing(decode=Decode.REDUCED),
    ],
)
def test_every_way_of_preprocessing_has_its_name(other: Preprocessing) -> None:
    assert preprocessing_name(Preprocessing()) == preprocessing_name(Preprocessing())
    assert preprocessing_name(other) != preprocessing_name(Preprocessing())
    assert len(preprocessing_name(other)) == 8


def test_values_between_levels_are_not_kept_as_an_image() -> None:
    between = Preprocessing(resize=Resize.BILINEAR, antialias=False)
    with pytest.raises(UsageError, match=r"^keep='model-input': pets@3f2a91c0 .* no image file holds$"):
        check_keep(Keep.MODEL_INPUT, model_of_rows(), between)
    for keep, preprocessing in [
        (Keep.ORIGINAL, between),
        (Keep.REFERENCE, between),
        (Keep.MODEL_INPUT, Preprocessing()),
        (Keep.MODEL_INPUT, Preprocessing(resize=Resize.NEAREST, antialias=False)),
    ]:
        check_keep(keep, model_of_rows(), preprocessing)
