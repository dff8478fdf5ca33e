"""Arrays, datasets and async iterables become batches here, behind one small protocol.

`fill` runs on the event loop and may wait for data; `take` runs inside a burst and never waits.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from aseq.compute import Lane
from aseq.data._lanes import settle
from aseq.data._prefetch import read_ahead
from aseq.data._recipe import Recipe
from aseq.errors import ConfigError, DataError, StreamConsumed
from aseq.training._batches import is_array, unpack

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from aseq.training._batch import Batch
    from aseq.training._batches import Arrays, BatchMaker
    from aseq.types import Array

__all__ = ["ArrayFeed", "DatasetFeed", "Feed", "check_batches", "holds_batches", "is_stream"]

PULL = Lane("plain iterables", 4)
"""Threads in which the user's synchronous iterables are asked for their next item."""


class Feed(Protocol):
    """Batches of one pass after the other.

    Attributes:
        steps: Batches in a pass, where that is known.
        restarts: Whether a new pass may begin in the middle of a fit with steps_per_epoch.
        once: Whether a pass is open that cannot be begun anew.
    """

    steps: int | None
    restarts: bool

    @property
    def once(self) -> bool: ...

    async def begin(self, number: int, skip: int = 0) -> None:
        """Begin the pass of this number, behind its first `skip` batches."""

    async def fill(self) -> bool:
        """Wait until a batch is ready; False at the end of the pass."""
        ...

    def take(self) -> Batch | None:
        """The next ready batch, if one is ready."""

    async def aclose(self) -> None:
        """Close what the pass holds open."""


