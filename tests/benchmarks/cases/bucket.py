"""Images in a bucket, against the same files on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.benchmarks.cases.case import subject
from tests.benchmarks.contestants import Stored
from tests.benchmarks.database import empty
from tests.benchmarks.measure import Contestant, alternate
from tests.benchmarks.report import Row, at_most
from tests.benchmarks.workshop import Workshop
from tests.buckets import KEY_ID, SECRET, many_objects

CASE = "bucket"


def bucket(workshop: Workshop) -> Iterator[Row]:
    """2,000 PNG of 28×28 and 100 photos in a bucket on loopback against the same files on the disk."""
    small, large = workshop.size(2_000, 500), workshop.size(100, 20)
    digits, photos = workshop.digits(small), workshop.photos(large)
    with many_objects(f"digits={digits}", f"photos={photos}") as address:
        yield from _compared(workshop, address, digits, "digits", f"{small:,} PNG 28×28", small, 2.0)
        yield from _compared(workshop, address, photos, "photos", f"{large} JPEG 2000×1500", large, 1.5)


def _compared(
    workshop: Workshop, address: str, folder: Path, name: str, what: str, count: int, limit: float
) -> Iterator[Row]:
    """One folder from the disk and from a bucket; the digit model sees both."""
    dsn = workshop.databases.own
    workshop.compile(workshop.digit_model, min(folder.iterdir()))
    disk = workshop.mlpredict("predict", folder, before=partial(empty, dsn))
    remote = workshop.mlpredict("predict", f"s3://{name}/", before=partial(empty, dsn))
    settings = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }
    remote = replace(remote, env={**remote.env, **settings})
    contestants: dict[str, Contestant] = {
        "disk": Stored(disk, dsn, count),
        "bucket": Stored(remote, dsn, count),
    }
    samples = alternate(contestants, workshop.rounds)
    yield subject(CASE, f"mlpredict predict: {what} on the disk", samples["disk"])
    ours = samples["bucket"]
    yield Row(CASE, "  in a bucket ÷ disk", ours.wall, ours.peak, ours.times(samples["disk"]), at_most(limit))
