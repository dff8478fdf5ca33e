"""Turns at one model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Turns"]


class Turns:
    """First come, first served access to one model, for tasks of one event loop at a time.

    Attributes:
        wanted: How many tasks wait; a burst reads it from its thread and ends early.

    Examples:
        >>> turns = Turns()
        >>> async def main():
        ...     async with turns:
        ...         return turns.wanted
        >>> asyncio.run(main())
        0
    """

    def __init__(self) -> None:
        self.wanted = 0
        self._lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # a model may serve one asyncio.run after the other
            self._loop, self._lock, self.wanted = loop, asyncio.Lock(), 0
        self.wanted += 1
        try:
            await self._lock.acquire()
        finally:
            self.wanted -= 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
