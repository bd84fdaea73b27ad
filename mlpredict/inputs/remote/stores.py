"""Buckets as obstore knows them, with the credentials that their own programs use."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from mlpredict.inputs.remote.aws_files import Profile, read_profile
from mlpredict.inputs.remote.endpoints import azure_endpoint, google_endpoint
from mlpredict.inputs.remote.names import NotFetched

if TYPE_CHECKING:
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import (
        AzureStore,
        ClientConfig,
        GCSCredential,
        GCSStore,
        RetryConfig,
        S3Store,
    )

    Store = S3Store | GCSStore | AzureStore

RETRIES = 6
RETRY_SECONDS = 120
"""A request that fails is tried again for so long, each time later; what is refused is not."""
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 10
CONNECT_SECONDS = 10
STALLED_SECONDS = 30
"""So long nothing at all may come of an answer."""
LONGEST_SECONDS = 900
"""So long an answer may take as a whole: 100 MB on a line of 1 Mbit/s."""

ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
KEYS_ELSEWHERE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_SKIP_SIGNATURE",
)
"""Where one of these is set it comes before the files, and the library reads it itself."""

NOBODY = "nobody"
"""What an emulator of Google's is told in the place of a token."""


@cache
def store_of(scheme: str, bucket: str) -> Store:
    """A bucket, opened once.

    Raises:
        NotFetched: what is set for it makes no sense, or the library refuses it.
    """
    from obstore.exceptions import BaseError

    try:
        match scheme:
            case "s3":
                return _s3(bucket)
            case "gs":
                return _google(bucket)
            case _:
                return _azure(bucket)
    except (BaseError, ValueError) as error:
        from mlpredict.inputs.remote.reasons import reason_of

        raise NotFetched(reason_of(error)) from None


def _s3(bucket: str) -> S3Store:
    from obstore.store import S3Store

    profile = read_profile()
    settings: dict[str, Any] = {}
    endpoint = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), None)
    if endpoint := endpoint or profile.settings.get("endpoint_url"):
        settings["endpoint"] = endpoint
    if not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        settings |= {"region": region} if (region := profile.settings.get("region")) else {}
    provider = None
    if not any(os.environ.get(name) for name in KEYS_ELSEWHERE):
        settings |= profile.keys
        provider = _signed_in(profile) if profile.needs_signing_in else None
    return S3Store(
        bucket,
        client_options=_client(allow_http=(endpoint or "").startswith("http://")),
        retry_config=_retrying(),
        credential_provider=provider,
        **settings,
    )


def _google(bucket: str) -> GCSStore:
    from obstore.store import GCSStore

    endpoint = google_endpoint()
    settings: dict[str, Any] = {} if endpoint.address is None else {"base_url": endpoint.address}
    if endpoint.is_emulator:
        # Not `skip_signature`: uploads and deletions leave it unread, and look for credentials.
        settings["credential_provider"] = _nobody
    return GCSStore(
        bucket,
        client_options=_client(allow_http=endpoint.in_the_clear),
        retry_config=_retrying(),
        **settings,
    )


def _nobody() -> GCSCredential:
    return {"token": NOBODY, "expires_at": None}


def _azure(bucket: str) -> AzureStore:
    from obstore.store import AzureStore

    endpoint = azure_endpoint()
    settings: dict[str, Any] = {} if endpoint.address is None else {"endpoint": endpoint.address}
    return AzureStore(
        bucket,
        client_options=_client(allow_http=endpoint.in_the_clear),
        retry_config=_retrying(),
        **settings,
    )


def _signed_in(profile: Profile) -> Boto3CredentialProvider:
    """The credentials of a profile that has none in the files, made by AWS's own library."""
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        raise NotFetched(
            f"the AWS profile {profile.name} signs in by itself, which needs boto3: install it,"
            ' or give its keys with eval "$(aws configure export-credentials --format env)"'
        ) from error
    return Boto3CredentialProvider()


def _client(*, allow_http: bool = False) -> ClientConfig:
    options: ClientConfig = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=STALLED_SECONDS),
        "timeout": timedelta(seconds=LONGEST_SECONDS),
    }
    # An address in the clear has been asked for by name.
    return {**options, "allow_http": True} if allow_http else options


def _retrying() -> RetryConfig:
    return {
        "max_retries": RETRIES,
        "retry_timeout": timedelta(seconds=RETRY_SECONDS),
        "backoff": {
            "init_backoff": timedelta(seconds=FIRST_WAIT_SECONDS),
            "max_backoff": timedelta(seconds=LONGEST_WAIT_SECONDS),
            "base": 2,
        },
    }
