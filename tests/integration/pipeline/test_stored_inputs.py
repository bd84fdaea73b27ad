"""Stored images on their way back to pixels: the same ones as from their files, whatever was kept of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import psycopg
import pytest

from mlpredict.domain import (
    EngineName,
    ImageSpec,
    Keep,
    Pages,
    Prediction,
    PredictionFilter,
    PredictionRecord,
    Preprocessing,
    Rejected,
    Sample,
)
from mlpredict.domain.stored import DecodedInput, Trouble
from mlpredict.inputs.decoder_pool import Decoders
from mlpredict.inputs.decoding import decode_all
from mlpredict.inputs.kept import data_uri
from mlpredict.inputs.sources import discover
from mlpredict.pipeline import stored_inputs
from mlpredict.pipeline.comparing import compare
from mlpredict.pipeline.recording import Storing
from mlpredict.pipeline.stored_inputs import decoded_inputs
from mlpredict.storage.repository import Repository
from tests.rows import model
from tests.unit.images import file_of, picture

SPEC = ImageSpec(5, 6, 3)
OTHER = ImageSpec(5, 6, 3, Preprocessing(invert=True))
LARGER = ImageSpec(7, 6, 3)

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images of several formats and modes, by names without a folder."""
    monkeypatch.chdir(tmp_path)
    for name, mode, kind in [
        ("rgb.png", "RGB", "PNG"),
        ("grey.png", "L", "PNG"),
        ("clear.png", "RGBA", "PNG"),
        ("photo.jpg", "RGB", "JPEG"),
        ("palette.gif", "P", "GIF"),
    ]:
        Path(name).write_bytes(file_of(picture(17, 13, mode), kind))
    return tmp_path


def store(
    repository: Repository,
    *names: str,
    keep: Keep = Keep.ORIGINAL,
    spec: ImageSpec = SPEC,
    pages: Pages = Pages.FIRST,
) -> list[Sample]:
    """Store predictions of files; the files as they were decoded."""
    run = repository.start_run(model(), engine=EngineName.LITERT, keep=keep)
    recorder = Storing(repository, run, keep, spec.preprocessing)
    decoded = list(decode_all(discover(names), spec, pages=pages))
    samples = [item for item in decoded if isinstance(item, Sample)]
    assert len(samples) == len(decoded)
    recorder.record([(sample, Prediction("[1.0]", 0, "0", 1.0)) for sample in samples], [])
    return samples


def again(
    repository: Repository, ids: Sequence[int] | None = None, spec: ImageSpec = SPEC, *, best: bool = False
) -> list[DecodedInput]:
    """What is stored, the oldest first, decoded."""
    wanted = repository.ids(PredictionFilter())[::-1] if ids is None else ids
    return list(decoded_inputs(repository, wanted, spec, best=best))


def pixels(item: Sample | Rejected) -> bytes:
    assert isinstance(item, Sample), item
    return item.pixels.tobytes()


@pytest.mark.parametrize("keep", list(Keep))
@pytest.mark.parametrize("spec", [SPEC, OTHER, ImageSpec(5, 6, 1), ImageSpec(None, None, 3)])
def test_pixels_are_those_of_the_files(
    repository: Repository, folder: Path, keep: Keep, spec: ImageSpec
) -> None:
    samples = store(repository, *sorted(map(str, folder.iterdir())), keep=keep, spec=spec)
    found = again(repository, spec=spec)
    assert [pixels(one.item) for one in found] == [sample.pixels.tobytes() for sample in samples]
    assert [one.stored.filename for one in found] == [sample.source.filename for sample in samples]
    assert [one.stored.image.sha256 for one in found] == [sample.sha256 for sample in samples]
    assert {(one.stored.kept or "").partition("/")[0] for one in found} == {keep}
    assert {one.stored.image.uri for one in found} == {None}
    assert [one.item.position for one in found] == list(range(len(samples)))


@pytest.mark.parametrize("keep", [Keep.ORIGINAL, Keep.REFERENCE])
@pytest.mark.parametrize("processes", [0, 1])
def test_miniatures_are_made_only_where_they_are_asked_for(
    repository: Repository, folder: Path, keep: Keep, processes: int
) -> None:
    samples = store(repository, *sorted(map(str, folder.iterdir())), keep=keep)
    ids = repository.ids(PredictionFilter())[::-1]
    with Decoders(processes) if processes else nullcontext() as decoders:
        for asked in (False, True):
            found = decoded_inputs(repository, ids, SPEC, started=decoders, miniatures=asked)
            made = [one.item.miniature for one in found if isinstance(one.item, Sample)]
            assert made == [sample.miniature if asked else b"" for sample in samples]
    assert {len(sample.miniature) for sample in samples} == {72}


