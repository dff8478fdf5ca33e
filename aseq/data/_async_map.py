"""The one operator that awaits: `map` with an async function, several calls under way if wanted."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from aseq.data._block import Block, Element, Items
from aseq.data._lanes import finish

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
        """Keep calls under way and give their results one by one."""
        calls: deque[asyncio.Task[Element]] = deque()
        try:
            failure = None
            async with aclosing(self._elements(this_pass)) as elements:
                while True:
                    try:
                        element = await anext(elements)
                    except StopAsyncIteration:
                        break
                    except Exception as error:
                        failure = error  # raised below, after the results of what was read before it
                        break
                    calls.append(asyncio.ensure_future(self.function(element)))
                    if len(calls) == self.num_parallel:
                        yield [Items([await self._next(calls)])]
            while calls:
                yield [Items([await self._next(calls)])]
            if failure is not None:
                raise failure
        finally:
            for call in calls:
                call.cancel()
            await finish(calls)

    async def _elements(self, this_pass: Pass) -> AsyncGenerator[Element, None]:
        async with aclosing(self.dataset.blocks(this_pass)) as groups:
            async for blocks in groups:
                for block in blocks:
                    for element in block.elements():
                        yield element

    async def _next(self, calls: deque[asyncio.Task[Element]]) -> Element:
        """The first result: of the oldest call, or of any that is done."""
        if self.ordered:
            await asyncio.wait([calls[0]])
            return calls.popleft().result()
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        first = next(call for call in calls if call in done)
        calls.remove(first)
        return first.result()
