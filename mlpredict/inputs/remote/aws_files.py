"""The files that AWS's own programs keep credentials and settings in: ~/.aws/credentials and ~/.aws/config.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from typing import NamedTuple

from mlpredict.errors import describe_os_error
from mlpredict.inputs.remote.names import NotFetched

DEFAULT = "default"
NEEDS_SIGNING_IN = ("sso_session", "sso_start_url", "role_arn", "credential_process", "login_session")
"""Settings of profiles whose keys are made anew each time, by AWS's own programs."""


class Profile(NamedTuple):
    """What the files say of one profile; nothing of it is ever printed or stored."""

    name: str
    settings: Mapping[str, str]

    @property
    def keys(self) -> dict[str, str]:
        """The keys, where the files hold them, by obstore's names."""
        names = {
            "access_key_id": "aws_access_key_id",
            "secret_access_key": "aws_secret_access_key",
            "session_token": "aws_session_token",
        }
        found = {ours: self.settings[theirs] for ours, theirs in names.items() if theirs in self.settings}
        return found if {"access_key_id", "secret_access_key"} <= found.keys() else {}

    @property
    def needs_signing_in(self) -> bool:
        """Whether its keys are made by AWS's own programs."""
        return not self.keys and any(name in self.settings for name in NEEDS_SIGNING_IN)


def read_profile() -> Profile:
    """The profile of AWS_PROFILE, or the default one, which may be empty.

    Raises:
        NotFetched: a file cannot be read, or there is no such profile.
    """
    asked = os.environ.get("AWS_PROFILE")
    name = asked or os.environ.get("AWS_DEFAULT_PROFILE") or DEFAULT
    config = _sections("AWS_CONFIG_FILE", "config")
    credentials = _sections("AWS_SHARED_CREDENTIALS_FILE", "credentials")
    section = name if name == DEFAULT else f"profile {name}"
    if asked and section not in config and name not in credentials:
        raise NotFetched(f"AWS_PROFILE={asked}: there is no such profile in ~/.aws/config")
    return Profile(name, {**config.get(section, {}), **credentials.get(name, {})})


def _sections(variable: str, usual: str) -> dict[str, dict[str, str]]:
    path = os.path.expanduser(os.environ.get(variable) or os.path.join("~", ".aws", usual))
    parser = configparser.RawConfigParser(default_section="", strict=False)
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise NotFetched(f"{path}: {describe_os_error(error)}") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        # Not its own words: they quote the line.
        raise NotFetched(f"{path}: not a file of AWS's: {type(error).__name__}") from None
    return {" ".join(name.split()): dict(parser.items(name)) for name in parser.sections()}
