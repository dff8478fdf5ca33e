"""Async generators that are read, and closed, by one other."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Owned"]

T = TypeVar("T")
U = TypeVar("U")


class Owned(AsyncIterator[T]):
    """An async generator that belongs to its reader alone: a context that closes it, and an iterator.

    Like `contextlib.aclosing`, and moreover unknown to the event loop. When a program ends, the loop closes every
    async generator that it knows, all at once: of several that read each other, each would find the one it
    reads being closed already, and fail. So only the outermost of a pass is left for the loop to see.

    Args:
        generator: What to read; an async iterator without `aclose` serves as well.

    Examples:
        >>> import asyncio
        >>> async def numbers():
        ...     yield 1
        >>> async def main():
        ...     async with Owned(numbers()) as each:
        ...         return [number async for number in each]
        >>> asyncio.run(main())
        [1]
    """

    def __init__(self, generator: AsyncIterator[T]) -> None:
        self._generator = generator
        self._begun = False

    def __anext__(self) -> Awaitable[T]:
        return self._unseen(self._generator.__anext__)

    async def aclose(self) -> None:
        """Close the generator."""
        close = getattr(self._generator, "aclose", None)
        if close is not None:
            await self._unseen(close)

    def _unseen(self, call: Callable[[], Awaitable[U]]) -> Awaitable[U]:
        """Make a call such that the loop does not hear of the generator, as it would in the very first one."""
        if self._begun:
            return call()
        self._begun = True
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(None, None)
        try:
            return call()
        finally:
            sys.set_asyncgen_hooks(*hooks)

    async def __aenter__(self) -> Owned[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
