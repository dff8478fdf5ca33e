"""Lanes, turns, teams and the BLAS limit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from aseq import linalg
from aseq.compute import CORES, Lane, Turns, session
from aseq.compute._slices import long_slices, scheduler


def blas_threads() -> list[int]:
    return [lib.num_threads for lib in ThreadpoolController().select(user_api="blas").lib_controllers]


async def test_lane_runs_in_a_thread_and_returns() -> None:
    here = threading.get_ident()
    there = await Lane("test", 1).run(threading.get_ident)
    assert there != here


async def test_lane_raises_what_the_function_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        await Lane("test", 1).run(lambda: 1 / 0)


async def test_lane_limits_how_many_run() -> None:
    lane, running, most = Lane("test", 2), 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    await asyncio.gather(*(lane.run(work) for _ in range(8)))
    assert most == 2


async def test_cancel_waits_for_a_running_function_and_interrupts_it() -> None:
    begun, told, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        told.wait(5)
        ended.set()

    task = asyncio.create_task(Lane("test", 1).run(work, interrupt=told.set))
    while not begun.is_set():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_cancel_leaves_a_function_that_may_be_left() -> None:
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(5)
        ended.set()

    lane = Lane("test", 1)
    task = asyncio.create_task(lane.run(work, interrupt=lambda: True))
    while not begun.is_set():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ended.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    go.set()
    assert await lane.run(ended.wait, 5)


async def test_cancel_again_still_waits() -> None:
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(5)
        ended.set()

    task = asyncio.create_task(Lane("test", 1).run(work))
    while not begun.is_set():
        await asyncio.sleep(0)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_cancel_before_the_turn_calls_nothing() -> None:
    lane, go, called = Lane("test", 1), threading.Event(), []
    first = asyncio.create_task(lane.run(go.wait, 5))
    second = asyncio.create_task(lane.run(called.append, 1))
    await asyncio.sleep(0.01)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    go.set()
    await first
    assert called == []


async def test_turns_are_first_come_first_served() -> None:
    turns, order = Turns(), []

    async def take(name: str, times: int) -> None:
        for _ in range(times):
            async with turns:
                order.append(name)
                await asyncio.sleep(0)

    await asyncio.gather(take("a", 3), take("b", 3))
    assert order == ["a", "b"] * 3
    assert turns.wanted == 0


async def test_a_cancelled_wait_for_a_turn_leaves_no_trace() -> None:
    turns = Turns()
    async with turns:
        waiting = asyncio.create_task(turns.__aenter__())
        await asyncio.sleep(0)
        assert turns.wanted == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert turns.wanted == 0
    async with turns:
        pass


def test_turns_serve_one_event_loop_after_the_other() -> None:
    turns = Turns()

    async def main() -> None:
        async with turns:
            await asyncio.sleep(0)

    asyncio.run(main())
    asyncio.run(main())


linux = pytest.mark.skipif(scheduler() is None, reason="only Linux has time slices to choose")


@linux
async def test_lanes_that_compute_let_threads_that_wake_come_first() -> None:
    kernel = scheduler()
    assert kernel is not None
    before = kernel.read()
    if before is None or not before.runtime:
        pytest.skip("slices can be chosen from Linux 6.12 on")
    computing, waiting = Lane("computing", 1, computes=True), Lane("waiting", 1)
    slices = [await lane.run(kernel.read) for lane in (computing, waiting, computing)]
    assert [found.runtime > before.runtime for found in slices if found] == [True, False, True]
    assert kernel.read() == before


@linux
@pytest.mark.parametrize("policy", ["SCHED_OTHER", "SCHED_IDLE"])
def test_a_thread_is_scheduled_afterwards_as_before(policy: str) -> None:
    seen: list[object] = []

    def work() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
        os.sched_setscheduler(0, getattr(os, policy), os.sched_param(0))
        kernel = scheduler()
        assert kernel is not None
        seen.append(kernel.read())
        with contextlib.suppress(ZeroDivisionError), long_slices():
            seen.append(kernel.read())
            raise ZeroDivisionError
        seen.append(kernel.read())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    before, meanwhile, after = seen
    assert before == after
    if policy != "SCHED_OTHER":
        assert before == meanwhile  # a policy that somebody chose is left alone


def test_session_holds_blas_at_one_thread_and_gives_it_back() -> None:
    before = blas_threads()
    with session():
        assert set(blas_threads()) == {1}
        with session():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_sessions_in_several_threads_hold_blas_and_give_it_back() -> None:
    before, seen = blas_threads(), []

    def hold() -> None:
        with session():
            seen.append(blas_threads())

    hold()
    for _ in range(2):
        thread = threading.Thread(target=hold)
        thread.start()
        thread.join()
        seen.append(blas_threads())
    ones = [1] * len(before)
    assert seen == [ones, ones, before, ones, before]


@pytest.mark.parametrize("shape", [(32, 784, 784), (784, 32, 784), (300, 200, 333), (2000, 64, 128)])
def test_big_products_have_the_same_bits_with_and_without_a_team(shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k)).astype("f"), rng.standard_normal((k, n)).astype("f")
    assert m * k * n >= linalg.SPLIT_FROM
    with session() as team:
        alone = linalg.dot(a, b)
        token = linalg.team.set(team)
        together = linalg.dot(a, b)
        linalg.team.reset(token)
        with session():  # a neighbour takes the second core
            token = linalg.team.set(team)
            crowded = linalg.dot(a, b, out=np.empty((m, n), "f"))
            linalg.team.reset(token)
    assert np.array_equal(alone, together)
    assert np.array_equal(alone, crowded)
    np.testing.assert_allclose(alone, a.astype("d") @ b.astype("d"), rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(CORES < 2, reason="a team needs two cores")
def test_team_helps_raises_and_ends() -> None:
    threads = set()

    def part(_: int) -> None:
        time.sleep(0.01)
        threads.add(threading.get_ident())

    with session() as team:
        team.run(part, [(1,), (2,)])
        assert len(threads) == 2
        with pytest.raises(ZeroDivisionError):
            team.run(lambda n: 1 / n, [(1,), (0,)])
        with pytest.raises(ZeroDivisionError):
            team.run(lambda n: 1 / n, [(0,), (0,)])  # both parts fail: one error, none kept for later
        team.run(part, [(1,), (2,)])
    assert not [t for t in threading.enumerate() if t.name == "aseq helper"]


@pytest.mark.skipif(CORES < 2, reason="a team needs two cores")
@pytest.mark.parametrize("fills_core", [True, False])
async def test_a_team_leaves_a_core_to_who_parses(fills_core: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aseq.compute._process.CORES", 2)
    begun, end, lane = asyncio.Event(), threading.Event(), Lane("test", 1, fills_core=fills_core)
    loop = asyncio.get_running_loop()

    def parse() -> None:
        loop.call_soon_threadsafe(begun.set)
        end.wait(30)

    def threads_of_two_parts() -> int:
        threads: set[int] = set()
        both = threading.Barrier(2, timeout=0.2)  # passed only where two threads stand before it

        def part(_: int) -> None:
            threads.add(threading.get_ident())
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait()

        team.run(part, [(1,), (2,)])
        return len(threads)

    with session() as team:
        parsing = asyncio.create_task(lane.run(parse))
        await begun.wait()
        meanwhile = await Lane("steps", 1).run(threads_of_two_parts)
        end.set()
        await parsing
        afterwards = await Lane("steps", 1).run(threads_of_two_parts)
    assert (meanwhile, afterwards) == (1 if fills_core else 2, 2)
