"""The iterator that `async for` and `aclose` see: elements out of groups, one consumer at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from aseq.data._block import Element

__all__ = ["DatasetIterator"]


class DatasetIterator(AsyncIterator["Element"]):
    """One pass over a dataset, element by element.

    Leaving a loop early keeps the source open until the iterator is collected; to close it at once, use
    `aclose()`, or the iterator as an async context manager:

        async with aiter(dataset) as elements:
            async for element in elements: ...

    Raises:
        RuntimeError: If two tasks ask for an element at once.
    """

    def __init__(self, groups: AsyncGenerator[list[Element], None]) -> None:
        self._groups = groups
        self._ready: Iterator[Element] = iter(())
        self._busy = False

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
        self._busy = True
        try:
            while True:
                self._ready = iter(await anext(self._groups))
                for element in self._ready:
                    return element
        finally:
            self._busy = False

    async def aclose(self) -> None:
        """Close the source and whatever runs for this pass; closing twice is fine."""
        self._ready = iter(())
        await self._groups.aclose()

    async def __aenter__(self) -> DatasetIterator:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
