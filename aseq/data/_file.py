"""Bytes of files, pipes and standard input. Nothing here ever waits in the event loop's own thread."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from aseq.data._chunk import fill_chunk
from aseq.data._lanes import settle
from aseq.data._source import CHUNK_SIZE
from aseq.errors import ConfigError, SourceError, SourceTruncated, StreamConsumed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

    from aseq.data._statistics import Statistics

__all__ = ["FileSource"]

STDIN = "-"


class FileSource:
    """Bytes of a file, read in blocks of 2 MiB on a thread of their own, or of standard input.

    Named pipes and standard input are waited for without a thread and can be read once. A path may be a
    pattern such as "data/*.csv" where a dataset is made of it: each file is then parsed with its own header.

    Args:
        path: A path, which may begin with "~", or as a file:// URL; or "-" for standard input.

    Raises:
        ConfigError: If `path` is not a path.

    Examples:
        >>> FileSource("measurements.csv")
        FileSource('measurements.csv')
    """

    def __init__(self, path: str | os.PathLike[str], *, _stdin: int = 0) -> None:
        self.path = _checked_path(path)
        self.name = "standard input" if self.path == STDIN else self.path
        self._stdin = _stdin
        self._consumed = False

    def __repr__(self) -> str:
        return f"FileSource({self.path!r})"

    @asynccontextmanager
    async def open(self, statistics: Statistics) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give the content in chunks of up to 2 MiB. The file is opened when the first one is asked for.

        Raises:
            SourceError: From the iterator: the file is missing or cannot be read.
            SourceTruncated: From the iterator: the file became shorter while it was read.
            StreamConsumed: From the iterator: a pipe is read for the second time.
        """
        async with aclosing(self._chunks(statistics)) as chunks:
            yield chunks

    async def _chunks(self, statistics: Statistics) -> AsyncGenerator[bytes, None]:
        # aiofiles on one thread of our own: the loop's default threads belong to the program around us,
        # and with a single one a close waits in line behind a read that was cancelled.
        executor = ThreadPoolExecutor(1, thread_name_prefix="aseq file")
        try:
            async with self._opened(executor) as read:
                while chunk := await read():
                    statistics.bytes += len(chunk)
                    yield chunk
        except SourceError:  # which is an OSError as well
            raise
        except OSError as error:
            raise SourceError(self.name, _explained(error)) from error
        finally:
            executor.shutdown(wait=False)

    @asynccontextmanager
    async def _opened(self, executor: ThreadPoolExecutor) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
        from aiofiles import os as aio_os

        file: str | int = self._stdin if self.path == STDIN else self.path
        if file == 0 and sys.stdin is None:  # what has the number 0 now is not ours
            raise SourceError(self.name, "expected it to be open, found it closed. Name a file.")
        before = await aio_os.stat(file, executor=executor)
        if _can_be_awaited(file, before.st_mode):
            self._refuse_second_pass()
            with _Pipe(file) as pipe:
                yield partial(fill_chunk, pipe.read)
        else:
            if file == self._stdin:
                self._refuse_second_pass()
            async with _disk(file, executor) as opened:
                yield partial(opened.read, CHUNK_SIZE)
                self._refuse_shrunken(before, await aio_os.stat(opened.fileno(), executor=executor))

    def _refuse_shrunken(self, before: os.stat_result, after: os.stat_result) -> None:
        if after.st_size < before.st_size:
            raise SourceTruncated(
                self.name,
                f"expected {before.st_size} bytes, but while they were read the file was cut to {after.st_size}. "
                "Its rows would mix: read it again when it has been written.",
            )

    def _refuse_second_pass(self) -> None:
        if self._consumed:
            raise StreamConsumed(
                f"{self.name}: expected one pass, received a second one. A pipe can be read only once: "
                "save its content to a file, or put cache() behind it."
            )
        self._consumed = True


def _checked_path(path: Any) -> str:
    try:
        name = os.fsdecode(path)
        sound = bool(os.fsencode(name)) and "\0" not in name
    except (TypeError, UnicodeError):  # no path, or letters that no file name has
        sound = False
    if not sound:
        raise ConfigError(f"FileSource: expected a path, received {path!r}.")
    scheme, mark, rest = name.partition("://")
    if not mark:
        return os.path.expanduser(name)
    rest = rest.removeprefix("localhost")
    if scheme.lower() != "file" or not rest.startswith("/") or "%00" in rest:
        raise ConfigError(
            f"FileSource: expected a path or a file:// URL of this machine, received {name!r}. "
            "data.csv takes other URLs."
        )
    from urllib.request import url2pathname  # which brings http and email along

    return url2pathname(rest)


@asynccontextmanager
async def _disk(file: str | int, executor: ThreadPoolExecutor) -> AsyncIterator[Any]:
    import aiofiles

    opening = asyncio.ensure_future(
        aiofiles.open(file, "rb", buffering=0, closefd=isinstance(file, str), executor=executor)
    )
    try:
        yield await asyncio.shield(opening)
    finally:
        await settle(_close(opening))


async def _close(opening: asyncio.Future[Any]) -> None:
    try:
        file = await opening
    except OSError:
        return  # it was never open
    await file.close()


class _Pipe:
    """A pipe, socket or terminal: read only when there is something, so that a wait can be cancelled."""

    def __init__(self, file: str | int) -> None:
        self._owned = isinstance(file, str)
        self._fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK) if isinstance(file, str) else file

    def __enter__(self) -> _Pipe:
        return self

    def __exit__(self, *_: object) -> None:
        if self._owned:
            os.close(self._fd)

    async def read(self) -> bytes:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._fd)
        return os.read(self._fd, CHUNK_SIZE)


def _can_be_awaited(file: str | int, mode: int) -> bool:
    if sys.platform == "win32":  # whose event loop waits for sockets only
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (isinstance(file, int) and os.isatty(file))


def _explained(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "expected a file, found nothing there. Check the path."
    if isinstance(error, IsADirectoryError):
        return "expected a file, found a directory. Name the files in it with a pattern such as '*.csv'."
    if isinstance(error, PermissionError):
        return "expected a file that may be read, received: permission denied."
    return f"expected a file that can be read, received {error.strerror or error}."
