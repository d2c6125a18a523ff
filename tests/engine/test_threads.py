"""The number of threads: all on an idle machine, fewer where others want the cores, all again afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quoth.engine.worker.threads import PAUSES, Threads

Machine = Callable[[int], tuple[float, float]]  # seconds of a token with so many threads, and the share they get


class Clock:
    """Time that tokens take, and the processor's time that they get."""

    def __init__(self, most: int, *, fixed: bool = False) -> None:
        self.wall = self.had = 0.0
        self.threads = Threads(most, fixed=fixed, clock=lambda: self.wall, cpu=lambda: self.had)
        self.seen: list[int] = []

    def compute(self, machine: Machine, seconds: float, tokens: int = 1) -> None:
        end = self.wall + seconds
        while self.wall < end:
            number = self.threads.now
            self.seen.append(number)
            took, share = machine(number)
            began = self.threads.begin()
            self.wall += took * tokens
            self.had += took * tokens * number * share
            self.threads.done(tokens, began)


def idle(threads: int) -> tuple[float, float]:
    return 0.08 / threads, 1.0


def shared(threads: int) -> tuple[float, float]:
    """With more than two threads, each step waits for one that does not run."""
    return (0.08 / threads, 1.0) if threads <= 2 else (1.0, 0.5)


def slow(threads: int) -> tuple[float, float]:
    """The cores are slower than they look, with any number of threads."""
    return 0.16 / threads, 0.6


@pytest.mark.parametrize("most", [1, 2, 4, 16])
def test_an_idle_machine_writes_with_all_its_cores(most: int) -> None:
    clock = Clock(most)
    clock.compute(idle, 60)
    assert set(clock.seen) == {most}


def test_where_others_want_the_cores_fewer_threads_write_and_all_again_afterwards() -> None:
    clock = Clock(4)
    clock.compute(idle, 5)
    clock.compute(shared, 300)
    late = clock.seen[-2000:]
    assert late.count(2) > 0.95 * len(late)
    clock.compute(idle, PAUSES[1] + 5)
    assert clock.threads.now == 4


@pytest.mark.parametrize(("cores", "begins"), [(0.0, 4), (0.6, 4), (0.9, 3), (1.6, 2), (3.9, 1), (40.0, 1)])
def test_it_begins_with_the_cores_that_others_leave(cores: float, begins: int) -> None:
    clock = Clock(4)
    clock.threads.leave(cores)
    assert clock.threads.now == begins
    clock.compute(idle, 60)  # the others are gone
    assert clock.threads.now == 4
    assert clock.seen.count(4) > 0.9 * len(clock.seen)


def test_a_fixed_number_stays() -> None:
    clock = Clock(4, fixed=True)
    clock.threads.leave(3.0)
    clock.compute(shared, 100)
    assert set(clock.seen) == {4}


def test_what_reading_finds_holds_for_writing() -> None:
    clock = Clock(4)
    clock.compute(shared, 200, tokens=64)
    assert clock.threads.now == 2
    clock.seen.clear()
    clock.compute(shared, 4)
    assert set(clock.seen) == {2}


def test_a_try_is_not_judged_by_tokens_of_another_kind() -> None:
    clock = Clock(4)
    clock.compute(lambda threads: (0.01, 1.0 if threads <= 2 else 0.5), 1, tokens=64)  # a slice that looks shared
    assert clock.threads.now == 2
    clock.compute(idle, 2)  # a single token takes longer than one of a slice
    assert clock.threads.now == 4


def test_after_the_others_all_threads_come_back_also_on_cores_that_are_slower_than_they_look() -> None:
    clock = Clock(4)
    clock.compute(shared, 60)
    assert clock.threads.now < 4
    clock.seen.clear()
    clock.compute(slow, 600)
    assert clock.seen[len(clock.seen) // 2 :].count(4) > 0.8 * len(clock.seen) / 2


def test_short_answers_bring_all_threads_back_too() -> None:
    clock = Clock(4)
    clock.compute(shared, 30)
    clock.seen.clear()
    for _ in range(400):  # a slice and some tokens, neither of them a window
        clock.compute(lambda threads: (0.001 / threads, 1.0), 0.01, tokens=64)
        clock.compute(idle, 0.1)
    assert clock.threads.now == 4
    assert clock.seen[-1000:].count(4) > 900


def test_tries_come_more_and_more_seldom() -> None:
    clock = Clock(4)
    clock.compute(shared, 600)
    tried = sum(a != 4 == b for a, b in zip(clock.seen, clock.seen[1:], strict=False))
    assert 3 <= tried <= 15


def test_fewer_threads_stay_only_where_they_are_faster() -> None:
    clock = Clock(4)
    clock.compute(slow, 300)
    assert clock.threads.now == 4
    assert clock.seen.count(4) > 0.9 * len(clock.seen)


def test_the_first_token_may_wait_for_the_disk() -> None:
    clock = Clock(4)
    clock.compute(lambda threads: (3.0, 0.1), 1)
    clock.compute(idle, 10)
    assert set(clock.seen) == {4}
