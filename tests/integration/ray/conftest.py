"""What tests on a Ray cluster have in common."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.inputs import write_digits
from tests.integration.ray.clusters import IMAGES, Nodes, cluster


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """With a token: else whoever connects to a cluster has it run code."""
    token = secrets.token_hex(32)
    return {**environment, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture
def nodes(environment: dict[str, str]) -> Iterator[Nodes]:
    with cluster(environment) as found:
        yield found


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images to predict, and one that cannot be read."""
    directory = tmp_path_factory.mktemp("images")
    write_digits(directory, IMAGES, None)
    (directory / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    return directory
