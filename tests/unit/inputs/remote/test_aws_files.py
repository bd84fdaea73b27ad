"""The files that AWS's own programs keep credentials in."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpredict.inputs.remote.aws_files import read_profile
from mlpredict.inputs.remote.names import NotFetched

CONFIG = """
[default]
region = eu-north-1

[profile lab]
region=eu-west-1
endpoint_url = http://127.0.0.1:9000
s3 =
  max_concurrent_requests = 20

[profile sso]
sso_session = corp
"""
CREDENTIALS = """
[lab]
aws_access_key_id = AKIALAB
aws_secret_access_key = a/b+c=d%e
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "credentials").write_text(CREDENTIALS)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_PROFILE", raising=False)


def test_the_default_profile_is_read_and_has_no_keys_here() -> None:
    profile = read_profile()
    assert (profile.settings["region"], profile.keys) == ("eu-north-1", {})
    assert not profile.needs_signing_in


def test_a_profile_is_that_of_both_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "lab")
    profile = read_profile()
    assert profile.keys == {"access_key_id": "AKIALAB", "secret_access_key": "a/b+c=d%e"}
    assert profile.settings["endpoint_url"] == "http://127.0.0.1:9000"


def test_a_profile_whose_keys_are_made_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "sso")
    assert read_profile().needs_signing_in


def test_a_profile_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "laboratory")
    with pytest.raises(NotFetched, match="there is no such profile"):
        read_profile()


def test_a_damaged_file_is_told_without_a_word_of_it(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("aws_secret_access_key = verysecret\n")
    with pytest.raises(NotFetched) as raised:
        read_profile()
    assert "credentials: not a file of AWS's" in str(raised.value)
    assert "verysecret" not in str(raised.value)


def test_without_files_there_is_an_empty_profile(tmp_path: Path) -> None:
    for name in ("config", "credentials"):
        (tmp_path / name).unlink()
    assert read_profile().settings == {}
