"""Bursts: what ends them, and who may look at a model between two steps."""

from __future__ import annotations

import asyncio
import itertools
import math
import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import aseq
from aseq import layers
from aseq.compute import Lane, session
from aseq.training._batch import Batch
from aseq.training._engine import Engine


class Endless:
    """A feed that never runs out."""

    steps = None
    restarts = True

    async def begin(self, epoch: int) -> None: ...

    async def fill(self) -> bool:
        return True

    def take(self) -> Batch:
        return Batch([np.zeros((1, 1))], [], [], 1)

    async def aclose(self) -> None: ...


class Pair:
    """Two numbers that a step changes one after the other: equal between steps only."""

    def __init__(self) -> None:
        self.left = self.right = 0

    def step(self, _: Batch) -> None:
        self.left += 1
        time.sleep(0.002)
        self.right += 1


async def endless_burst(engine: Engine, pair: Pair, **options: Any) -> int:
    with session() as team:
        return await engine.burst(Endless(), pair.step, 10**9, math.inf, team, **options)


async def test_plain_code_sees_whole_steps_while_a_burst_runs() -> None:
    engine, pair, seen = Engine(), Pair(), []
    for _ in range(10):
        begun, burst = pair.left, asyncio.create_task(endless_burst(engine, pair))
        while pair.left == begun:
            await asyncio.sleep(0.001)
        with engine.paused():
            seen.append((pair.left, pair.right))
        await burst
    assert all(left == right > 0 for left, right in seen)
    assert engine.turns.wanted == 0


async def test_weights_may_be_read_inside_a_turn() -> None:
    model = aseq.Sequential([layers.Input((2,)), layers.Dense(1)], seed=0)
    weights = await model._engine.call(model.get_weights)
    assert np.array_equal(weights[0], model.get_weights()[0])


async def test_another_task_ends_a_burst() -> None:
    engine, pair = Engine(), Pair()
    burst = asyncio.create_task(endless_burst(engine, pair))
    while not pair.left:
        await asyncio.sleep(0.001)
    left, right = await engine.call(lambda: (pair.left, pair.right))
    assert left == right
    assert await burst == left


async def test_cancel_ends_a_burst_after_its_step() -> None:
    engine, pair = Engine(), Pair()
    burst = asyncio.create_task(endless_burst(engine, pair))
    while not pair.left:
        await asyncio.sleep(0.001)
    burst.cancel()
    with pytest.raises(asyncio.CancelledError):
        await burst
    assert pair.left == pair.right > 0


async def test_stop_ends_a_burst_that_heeds_it() -> None:
    engine, pair = Engine(), Pair()
    engine.stop = True
    assert await endless_burst(engine, pair, heed_stop=True) == 1


async def test_the_slice_ends_a_burst() -> None:
    engine, pair = Engine(), Pair()
    with session() as team:
        done = await engine.burst(Endless(), pair.step, 10**9, 0.02, team)
    assert 1 <= done <= 10


@pytest.mark.parametrize(
    ("pace", "parsing", "sleeps"), [(0.0001, True, 4), (0.0001, False, 0), (0.01, True, 0)], ids=str
)
async def test_small_steps_give_up_the_lock_while_data_is_parsed(
    pace: float, parsing: bool, sleeps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    ticks = (0.0006 * tick for tick in itertools.count())
    clock = SimpleNamespace(perf_counter=lambda: next(ticks), sleep=slept.append)
    monkeypatch.setattr("aseq.training._engine.time", clock)
    monkeypatch.setattr("aseq.compute._process.PROCESS.idle_since", -math.inf)
    engine = Engine()
    engine._pace = pace
    begun, end = threading.Event(), threading.Event()

    def parse() -> None:
        begun.set()
        end.wait(30)

    parser = asyncio.create_task(Lane("test", 1, fills_core=parsing).run(parse))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    with session() as team:
        await engine.burst(Endless(), lambda _: None, 9, math.inf, team)
    end.set()
    await parser
    assert len(slept) == sleeps


async def test_an_error_in_a_step_frees_the_model() -> None:
    engine = Engine()
    with pytest.raises(ZeroDivisionError), session() as team:
        await engine.burst(Endless(), lambda _: 1 / 0, 1, 1.0, team)
    with engine.paused():
        pass
    assert await engine.call(int) == 0


async def test_single_steps_that_are_tiny_run_on_the_loop() -> None:
    import threading

    engine, here, threads = Engine(), threading.get_ident(), []
    for _ in range(3):
        await engine.single("test", (1,), lambda: threads.append(threading.get_ident()))
    assert threads[0] != here  # the first is measured in a thread
    assert threads[2] == here
    await engine.single("test", None, lambda: threads.append(threading.get_ident()))
    assert threads[3] != here
