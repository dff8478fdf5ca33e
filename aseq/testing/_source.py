"""A source that counts, waits and fails as told: the double behind the checks of datasets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence

    from aseq.data._statistics import Statistics

__all__ = ["CountingSource", "Planted"]


class Planted(Exception):
    """Raised by a source that was told to fail.

    Examples:
        >>> list(CountingSource("ab", fail_at=1).iterate())
        Traceback (most recent call last):
        aseq.testing._source.Planted: planted at item 1
    """


class CountingSource:
    """Items for a dataset, with a record of how they are read.

    It serves three seams: as an async iterable for `data.from_async_iterable`, through `iterate` for
    `data.generator`, and, if its items are bytes, as a byte source for `data.csv`. Every pass starts
    at the first item. Before each item an asynchronous pass goes once round the event loop.

    Args:
        items: What a pass gives.
        fail_at: Number of the item instead of which `error` is raised; the number of items for the end.
        error: A `Planted` if not given.

    Attributes:
        opened: Passes that began.
        closed: Passes that ended, by whatever way.
        taken: Items handed over, in all passes.

    Examples:
        >>> from aseq import data
        >>> source = CountingSource([1, 2, 3])
        >>> asyncio.run(data.from_async_iterable(source).take(2).to_list())
        [1, 2]
        >>> source.opened, source.closed, source.taken
        (1, 1, 2)
    """

    def __init__(
        self, items: Sequence[Any], *, fail_at: int | None = None, error: Exception | None = None
    ) -> None:
        self.items = list(items)
        self.fail_at = fail_at
        self.error = error or Planted(f"planted at item {fail_at}")
        self.opened = 0
        self.closed = 0
        self.taken = 0
        self._held_at: int | None = None
        self._passable = asyncio.Event()

    @property
    def name(self) -> str:
        """For messages."""
        return "counting source"

    @property
    def open_passes(self) -> int:
        """Passes that began and have not ended."""
        return self.opened - self.closed

    def hold(self, at: int = 0) -> None:
        """Let passes wait before item number `at`, until `release`. Asynchronous passes only."""
        self._held_at = at
        self._passable = asyncio.Event()

    def release(self) -> None:
        """Let waiting passes go on."""
        self._held_at = None
        self._passable.set()

    def __aiter__(self) -> AsyncGenerator[Any, None]:
        return self._pass()

    async def _pass(self) -> AsyncGenerator[Any, None]:
        self.opened += 1
        try:
            for index in range(len(self.items) + 1):
                await asyncio.sleep(0)
                if self._held_at is not None and index >= self._held_at:
                    await self._passable.wait()
                if not self._take(index):
                    return
                yield self.items[index]
        finally:
            self.closed += 1

    def iterate(self) -> Iterator[Any]:
        """A synchronous pass."""
        self.opened += 1
        try:
            for index in range(len(self.items) + 1):
                if not self._take(index):
                    return
                yield self.items[index]
        finally:
            self.closed += 1

    def _take(self, index: int) -> bool:
        if index == self.fail_at:
            raise self.error
        if index == len(self.items):
            return False
        self.taken += 1
        return True

    @asynccontextmanager
    async def open(self, statistics: Statistics) -> AsyncIterator[AsyncIterator[bytes]]:
        """A pass over items that are bytes, as `aseq.data.Source` asks for it."""
        chunks = self._chunks(statistics)
        try:
            yield chunks
        finally:
            await chunks.aclose()

    async def _chunks(self, statistics: Statistics) -> AsyncGenerator[bytes, None]:
        async for chunk in (chunks := self._pass()):
            statistics.bytes += len(chunk)
            try:
                yield chunk
            except BaseException:
                await chunks.aclose()
                raise
