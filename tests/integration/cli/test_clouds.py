"""Images of Google's buckets and Azure's containers: predicted, passed over, kept there, and read back."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path

import psycopg
import pytest

import mlpredict as api
from mlpredict.api.deletion import deletion
from mlpredict.errors import NotKept
from mlpredict.inputs.kept import ImageUnavailable
from tests.buckets import Answer, Request
from tests.clouds import Cloud, google_emulator
from tests.conftest import Command

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def mlpredict(mlpredict: Command, cloud: Cloud, dsn: str) -> Command:
    """The command, with what it needs to reach the bucket and the database."""
    return partial(mlpredict, env={**cloud.environment, "MLPREDICT_DSN": dsn})


@pytest.fixture
def model(compiled: None, cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> api.Model:
    """The bundled model."""
    monkeypatch.setenv("MLPREDICT_CACHE", str(cache_home))
    return api.load_model()


@pytest.fixture
def filled(cloud: Cloud, digits: list[Path]) -> Cloud:
    """A bucket with six of the sample digits in `in/`."""
    for digit in digits[:6]:
        cloud.put(f"in/{digit.name}", digit.read_bytes())
    return cloud


def key_of(image: Path) -> str:
    return f"images/{hashlib.sha256(image.read_bytes()).hexdigest()}"


def predict(dsn: str, model: api.Model, *images: Path | str, keep: str) -> list[object]:
    with api.connect(dsn) as database:
        return list(database.predict(model, images, keep=keep))


def puts(cloud: Cloud) -> int:
    return sum(one.method == "PUT" for one in cloud.network.requests)


def is_removal(request: Request) -> bool:
    return request.method in ("DELETE", "POST")


def test_a_prefix_is_predicted_and_what_is_known_is_not_fetched_again(
    mlpredict: Command, filled: Cloud, connection: Connection, digits: list[Path]
) -> None:
    filled.put("in/torn.png", digits[0].read_bytes()[:100])
    done = mlpredict("predict", f"{filled.url}in/")
    assert done.returncode == 1, done.stderr
    assert f"{filled.url}in/torn.png: truncated" in done.stderr.decode()
    rows = connection.execute("SELECT filename, label FROM predictions ORDER BY position").fetchall()
    assert rows == [(f"{filled.url}in/{digit.name}", digit.name[0]) for digit in digits[:6]]
    filled.put(f"in/{digits[1].name}", digits[7].read_bytes())
    before = len(filled.asked)
    again = mlpredict("predict", f"{filled.url}in/", "--skip-existing", "--json")
    assert len(json.loads(again.stdout)) == 1
    assert sorted(filled.asked[before:]) == [f"in/{digits[1].name}", "in/torn.png"]


def test_one_object_is_predicted_and_its_reference_is_read_back(
    mlpredict: Command, filled: Cloud, connection: Connection, digits: list[Path]
) -> None:
    filled.put("in/a%20 b.png", digits[3].read_bytes())
    done = mlpredict("predict", f"{filled.url}in/a%20 b.png", "--keep", "reference")
    assert done.returncode == 0, done.stderr
    assert connection.execute("SELECT image, kept FROM inputs").fetchall() == [
        (f"{filled.url}in/a%2520%20b.png", "reference")
    ]
    export = ("show", "last", "--export-image", "-o", "-")
    assert mlpredict(*export).stdout == digits[3].read_bytes()
    filled.put("in/a%20 b.png", digits[4].read_bytes())
    assert b"it has changed since it was predicted" in mlpredict(*export).stderr


def test_images_are_kept_once_and_shown_exported_and_verified(
    mlpredict: Command, cloud: Cloud, connection: Connection, digits: list[Path], tmp_path: Path
) -> None:
    keep = ("--keep", f"{cloud.url}images")
    # One lies there already, as of a command that was killed before its rows were stored.
    cloud.put(key_of(digits[0]), digits[0].read_bytes())
    done = mlpredict("predict", *digits[:3], *keep)
    assert done.returncode == 0, done.stderr
    assert mlpredict("predict", *digits[:3], *keep).returncode == 0
    assert puts(cloud) == 3
    rows = connection.execute("SELECT image, kept, contenttype FROM inputs").fetchall()
    assert sorted(rows) == sorted(
        (f"{cloud.url}{key_of(one)}", f"{cloud.url}images/", "image/png") for one in digits[:3]
    )
    assert [cloud.get(key_of(one)) for one in digits[:3]] == [one.read_bytes() for one in digits[:3]]
    proven = mlpredict("verify", "--run", "last", "--json")
    assert (proven.returncode, b'"identical":3' in proven.stdout) == (0, True), proven.stdout
    shown = mlpredict("show", "last", "--export-image", "-o", "-")
    assert shown.stdout == digits[2].read_bytes()
    exported = mlpredict("export", tmp_path / "out", "--by", "predicted", "--run", "last")
    assert exported.returncode == 0, exported.stderr
    found = sorted(one.read_bytes() for one in (tmp_path / "out").rglob("*.png"))
    assert found == sorted(one.read_bytes() for one in digits[:3])


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (403, "", "cannot be written: the credentials lack the right to it"),
        (409, "ContainerBeingDeleted", "cannot be written: ContainerBeingDeleted: Wait."),
    ],
)
def test_no_row_is_stored_whose_image_is_not(
    cloud: Cloud,
    dsn: str,
    connection: Connection,
    model: api.Model,
    digits: list[Path],
    status: int,
    code: str,
    told: str,
) -> None:
    """A conflict is not always an image that is there."""
    reply = cloud.refusal(status, code or cloud.no_rights, "Wait.")
    cloud.network.fault = lambda request: Answer(status, reply.body) if request.method == "PUT" else None
    with pytest.raises(NotKept, match=told):
        predict(dsn, model, *digits[:3], keep=f"{cloud.url}images/")
    assert connection.execute("SELECT count(*) FROM inputs").fetchall() == [(0,)]
    assert connection.execute("SELECT count(*) FROM predictions").fetchall() == [(0,)]


def test_what_fails_at_times_is_put_there_in_the_end(
    cloud: Cloud, dsn: str, model: api.Model, digits: list[Path]
) -> None:
    """Also what had been stored when its answer was lost."""
    lost = iter([True])

    def fault(request: Request) -> Answer | None:
        if request.method == "PUT" and next(lost, False):
            cloud.put(key_of(digits[0]), digits[0].read_bytes())
            raise ConnectionResetError
        return Answer(500, b"at times") if request.number % 3 == 0 else None

    cloud.network.fault = fault
    assert len(predict(dsn, model, digits[0], keep=f"{cloud.url}images/")) == 1
    assert len(predict(dsn, model, *digits[:3], keep=f"{cloud.url}images/")) == 3
    assert [cloud.get(key_of(one)) for one in digits[:3]] == [one.read_bytes() for one in digits[:3]]
    assert puts(cloud) > 3


def test_delete_takes_away_what_nobody_refers_to(
    cloud: Cloud, dsn: str, model: api.Model, digits: list[Path], notices: list[str]
) -> None:
    predict(dsn, model, *digits[:4], keep=f"{cloud.url}images/")
    predict(dsn, model, digits[0], keep=f"{cloud.url}images/")
    # Somebody has taken one away by hand: the others go all the same.
    cloud.remove(key_of(digits[1]))
    with api.connect(dsn) as database:
        assert deletion(database, [1, 2, 3, 4]).carry_out().inputs == 3
        assert [cloud.get(key_of(one)) for one in digits[:4]] == [digits[0].read_bytes(), None, None, None]
        cloud.network.fault = lambda request: cloud.refused() if is_removal(request) else None
        assert deletion(database, [5]).carry_out().inputs == 1
    assert cloud.get(key_of(digits[0])) == digits[0].read_bytes()
    assert any("1 images stay where they are" in one and "lack the right" in one for one in notices)


def test_a_bucket_that_is_gone_is_told(cloud: Cloud, dsn: str, model: api.Model, digits: list[Path]) -> None:
    predict(dsn, model, digits[0], keep=f"{cloud.url}images/")
    code, told = {
        "gs": ("NoSuchBucket", "there is no such bucket"),
        "az": ("ContainerNotFound", "there is no such container"),
    }[cloud.scheme]
    reply = cloud.refusal(404, code, "It is gone.")
    cloud.network.fault = lambda _request: Answer(404, reply.body)
    with api.connect(dsn) as database:
        (stored,) = database.predictions()
        assert stored.prediction_id is not None
        with pytest.raises(ImageUnavailable, match=told):
            database.prediction(stored.prediction_id).image()
        with pytest.raises(NotKept, match=told):
            list(database.predict(model, [digits[1]], keep=f"{cloud.url}images/"))


def test_no_credential_is_stored_or_told(
    mlpredict: Command, filled: Cloud, connection: Connection, digits: list[Path]
) -> None:
    kept = mlpredict("predict", "-v", f"{filled.url}in/", "--keep", f"{filled.url}images/")
    assert kept.returncode == 0, kept.stderr
    filled.network.fault = lambda request: (
        None if "list" in request.path or request.path.endswith(key_of(digits[0])) else filled.refused()
    )
    refused = mlpredict("predict", "-v", f"{filled.url}in/", digits[7], "--keep", f"{filled.url}images/")
    assert refused.returncode != 0
    deleted = mlpredict("delete", "-v", "--all", "--yes")
    shown = mlpredict("show", "-v", "1", "--export-image", "-o", "-")
    texts = [
        text.decode(errors="replace")
        for one in (kept, refused, deleted, shown)
        for text in (one.stdout, one.stderr)
    ]
    assert any("lack the right" in text for text in texts)
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    for (table,) in tables:
        texts += [str(row) for row in connection.execute(f'SELECT * FROM "{table}"').fetchall()]
    for secret in filled.secrets:
        assert not [text for text in texts if secret in text]


def test_an_emulator_of_google_gets_no_credentials(
    compiled: None, dsn: str, digits: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with google_emulator("emulated", tmp_path) as (cloud, seen):
        for name, value in cloud.environment.items():
            monkeypatch.setenv(name, value)
        cloud.put("in/a.png", digits[3].read_bytes())
        predicted = predict(dsn, api.load_model(), f"{cloud.url}in/", keep=f"{cloud.url}images/")
        assert len(predicted) == 1
        assert cloud.get(key_of(digits[3])) == digits[3].read_bytes()
    assert seen == {"Bearer nobody"}
