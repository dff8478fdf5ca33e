"""The one operator that awaits: `map` with an async function, several calls under way if wanted."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from typing import TYPE_CHECKING, Any

from aseq.data._block import Block, Element, Items
from aseq.data._lanes import stop
from aseq.data._owned import Owned
from aseq.data._stages import tell_where

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from aseq.data._dataset import Dataset
    from aseq.data._stages import Pass

__all__ = ["AsyncMapOrigin"]


class AsyncMapOrigin:
    """The elements of a dataset, each sent through an async function.

    Args:
        dataset: What to read.
        function: Called with each element in the event loop.
        num_parallel: The most calls under way at once.
        ordered: False gives results as they come.
    """

    lane = None
    ready = True

    def __init__(
        self, dataset: Dataset, function: Callable[[Element], Any], num_parallel: int, ordered: bool
    ) -> None:
        self.dataset = dataset
        self.function = function
        self.num_parallel = num_parallel
        self.ordered = ordered

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Keep calls under way and give each result as soon as it may go, however slowly elements come."""
        calls: deque[asyncio.Task[Element]] = deque()
        slots = asyncio.Semaphore(self.num_parallel)
        progress = asyncio.Event()
        starter = asyncio.create_task(self._start(this_pass, calls, slots, progress), name="aseq async map")
        starter.add_done_callback(lambda _: progress.set())
        try:
            while calls or not starter.done():
                call = self._ready(calls)
                if call is None:
                    progress.clear()
                    await progress.wait()
                    continue
                calls.remove(call)
                yield [Items([call.result()])]
                slots.release()  # only now: nothing is read for a consumer that is busy
            starter.result()  # raises what ended the reading, after the results of what was read before it
        finally:
            await stop([starter, *calls])

    async def _start(
        self,
        this_pass: Pass,
        calls: deque[asyncio.Task[Element]],
        slots: asyncio.Semaphore,
        progress: asyncio.Event,
    ) -> None:
        """Start a call for every element, as long as there are slots."""
        numbers = itertools.count()
        await slots.acquire()
        async with Owned(self._elements(this_pass)) as elements:
            async for element in elements:
                call = asyncio.create_task(self._call(next(numbers), element))
                call.add_done_callback(lambda _: progress.set())
                calls.append(call)
                await slots.acquire()

    async def _call(self, number: int, element: Element) -> Element:
        try:
            return await self.function(element)
        except Exception as error:
            tell_where(error, "map", self.function, number)
            raise

    async def _elements(self, this_pass: Pass) -> AsyncGenerator[Element, None]:
        async with Owned(self.dataset.blocks(this_pass)) as groups:
            async for blocks in groups:
                for block in blocks:
                    for element in block.elements():
                        yield element

    def _ready(self, calls: deque[asyncio.Task[Element]]) -> asyncio.Task[Element] | None:
        """A call whose result may go: the oldest, or any, if it is done."""
        candidates = itertools.islice(calls, 1 if self.ordered else None)
        return next((call for call in candidates if call.done()), None)