class ArrayFeed:
    """Batches cut from whole arrays.

    Args:
        arrays: Checked.
        maker: Casts inputs.
        batch_size: Rows a batch; the last may be shorter.
        shuffle: True for a new order of rows each pass, "batch" for a new order inside each
            batch, False for none.
        seed: With the pass, decides the order: a resumed fit sees what an undisturbed one would.
    """

    restarts = True
    once = False

    def __init__(
        self, arrays: Arrays, maker: BatchMaker, batch_size: int, shuffle: bool | str = False, seed: Any = 0
    ) -> None:
        self.arrays = arrays
        self.maker = maker
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.steps: int | None = -(-arrays.rows // batch_size)
        self.order: Array | None = None
        self.at = 0

    async def begin(self, number: int, skip: int = 0) -> None:
        """Lay down the order of the pass."""
        self.at = skip * self.batch_size
        self.order = None
        if self.shuffle is True:
            self.order = pass_rng(self.seed, number).permutation(self.arrays.rows)
        elif self.shuffle == "batch":
            rng = pass_rng(self.seed, number)
            starts = range(0, self.arrays.rows, self.batch_size)
            spans = [np.arange(i, min(i + self.batch_size, self.arrays.rows)) for i in starts]
            self.order = np.concatenate([rng.permutation(span) for span in spans])

    async def fill(self) -> bool:
        """Whether rows are left."""
        return self.at < self.arrays.rows

    def take(self) -> Batch | None:
        """Cut the next batch."""
        start = self.at
        if start >= self.arrays.rows:
            return None
        self.at = stop = min(start + self.batch_size, self.arrays.rows)
        rows = slice(start, stop) if self.order is None else self.order[start:stop]
        return self.arrays.cut(rows, self.maker)

    async def aclose(self) -> None:
        """Nothing to close."""


class DatasetFeed:
    """Batches from an aseq Dataset, or from any async or plain iterable of batches.

    Args:
        dataset: The source.
        maker: Checks each batch, inside the burst; may be set later, before the first `take`.
        class_weight: As in `fit`.
        targets: Whether batches carry targets.
        name: Of the argument, for errors.
    """

    restarts = False

    def __init__(
        self,
        dataset: Any,
        maker: BatchMaker | None = None,
        class_weight: Any = None,
        *,
        targets: bool = True,
        name: str = "dataset",
    ) -> None:
        check_batches(dataset, name)
        self.dataset = dataset
        self.maker = maker
        self.class_weight = class_weight
        self.targets = targets
        self.name = name
        self.steps: int | None = dataset.length if isinstance(dataset, Recipe) else _length(dataset)
        self._ready: deque[Any] = deque()
        self._groups: AsyncGenerator[list[Any], None] | None = None
        self._iterator: Any = None
        self._taken = 0
        self._peeked: int | None = None

    @property
    def once(self) -> bool:
        """Whether a pass is open over something that is its own iterator."""
        return self._groups is not None and self._iterator is self.dataset

    async def peek(self, number: int) -> Any:
        """The inputs of the first batch of this pass, which `begin` then goes on with.

        Raises:
            DataError: There is no batch.
        """
        await self.begin(number)
        if not await self.fill():
            raise DataError(f"{self.name}: expected at least one batch, received none. Is the dataset empty?")
        self._peeked = number
        first = self._ready[0]
        return unpack(first, f"{self.name}, batch 1: ")[0] if self.targets else _inputs_of(first)

    async def begin(self, number: int, skip: int = 0) -> None:
        """Open the dataset anew; what can be read only once goes on where it is, whatever `skip` says.

        Raises:
            StreamConsumed: It can be read only once, and was.
        """
        peeked, self._peeked = self._peeked, None
        if peeked is None or (peeked != number and not self.once):
            await self._reopen(number)
        if not self.once:
            await self._skip(skip)

    async def _reopen(self, number: int) -> None:
        await self.aclose()
        self._taken = 0
        if isinstance(self.dataset, Recipe):
            groups = self.dataset.groups(epoch=number)
            # parse one group while another trains
            self._groups = read_ahead(groups, 1, lambda group: (len(group), 0))
        else:
            self._groups = await self._open()

    async def _open(self) -> AsyncGenerator[list[Any], None]:
        """A pass over an iterable, asked once for its iterator, a plain one in a thread: it may block."""
        plain = not hasattr(type(self.dataset), "__aiter__")
        iterator = await PULL.run(iter, self.dataset) if plain else aiter(self.dataset)
        if iterator is self._iterator:
            steps = "validation_steps" if self.name == "validation_data" else "steps_per_epoch"
            raise StreamConsumed(
                f"{self.name}: expected something that can be iterated once per epoch, received a "
                f"{type(self.dataset).__name__} that can be read only once. Pass a Dataset or a factory of "
                f"iterators (aseq.data.generator), or give {steps} and batches enough for all epochs."
            )
        self._iterator = iterator
        return _from_plain(iterator) if plain else _from_async(iterator)

    async def _skip(self, count: int) -> None:
        while self._taken < count and await self.fill():
            self._ready.popleft()
            self._taken += 1

    async def fill(self) -> bool:
        """Wait for the next group of batches."""
        while not self._ready:
            if self._groups is None:
                return False
            group = await anext(self._groups, None)
            if group is None:
                await self.aclose()
                return False
            self._ready.extend(group)
        return True

    def take(self) -> Batch | None:
        """Check the next ready element and make it a batch."""
        if not self._ready:
            return None
        assert self.maker is not None
        element = self._ready.popleft()
        self._taken += 1
        where = f"{self.name}, batch {self._taken}: "
        return self.maker.batch(element, self.class_weight, targets=self.targets, where=where)

    async def aclose(self) -> None:
        """Close the pass, and with it its connections and files."""
        groups, self._groups, self._peeked = self._groups, None, None
        self._ready.clear()
        if groups is not None:
            await groups.aclose()


_END = object()


async def _from_async(iterator: AsyncIterator[Any]) -> AsyncGenerator[list[Any], None]:
    """One-item groups from any async iterator; a generator is closed with this one, if it was begun here."""
    try:
        while (item := await anext(iterator, _END)) is not _END:
            yield [item]
    finally:
        aclose = getattr(iterator, "aclose", None)
        if aclose is not None:
            await aclose()


async def _from_plain(iterator: Iterator[Any]) -> AsyncGenerator[list[Any], None]:
    """One-item groups from a plain iterator, which may block: asked for each item in a thread."""
    try:
        while (item := await PULL.run(next, iterator, _END)) is not _END:
            yield [item]
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            await settle(PULL.run(close))


def pass_rng(seed: Any, number: int) -> np.random.Generator:
    """The random numbers that order the rows of one pass: a function of seed and number alone."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0x5EED, number)))


def is_stream(x: Any) -> bool:
    """Whether x is a dataset, or an iterable of batches such as a PyTorch DataLoader, rather than arrays."""
    if isinstance(x, np.ndarray):
        return False
    kind = type(x)  # where Python looks, too: a table may have columns of any name
    if isinstance(x, Recipe) or hasattr(kind, "__aiter__") or hasattr(kind, "__next__"):
        return True
    return hasattr(kind, "__iter__") and not _is_data(x)


def holds_batches(x: Any) -> bool:
    """Whether a list or tuple holds batches of arrays, rather than arrays or numbers."""
    return isinstance(x, (list, tuple)) and bool(x) and _is_batch(x[0])


def check_batches(dataset: Any, name: str) -> None:
    """Refuse what gives no batches.

    Raises:
        ConfigError: It is neither a dataset nor an iterable of batches.
        DataError: It is an empty list.
    """
    if isinstance(dataset, (list, tuple)) and not dataset:
        raise DataError(f"{name}: expected at least one batch, received an empty {type(dataset).__name__}.")
    if isinstance(dataset, (list, tuple)) and isinstance(dataset[0], (tuple, dict)):
        return
    iterable = hasattr(type(dataset), "__aiter__") or hasattr(type(dataset), "__iter__")
    if not (iterable and is_stream(dataset)):
        way_out = "Give arrays as (x, y)." if name == "validation_data" else "Arrays go to fit."
        raise ConfigError(
            f"{name}: expected a Dataset, or an async or plain iterable of batches, received "
            f"{type(dataset).__name__}. {way_out}"
        )


def _is_data(x: Any) -> bool:
    """Whether NumPy takes x as it is: it has the array interface, or is a buffer or one of Python's own."""
    if isinstance(x, (str, list, tuple, dict, range)) or hasattr(x, "__array__"):
        return True
    try:
        memoryview(x)
    except TypeError:
        return False
    return True


def _is_batch(item: Any) -> bool:
    if isinstance(item, dict):
        return "xs" in item
    return isinstance(item, tuple) and len(item) in (2, 3) and is_array(item[0])


def _inputs_of(element: Any) -> Any:
    """The inputs of a batch that may carry targets, as far as they can be told without a network."""
    if isinstance(element, dict) and "xs" in element:
        return element["xs"]
    pair = isinstance(element, (list, tuple)) and len(element) in (1, 2, 3) and is_array(element[0])
    return element[0] if pair else element


def _length(dataset: Any) -> int | None:
    """What `len` says; a DataLoader of a stream has a `__len__` that raises TypeError."""
    try:
        return len(dataset)
    except TypeError:
        return None
