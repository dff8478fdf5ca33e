"""zstd, pushed. pyarrow can only pull from a file-like object, so a thread of its own does the pulling.

The thread and its caller hand over to each other like two coroutines and never run at the same time.
Nothing else in aseq's dependencies reads zstd in pieces; the standard library does from Python 3.14 on.
"""

from __future__ import annotations

import threading
import weakref
from enum import Enum, auto
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from aseq.data._source import CHUNK_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ZstdDecoder"]


class _Sign(Enum):
    MORE = auto()  # to the thread: go on with what you have
    STOP = auto()  # to the thread: forget the rest
    HUNGRY = auto()  # from the thread: all input is used up
    OVER = auto()  # from the thread: the end of the last frame


_Message: TypeAlias = "bytes | _Sign"
_Reply: TypeAlias = "bytes | _Sign | Exception"


class ZstdDecoder:
    """Decompresses one or more zstd frames that arrive in chunks. See `aseq.data._compression.Decoder`.

    Examples:
        >>> import pyarrow
        >>> packed = pyarrow.Codec("zstd").compress(b"a,b" * 1000, asbytes=True)
        >>> decoder = ZstdDecoder()
        >>> pieces = [*decoder.feed(packed[:9]), *decoder.feed(packed[9:]), *decoder.flush()]
        >>> b"".join(pieces) == b"a,b" * 1000
        True
    """

    def __init__(self) -> None:
        self._messages: SimpleQueue[_Message] = SimpleQueue()
        self._replies: SimpleQueue[_Reply] = SimpleQueue()
        self._thread = threading.Thread(
            target=_pull, args=(self._messages, self._replies), name="aseq zstd", daemon=True
        )
        # The thread must not outlive a decoder that nobody closed.
        self._finalizer = weakref.finalize(self, self._messages.put, _Sign.STOP)
        self._thread.start()
        self._replies.get()  # hungry

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take compressed bytes and give what they hold. A last small piece waits until it fills up."""
        if chunk:  # an empty one would say that the end has come
            yield from self._exchange(chunk)

    def flush(self) -> Iterator[bytes]:
        """Give the rest. Raises EOFError if the last frame is not whole."""
        try:
            yield from self._exchange(b"")
        except OSError as error:  # all input was read without an error, so it can only be missing its end
            raise EOFError from error

    def close(self) -> None:
        """End the thread."""
        self._finalizer()
        self._thread.join()

    def _exchange(self, message: _Message) -> Iterator[bytes]:
        while True:
            if not self._finalizer.alive:
                raise ValueError("this decoder is closed")
            self._messages.put(message)
            reply = self._replies.get()
            if reply is _Sign.HUNGRY:
                return
            if not isinstance(reply, bytes):
                self._finalizer.detach()  # the thread has ended
            if isinstance(reply, Exception):
                raise reply
            if isinstance(reply, _Sign):
                return
            yield reply
            message = _Sign.MORE


def _pull(messages: SimpleQueue[_Message], replies: SimpleQueue[_Reply]) -> None:
    """Run the thread: pull pieces out of pyarrow's stream, each when it is asked for."""
    try:
        import pyarrow

        file = pyarrow.PythonFile(_Feeder(messages, replies), "r")
        with pyarrow.CompressedInputStream(file, "zstd") as stream:
            while piece := stream.read(CHUNK_SIZE):
                replies.put(piece)
                if messages.get() is _Sign.STOP:
                    return
        replies.put(_Sign.OVER)
    except _Stopped:
        return
    except Exception as error:
        replies.put(error)


class _Stopped(Exception):
    """Ends the thread from inside a read."""


class _Feeder:
    """The file that pyarrow believes to read: chunks from a queue, asked for one by one."""

    closed = False

    def __init__(self, messages: SimpleQueue[_Message], replies: SimpleQueue[_Reply]) -> None:
        self._messages = messages
        self._replies = replies
        self._chunk = b""
        self._offset = 0
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none is the end."""
        if self._offset == len(self._chunk) and not self._ended:
            self._replies.put(_Sign.HUNGRY)
            message = self._messages.get()
            if isinstance(message, _Sign):
                raise _Stopped
            self._chunk, self._offset, self._ended = message, 0, not message
        start = self._offset
        self._offset = min(start + size, len(self._chunk))
        return self._chunk[start : self._offset]

    def close(self) -> None:
        """Do nothing: there is no file."""
