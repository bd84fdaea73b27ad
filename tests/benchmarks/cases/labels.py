"""Labels by a list, and reports of many predictions: both in the database, with flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from psycopg import sql

from tests.benchmarks.cases.case import subject
from tests.benchmarks.database import run
from tests.benchmarks.measure import alternate
from tests.benchmarks.report import MEGABYTE, Row, at_most
from tests.benchmarks.workshop import Workshop

LISTED = 100_000
"""Labels in the list."""

IMAGES = """
    INSERT INTO inputs (image, sha256, kept, contenttype, width, height)
    SELECT 'data:image/png;base64,' || repeat('iVBORw0K', 50), sha256(('i' || n)::bytea), 'original',
           'image/png', 28, 28
    FROM generate_series(1, {rows}) AS n;

    UPDATE predictions SET inputid = ids.first + predictions.id % {rows}
    FROM (SELECT max(id) - {rows} + 1 AS first FROM inputs) AS ids;
    UPDATE models SET labels = '["0","1","2","3","4","5","6","7","8","9"]',
                      description = '{{"activation": "softmax"}}';
"""
"""As many images as half of the predictions, which is two of each."""

LABELS = """
    INSERT INTO labels (sha256, label, source)
    SELECT inputs.sha256, (hashtext(inputs.id::text) & 7)::text, 'csv' FROM inputs
    ON CONFLICT DO NOTHING
"""


def labels(workshop: Workshop) -> Iterator[Row]:
    """label --csv of 100,000, report and compare among 1,000,000 predictions of 500,000 labelled images."""
    sizes = (2_000, 20_000) if workshop.options.quick else (10_000, 1_000_000)
    listed = 2_000 if workshop.options.quick else LISTED
    dsns = {size: _filled(workshop, size) for size in sizes}
    largest = dsns[sizes[-1]]

    def forget() -> None:
        run(largest, "TRUNCATE labels")

    listing = workshop.mlpredict(
        "label", "--csv", _list(workshop, listed), "--dsn", largest, "--quiet", before=forget
    )
    samples = alternate({"label": listing}, 1)
    yield subject("labels", f"label --csv of {listed:,}", samples["label"])
    yield Row("labels", "label --csv, each", value=samples["label"].wall / listed * 1e6, unit="µs")

    for dsn in dsns.values():
        run(dsn, LABELS)
        run(dsn, "VACUUM ANALYZE")
    reports = {
        f"report among {size:,}": workshop.mlpredict("report", "--json", "--quiet", "--dsn", dsn)
        for size, dsn in dsns.items()
    }
    told = alternate(reports, 1)
    for name, measured in told.items():
        yield subject("labels", name, measured)
    peaks = [measured.peak for measured in told.values()]
    growth = (peaks[-1] - peaks[0]) / MEGABYTE
    yield Row("labels", "report, difference of peak memory", value=growth, bar=at_most(20, "MB"))


def _filled(workshop: Workshop, size: int) -> str:
    dsn = workshop.databases.filled(size)
    run(dsn, sql.SQL(IMAGES).format(rows=sql.Literal(size // 2)))
    return dsn


def _list(workshop: Workshop, count: int) -> Path:
    place = workshop.folder / "labels.csv"
    lines = (f"scans/{n:07},{n % 10}" for n in range(1, count + 1))
    place.write_text("filename,label\n" + "".join(f"{line.replace(',', '.png,', 1)}\n" for line in lines))
    return place
