"""Reading ahead: one task, one bounded queue, groups as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from aseq.data._block import Block, nbytes
from aseq.data._lanes import PARSE_LANE, stop
from aseq.data._owned import Owned
from aseq.data._statistics import Statistics

if TYPE_CHECKING:
    from aseq.data._dataset import Dataset
    from aseq.data._stages import Pass

__all__ = ["PrefetchOrigin", "group_size", "read_ahead"]

T = TypeVar("T")
SizeOf: TypeAlias = Callable[[Any], tuple[int, int]]
MAX_BYTES = 64 << 20


class PrefetchOrigin:
    """Another dataset, read up to `capacity` groups ahead.

    Errors of the dataset come out unchanged, after the groups that were read before them.
    """

    lane = PARSE_LANE
    ready = True

    def __init__(self, dataset: Dataset, capacity: int) -> None:
        self.dataset = dataset
        self.capacity = capacity

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Give the groups that were read ahead."""
        groups = self.dataset.blocks(this_pass)
        async with Owned(read_ahead(groups, self.capacity, group_size, this_pass.statistics)) as ahead:
            async for blocks in ahead:
                yield blocks


async def read_ahead(
    items: AsyncGenerator[T, None], capacity: int, size_of: SizeOf, statistics: Statistics | None = None
) -> AsyncGenerator[T, None]:
    """Read an async generator in a task of its own, up to `capacity` items ahead.

    The task ends, and the generator is closed, when this one ends, however it ends.

    Args:
        items: What to read.
        capacity: Items that may lie ready.
        size_of: Gives the number of elements and bytes of an item; 64 MiB are the limit in any case.
        statistics: Where to note how many elements lie ready.
    """
    queue: _Queue[T] = _Queue(capacity, size_of, statistics or Statistics())
    task = asyncio.create_task(_fill(queue, items), name="aseq read ahead")
    try:
        while (item := await queue.get()) is not None:
            yield item
        await task  # raises what ended the reading, if it was an error
    finally:
        queue.clear()
        await stop([task])


async def _fill(queue: _Queue[T], items: AsyncGenerator[T, None]) -> None:
    try:
        async with Owned(items) as owned:
            async for item in owned:
                await queue.put(item)
    finally:
        queue.end()


def group_size(blocks: list[Block]) -> tuple[int, int]:
    """Elements and bytes of a group."""
    return sum(map(len, blocks)), sum(map(nbytes, blocks))


class _Queue(Generic[T]):
    """Items between one producer and one consumer, bounded by number and by bytes.

    `asyncio.Queue` knows neither bytes nor an end.
    """

    def __init__(self, capacity: int, size_of: SizeOf, statistics: Statistics) -> None:
        self.capacity = capacity
        self.size_of = size_of
        self.statistics = statistics
        self.items: deque[tuple[T, int, int]] = deque()
        self.bytes = 0
        self.ended = False
        self.changed = asyncio.Event()

    async def put(self, item: T) -> None:
        """Add an item and wait until there is room for the next."""
        length, size = self.size_of(item)
        self.items.append((item, length, size))
        self.bytes += size
        self.statistics.buffer(length)
        self._wake()
        while len(self.items) >= self.capacity or self.bytes >= MAX_BYTES:
            await self.changed.wait()

    async def get(self) -> T | None:
        """The next item, or None at the end."""
        while not self.items:
            if self.ended:
                return None
            await self.changed.wait()
        item, length, size = self.items.popleft()
        self.bytes -= size
        self.statistics.buffer(-length)
        self._wake()
        return item

    def end(self) -> None:
        """Say that nothing more will come."""
        self.ended = True
        self._wake()

    def clear(self) -> None:
        """Drop what nobody will fetch."""
        self.statistics.buffer(-sum(length for _, length, _ in self.items))
        self.items.clear()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()
