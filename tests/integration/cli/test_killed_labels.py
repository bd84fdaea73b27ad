"""`mlpredict label` of many images, killed at any moment."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import COMMAND
from tests.processes import SECONDS, started
from tests.slowed import slow_down

ROWS = """
    WITH images AS (
        INSERT INTO inputs (image, sha256, kept)
        SELECT 'data:image/png;base64,', sha256(n::text::bytea), 'original'
        FROM generate_series(1, %s::integer) AS n
        RETURNING id
    )
    INSERT INTO predictions (inputid, filename, predictions, label)
    SELECT id, format('scans/%%s.png', row_number() OVER (ORDER BY id)), '[1]', 'dog' FROM images
"""
KILLS = 7
SEED = 20261125
CURRENT = "SELECT label, count(*) FROM labels WHERE superseded_at IS NULL GROUP BY label"
HISTORY = "SELECT count(*) FROM labels WHERE superseded_at IS NOT NULL"


@pytest.mark.parametrize(("images", "from_folders"), [(20_000, False), (2_000, True)], ids=["csv", "folders"])
def test_killed_at_any_moment_all_labels_are_there_or_none(
    environment: dict[str, str],
    dsn: str,
    connection: psycopg.Connection[Any],
    tmp_path: Path,
    images: int,
    from_folders: bool,
) -> None:
    connection.execute(ROWS, (images,))
    slow_down(connection, "labels", 0.1)
    write = write_folders if from_folders else write_list
    commands = {
        label: [*COMMAND, "label", *write(tmp_path / label, label, images), "--dsn", dsn]
        for label in ("cat", "bird")
    }
    chance = random.Random(SEED)
    seen: dict[str, int] = {}
    kills = 0
    for kill in range(KILLS):
        command = commands["bird" if seen == {"cat": images} and kill > KILLS // 2 else "cat"]
        with started(command, env=environment, stderr=subprocess.DEVNULL) as process:
            time.sleep(chance.uniform(0.2, 0.6))
            process.kill()
            process.wait(SECONDS)
            kills += process.returncode == -signal.SIGKILL
        seen = current(connection)
        assert seen in ({}, {"cat": images}, {"bird": images})
    assert kills > 0
    for label, command in commands.items():
        assert subprocess.run(command, env=environment, capture_output=True, timeout=SECONDS).returncode == 0
        assert current(connection) == {label: images}
    (revised,) = connection.execute(HISTORY).fetchone() or (None,)
    assert revised in range(images, (KILLS + 2) * images, images)


def current(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """How many images have each label, when what a killed command had begun is over."""
    while connection.execute(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    ).fetchone():
        time.sleep(0.02)
    return dict(connection.execute(CURRENT).fetchall())


def write_list(place: Path, label: str, images: int) -> list[str]:
    lines = "".join(f"scans/{n}.png,{label}\n" for n in range(1, images + 1))
    place.with_suffix(".csv").write_text(f"filename,label\n{lines}")
    return ["--csv", str(place.with_suffix(".csv"))]


def write_folders(place: Path, label: str, images: int) -> list[str]:
    """Files of a word each: labels go by what a file holds, and nobody decodes it."""
    folder = place / label
    folder.mkdir(parents=True)
    for n in range(1, images + 1):
        (folder / f"{sha256(str(n).encode()).hexdigest()[:8]}.png").write_text(str(n))
    return ["--from-folders", str(place)]
