"""Passwords in arguments that are no DSN's."""

from __future__ import annotations

import pytest

from mlpredict.support.credentials import without_passwords


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("postgresql://me:s3c@r/3t@db/d: no such file", "postgresql://me:…@db/d: no such file"),
        ("(postgres://me:s3cr3t)", "(postgres://me:…"),
        ("unexpected argument (password=s3c r3t)", "unexpected argument (password=…"),
        ("postgresql://localhost:5432/d is away", "postgresql://localhost:5432/d is away"),
        ("postgresql://USER@HOST:PORT/DATABASE; @ is %40", "postgresql://USER@HOST:PORT/DATABASE; @ is %40"),
        (
            "http://127.0.0.1:8000 with mnist-convnet@285f0e48",
            "http://127.0.0.1:8000 with mnist-convnet@285f0e48",
        ),
        ('password authentication failed for user "me"', 'password authentication failed for user "me"'),
    ],
)
def test_only_passwords_are_hidden(said: str, shown: str) -> None:
    assert without_passwords(said) == shown
