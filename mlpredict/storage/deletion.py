"""Deletions on one connection, each block a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from mlpredict.domain.deletion import Deleted
from mlpredict.domain.predictions import PredictionFilter
from mlpredict.storage import bucket_inputs, deleting, doomed, emptying
from mlpredict.storage.bucket_inputs import BucketObject, Reference
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.deleting import Block
from mlpredict.storage.doomed import Doomed, Picture
from mlpredict.storage.emptying import Emptied
from mlpredict.storage.names import catalog_only
from mlpredict.storage.transactions import BY_INDEX, writing

Result = TypeVar("Result")

ALL_ROWS = {"row_security": "off", "enable_seqscan": "off"}
"""Of transactions in which an image without a row goes: a policy that hides rows is an error in them."""


class Deletion:
    """Finds what is to be deleted, and deletes it.

    Every method raises DatabaseError when the database fails; a block is deleted as a whole, or not.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_filter(self, wanted: PredictionFilter) -> Doomed:
        """What a filter chooses."""
        return self._read(lambda connection: doomed.by_filter(connection, wanted))

    def by_ids(self, ids: Iterable[int]) -> Doomed:
        """The predictions of these ids."""
        return self._read(lambda connection: doomed.by_ids(connection, ids))

    def by_pictures(self, pictures: Iterable[Picture]) -> Doomed:
        """All that is stored of pictures, whatever they were called."""
        return self._read(lambda connection: doomed.by_pictures(connection, pictures))

    def delete_predictions(self, ids: Sequence[int]) -> Block:
        """Delete predictions, with the inputs and labels that only they needed."""
        return self._write(lambda connection: deleting.delete_predictions(connection, ids))

    def empty_partitions(self, ids: Sequence[int]) -> Emptied:
        """Delete what is all of a partition, at once; the inputs are left to `sweep_inputs`."""
        with translated():
            return emptying.empty_whole(self._connection, ids)

    def inputs_left(self) -> list[str]:
        """What `sweep_inputs` is yet to be asked for."""
        with translated():
            return emptying.left(self._connection)

    def sweep_inputs(self, name: str) -> Block | None:
        """Delete some inputs of a partition's rows that no prediction needs; None when there are no more."""
        with translated():
            return emptying.sweep_some(self._connection, name)

    def delete_inputs(self, ids: Sequence[int]) -> Block:
        """Delete those inputs that no prediction needs, with their labels."""
        return self._write(lambda connection: deleting.delete_inputs(connection, ids))

    def sweep(self, objects: Sequence[BucketObject], remove: Callable[[Sequence[str]], None]) -> None:
        """Take the images away whose rows have been deleted, unless they have new ones."""
        self._write(lambda connection: bucket_inputs.sweep(connection, objects, remove))

    def references(self, digests: Sequence[bytes]) -> list[Reference]:
        """The rows that refer to images by the SHA-256 of their files; of a primary alone."""
        with translated(), catalog_only(self._connection, **ALL_ROWS):
            bucket_inputs.require_all_rows(self._connection)
            return bucket_inputs.references(self._connection, digests)

    def sweep_unreferred(
        self, digests: Sequence[bytes], remove: Callable[[Sequence[Reference]], None]
    ) -> None:
        """Take images away, by the SHA-256 of their files, to which no row refers."""
        with translated(), catalog_only(self._connection, **ALL_ROWS):
            bucket_inputs.sweep_unreferred(self._connection, digests, remove)

    def delete_labels(self, digests: Sequence[bytes]) -> Deleted:
        """Delete what was said of images that are not stored any more."""
        return self._write(lambda connection: deleting.delete_labels(connection, digests))

    def delete_failures(self, ids: Sequence[int]) -> Deleted:
        """Delete the names of files that gave no prediction."""
        return self._write(lambda connection: deleting.delete_failures(connection, ids))

    def _read(self, find: Callable[[Connection], Result]) -> Result:
        with translated(), catalog_only(self._connection):
            return find(self._connection)

    def _write(self, delete: Callable[[Connection], Result]) -> Result:
        # With the search path of the session, as triggers of the tables' owner may need it.
        with translated(), writing(self._connection, **BY_INDEX):
            return delete(self._connection)