def test_every_page_comes_back_as_itself(repository: Repository, folder: Path) -> None:
    one, two = picture(17, 13), picture(17, 13).rotate(180)
    one.save("scan.tif", save_all=True, append_images=[two])
    for keep in (Keep.ORIGINAL, Keep.MODEL_INPUT, Keep.REFERENCE):
        store(repository, "scan.tif", keep=keep, pages=Pages.ALL)
        samples = [*decode_all(discover(["scan.tif"]), SPEC, pages=Pages.ALL)]
        for best in (False, True):
            found = again(repository, best=best)[-2:]
            assert [one.stored.name for one in found] == ["scan.tif#1", "scan.tif#2"]
            assert [pixels(one.item) for one in found] == [*map(pixels, samples)]


def test_what_another_model_saw_is_not_taken_for_the_image(repository: Repository, folder: Path) -> None:
    store(repository, "rgb.png", keep=Keep.MODEL_INPUT)
    for spec in (OTHER, LARGER, ImageSpec(5, 6, 1)):
        (found,) = again(repository, spec=spec)
        assert found.trouble is Trouble.OTHER_MODEL_INPUT
        assert isinstance(found.item, Rejected)
        assert "not usable for this one" in found.item.reason


def test_the_best_of_what_was_kept_is_taken_if_so_asked(repository: Repository, folder: Path) -> None:
    store(repository, "rgb.png", keep=Keep.MODEL_INPUT, spec=OTHER)
    assert [one.trouble for one in again(repository, best=True)] == [Trouble.OTHER_MODEL_INPUT]
    for keep in (Keep.REFERENCE, Keep.MODEL_INPUT, Keep.ORIGINAL):
        (sample,) = store(repository, "rgb.png", keep=keep)
        first = again(repository, best=True)[0]
        assert pixels(first.item) == sample.pixels.tobytes()
        assert (first.stored.kept or "").startswith(keep)
        assert first.stored.prediction_id == 1
        assert again(repository)[0].trouble is Trouble.OTHER_MODEL_INPUT


def test_a_file_that_was_referred_to_must_be_the_same(repository: Repository, folder: Path) -> None:
    store(repository, "rgb.png", "grey.png", "photo.jpg", "clear.png", keep=Keep.REFERENCE)
    Path("rgb.png").unlink()
    Path("grey.png").write_bytes(Path("palette.gif").read_bytes())
    Path("photo.jpg").write_bytes(b"no image any more")
    found = again(repository)
    assert [one.trouble for one in found] == [Trouble.UNAVAILABLE, Trouble.CHANGED, Trouble.CHANGED, None]
    reasons = [one.item.reason for one in found if isinstance(one.item, Rejected)]
    assert "no such file" in reasons[0]
    assert "has changed since it was predicted" in reasons[1]
    assert "has changed since it was predicted" in reasons[2]


def test_bytes_that_are_not_those_of_the_hash_are_not_used(
    repository: Repository, connection: Connection, folder: Path
) -> None:
    store(repository, "rgb.png", "grey.png", "photo.jpg")
    change(connection, 1, Path("grey.png").read_bytes())
    change(connection, 3, b"no image any more")
    found = again(repository)
    assert [one.trouble for one in found] == [Trouble.CHANGED, None, Trouble.CHANGED]


def test_damaged_rows_are_told_apart_from_bad_images(
    repository: Repository, connection: Connection, folder: Path
) -> None:
    store(repository, "rgb.png", "grey.png", "photo.jpg", "clear.png")
    change(connection, 1, None)
    change(connection, 2, "data:image/png;base64,!")
    change(connection, 3, b"text", hashlib.sha256(b"text").digest())
    change(connection, 4, "http://example.org/a.png")
    troubles = [one.trouble for one in again(repository)]
    assert troubles == [
        Trouble.UNAVAILABLE,
        Trouble.UNAVAILABLE,
        Trouble.UNDECODABLE,
        Trouble.UNAVAILABLE,
    ]


def test_rows_of_the_2020_program_are_images_too_and_never_files(
    repository: Repository, connection: Connection, folder: Path
) -> None:
    for uri in (data_uri("image/jpeg", Path("photo.jpg").read_bytes()), "file:///etc/hostname"):
        connection.execute(
            "WITH one AS (INSERT INTO inputs (image) VALUES (%s) RETURNING id)"
            " INSERT INTO predictions (inputid, predictions) SELECT id, '[0.1, 0.9]' FROM one",
            (uri,),
        )
    decoded, refused = again(repository, best=True)
    assert pixels(decoded.item) == pixels(next(decode_all(discover(["photo.jpg"]), SPEC)))
    assert (decoded.stored.name, decoded.stored.kept, decoded.stored.image.sha256) == ("input 1", None, None)
    assert refused.trouble is Trouble.UNAVAILABLE
    assert isinstance(refused.item, Rejected)
    assert "no hash is stored" in refused.item.reason


