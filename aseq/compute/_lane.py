"""The way into worker threads."""

from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from aseq.compute._process import CORES, PROCESS
from aseq.compute._slices import long_slices

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BIG_STEPS", "SMALL_STEPS", "Lane"]

T = TypeVar("T")


class Lane:
    """A limit on how many calls run in worker threads at once, one limit per event loop.

    aseq has lanes of its own, so that training never takes the threads that a web framework
    serves its requests with, and parsing never waits for training.

    Args:
        name: Shown in reprs.
        capacity: Calls that may run at once in one event loop.
        computes: Whether its calls compute, so that a thread that wakes for a moment should come first.
        fills_core: Whether a core is taken while one runs, so that models leave it alone.

    Examples:
        >>> import asyncio
        >>> lane = Lane("example", 1)
        >>> asyncio.run(lane.run(sum, [1, 2, 3]))
        6
    """

    def __init__(self, name: str, capacity: int, *, computes: bool = False, fills_core: bool = False) -> None:
        self.name = name
        self.capacity = capacity
        self.computes = computes
        self.fills_core = fills_core
        self._limiter: RunVar[CapacityLimiter] = RunVar(f"aseq lane {name}")

    def __repr__(self) -> str:
        return f"Lane({self.name!r}, {self.capacity})"

    async def run(
        self, function: Callable[..., T], *args: Any, interrupt: Callable[[], bool | None] | None = None
    ) -> T:
        """Call `function(*args)` in a worker thread.

        A cancelled caller waits until a function that has begun returns, and only then sees its
        CancelledError: what the function changes is never left half done. A function that has not
        begun is not called at all.

        Args:
            function: A synchronous callable.
            *args: Its arguments.
            interrupt: Called when the caller is cancelled, to tell the function to return soon. If it returns
                True the caller does not wait: nobody sees what the function does from then on.

        Returns:
            What the function returns. What it raises is raised here.
        """
        claim = threading.Lock()  # taken once: by the thread that begins, or by the cancel that forestalls it

        def begin() -> T:
            if not claim.acquire(blocking=False):
                raise asyncio.CancelledError
            slices = long_slices() if self.computes else nullcontext()
            with slices, PROCESS.busy_core() if self.fills_core else nullcontext():
                return function(*args)

        call = asyncio.ensure_future(
            to_thread.run_sync(begin, limiter=self._here(), abandon_on_cancel=True)  # as far as we cancel it
        )
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            if claim.acquire(blocking=False) or (interrupt is not None and interrupt()):
                call.cancel()
            await _settled(call)
            raise

    def _here(self) -> CapacityLimiter:
        try:
            return self._limiter.get()
        except LookupError:
            limiter = CapacityLimiter(self.capacity)
            self._limiter.set(limiter)
            return limiter


async def _settled(call: asyncio.Future[T]) -> None:
    """Wait until `call` is done, whatever its outcome and however often the caller is cancelled."""
    while not call.done():
        try:
            await asyncio.wait([call])
        except asyncio.CancelledError:
            continue
    if not call.cancelled():
        call.exception()  # read, so that asyncio does not report it as lost


SMALL_STEPS = Lane("small steps", 1, computes=True)
"""Models whose steps take well under a millisecond spend them in the interpreter: two threads of
them would only pass the GIL to and fro (measured: half the speed of one), so they take turns."""

BIG_STEPS = Lane("big steps", CORES, computes=True)
"""Models whose steps are big spend them in NumPy without the GIL: a core for each."""
