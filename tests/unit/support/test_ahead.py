"""Iterators that work in threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import pytest

from mlpredict.support.ahead import Prefetched, mapped_ahead

PATIENCE_SECONDS = 60


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


def made_ahead(
    items: Iterable[int], most: int = 5, room: int = 1000, size: Callable[[int], int] = lambda _item: 1
) -> Prefetched[int]:
    return Prefetched(iter(items), most, room, size)


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_items_keep_their_order(most: int, count: int) -> None:
    with made_ahead(range(count), most) as items:
        assert list(items) == list(range(count))


def test_items_are_made_in_another_thread_before_they_are_asked_for() -> None:
    numbers = Counted(1)
    with made_ahead(numbers):
        numbers.wait_until_made(1)
        assert numbers.thread not in (None, threading.current_thread())


def test_nothing_is_made_outside_the_block() -> None:
    numbers = Counted()
    made_ahead(numbers)
    assert numbers.made == 0


@pytest.mark.parametrize("most", [1, 2, 5])
def test_only_so_many_items_are_made_ahead(most: int) -> None:
    numbers = Counted()
    with made_ahead(numbers, most) as items:
        for taken, _ in enumerate(items, 1):
            numbers.wait_until_made(taken + most)
            assert numbers.made <= taken + most
            if taken == 200:
                break


def test_large_items_are_not_made_far_ahead() -> None:
    numbers = Counted()
    with made_ahead(numbers, most=100, room=30, size=lambda _item: 10) as items:
        for taken, _ in enumerate(items, 1):
            numbers.wait_until_made(taken + 3)
            assert numbers.made <= taken + 3
            if taken == 200:
                break


def test_an_item_larger_than_the_room_is_made_all_the_same() -> None:
    with made_ahead(range(3), room=1, size=lambda _item: 10) as items:
        assert list(items) == [0, 1, 2]


def test_an_exception_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the disk is gone")

    with made_ahead(failing()) as items:
        numbers = iter(items)
        assert [next(numbers), next(numbers)] == [1, 2]
        with pytest.raises(OSError, match="the disk is gone"):
            next(numbers)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_whatever_ends_the_thread_is_raised_here(kind: type[BaseException]) -> None:
    def ending() -> Iterator[int]:
        yield from ()
        raise kind

    with made_ahead(ending()) as items, pytest.raises(kind):
        list(items)


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_the_end_of_the_block_ends_the_thread_and_the_iterator(taken: int) -> None:
    numbers = Counted()
    with made_ahead(numbers, 1) as items:
        numbers.wait_until_made(1)
        assert list(islice(items, taken)) == list(range(taken))
    assert numbers.thread is not None
    assert not numbers.thread.is_alive()
    assert numbers.closed.is_set()


def test_a_thread_that_came_to_its_end_is_gone() -> None:
    numbers = Counted(3)
    with made_ahead(numbers) as items:
        list(items)
    assert numbers.thread is not None
    assert not numbers.thread.is_alive()


@pytest.mark.parametrize("helpers", [1, 3])
def test_mapped_items_keep_their_order(helpers: int) -> None:
    results = mapped_ahead(lambda n: n * n, iter(range(20)), helpers)
    assert list(results) == [(n, n * n) for n in range(20)]


def test_items_are_worked_on_beside_one_another() -> None:
    together = threading.Barrier(2, timeout=60)
    results = mapped_ahead(lambda _item: together.wait(), iter(range(2)), 2)
    assert {index for _, index in results} == {0, 1}


def test_no_more_threads_work_than_were_asked_for() -> None:
    names = {
        name for _, name in mapped_ahead(lambda _item: threading.current_thread().name, iter(range(50)), 1)
    }
    assert len(names) == 1


def test_only_so_many_items_are_taken() -> None:
    numbers = Counted()
    results = mapped_ahead(lambda n: n, iter(numbers), 2)
    for taken in range(1, 100):
        assert next(results) == (taken - 1, taken - 1)
        numbers.wait_until_made(taken + 2)
        assert numbers.made <= taken + 2
    results.close()  # type: ignore[attr-defined]


def test_a_result_is_given_without_waiting_for_another_item() -> None:
    more = threading.Event()

    def slow() -> Iterator[int]:
        yield 1
        assert more.wait(PATIENCE_SECONDS)
        yield 2

    results = mapped_ahead(lambda n: n, slow(), 2)
    assert next(results) == (1, 1)
    assert not more.is_set()
    more.set()
    assert list(results) == [(2, 2)]


def test_what_the_function_raises_is_raised_in_its_place() -> None:
    results = mapped_ahead(lambda n: 1 // n, iter([1, 0]), 3)
    assert next(results) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_closed_map_leaves_no_thread() -> None:
    results = mapped_ahead(lambda n: n, iter(range(20)), 2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
