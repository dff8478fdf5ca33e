"""Where data work runs, and waiting for it to end whatever happens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aseq.compute import Lane

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine

__all__ = ["PARSE_LANE", "READ_LANE", "finish", "settle", "stop"]

PARSE_LANE = Lane("parse", 4, computes=True, fills_core=True)
"""Where stages run. Parsing holds a core, so few at once are enough."""

READ_LANE = Lane("read", 32)
"""Where users' own iterables run, which may wait for files or databases."""


async def settle(work: Coroutine[Any, Any, Any]) -> None:
    """Run `work` to its end even if the waiting task is cancelled meanwhile; the cancel then goes on."""
    task = asyncio.ensure_future(work)
    await finish([task])
    task.result()


async def stop(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks, unless somebody has (a second cancel would break off what they do at their end), and finish."""
    for task in tasks:
        if not task.cancelling():
            task.cancel()
    await finish(tasks)


async def finish(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Wait until all tasks are done, however often the waiting task is cancelled meanwhile."""
    cancelled = False
    while pending := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError:
            cancelled = True
    for task in tasks:
        if not task.cancelled():
            task.exception()  # read, so that asyncio does not report it as lost
    if cancelled:
        raise asyncio.CancelledError
