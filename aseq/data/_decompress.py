"""Decompression as a stage, and the chunk size that suits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aseq.data._compression import Decompressor
from aseq.data._stages import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aseq.data._stages import Pass

__all__ = ["Decompress"]


class Decompress(Stage):
    """Plain bytes out of whatever comes."""

    blocking = True

    def __init__(self, _: Pass | None, compression: str | None, name: str) -> None:
        self.decompressor = Decompressor(compression, name=name)
        self.exposed = compression is not None  # a decoder has to be closed

    def feed(self, chunk: bytes) -> Iterable[bytes]:
        """Give the plain bytes of a chunk."""
        yield from self.decompressor.feed(chunk)
        self.exposed = self.decompressor.compression is not None

    def flush(self) -> Iterable[bytes]:
        """Give what is left."""
        return self.decompressor.flush()

    def close(self) -> None:
        """Let go of the decoder."""
        self.decompressor.close()
