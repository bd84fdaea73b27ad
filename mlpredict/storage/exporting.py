"""Images with their labels, one after the other, however many there are."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg.sql import SQL, Composed

from mlpredict.domain.export import FolderBy, ImageOut
from mlpredict.domain.predictions import PredictionFilter, StoredImage
from mlpredict.storage import truth
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import values_of, where
from mlpredict.storage.listing import rows_at_once
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.values import decode_filename

BLOCK_IMAGES = 200
"""So many are read in one transaction: none is open for as long as an export takes."""

LABELLED = SQL(truth.IS_LABELLED)
TRUE_LABEL = SQL(truth.TRUE_LABEL)

BEST = SQL("""
    i.kept IS NOT DISTINCT FROM 'original' DESC, i.kept IS NOT DISTINCT FROM 'reference' DESC,
    p.label IS NOT NULL DESC, p.id DESC
""")

CHOSEN = SQL("""
    SELECT (array_agg(p.id ORDER BY {best}))[1] AS id,
           bool_or({labelled}) AS labelled,
           (array_agg(p.label IS NOT NULL ORDER BY {best}))[1] AS predicted
    FROM {s}.predictions AS p {truth}
    WHERE {where} AND i.id IS NOT NULL
    GROUP BY coalesce(i.sha256, int8send(i.id))
    ORDER BY id
""")
"""Each image once, as its own file where that is kept, with its newest prediction."""

IMAGES = SQL("""
    SELECT p.id, p.filename, p.filename_bytes, p.label, p.score, p.value,
           m.name || '@' || left(m.fingerprint, 8), to_json(p.created_at), {true_label},
           i.id, i.image, i.sha256, i.contenttype, i.width, i.height
    FROM {s}.predictions AS p
    LEFT JOIN {s}.models AS m ON m.id = p.model_id
    {truth}
    WHERE p.id = ANY(%s::bigint[]) AND i.id IS NOT NULL
    ORDER BY p.id
""")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The predictions of the images to export, by their ids, and how many images have no folder."""

    ids: Sequence[int]
    unlabelled: int


class Exporting:
    """Reads images to be written elsewhere; every method raises DatabaseError when the database fails."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def chosen(self, wanted: PredictionFilter, by: FolderBy) -> Chosen:
        """The images of the predictions that a filter chooses, each once."""
        connection, ids, unlabelled = self._connection, array("q"), 0
        values = values_of(connection, wanted)
        with translated(), catalog_only(connection), connection.cursor() as cursor:
            statement = named(
                connection, CHOSEN, **self._truth(), labelled=LABELLED, best=BEST, where=where(values)
            )
            for one, labelled, predicted in cursor.stream(statement, values, size=rows_at_once()):
                if labelled or (predicted and by is FolderBy.PREDICTED):
                    ids.append(one)
                else:
                    unlabelled += 1
        return Chosen(ids, unlabelled)

    def images(self, ids: Sequence[int]) -> Iterator[ImageOut]:
        """The images of predictions, one in memory at a time; those that are gone meanwhile are left out."""
        for start in range(0, len(ids), BLOCK_IMAGES):
            yield from self._block(ids[start : start + BLOCK_IMAGES])

    def _block(self, ids: Sequence[int]) -> Iterator[ImageOut]:
        connection = self._connection
        with translated(), catalog_only(connection), connection.cursor() as cursor:
            statement = named(connection, IMAGES, **self._truth(), true_label=TRUE_LABEL)
            # Row by row, as an image may have a hundred megabytes.
            for prediction_id, name, raw, *rest in cursor.stream(statement, (list(ids),), size=1):
                label, score, value, model, created_at, true_label, *image = rest
                yield ImageOut(
                    prediction_id,
                    decode_filename(name, raw),
                    label,
                    score,
                    value,
                    model,
                    created_at,
                    true_label,
                    StoredImage(*image),
                )

    def _truth(self) -> dict[str, Composed]:
        return {"truth": named(self._connection, truth.JOIN)}
