"""Runs that several processes do in parts, on one connection; each method is a transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from mlpredict.errors import StoredElsewhere
from mlpredict.storage import parts, run_plans
from mlpredict.storage.connection import translated
from mlpredict.storage.names import catalog_only
from mlpredict.storage.parts import LedgerEntry
from mlpredict.storage.transactions import writing

if TYPE_CHECKING:
    from mlpredict.domain import (
        EngineName,
        ModelIdentity,
        NewPrediction,
        PredictionRecord,
        Rejected,
        Run,
    )
    from mlpredict.domain.environments import Environment
    from mlpredict.domain.parts import Claim, NameBlock, Plan, PlannedRun, Waiting, Worker
    from mlpredict.domain.predictions import Kept
    from mlpredict.storage.repository import Repository


class _Taken(Exception):
    """Another process has made the run of this key meanwhile."""


class SharedRuns:
    """What processes that do one run tell one another through the database.

    Every method raises DatabaseError when the database fails.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._connection = repository.connection

    def planned(self, key: str) -> PlannedRun | None:
        """The run of a key; None where there is none yet."""
        with translated(), catalog_only(self._connection):
            return run_plans.planned(self._connection, key)

    def begin(
        self,
        model: ModelIdentity,
        plan: Plan,
        blocks: Sequence[NameBlock],
        *,
        engine: EngineName,
        keep: Kept,
        environment: Environment | None = None,
    ) -> None:
        """Record a run with its plan, unless another process has recorded one of this key first."""
        # Beforehand, as the partition that it goes into may have to be made, in a transaction of its own.
        run_id = self._repository.reserve_run()
        try:
            with translated(), writing(self._connection):
                run = self._repository.start_run(
                    model, engine=engine, keep=keep, run_id=run_id, environment=environment
                )
                with catalog_only(self._connection):
                    if not run_plans.add_plan(self._connection, run.run_id, plan, blocks):
                        raise _Taken
        except _Taken:
            return

    def environment_id(self, environment: Environment) -> int:
        """The id of what predictions are made with here, new or not."""
        with translated(), writing(self._connection), catalog_only(self._connection):
            return run_plans.add_environment(self._connection, environment)

    def block_hashes(self, run_id: int) -> dict[int, bytes]:
        """The SHA-256 of each block of names, by its first position."""
        with translated(), catalog_only(self._connection):
            return run_plans.block_hashes(self._connection, run_id)

    def block(self, run_id: int, first: int) -> NameBlock | None:
        """A block of names; None where the run has none so far out."""
        with translated(), catalog_only(self._connection):
            return run_plans.block(self._connection, run_id, first)

    def take(self, run_id: int, part: int, worker: Worker, seconds: float) -> Claim | None:
        """Take a part, whoever has it; None where all of it is stored."""
        with translated(), writing(self._connection), catalog_only(self._connection):
            return parts.take(self._connection, run_id, part, worker, seconds)

    def take_free(
        self,
        run_id: int,
        worker: Worker,
        seconds: float,
        *,
        taken: Iterable[int],
        gone: Iterable[str],
    ) -> Claim | None:
        """Take the next part that nobody is at, or whose processes are `gone`; None where there is none."""
        with translated(), writing(self._connection), catalog_only(self._connection):
            return parts.take_free(self._connection, run_id, worker, seconds, taken=taken, gone=gone)

    def give_back(self, run_id: int, worker: Worker) -> None:
        """Leave the parts that a process is at to others."""
        with translated(), writing(self._connection), catalog_only(self._connection):
            parts.give_back(self._connection, run_id, worker)

    def held_on(self, run_id: int, host: str) -> list[str]:
        """The processes of a host that are at parts, or were when they ended."""
        with translated(), catalog_only(self._connection):
            return parts.held_on(self._connection, run_id, host)

    def waiting(self, run_id: int, worker: Worker) -> Waiting:
        """What is left of a run for others than a process."""
        with translated(), catalog_only(self._connection):
            return parts.waiting(self._connection, run_id, worker)

    def parts_left(self, run_id: int) -> int:
        """How many parts are not done yet."""
        with translated(), catalog_only(self._connection):
            return parts.parts_left(self._connection, run_id)

    def stored_spans(self, run_id: int, part: int) -> list[tuple[int, int]]:
        """The first and last positions of what is stored of a part, in order."""
        with translated(), catalog_only(self._connection):
            return parts.stored_spans(self._connection, run_id, part)

    def stored_among(self, run_id: int, part: int, positions: Collection[int]) -> frozenset[int]:
        """Which positions of a part are stored."""
        with translated(), catalog_only(self._connection):
            return parts.stored_among(self._connection, run_id, part, positions)

    def add(
        self,
        run: Run,
        predictions: Sequence[NewPrediction],
        failures: Sequence[Rejected],
        entry: LedgerEntry,
        *,
        again: bool,
    ) -> list[PredictionRecord]:
        """Store a batch of a part with its entry in the ledger: all of it, or nothing.

        Told that it is done `again`, as the answer was lost, it is not done twice.

        Raises:
            StoredElsewhere: some of its positions are stored already; nothing is stored.
        """
        made = self._made(run, predictions, failures, entry) if again else None
        if made is not None:
            return made
        try:
            return self._repository.add(run, predictions, failures, ledger=entry)
        except StoredElsewhere:
            # The connection may have been taken for lost while the server was still at it.
            made = self._made(run, predictions, failures, entry) if again else None
            if made is None:
                raise
            return made

    def _made(
        self,
        run: Run,
        predictions: Sequence[NewPrediction],
        failures: Sequence[Rejected],
        entry: LedgerEntry,
    ) -> list[PredictionRecord] | None:
        """What this very process has stored of a batch before; None where it has not."""
        with translated(), catalog_only(self._connection):
            if not parts.is_made_by(self._connection, entry):
                return None
            return self._repository.stored(run, predictions, failures) or []
