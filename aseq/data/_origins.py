"""Where blocks come from before any stage has seen them: byte sources, arrays, iterables.

An origin gives, pass for pass, an async generator of inputs. An input is an iterable of blocks that is
walked where the stages run: in a worker thread for everything that may block.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from aseq.data._block import Columns, Items, nbytes
from aseq.data._compression import LONGEST_MAGIC, recognize
from aseq.data._iterator import has_ended
from aseq.data._lanes import PARSE_LANE, READ_LANE, settle
from aseq.data._owned import Owned
from aseq.data._prefetch import read_ahead
from aseq.errors import DataError, StreamConsumed

if TYPE_CHECKING:
    from aseq.compute import Lane
    from aseq.data._block import Block
    from aseq.data._source import Source
    from aseq.data._stages import Pass
    from aseq.data._statistics import Statistics

__all__ = [
    "ArrayOrigin",
    "AsyncIterableOrigin",
    "ByteOrigin",
    "IterableOrigin",
    "Origin",
]

BLOCK_BYTES = 4 << 20
COMPRESSED_BYTES = 256 << 10
SLICE_SECONDS = 0.005
LARGEST_PULL = 256
NO_TENSORS = frozenset(
    [bool, int, float, str, bytes, np.ndarray, np.float32, np.float64, np.int64, type(None)]
)


class Origin(Protocol):
    """What a dataset reads from.

    Attributes:
        lane: The threads in which inputs are walked and stages run; None if light work may stay in the loop.
        ready: True if inputs are lists of finished blocks, so that walking them costs nothing.
    """

    @property
    def lane(self) -> Lane | None:
        """The threads for this origin."""
        ...

    @property
    def ready(self) -> bool:
        """Whether inputs are finished."""
        ...

    def inputs(self, this_pass: Pass) -> AsyncGenerator[Iterable[Any], None]:
        """Start a pass."""
        ...


class ByteOrigin:
    """The chunks of a byte source, each read while the one before it is parsed.

    Compressed ones come in small pieces, so that what they expand to stays small.

    Args:
        source: Where the bytes come from.
        compression: As in `data.csv`.
    """

    lane = PARSE_LANE
    ready = False

    def __init__(self, source: Source, compression: str | None) -> None:
        self.source = source
        self.compression = compression

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[Iterable[bytes], None]:
        """Open the source and give its chunks."""
        head, packed = b"", self.compression not in (None, "infer")
        chunks = self._chunks(this_pass)
        async with Owned(read_ahead(chunks, 1, lambda chunk: (0, len(chunk)))) as ahead:
            async for chunk in ahead:
                if self.compression == "infer" and len(head) < LONGEST_MAGIC:
                    # A slow link may give one byte first.
                    head += chunk[:LONGEST_MAGIC]
                    packed = recognize(head) is not None
                size = COMPRESSED_BYTES if packed else max(len(chunk), 1)
                for start in range(0, len(chunk), size):
                    yield (chunk[start : start + size],)

    async def _chunks(self, this_pass: Pass) -> AsyncGenerator[bytes, None]:
        async with self.source.open(this_pass.statistics) as chunks:
            async for chunk in chunks:
                yield chunk


class ArrayOrigin:
    """The rows of arrays in memory, in views of a few MiB."""

    lane = PARSE_LANE
    ready = True

    def __init__(self, rows: Columns) -> None:
        self.rows = rows

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[Iterable[Block], None]:
        """Give views."""
        total = len(self.rows)
        size = max(1, total * BLOCK_BYTES // max(nbytes(self.rows), 1))
        for start in range(0, total, size):
            block = self.rows.slice(start, start + size)
            this_pass.statistics.rows += len(block)
            yield [block]


class IterableOrigin:
    """The elements of a synchronous iterable, read in a worker thread.

    Args:
        make: Called at the beginning of each pass, in a worker thread.
    """

    lane = READ_LANE
    ready = False

    def __init__(self, make: Callable[[], Iterable[Any]]) -> None:
        self.make = make

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[Iterable[Block], None]:
        """Give pulls from the iterator, small ones first."""
        pull = _Pull(self.make, this_pass.statistics)
        try:
            while not pull.exhausted:
                yield pull
                pull.limit = min(2 * pull.limit, LARGEST_PULL)
        finally:
            await settle(READ_LANE.run(pull.close))


class _Pull:
    """Some next elements of an iterator, pulled as it is walked: until a limit or a time slice is over.

    The iterator is made in the first walk, so that whatever a cancel comes in between, it is known and closed.
    """

    def __init__(self, make: Callable[[], Iterable[Any]], statistics: Statistics) -> None:
        self.make = make
        self.statistics = statistics
        self.elements: Iterator[Any] | None = None
        self.limit = 1
        self.exhausted = False

    def __iter__(self) -> Iterator[Block]:
        if self.elements is None:
            self.elements = _begin(self.make)
        deadline = time.perf_counter() + SLICE_SECONDS
        for _ in range(self.limit):
            try:
                element = next(self.elements)
            except StopIteration:
                self.exhausted = True
                return
            is_block = isinstance(element, Columns)
            self.statistics.rows += len(element) if is_block else 1
            yield element if is_block else Items([without_tensors(element)])
            if time.perf_counter() > deadline:
                return

    def close(self) -> None:
        """Close the iterator, if it is there and can be closed; others end as they are let go of."""
        elements, self.elements = self.elements, None
        close = getattr(elements, "close", None)
        if close is not None:
            close()


def _begin(make: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    made = make()
    if not isinstance(made, Iterable):
        raise DataError(
            f"generator: expected an iterable from make_iterator(), received {type(made).__name__}. "
            "Pass a generator function, or a function that returns an iterator."
        )
    if isinstance(made, GeneratorType) and made.gi_frame is None:
        raise _consumed("generator", "make_iterator()")
    return iter(made)


def _consumed(where: str, function: str) -> StreamConsumed:
    return StreamConsumed(
        f"{where}: expected a new iterator from {function} for each pass, received one that has ended and can be "
        "read only once. Call the generator function in it, so that every pass has a generator of its own."
    )


def without_tensors(element: Any) -> Any:
    """An element with arrays in place of tensors, and tuples in place of lists with tensors in them."""
    if not _has_tensor(element):
        return element
    if isinstance(element, dict):
        return {key: without_tensors(part) for key, part in element.items()}
    if isinstance(element, tuple | list):
        return tuple([without_tensors(part) for part in element])
    tensor = element.detach().cpu() if hasattr(element, "detach") else element
    try:
        return tensor.numpy()
    except TypeError:  # NumPy has no bfloat16
        return tensor.float().numpy()


def _has_tensor(value: Any) -> bool:
    if type(value) in NO_TENSORS:
        return False
    if not isinstance(value, dict | tuple | list):
        return callable(getattr(value, "numpy", None))
    parts = value.values() if isinstance(value, dict) else value
    return not NO_TENSORS.issuperset(map(type, parts)) and any(map(_has_tensor, parts))


class AsyncIterableOrigin:
    """The elements of an async iterable, or of what a function makes anew for each pass."""

    lane = None
    ready = True

    def __init__(self, source: AsyncIterable[Any] | Callable[[], Any]) -> None:
        self.source = source
        self.consumed = False

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[Iterable[Block], None]:
        """Give the elements one by one, as they come."""
        async with Owned(await self._begin()) as elements:
            async for element in elements:
                this_pass.statistics.rows += 1
                yield [Items([without_tensors(element)])]

    async def _begin(self) -> AsyncIterator[Any]:
        if not isinstance(self.source, AsyncIterable):
            made = self.source()
            if asyncio.iscoroutine(made):
                made = await made
            if not isinstance(made, AsyncIterable):
                raise DataError(
                    f"from_async_iterable: expected the function to return an async iterable, received "
                    f"{type(made).__name__}. Use data.generator() for synchronous iterators."
                )
            if has_ended(made):
                raise _consumed("from_async_iterable", "the function")
            return aiter(made)
        elements = aiter(self.source)
        if elements is not self.source:
            return elements
        if self.consumed:
            raise StreamConsumed(
                "from_async_iterable: expected one pass, received a second one over an iterator that can be "
                "read only once. Pass a function that makes a new iterator for each pass."
            )
        self.consumed = True
        return elements
