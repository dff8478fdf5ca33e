"""Runs a compiled model's steps in bursts on worker threads, one task's turn after the other."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from aseq import linalg
from aseq.compute import BIG_STEPS, SMALL_STEPS, Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aseq.compute import Lane, Team
    from aseq.training._batch import Batch
    from aseq.training._feeds import Feed

__all__ = ["SLICE", "Engine"]

T = TypeVar("T")

SLICE = 0.02
"""Seconds of a burst: long enough that its thread hop is lost in it, short enough to share a lane."""

SMALL = 0.0005
"""Seconds a step below which models take turns in one thread (see compute.SMALL_STEPS)."""

INLINE = 0.0002
"""Seconds of a single step below which it runs on the event loop itself, after a turn of the loop:
the hop to a thread and back would keep the loop busy for longer than the step does."""


BREATH = 0.001
"""Seconds between moments of sleep in a burst of small steps while another thread parses. Such steps hardly ever
give up the interpreter's lock, and whoever waits for it, the event loop or the parser, does so for 5 ms each time."""


class Engine:
    """What the tasks that use one model share.

    Attributes:
        turns: Who may compute with the model.
        fitting: Whether a fit is running.
        stop: Set to end the running fit after its current step.
    """

    def __init__(self) -> None:
        self.turns = Turns()
        self.fitting = False
        self.stop = False
        self._pace = 0.0
        self._computing = threading.RLock()  # held by a worker thread while it computes with the model
        self._single: dict[tuple[Any, ...], float] = {}  # seconds of one step by kind and shape

    async def burst(
        self,
        feed: Feed,
        do: Callable[[Batch], object],
        limit: int,
        seconds: float,
        team: Team,
        *,
        heed_stop: bool = False,
    ) -> int:
        """Run `do` on ready batches until one of: none is ready, `limit` is reached, the slice is
        over, another task wants the model, the caller is cancelled, `stop` is set (if heeded).

        Args:
            feed: Its ready batches are taken.
            do: One step.
            limit: Batches at most.
            seconds: The time slice.
            team: Shares big products.
            heed_stop: Whether `stop` ends the burst; validation goes on to its end.

        Returns:
            The number of batches done.
        """
        burst = _Burst(self, feed, do, limit, seconds, team, heed_stop)
        async with self.turns:
            try:
                return await self._lane().run(burst.run, interrupt=burst.interrupt)
            finally:
                self._pace = burst.pace or self._pace

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run one piece of work with the model in a worker thread, in its turn."""

        def work() -> T:
            with self._computing:
                return function(*args)

        async with self.turns:
            return await self._lane().run(work)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold the model between two steps, from plain code on the event loop.

        A running burst ends after its step; until then this blocks, so it is for what takes no time,
        such as copying weights.
        """
        self.turns.wanted += 1
        try:
            with self._computing:
                yield
        finally:
            self.turns.wanted -= 1

    async def single(self, kind: str, shape: tuple[int, ...] | None, work: Callable[[], T]) -> T:
        """Run one step on one batch, in the model's turn: on the event loop where it is known to be tiny.

        Args:
            kind: Of step, such as "train".
            shape: Of the batch, if known; steps of one kind and shape take one time.
            work: The step.
        """

        def timed() -> T:
            begun = time.perf_counter()
            result = work()
            if len(self._single) > 64:  # batches of ever new shapes
                self._single.clear()
            self._single[kind, shape] = time.perf_counter() - begun
            return result

        if shape is not None and self._single.get((kind, shape), INLINE) < INLINE:
            await asyncio.sleep(0)
            async with self.turns:
                return timed()
        return await self.call(timed)

    def _lane(self) -> Lane:
        return SMALL_STEPS if self._pace < SMALL else BIG_STEPS


class _Burst:
    """One stay in a worker thread."""

    def __init__(
        self,
        engine: Engine,
        feed: Feed,
        do: Callable[[Batch], object],
        limit: int,
        seconds: float,
        team: Team,
        heed_stop: bool,
    ) -> None:
        self.engine = engine
        self.feed = feed
        self.do = do
        self.limit = limit
        self.seconds = seconds
        self.team = team
        self.heed_stop = heed_stop
        self.interrupted = False
        self.pace = 0.0

    def interrupt(self) -> None:
        """End after the running step."""
        self.interrupted = True

    def run(self) -> int:
        """Steps until there is a reason to leave. Runs in the thread's own copy of the context."""
        linalg.team.set(self.team)
        with self.engine._computing:
            return self._steps()

    def _steps(self) -> int:
        take, do, engine = self.feed.take, self.do, self.engine
        clock, begun, done = time.perf_counter, time.perf_counter(), 0
        end = math.inf if self.seconds == math.inf else begun + self.seconds
        breath = begun + BREATH if engine._lane() is SMALL_STEPS else math.inf
        while done < self.limit:
            batch = take()
            if batch is None:
                break
            do(batch)
            done += 1
            now = clock()
            if self.interrupted or engine.turns.wanted or now >= end or (engine.stop and self.heed_stop):
                break
            if now >= breath and self.team.beside_parsing():
                time.sleep(1e-6)  # some 60 microseconds: the system's shortest
                breath = clock() + BREATH
        if done:
            self.pace = (clock() - begun) / done
        return done
