"""An iterator that works in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from mlpredict.ahead import made_ahead, mapped_ahead

PATIENCE_SECONDS = 10


class Counted:
    """Numbers from 0, that tell how many were made and when the thread is done with them."""

    def __init__(self, end: int | None = None) -> None:
        self.end = end
        self.made = 0
        self.another = threading.Condition()
        self.closed = threading.Event()
        self.thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[int]:
        self.thread = threading.current_thread()
        try:
            while self.end is None or self.made < self.end:
                with self.another:
                    self.made += 1
                    self.another.notify_all()
                yield self.made - 1
        finally:
            self.closed.set()

    def wait_until_made(self, count: int) -> None:
        with self.another:
            assert self.another.wait_for(lambda: self.made >= count, PATIENCE_SECONDS)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_items_keep_their_order(depth: int, count: int) -> None:
    assert list(made_ahead(iter(range(count)), depth)) == list(range(count))


def test_items_are_made_in_another_thread() -> None:
    numbers = Counted(1)
    list(made_ahead(iter(numbers), 1))
    assert numbers.thread not in (None, threading.current_thread())


def test_nothing_is_made_before_the_first_item_is_asked_for() -> None:
    numbers = Counted()
    made_ahead(iter(numbers), 1)
    assert numbers.made == 0


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_only_so_many_items_are_made_ahead(depth: int) -> None:
    numbers = Counted()
    items = made_ahead(iter(numbers), depth)
    for taken in range(1, 200):
        next(items)
        # `depth` items wait, and one more is in the thread's hands.
        numbers.wait_until_made(taken + depth)
        assert numbers.made <= taken + depth + 1
    items.close()  # type: ignore[attr-defined]


def test_an_exception_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the disk is gone")

    items = made_ahead(failing(), 5)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_whatever_ends_the_thread_is_raised_here(kind: type[BaseException]) -> None:
    def ending() -> Iterator[int]:
        yield from ()
        raise kind

    with pytest.raises(kind):
        next(made_ahead(ending(), 1))


@pytest.mark.parametrize("taken", [1, 3])
def test_an_abandoned_generator_ends_its_thread(taken: int) -> None:
    numbers = Counted()
    items = made_ahead(iter(numbers), 1)
    for _ in range(taken):
        next(items)
    items.close()  # type: ignore[attr-defined]
    assert numbers.thread is not None
    numbers.thread.join(PATIENCE_SECONDS)
    assert not numbers.thread.is_alive()
    assert numbers.closed.is_set()


def test_a_thread_that_came_to_its_end_is_gone() -> None:
    numbers = Counted(3)
    list(made_ahead(iter(numbers), 1))
    assert numbers.thread is not None
    numbers.thread.join(PATIENCE_SECONDS)
    assert not numbers.thread.is_alive()


@pytest.mark.parametrize("helpers", [0, 1, 3])
def test_mapped_items_keep_their_order(helpers: int) -> None:
    results = mapped_ahead(lambda n: n * n, iter(range(20)), lambda: helpers)
    assert list(results) == [(n, n * n) for n in range(20)]


def test_items_are_worked_on_beside_one_another() -> None:
    together = threading.Barrier(2, timeout=10)
    results = mapped_ahead(lambda _item: together.wait(), iter(range(2)), lambda: 1)
    assert {index for _, index in results} == {0, 1}


def test_only_so_many_items_are_taken() -> None:
    items = iter(range(20))
    results = mapped_ahead(lambda n: n, items, lambda: 2)
    assert next(results) == (0, 0)
    assert next(items) == 3


def test_what_the_function_raises_is_raised_in_its_place() -> None:
    results = mapped_ahead(lambda n: 1 // n, iter([1, 0]), lambda: 3)
    assert next(results) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_closed_map_leaves_no_thread() -> None:
    results = mapped_ahead(lambda n: n, iter(range(20)), lambda: 2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
