"""Environment variables and default places."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpredict import settings
from mlpredict.errors import UsageError


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "MLPREDICT_HOME",
        "MLPREDICT_CACHE",
        "MLPREDICT_DSN",
        "MLPREDICT_READ_DSN",
        "MLPREDICT_MODEL",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_places_are_the_users_own_without_environment(tmp_path: Path) -> None:
    for place in (settings.data_home(), settings.cache_home()):
        assert place.is_relative_to(tmp_path)
        assert place.name == "mlpredict"
    assert settings.data_home() != settings.cache_home()


def test_the_environment_names_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLPREDICT_HOME", "/srv/data")
    monkeypatch.setenv("MLPREDICT_CACHE", "~/cache")
    assert settings.data_home() == Path("/srv/data")
    assert settings.cache_home() == tmp_path / "cache"


def test_a_relative_place_does_not_depend_on_later_changes_of_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLPREDICT_HOME", "data")
    assert settings.data_home() == tmp_path / "data"


@pytest.mark.parametrize(("value", "dsn"), [(None, None), ("", None), ("dbname=x", "dbname=x")])
def test_the_environment_names_a_database(
    value: str | None, dsn: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("MLPREDICT_DSN", value)
    assert settings.dsn() == dsn


@pytest.mark.parametrize(
    ("given", "value", "replica"),
    [
        (None, None, None),
        (None, "", None),
        (None, "host=b", "host=b"),
        ("host=c", "host=b", "host=c"),
        ("", "host=b", None),
    ],
)
def test_a_replica_has_a_primary(
    given: str | None, value: str | None, replica: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("MLPREDICT_READ_DSN", value)
    assert settings.read_dsn(given, "host=a") == replica
    if replica is None:
        assert settings.read_dsn(given, None) is None
    else:
        with pytest.raises(UsageError, match="nothing names its primary"):
            settings.read_dsn(given, None)


def test_the_environment_names_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPREDICT_MODEL", "models/cats.keras")
    assert settings.model_path() == Path("models/cats.keras")


@pytest.mark.parametrize("value", [None, ""])
def test_without_environment_it_is_the_digit_model(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("MLPREDICT_MODEL", value)
    assert (settings.model_path() / "saved_model.pb").is_file()


def test_the_schema_is_found() -> None:
    assert list(settings.bundled("schema").glob("0001_*.sql"))


@pytest.mark.parametrize(("given", "seconds"), [("", 300), ("0", 0), ("0.5", 0.5), ("-1", -1), ("1e3", 1000)])
def test_how_long_the_local_server_lingers(
    given: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPREDICT_PG_LINGER", given)
    assert settings.linger_seconds() == seconds


@pytest.mark.parametrize("given", ["soon", "-2", "nan", "inf", "-0.5"])
def test_a_linger_time_that_is_none_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPREDICT_PG_LINGER", given)
    with pytest.raises(UsageError, match=f"MLPREDICT_PG_LINGER={given} is no number"):
        settings.linger_seconds()
