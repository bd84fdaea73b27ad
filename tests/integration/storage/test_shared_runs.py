"""Runs in parts on a real server: what is stored once, who has what, and what two do at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from mlpredict.domain import EngineName, Keep, NewPrediction, Rejected, Run, Source
from mlpredict.domain.parts import Plan, Worker
from mlpredict.errors import StoredElsewhere
from mlpredict.inputs.name_list import NameList
from mlpredict.storage.parts import LedgerEntry
from mlpredict.storage.repository import Repository, open_repository
from mlpredict.storage.shared_runs import SharedRuns
from tests.rows import model, new

HERE, THERE = Worker("here", "here:1:a"), Worker("there", "there:1:b")
Asking = psycopg.Connection[Any]


def begun(repository: Repository, *, images: int = 10, parts: int = 2, key: str = "k") -> Run:
    shared = SharedRuns(repository)
    names = NameList(Source(f"{number}.png") for number in range(images))
    plan = Plan(key, images, parts, names.sha256, {}, {"--keep": "original"})
    shared.begin(model(), plan, names.blocks, engine=EngineName.LITERT, keep=Keep.ORIGINAL)
    known = shared.planned(key)
    assert known is not None
    assert known.plan == plan
    return Run(known.run_id, known.model_id, known.model)


def entry(
    run: Run, part: int, *positions: int, worker: Worker = HERE, passed: tuple[int, ...] = ()
) -> LedgerEntry:
    return LedgerEntry(run.run_id, part, worker, frozenset(positions), frozenset(passed), 60)


def batch(*positions: int) -> list[NewPrediction]:
    return [new(position) for position in positions]


def rows(connection: Asking) -> tuple[int, int, list[tuple[int, int]]]:
    """Predictions, failures, and what the ledger has."""
    ledger = connection.execute("SELECT first, last FROM run_parts ORDER BY first").fetchall()
    counts = connection.execute("SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM failures)")
    return *counts.fetchall()[0], ledger


def test_a_batch_goes_with_its_entry(repository: Repository, connection: Asking) -> None:
    run = begun(repository)
    shared = SharedRuns(repository)
    lost = Rejected(2, Source("2.png"), "damaged")
    stored = shared.add(run, batch(0, 1, 4), [lost], entry(run, 0, 0, 1, 2, 3, 4, passed=(3,)), again=False)
    assert [record.prediction_id for record in stored] == [1, 2, 3]
    assert rows(connection) == (3, 1, [(0, 4)])
    assert connection.execute("SELECT skipped, host FROM run_parts").fetchall() == [(1, "here")]
    assert shared.parts_left(run.run_id) == 1
    assert connection.execute("SELECT ended FROM runs").fetchone() == (None,)
    shared.add(run, batch(9, 5, 6, 8), [], entry(run, 1, 5, 6, 8, 9, worker=THERE), again=False)
    assert shared.stored_spans(run.run_id, 1) == [(5, 6), (8, 9)]
    shared.add(run, batch(7), [], entry(run, 1, 7), again=False)
    assert connection.execute("SELECT ended, finished_at IS NOT NULL FROM runs").fetchone() == (
        "finished",
        True,
    )


def test_what_another_has_stored_is_told_and_nothing_is_stored(
    repository: Repository, connection: Asking
) -> None:
    run = begun(repository)
    shared = SharedRuns(repository)
    shared.add(run, batch(1, 2), [], entry(run, 0, 1, 2, worker=THERE), again=False)
    for again in (False, True):
        with pytest.raises(StoredElsewhere) as told:
            shared.add(run, batch(0, 1, 2, 3), [], entry(run, 0, 0, 1, 2, 3), again=again)
        assert told.value.positions == {1, 2}
    # Not as a failure either, although failures are in a table of their own.
    with pytest.raises(StoredElsewhere):
        shared.add(run, [], [Rejected(1, Source("1.png"), "damaged")], entry(run, 0, 1), again=False)
    assert rows(connection) == (2, 0, [(1, 2)])


def test_an_answer_that_was_lost_is_given_again(repository: Repository, connection: Asking) -> None:
    run = begun(repository)
    shared = SharedRuns(repository)
    first = shared.add(run, batch(0, 1), [], entry(run, 0, 0, 1), again=False)
    assert shared.add(run, batch(0, 1), [], entry(run, 0, 0, 1), again=True) == first
    lost = [Rejected(2, Source("2.png"), "damaged")]
    for again in (False, True):
        assert shared.add(run, [], lost, entry(run, 0, 2), again=again) == []
        assert shared.add(run, [], [], entry(run, 0, 3, passed=(3,)), again=again) == []
    assert rows(connection) == (2, 1, [(0, 1), (2, 2), (3, 3)])


def test_a_commit_that_arrives_late_is_this_process_s_own(
    dsn: str, repository: Repository, connection: Asking
) -> None:
    run = begun(repository)
    with open_repository(dsn) as other, ThreadPoolExecutor(1) as pool:
        with repository.connection.transaction():
            first = SharedRuns(repository).add(run, batch(0, 1), [], entry(run, 0, 0, 1), again=False)
            late = pool.submit(SharedRuns(other).add, run, batch(0, 1), [], entry(run, 0, 0, 1), again=True)
            while not connection.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                assert not late.done()
        assert late.result(60) == first


def test_killed_before_its_commit_it_leaves_nothing(
    dsn: str, repository: Repository, connection: Asking
) -> None:
    run = begun(repository)
    with open_repository(dsn) as other:
        killed = repository.connection
        killed.execute("BEGIN")
        SharedRuns(repository).add(run, batch(0, 1), [], entry(run, 0, 0, 1), again=False)
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (killed.info.backend_pid,))
        assert rows(connection) == (0, 0, [])
        shared = SharedRuns(other)
        shared.add(run, batch(0, 1), [], entry(run, 0, 0, 1, worker=THERE), again=False)
    assert rows(connection) == (2, 0, [(0, 1)])


def test_parts_are_taken_one_by_one(repository: Repository, connection: Asking) -> None:
    run = begun(repository, images=6, parts=3)
    shared = SharedRuns(repository)

    def take(worker: Worker, *taken: int, gone: tuple[str, ...] = ()) -> int | None:
        claim = shared.take_free(run.run_id, worker, 60, taken=taken, gone=gone)
        return None if claim is None else claim.part

    assert [take(HERE), take(THERE), take(HERE, 0)] == [0, 1, 2]
    assert take(THERE, 1) is None
    assert shared.waiting(run.run_id, HERE)[:2] == (1, ("there",))
    # What was taken without anybody hearing of it is this process's.
    assert take(HERE, 0) == 2
    assert shared.held_on(run.run_id, "here") == [HERE.attempt]
    assert take(THERE, 1, gone=(HERE.attempt,)) == 0
    shared.give_back(run.run_id, THERE)
    assert [take(HERE, 2), take(HERE, 2, 0), take(HERE, 2, 0, 1)] == [0, 1, None]
    shared.add(run, batch(0, 1), [], entry(run, 0, 0, 1), again=False)
    connection.execute("UPDATE run_claims SET held_until = now() - interval '1 second'")
    assert [take(THERE), take(THERE, 1)] == [1, 2]
    assert shared.take(run.run_id, 0, THERE, 60) is None
    claim = shared.take(run.run_id, 1, HERE, 60)
    assert claim is not None
    assert (claim.first, claim.last) == (2, 3)


def test_parts_without_images_are_done(repository: Repository) -> None:
    run = begun(repository, images=2, parts=5)
    shared = SharedRuns(repository)
    assert shared.parts_left(run.run_id) == 2
    assert shared.take(run.run_id, 0, HERE, 60) is None
    assert shared.take_free(run.run_id, HERE, 60, taken=(), gone=()) == (2, 0, 0)


def test_many_begin_at_once_and_one_is_first(dsn: str, connection: Asking) -> None:
    def begin(_number: int) -> Run:
        with open_repository(dsn) as repository:
            return begun(repository, images=3000)

    with ThreadPoolExecutor(6) as pool:
        runs = set(pool.map(begin, range(6)))
    assert len(runs) == 1
    assert connection.execute("SELECT count(*), count(DISTINCT run_id) FROM run_names").fetchone() == (3, 1)
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_another_key_is_another_run_and_a_deleted_one_is_free(
    repository: Repository, connection: Asking
) -> None:
    first, second = begun(repository), begun(repository, key="l")
    assert first.run_id != second.run_id
    connection.execute("DELETE FROM runs WHERE id = %s", (first.run_id,))
    assert SharedRuns(repository).planned("k") is None
    assert connection.execute("SELECT DISTINCT run_id FROM run_claims").fetchall() == [(second.run_id,)]
