"""Cancelling at a chosen wait, and looking at what is left afterwards."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Generator

    from aseq.testing._source import CountingSource

__all__ = ["Interrupted", "Trip", "no_tasks_left", "quiet"]

T = TypeVar("T")
PATIENCE = 20.0


class Interrupted(Exception):
    """Raised by `Trip.run` when the coroutine ended by the cancel that it was sent.

    Examples:
        >>> asyncio.run(Trip(asyncio.sleep(0), at=1).run())
        Traceback (most recent call last):
        aseq.testing._interrupt.Interrupted
    """


class Trip(Generic[T]):
    """Runs a coroutine in a task of its own and cancels it at its nth wait.

    A wait is a point at which the task goes back to the event loop. With n = 1, 2, 3 ... until a run
    is through before its nth wait, a cancel has come at every point at which one can come.

    Args:
        coroutine: What to run.
        at: Number of the wait, from 1.

    Attributes:
        waits: Waits so far.

    Examples:
        >>> trip = Trip(asyncio.sleep(0, "done"), at=5)
        >>> asyncio.run(trip.run()), trip.waits
        ('done', 1)
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T], at: int) -> None:
        self.coroutine = coroutine
        self.at = at
        self.waits = 0

    async def run(self) -> T:
        """The coroutine's result.

        Raises:
            Interrupted: The cancel came and surfaced.
            AssertionError: The coroutine did not end within 20 seconds.
        """
        task = asyncio.ensure_future(self._driven())
        done, _ = await asyncio.wait([task], timeout=PATIENCE)
        if not done:
            task.cancel()
            raise AssertionError(
                f"cancelled at wait {self.at}: expected an end within {PATIENCE:g} s, it hangs."
            )
        if task.cancelled():
            raise Interrupted
        return task.result()

    async def _driven(self) -> T:
        return await self

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self.coroutine.__await__()
        try:
            waiting = next(steps)
            while True:
                self.waits += 1
                task = asyncio.current_task()
                if self.waits == self.at and task is not None:
                    task.cancel()
                try:
                    sent = yield waiting
                except BaseException as error:
                    waiting = steps.throw(error)
                else:
                    waiting = steps.send(sent)
        except StopIteration as stop:
            return stop.value


@asynccontextmanager
async def no_tasks_left() -> AsyncIterator[None]:
    """Assert that no task began in the block is alive at its end."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before
    assert not left, f"expected no task left behind, received {[task.get_name() for task in left]}."


async def quiet(source: CountingSource) -> None:
    """Wait until a source has not been read for a while, in the loop or from a thread."""
    still, taken = 0, -1
    while still < 5:
        await asyncio.sleep(0.002)
        still = still + 1 if source.taken == taken else 0
        taken = source.taken
