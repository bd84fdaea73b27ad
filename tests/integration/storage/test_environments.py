"""What a run was made with: a row for each distinct set of facts, whoever stores it at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg

from mlpredict.domain import EngineName, Keep, Run
from mlpredict.domain.environments import Environment
from mlpredict.storage.history import History
from mlpredict.storage.repository import Repository, open_repository
from tests.rows import model

HERE = Environment({"engine": "litert", "numpy": "2.1.0", "codecs": {"zlib": "1.3"}, "flags": ["avx2"]})
THERE = Environment({**HERE.facts, "numpy": "2.4.0"})


def start(repository: Repository, environment: Environment | None) -> Run:
    return repository.start_run(
        model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL, environment=environment
    )


def recorded(repository: Repository, run: Run) -> int | None:
    return History(repository.connection).run(run.run_id).record.environment_id


def test_runs_of_the_same_facts_share_a_row(repository: Repository) -> None:
    runs = [start(repository, environment) for environment in (HERE, HERE, THERE, HERE)]
    assert [recorded(repository, run) for run in runs] == [1, 1, 2, 1]


def test_the_facts_come_back_as_they_were(repository: Repository) -> None:
    detail = History(repository.connection).run(start(repository, HERE).run_id)
    assert detail.environment == HERE.facts


def test_where_nothing_is_known_nothing_is_recorded(repository: Repository) -> None:
    detail = History(repository.connection).run(start(repository, None).run_id)
    assert (detail.record.environment_id, detail.environment) == (None, None)


def test_runs_that_start_at_the_same_time_share_a_row(repository: Repository, dsn: str) -> None:
    def one(_number: int) -> int | None:
        with open_repository(dsn) as own:
            return recorded(own, start(own, THERE))

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(one, range(16)))
    assert len(found) == 1
    assert found != {None}


def test_a_run_waits_for_one_that_stores_the_same_facts(repository: Repository, dsn: str) -> None:
    insertion = "INSERT INTO environments (digest, facts) VALUES (%s, %s)"
    with ThreadPoolExecutor(1) as thread, psycopg.connect(dsn) as other:
        other.execute(insertion, (HERE.digest, HERE.text))
        started = thread.submit(start, repository, HERE)
        other.commit()
        assert recorded(repository, started.result(timeout=60)) == 1
