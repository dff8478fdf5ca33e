"""Small reads become chunks that are worth a hop to another thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aseq.data._source import CHUNK_SIZE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["fill_chunk"]

LINGER = 0.25
"""Seconds that a chunk waits to fill up when its bytes come slowly."""


async def fill_chunk(read: Callable[[], Awaitable[bytes]]) -> bytes:
    """Wait without limit for the first bytes, and briefly for more to go with them.

    Args:
        read: Gives the bytes that are there, at least one; none at the end. It must bear being
            cancelled, and must raise or return the same again after an error or the end.

    Returns:
        About 2 MiB; less at the end, before an error and on a slow link. Nothing at the end.

    Examples:
        >>> pieces = iter([b"a,", b"b", b""])
        >>> async def read():
        ...     return next(pieces)
        >>> asyncio.run(fill_chunk(read))
        b'a,b'
    """
    parts = [await read()]
    size = len(parts[0])
    try:
        async with asyncio.timeout(LINGER):
            while parts[-1] and size < CHUNK_SIZE:
                parts.append(await read())
                size += len(parts[-1])
    except Exception:
        pass  # what came is handed on first; an error comes again with the next read
    return b"".join(parts)
