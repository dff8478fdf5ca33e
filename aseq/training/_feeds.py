"""Arrays, datasets and async iterables become batches here, behind one small protocol.

`fill` runs on the event loop and may wait for data; `take` runs inside a burst and never waits.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from aseq.compute import Lane
from aseq.data._prefetch import read_ahead
from aseq.errors import ConfigError, DataError, StreamConsumed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from aseq.training._batch import Batch
    from aseq.training._batches import Arrays, BatchMaker
    from aseq.types import Array

__all__ = ["ArrayFeed", "DatasetFeed", "Feed"]

PULL = Lane("plain iterables", 4)
"""Threads in which the user's synchronous iterables are asked for their next item."""


class Feed(Protocol):
    """Batches of one pass after the other.

    Attributes:
        steps: Batches in a pass, where that is known.
        restarts: Whether a new pass may begin in the middle of a fit with steps_per_epoch.
    """

    steps: int | None
    restarts: bool

    async def begin(self, epoch: int) -> None:
        """Begin the pass of this epoch anew."""

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
        shuffle: True for a new order of rows each epoch, "batch" for a new order inside each
            batch, False for none.
        seed: With the epoch, decides the order: a resumed fit sees what an undisturbed one would.
    """

    restarts = True

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

    async def begin(self, epoch: int) -> None:
        """Lay down the epoch's order."""
        self.at = 0
        self.order = None
        if self.shuffle is True:
            self.order = epoch_rng(self.seed, epoch).permutation(self.arrays.rows)
        elif self.shuffle == "batch":
            rng = epoch_rng(self.seed, epoch)
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
        maker: Checks each batch, inside the burst.
        class_weight: As in `fit`.
        targets: Whether batches carry targets.
        name: Of the argument, for errors.
    """

    restarts = False

    def __init__(
        self,
        dataset: Any,
        maker: BatchMaker,
        class_weight: Any = None,
        *,
        targets: bool = True,
        name: str = "dataset",
    ) -> None:
        if not (hasattr(dataset, "groups") or hasattr(dataset, "__aiter__") or hasattr(dataset, "__iter__")):
            raise ConfigError(
                f"{name}: expected a Dataset, or an async or plain iterable of batches, received "
                f"{type(dataset).__name__}. Arrays go to fit."
            )
        if isinstance(dataset, (np.ndarray, list, tuple, dict, str, bytes)) and not _is_batches(dataset):
            raise ConfigError(
                f"{name}: expected a dataset of batches, received {type(dataset).__name__}. Arrays go to fit."
            )
        self.dataset = dataset
        self.maker = maker
        self.class_weight = class_weight
        self.targets = targets
        self.name = name
        length = getattr(dataset, "length", None)
        if length is None and hasattr(dataset, "__len__") and not hasattr(dataset, "groups"):
            length = len(dataset)
        self.steps: int | None = length
        self._ready: deque[Any] = deque()
        self._groups: AsyncGenerator[list[Any], None] | None = None
        self._passes = 0
        self._taken = 0

    async def begin(self, epoch: int) -> None:
        """Open the dataset anew.

        Raises:
            StreamConsumed: It can be read only once, and was.
        """
        await self.aclose()
        if self._passes and self._one_shot():
            raise StreamConsumed(
                f"{self.name}: expected something that can be iterated once per epoch, received a "
                f"{type(self.dataset).__name__} that can be read only once. Pass a Dataset or a factory of "
                f"iterators (aseq.data.generator), or give steps_per_epoch."
            )
        self._passes += 1
        self._taken = 0
        self._groups = self._open(epoch)

    def _one_shot(self) -> bool:
        if hasattr(self.dataset, "groups"):
            return False  # a Dataset says so itself, if it is over a one-shot source
        if hasattr(self.dataset, "__aiter__"):
            return self.dataset.__aiter__() is self.dataset
        return iter(self.dataset) is self.dataset

    def _open(self, epoch: int) -> AsyncGenerator[list[Any], None]:
        if hasattr(self.dataset, "groups"):
            groups = self.dataset.groups(epoch=epoch)
            return read_ahead(
                groups, 1, lambda group: (len(group), 0)
            )  # parse one group while another trains
        if hasattr(self.dataset, "__aiter__"):
            return _from_async(self.dataset.__aiter__())
        return _from_plain(iter(self.dataset))

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
        element = self._ready.popleft()
        self._taken += 1
        where = f"{self.name}, batch {self._taken}: "
        return self.maker.batch(element, self.class_weight, targets=self.targets, where=where)

    async def aclose(self) -> None:
        """Close the pass, and with it its connections and files."""
        groups, self._groups = self._groups, None
        self._ready.clear()
        if groups is not None:
            await groups.aclose()


async def _from_async(iterator: AsyncIterator[Any]) -> AsyncGenerator[list[Any], None]:
    """One-item groups from any async iterator; a generator is closed with this one, if it was begun here."""
    try:
        async for item in iterator:
            yield [item]
    finally:
        aclose = getattr(iterator, "aclose", None)
        if aclose is not None:
            await aclose()


_END = object()


async def _from_plain(iterator: Iterator[Any]) -> AsyncGenerator[list[Any], None]:
    """One-item groups from a plain iterator, which may block: asked for each item in a thread."""
    try:
        while (item := await PULL.run(next, iterator, _END)) is not _END:
            yield [item]
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def epoch_rng(seed: Any, epoch: int) -> np.random.Generator:
    """The random numbers that order the rows of one epoch: a function of seed and epoch alone."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0x5EED, epoch)))


def _is_batches(value: Any) -> bool:
    """Whether a list looks like batches: its first item is an (x, y) tuple or a dict."""
    if not isinstance(value, list):
        return False
    if not value:
        raise DataError("dataset: expected at least one batch, received an empty list.")
    return isinstance(value[0], (tuple, dict))