def test_ids_are_taken_in_their_order_and_those_that_are_gone_left_out(
    repository: Repository, connection: Connection, folder: Path
) -> None:
    store(repository, "rgb.png", "grey.png", "photo.jpg")
    connection.execute("DELETE FROM predictions WHERE id = 2")
    found = again(repository, [3, 2, 99, 1, 3])
    assert [one.stored.prediction_id for one in found] == [3, 1, 3]
    assert again(repository, []) == []


def test_many_are_read_in_blocks_and_decoded_by_processes_in_order(
    repository: Repository, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_inputs, "MEASURED_AT_ONCE", 70)
    monkeypatch.setattr(stored_inputs, "BLOCK_BYTES", 10_000)
    many = folder / "many"
    many.mkdir()
    for n in range(200):
        (many / f"{n:03}.png").write_bytes(file_of(picture(n % 50 + 1, 40)))
    samples = store(repository, "many")
    with Decoders(2) as decoders:
        ids = repository.ids(PredictionFilter())[::-1]
        found = list(decoded_inputs(repository, ids, SPEC, started=decoders))
    assert [pixels(one.item) for one in found] == [sample.pixels.tobytes() for sample in samples]


def change(
    connection: Connection, prediction_id: int, image: bytes | str | None, sha256: bytes | None = None
) -> None:
    """Have the input of a prediction be another image; by its hash too, if one is given."""
    uri = data_uri("image/png", image) if isinstance(image, bytes) else image
    connection.execute(
        "UPDATE inputs SET image = %s, sha256 = coalesce(%s, sha256)"
        " WHERE id = (SELECT inputid FROM predictions WHERE id = %s)",
        (uri, sha256, prediction_id),
    )


def test_a_prediction_of_a_stored_image_refers_to_it(repository: Repository, folder: Path) -> None:
    store(repository, "rgb.png", "grey.png")
    run = repository.start_run(model("b", "b" * 64), engine=EngineName.LITERT, keep="replay")
    recorder = Storing(repository, run, "replay", SPEC.preprocessing, "b" * 64)
    samples = [one.item for one in again(repository) if isinstance(one.item, Sample)]
    assert recorder.skipped(samples) == set()
    records = recorder.record([(sample, Prediction("[2.0]")) for sample in samples], [])
    old = [repository.detail(n) for n in (1, 2)]
    assert [one.input_id for one in records if isinstance(one, PredictionRecord)] == [
        one.image.input_id for one in old
    ]
    assert [repository.detail(n).record.filename for n in (3, 4)] == ["rgb.png", "grey.png"]
    assert repository.count_images(PredictionFilter()) == 2
    assert recorder.skipped(samples) == {0, 1}


def test_an_image_that_is_deleted_while_it_is_predicted_is_a_failure_and_the_others_are_stored(
    repository: Repository, connection: Connection, folder: Path
) -> None:
    store(repository, "rgb.png", "grey.png", "photo.jpg")
    samples = [one.item for one in again(repository) if isinstance(one.item, Sample)]
    connection.execute(
        "WITH one AS (DELETE FROM predictions WHERE id = 2 RETURNING inputid)"
        " DELETE FROM inputs USING one WHERE inputs.id = one.inputid"
    )
    run = repository.start_run(model("b", "b" * 64), engine=EngineName.LITERT, keep="replay")
    recorder = Storing(repository, run, "replay", SPEC.preprocessing)
    records = recorder.record([(sample, Prediction("[2.0]")) for sample in samples], [])
    assert [type(one) for one in records] == [PredictionRecord, Rejected, PredictionRecord]
    assert repository.count(PredictionFilter(model="b")) == 2
    assert connection.execute("SELECT filename, reason FROM failures").fetchall() == [
        ("grey.png", "the image was deleted while it was predicted")
    ]


def test_both_filter_sides_of_a_comparison_may_be_told_apart(repository: Repository, folder: Path) -> None:
    """What a replay compares: the filter is one of what the first side has predicted."""
    store(repository, "rgb.png", "grey.png")
    run = repository.start_run(model("b", "b" * 64), engine=EngineName.LITERT, keep="replay")
    samples = [one.item for one in again(repository) if isinstance(one.item, Sample)]
    Storing(repository, run, "replay", SPEC.preprocessing).record(
        [(sample, Prediction("[1.0]", 0, "0", 1.0)) for sample in samples], []
    )
    first_run = PredictionFilter(run_id=1)
    assert compare(repository, "pets", "b", first_run).both == 0
    assert compare(repository, "pets", "b", first_run, only_first=True).both == 2
