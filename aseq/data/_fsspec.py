"""Bytes of anything that fsspec opens: s3://, gs://, abfs://, memory:// and many more. Needs aseq[fsspec]."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from aseq.compute import Lane
from aseq.data._lanes import settle
from aseq.data._source import CHUNK_SIZE
from aseq.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from aseq.data._statistics import Statistics

__all__ = ["FsspecSource"]

LANE = Lane("fsspec", 16)


class FsspecSource:
    """Bytes of one fsspec URL, read in blocks of 2 MiB in a worker thread.

    Retries are the driver's own business. A URL may be a pattern such as "s3://bucket/*.csv" where a
    dataset is made of it.

    Args:
        url: A URL whose scheme fsspec knows.
        **storage_options: Passed on to the driver: keys, endpoints, anonymous access.

    Examples:
        >>> FsspecSource("s3://bucket/digits.csv", anon=True)
        FsspecSource('s3://bucket/digits.csv')
    """

    def __init__(self, url: str, **storage_options: Any) -> None:
        self.url = url
        self.name = url
        self.storage_options = storage_options

    def __repr__(self) -> str:
        return f"FsspecSource({self.url!r})"

    @asynccontextmanager
    async def open(self, statistics: Statistics) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give the content in chunks of 2 MiB. The file is opened when the first one is asked for.

        Raises:
            ConfigError: From the iterator: fsspec or the driver for this scheme is not installed.
            SourceError: From the iterator: the content cannot be had.
        """
        async with aclosing(self._chunks(statistics)) as chunks:
            yield chunks

    def matches(self) -> list[FsspecSource]:
        """Return a source for each file that the pattern `url` matches, sorted. Call it in a thread."""
        with self.named_errors("expected files that can be listed"):
            system, path = self.system()
            found = [system.unstrip_protocol(name) for name in sorted(system.glob(path))]
        return [FsspecSource(url, **self.storage_options) for url in found]

    def system(self) -> tuple[Any, str]:
        """Return the fsspec file system and the path within it."""
        try:
            from fsspec.core import url_to_fs

            system, path = url_to_fs(self.url, **self.storage_options)
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{self.name}: expected fsspec and its driver for this scheme, received: {error}. "
                "Install aseq[fsspec] and the driver: s3fs, gcsfs or adlfs."
            ) from error
        return system, path

    @contextmanager
    def named_errors(self, expected: str) -> Iterator[None]:
        """Turn whatever a driver raises into a `SourceError`: most bring exceptions of their own."""
        try:
            yield
        except ConfigError:
            raise
        except Exception as error:
            problem = f"{expected}, received {type(error).__name__} ({error})."
            raise SourceError(self.name, problem) from error

    async def _chunks(self, statistics: Statistics) -> AsyncGenerator[bytes, None]:
        file = _File(self)
        try:
            while chunk := await LANE.run(file.read):
                statistics.bytes += len(chunk)
                yield chunk
        finally:
            await settle(LANE.run(file.close))


class _File:
    """A file that opens at its first read, so that a cancel in between cannot lose it."""

    def __init__(self, source: FsspecSource) -> None:
        self._source = source
        self._file: Any = None

    def read(self) -> bytes:
        with self._source.named_errors("expected a file that can be read"):
            if self._file is None:
                system, path = self._source.system()
                self._file = system.open(path, "rb")
            return bytes(self._file.read(CHUNK_SIZE))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
