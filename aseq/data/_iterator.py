"""The iterator that `async for` and `aclose` see: elements out of groups, one consumer at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any

from aseq.errors import StreamConsumed

if TYPE_CHECKING:
    from types import TracebackType

    from aseq.data._block import Element

__all__ = ["DatasetIterator"]

OPEN: set[AsyncGenerator[Any, None]] = set()
"""Passes under way. One whose iterator was dropped has to be there still when the program ends: then its closing may
have been cancelled before it began, and the loop closes what is left of the generators that it knows."""


class DatasetIterator(AsyncIterator["Element"]):
    """One pass over a dataset, element by element.

    A loop that is left early closes its source soon after its iterator is dropped; to close it at once, use
    `aclose()`, or the iterator as an async context manager:

        async with aiter(dataset) as elements:
            async for element in elements: ...

    Raises:
        RuntimeError: If two tasks ask for an element at once.
        StreamConsumed: If an element is asked for after a wait for one was cancelled, which ends the pass.
    """

    def __init__(self, groups: AsyncGenerator[list[Element], None]) -> None:
        self._groups = groups
        self._ready: Iterator[Element] = iter(())
        self._busy = False
        self._cancelled = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def __aiter__(self) -> DatasetIterator:
        return self

    async def __anext__(self) -> Element:
        for element in self._ready:
            return element
        if self._busy:
            raise RuntimeError(
                "Dataset iterator: expected one consumer at a time, received a second __anext__() while "
                "the first still waits. Give each task an iterator of its own: aiter(dataset)."
            )
        if self._cancelled:
            raise StreamConsumed(
                "Dataset iterator: expected a pass under way, received one that ended when a wait for its next "
                "element was cancelled, perhaps by a timeout. Begin another, aiter(dataset); to look whether "
                "there is an element yet, use asyncio.wait([asyncio.ensure_future(anext(it))], timeout=...)."
            )
        self._begin()
        try:
            while True:
                self._ready = iter(await anext(self._groups))
                for element in self._ready:
                    return element
        except BaseException as error:  # whatever comes out of a generator, it has ended
            self._cancelled = isinstance(error, asyncio.CancelledError)
            OPEN.discard(self._groups)
            raise
        finally:
            self._busy = False

    def _begin(self) -> None:
        self._busy = True
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            # What a loop has closed. A copy, as loops in other threads add theirs meanwhile.
            OPEN.difference_update([each for each in OPEN.copy() if has_ended(each)])
            OPEN.add(self._groups)

    async def aclose(self) -> None:
        """Close the source and whatever runs for this pass; closing twice is fine."""
        self._ready, self._cancelled = iter(()), False
        try:
            await self._groups.aclose()
        finally:
            OPEN.discard(self._groups)

    def __del__(self) -> None:
        if self._groups not in OPEN:
            return
        try:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(_begin_to_close, self._groups)
        except RuntimeError:  # the loop is closed
            OPEN.discard(self._groups)

    async def __aenter__(self) -> DatasetIterator:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def has_ended(elements: Any) -> bool:
    """True for an async generator that gives nothing any more."""
    return isinstance(elements, AsyncGeneratorType) and elements.ag_frame is None


CLOSING: set[asyncio.Task[None]] = set()
"""The loop itself keeps tasks by weak references only."""


def _begin_to_close(groups: AsyncGenerator[Any, None]) -> None:
    task = asyncio.create_task(_close(groups), name="aseq close")
    CLOSING.add(task)
    task.add_done_callback(CLOSING.discard)


async def _close(groups: AsyncGenerator[Any, None]) -> None:
    try:
        await groups.aclose()
    finally:
        OPEN.discard(groups)
