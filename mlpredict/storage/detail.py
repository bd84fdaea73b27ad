"""One prediction with its model and its image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from psycopg.rows import class_row
from psycopg.sql import SQL

from mlpredict.domain import Activation, PredictionDetail, PredictionRecord, StoredImage, Task
from mlpredict.errors import NotFound
from mlpredict.storage.connection import Connection
from mlpredict.storage.listing import prediction_rows
from mlpredict.storage.names import named
from mlpredict.storage.reading import as_record
from mlpredict.storage.values import bigint

Word = TypeVar("Word", Task, Activation)

DETAIL = SQL("""
    SELECT i.image, i.sha256, i.contenttype AS image_contenttype, i.width, i.height,
           m.task, m.labels, m.description,
           p.map IS NOT NULL AS has_map, e.id AS environment_id, e.facts AS environment
    FROM {s}.predictions AS p
    LEFT JOIN {s}.inputs AS i ON i.id = p.inputid
    LEFT JOIN {s}.models AS m ON m.id = p.model_id
    LEFT JOIN {s}.runs AS r ON r.id = p.run_id
    LEFT JOIN LATERAL (
        SELECT environment_id FROM {s}.run_parts AS l
        WHERE l.run_id = p.run_id AND l.last >= p.position ORDER BY l.last LIMIT 1
    ) AS made ON true
    LEFT JOIN {s}.environments AS e ON e.id = coalesce(made.environment_id, r.environment_id)
    WHERE p.id = %s
""")

IMAGE = SQL("SELECT id, image, sha256, contenttype, width, height FROM {s}.inputs WHERE id = %s")

MAP = SQL("SELECT map FROM {s}.predictions WHERE id = %s AND map IS NOT NULL")

KEEPING_MAPS = "keep_map = true in the model's mlpredict.toml keeps those of segmentations"


def prediction_detail(connection: Connection, prediction_id: int) -> PredictionDetail:
    """Everything about one prediction.

    Raises:
        NotFound: there is none of this id.
    """
    rows = list(prediction_rows(connection, {"id": bigint(prediction_id)}))
    if not rows:
        raise NotFound(f"there is no prediction {prediction_id}")
    with connection.cursor(row_factory=class_row(DetailRow)) as cursor:
        row = cursor.execute(named(connection, DETAIL), (prediction_id,)).fetchone()
    assert row is not None
    return as_detail(as_record(rows[0]), row)


def stored_image(connection: Connection, input_id: int) -> StoredImage:
    """An input.

    Raises:
        NotFound: there is none of this id.
    """
    row = connection.execute(named(connection, IMAGE), (input_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no input {input_id}")
    return StoredImage(*row)


def stored_map(connection: Connection, prediction_id: int) -> bytes:
    """The class of each pixel that a prediction has found, as a PNG.

    Raises:
        NotFound: none is kept of it.
    """
    row = connection.execute(named(connection, MAP), (bigint(prediction_id),)).fetchone()
    if row is None:
        raise NotFound(f"there is no map of prediction {prediction_id}", hint=KEEPING_MAPS)
    return bytes(row[0])


@dataclass(frozen=True, slots=True)
class DetailRow:
    """The columns of `DETAIL`, by their names."""

    image: str | None
    sha256: bytes | None
    image_contenttype: str | None
    width: int | None
    height: int | None
    task: str | None
    labels: object
    description: object
    has_map: bool
    environment_id: int | None
    environment: object


def as_detail(record: PredictionRecord, row: DetailRow) -> PredictionDetail:
    """A prediction with its image; what another program has put into its columns is left out."""
    image = StoredImage(record.input_id, row.image, row.sha256, row.image_contenttype, row.width, row.height)
    description = row.description if isinstance(row.description, dict) else {}
    return PredictionDetail(
        record,
        image,
        _one_of(Task, row.task),
        _one_of(Activation, description.get("activation")),
        [str(label) for label in row.labels] if isinstance(row.labels, list) else None,
        row.has_map,
        row.environment_id,
        row.environment if isinstance(row.environment, dict) else None,
    )


def _one_of(words: type[Word], text: object) -> Word | None:
    """The word of ours that a column holds; None where another program has put something else there."""
    return next((word for word in words if word == text), None)
