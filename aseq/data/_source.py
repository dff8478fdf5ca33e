"""The seam at which bytes enter: the `Source` protocol, and the source that needs no world.

A source gives byte chunks and knows its name for messages; it knows nothing about compression or rows.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aseq.data._statistics import Statistics

__all__ = ["CHUNK_SIZE", "MemorySource", "Source"]

CHUNK_SIZE = 2 << 20
"""Bytes per chunk that sources aim for: small enough for flat memory, large enough for full speed."""


@runtime_checkable
class Source(Protocol):
    """Where bytes come from.

    Every call of `open` starts at the first byte. Chunks are of any size but should be around 2 MiB
    (256 KiB to 4 MiB) and are handed over as they are, never decompressed. A source adds what it
    received to `statistics.bytes` and its retries to `statistics.retries`. Leaving the context closes
    whatever was opened, at any point of the reading.
    """

    @property
    def name(self) -> str:
        """URL or path, for messages."""
        ...

    def open(self, statistics: Statistics) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the source and give an iterator over its chunks."""
        ...


class MemorySource:
    """Bytes that are in memory already.

    Args:
        content: The whole content, compressed or not.
        name: Shown in messages.
        chunk_size: Bytes per chunk.

    Raises:
        ConfigError: If `content` is not bytes, or `chunk_size` is not positive.

    Examples:
        >>> import asyncio
        >>> from aseq import data
        >>> asyncio.run(data.csv(data.MemorySource(b"a,b\\n1,2\\n")).to_list())
        [{'a': np.float32(1.0), 'b': np.float32(2.0)}]
    """

    def __init__(self, content: bytes, name: str = "memory", *, chunk_size: int = CHUNK_SIZE) -> None:
        if not isinstance(content, bytes | bytearray | memoryview):
            raise ConfigError(
                f"MemorySource: expected bytes, received {type(content).__name__}. "
                "Encode text first: text.encode()."
            )
        if chunk_size < 1:
            raise ConfigError(f"MemorySource: expected a positive chunk_size, received {chunk_size}.")
        self.content = bytes(content)
        self.name = name
        self.chunk_size = chunk_size

    def __repr__(self) -> str:
        return f"MemorySource({len(self.content)} bytes, name={self.name!r})"

    @asynccontextmanager
    async def open(self, statistics: Statistics) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give the content in chunks."""
        yield self._chunks(statistics)

    async def _chunks(self, statistics: Statistics) -> AsyncIterator[bytes]:
        for start in range(0, len(self.content), self.chunk_size):
            chunk = self.content[start : start + self.chunk_size]
            statistics.bytes += len(chunk)
            yield chunk
