"""What `verify` proves, and what it finds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from PIL import Image

import mlpredict
from mlpredict.domain.verification import Finding, Verdict, Verification
from mlpredict.errors import UsageError
from tests.conftest import Command

Database = Any
Connection = psycopg.Connection[tuple[object, ...]]
LARGER = """
    UPDATE predictions
    SET predictions = jsonb_set(
        predictions::jsonb, '{9}', to_jsonb(((predictions ->> 9)::float8 * 1.00001)::real)
    )::json
"""
"""The last number of each becomes a hundred thousandth larger."""

BUNDLED = Path(__file__).parents[2] / "saved_model"


@pytest.fixture(autouse=True)
def usual_places(monkeypatch: pytest.MonkeyPatch, cache_home: Path, compiled: None) -> None:
    monkeypatch.setenv("MLPREDICT_CACHE", str(cache_home))


@pytest.fixture
def database(dsn: str) -> Iterator[Database]:
    with mlpredict.connect(dsn) as database:
        yield database


@pytest.fixture
def stored(database: Database, digits: list[Path]) -> Database:
    """A database with a few digits."""
    list(database.predict(mlpredict.load_model(), digits[:4]))
    return database


def only(done: Verification) -> Finding:
    (finding,) = done.findings
    return finding


def test_what_is_stored_is_proven(stored: Database) -> None:
    done = stored.verify()
    assert (done.counts, done.largest_difference, done.is_proven) == ({Verdict.IDENTICAL: 4}, 0.0, True)


def test_nothing_is_proven_of_nothing(database: Database) -> None:
    assert database.verify().predictions == 0


def test_one_flipped_bit_is_found(stored: Database, connection: Connection) -> None:
    """The lowest bit of the least of the numbers, which changes neither the label nor the score."""
    import numpy as np

    ((text,),) = connection.execute("SELECT predictions::text FROM predictions WHERE id = 2").fetchall()
    values = np.array(json.loads(str(text)), np.float32)
    values.view(np.uint32)[values.argmin()] ^= 1
    changed = json.dumps([float(str(one)) for one in values])
    connection.execute("UPDATE predictions SET predictions = %s WHERE id = 2", (changed,))
    done = stored.verify()
    assert (done.counts[Verdict.IDENTICAL], done.is_proven) == (3, False)
    finding = only(done)
    assert (finding.prediction_id, finding.verdict) == (2, Verdict.DIFFERS)
    assert finding.reason == "other bits, made with the same"
    assert finding.difference is not None
    assert 0 < finding.difference < 1e-6
    assert not finding.label_changed


def test_numbers_that_are_written_otherwise_are_the_same(stored: Database, connection: Connection) -> None:
    """Another program may have written the same numbers with spaces and more digits."""
    connection.execute("UPDATE predictions SET predictions = replace(predictions::text, ',', ' ,  ')::json")
    assert stored.verify().counts == {Verdict.IDENTICAL: 4}


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("label", "9?", "its label does not follow from its stored numbers"),
        ("likely_class", 11, "its label does not follow from its stored numbers"),
        ("score", 0.5, "its score does not follow from its stored numbers"),
        ("predictions", "[1,0]", "the model gives another number of values"),
        ("predictions", '{"a": 1}', "what is stored is not the output of a model"),
        ("predictions", "null", "what is stored is not the output of a model"),
    ],
)
def test_a_changed_field_is_found(
    stored: Database, connection: Connection, column: str, value: object, reason: str
) -> None:
    connection.execute(f"UPDATE predictions SET {column} = %s WHERE id = 3", (value,))
    done = stored.verify()
    assert (only(done).prediction_id, only(done).reason, done.is_proven) == (3, reason, False)


def test_another_label_and_numbers_to_match_are_found(stored: Database, connection: Connection) -> None:
    forged = json.dumps([0.0] * 9 + [1.0])
    connection.execute(
        "UPDATE predictions SET predictions = %s, label = '9', likely_class = 9, score = 1 WHERE id = 1",
        (forged,),
    )
    done = stored.verify()
    finding = only(done)
    assert (finding.label, done.label_changed, finding.verdict) == ("9", 1, Verdict.DIFFERS)
    assert "another label" in finding.reason


def test_a_changed_image_is_found(stored: Database, connection: Connection) -> None:
    connection.execute("UPDATE inputs SET image = (SELECT image FROM inputs WHERE id = 1) WHERE id = 2")
    done = stored.verify()
    assert (only(done).prediction_id, only(done).verdict) == (2, Verdict.CANNOT_RUN)
    assert "its SHA-256 is another" in only(done).reason
    assert not done.is_proven


@pytest.mark.parametrize("image", ["data:image/png;base64,AAAA", "data:image/png;base64,?", "nonsense"])
def test_a_damaged_image_is_found(stored: Database, connection: Connection, image: str) -> None:
    connection.execute("UPDATE inputs SET image = %s WHERE id = 2", (image,))
    done = stored.verify()
    assert (only(done).prediction_id, only(done).verdict, done.is_proven) == (2, Verdict.CANNOT_RUN, False)


def test_a_changed_label_list_is_found(stored: Database, connection: Connection) -> None:
    labels = json.dumps([*"012345678", "nine"])
    connection.execute("UPDATE models SET labels = %s", (labels,))
    done = stored.verify()
    assert done.counts == {Verdict.IDENTICAL: 4}
    assert ("labels" in done.altered[0], done.is_proven) == (True, False)


@pytest.mark.parametrize("change", ["{preprocessing,resize}", "{activation}"])
def test_a_changed_meaning_is_found(stored: Database, connection: Connection, change: str) -> None:
    connection.execute(
        "UPDATE models SET description = jsonb_set(description::jsonb, %s, '\"none\"')::json", (change,)
    )
    done = stored.verify()
    assert (len(done.altered), done.is_proven) == (1, False)


def copied_model(folder: Path, name: str = "digits", **entries: str) -> Path:
    shutil.copytree(BUNDLED, folder / name)
    if entries:
        sidecar = folder / name / "assets.extra" / "mlpredict.toml"
        sidecar.parent.mkdir(exist_ok=True)
        text = sidecar.read_text() if sidecar.exists() else ""
        kept = [line for line in text.splitlines() if line.split(" =")[0] not in entries]
        sidecar.write_text("\n".join([*kept, *(f"{key} = {value}" for key, value in entries.items())]))
    return folder / name


def test_labels_that_were_changed_beside_the_model_change_nothing(
    database: Database, digits: list[Path], tmp_path: Path, notices: list[str]
) -> None:
    path = copied_model(tmp_path)
    list(database.predict(mlpredict.load_model(path), digits[:2]))
    assert database.verify().is_proven
    assert "have changed" not in "".join(notices)
    shutil.rmtree(path)
    copied_model(tmp_path, labels='["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]', resize='"nearest"')
    assert database.verify().counts == {Verdict.IDENTICAL: 2}
    assert "have changed" in notices[-1]


def test_another_model_under_the_same_path_is_told(
    database: Database, digits: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copied_model(tmp_path)
    list(database.predict(mlpredict.load_model(path), digits[:2]))
    variables = next((path / "variables").glob("*.data*"))
    variables.write_bytes(b"another model's weights")
    monkeypatch.setenv("MLPREDICT_CACHE", str(tmp_path / "no cache"))
    done = database.verify()
    assert done.counts == {Verdict.CANNOT_RUN: 2}
    assert "is not here" in only_reason(done)
    assert not done.is_proven


def only_reason(done: Verification) -> str:
    (why,) = done.reasons
    return why.reason


def test_a_model_that_is_gone_is_run_as_it_was_compiled(
    database: Database, digits: list[Path], tmp_path: Path
) -> None:
    path = copied_model(tmp_path)
    list(database.predict(mlpredict.load_model(path), digits[:2]))
    shutil.rmtree(path)
    assert database.verify().counts == {Verdict.IDENTICAL: 2}


def test_a_model_that_was_moved_is_named(
    database: Database, digits: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copied_model(tmp_path)
    list(database.predict(mlpredict.load_model(path), digits[:2]))
    moved = path.rename(tmp_path / "moved")
    assert database.verify(model_path=moved).counts == {Verdict.IDENTICAL: 2}


def test_rows_of_the_2020_program_cannot_be_run(stored: Database, connection: Connection) -> None:
    connection.execute("INSERT INTO inputs (image) VALUES ('data:image/png;base64,AAAA')")
    connection.execute(
        "INSERT INTO predictions (inputid, predictions) SELECT max(id), '[0.25, 0.75]' FROM inputs"
    )
    done = stored.verify()
    assert done.counts[Verdict.IDENTICAL] == 4
    assert {why.reason.partition(":")[0] for why in done.reasons} == {"nothing says by which model"}
    assert done.is_proven


def test_runs_without_an_environment_are_compared_all_the_same(
    stored: Database, connection: Connection
) -> None:
    connection.execute("UPDATE runs SET environment_id = NULL")
    assert stored.verify().counts == {Verdict.IDENTICAL: 4}
    connection.execute(LARGER)
    done = stored.verify()
    assert {why.reason for why in done.reasons} == {"nothing was recorded of what it was made with"}
    assert done.is_proven


def test_what_was_made_elsewhere_may_differ_a_little(stored: Database, connection: Connection) -> None:
    connection.execute('UPDATE environments SET facts = (facts::jsonb || \'{"litert": "1.4.0"}\')::json')
    connection.execute(f"{LARGER} WHERE id < 3")
    done = stored.verify()
    assert done.is_proven
    assert done.counts.keys() == {Verdict.IDENTICAL, Verdict.WITHIN}
    assert only_reason(done).startswith("litert 1.4.0, now ")


@pytest.mark.parametrize("keep", ["original", "reference", "model-input"])
def test_whatever_is_kept_of_an_image_is_verified(
    database: Database, digits: list[Path], tmp_path: Path, keep: str
) -> None:
    with Image.open(digits[0]) as picture:
        picture.resize((90, 70)).convert("RGB").save(tmp_path / "large.png")
    shutil.copy(digits[1], tmp_path / "small.png")
    list(database.predict(mlpredict.load_model(), [tmp_path], keep=keep))
    assert database.verify().counts == {Verdict.IDENTICAL: 2}


def test_a_file_that_has_changed_since_is_found(
    database: Database, digits: list[Path], tmp_path: Path
) -> None:
    for place, digit in enumerate(digits[:3]):
        shutil.copy(digit, tmp_path / f"{place}.png")
    list(database.predict(mlpredict.load_model(), [tmp_path], keep="reference"))
    shutil.copy(digits[4], tmp_path / "1.png")
    (tmp_path / "2.png").unlink()
    done = database.verify()
    changed, gone = done.findings
    assert (changed.prediction_id, changed.is_fault) == (2, True)
    assert (gone.prediction_id, gone.is_fault) == (3, False)
    assert "changed" in changed.reason


def test_every_page_is_verified(database: Database, digits: list[Path], tmp_path: Path) -> None:
    pages = [Image.open(digit).convert("L").resize((40, 40)) for digit in digits[:3]]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    list(database.predict(mlpredict.load_model(), [tmp_path / "scan.tif"], pages="all"))
    list(database.predict(mlpredict.load_model(), [tmp_path / "scan.tif"]))
    assert database.verify().counts == {Verdict.IDENTICAL: 4}


def test_ids_filters_and_samples_choose(stored: Database) -> None:
    assert stored.verify([1, 2, 99]).predictions == 2
    assert stored.verify(3).predictions == 1
    assert stored.verify(run="last", sample=3).predictions == 3
    assert stored.verify(model="nobody").predictions == 0
    for wrong in ({"tolerance": -1.0}, {"sample": 0}):
        with pytest.raises(UsageError):
            stored.verify(**wrong)


def test_the_command_tells_what_it_found(
    mlpredict: Command, stored: Database, dsn: str, connection: Connection
) -> None:
    fine = mlpredict("verify", "--dsn", dsn, "--json")
    assert (fine.returncode, fine.stderr) == (0, b"")
    told = json.loads(fine.stdout)
    assert (told["identical"], told["within"], told["differs"], told["cannot_run"]) == (4, 0, 0, 0)
    assert (told["largest_difference"], told["label_changed"], told["proven"]) == (0.0, 0, True)
    connection.execute("UPDATE predictions SET label = 'x' WHERE id = 2")
    wrong = mlpredict("verify", "-", "--dsn", dsn, "--format", "table", stdin=b"1\tone.png\n2-3\n")
    assert wrong.returncode == 1
    assert b"does not follow" in wrong.stdout
    assert b"identical" in wrong.stdout
    missing = mlpredict("verify", "77", "--dsn", dsn)
    assert (missing.returncode, b"no prediction 77" in missing.stderr) == (5, True)
    both = mlpredict("verify", "1", "--run", "1", "--dsn", dsn)
    assert (both.returncode, b"exclude" in both.stderr) == (2, True)
