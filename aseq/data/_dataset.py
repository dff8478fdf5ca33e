"""`Dataset`: an immutable recipe for a stream of elements, and its operators.

A dataset is an origin plus the steps that follow it. Synchronous operators add a step; all steps of a run
share one hop to a worker thread per input. Operators that await, or that read several datasets, are origins.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aseq.data._arguments import checked_function, is_async, whole_number
from aseq.data._async_map import AsyncMapOrigin
from aseq.data._cache import FileCacheOrigin, MemoryCacheOrigin
from aseq.data._combine import ConcatenateOrigin, InterleaveOrigin, RepeatOrigin, ZipOrigin
from aseq.data._prefetch import PrefetchOrigin
from aseq.data._recipe import Recipe
from aseq.data._shuffle import Order, Shuffle
from aseq.data._stages import Batch, Enumerate, Filter, Map, Shard, Skip, Step, Take, Unbatch, spread
from aseq.errors import ConfigError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from aseq.data._origins import Origin

__all__ = ["Dataset", "interleave", "zip_datasets"]


class Dataset(Recipe):
    """A recipe for a stream of elements; every iteration starts anew.

    Datasets are made by the functions of `aseq.data`, and from each other by the methods below, each of
    which returns a new dataset. Nothing is opened or read before the first element is asked for.

    Examples:
        >>> import asyncio
        >>> import numpy as np
        >>> from aseq import data
        >>> numbers = data.array(np.arange(5))
        >>> asyncio.run(numbers.map(lambda n: n * 10).batch(2).to_list())
        [array([ 0, 10]), array([20, 30]), array([40])]
    """

    def batch(self, n: int, drop_remainder: bool = False) -> Dataset:
        """Stack every n elements into one with a new leading axis.

        Args:
            n: Elements per batch.
            drop_remainder: Leave out a last batch of fewer than n.

        Raises:
            ConfigError: If n is not a positive integer.
        """
        n = whole_number("batch", "n", n, 1)
        round_ = math.floor if drop_remainder else math.ceil
        length = self._length
        count = length if length is None or length == math.inf else round_(length / n)
        return self._then(Step(Batch, (n, bool(drop_remainder))), count)

    def unbatch(self) -> Dataset:
        """Take batches apart into their rows, without copying."""
        return self._then(Step(Unbatch), None)

    def map(self, fn: Callable[..., Any], *, num_parallel: int = 1, ordered: bool = True) -> Dataset:
        """Replace every element by `fn(element)`.

        A function that requires two arguments or more gets the parts of a pair: `map(lambda x, y: ...)`.
        A plain function runs in the worker thread that parses; before `batch` it sees single rows, after
        `batch` it sees arrays and can be vectorised. An `async def` function runs in the event loop.

        Args:
            fn: The function.
            num_parallel: For async functions, how many calls may be under way at once.
            ordered: For async functions, whether results keep the order of the elements.

        Raises:
            ConfigError: If `fn` cannot be called or `num_parallel` is not positive.
        """
        call = spread(checked_function("map", fn))
        num_parallel = whole_number("map", "num_parallel", num_parallel, 1)
        if not is_async(fn):
            return self._then(Step(Map, (call,)), self._length)
        return self._from(AsyncMapOrigin(self, call, num_parallel, ordered), self._length)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """Keep the elements for which `predicate(element)` is true; it runs where `map` runs.

        Raises:
            ConfigError: If `predicate` is not a plain function.
        """
        call = spread(checked_function("filter", predicate))
        if is_async(predicate):
            raise ConfigError(
                "filter: expected a plain function, received an async one. "
                "Await in map() and filter on its result."
            )
        return self._then(Step(Filter, (call,)), None)

    def shuffle(
        self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True
    ) -> Dataset:
        """Give the elements in a random order, chosen among the next `buffer_size` at each point.

        Epoch k's order depends on `(seed, k)` alone. Uniform if the buffer holds the whole dataset.

        Args:
            buffer_size: Elements to look ahead.
            seed: Any non-negative integer; without it, one is drawn now.
            reshuffle_each_iteration: Whether each epoch has an order of its own.

        Raises:
            ConfigError: If `buffer_size` is not positive or `seed` negative.
        """
        size = whole_number("shuffle", "buffer_size", buffer_size, 1)
        if seed is not None:
            seed = whole_number("shuffle", "seed", seed, 0)
        order = Order(seed, bool(reshuffle_each_iteration))
        return self._then(Step(Shuffle, (size, order)), self._length)

    def take(self, n: int) -> Dataset:
        """Keep the first n elements and read no further."""
        n = whole_number("take", "n", n, 0, "All of them are there without take().")
        length = None if self._length is None else min(n, self._length)
        return self._then(Step(Take, (n,)), length if n else 0, endless=False)

    def skip(self, n: int) -> Dataset:
        """Leave out the first n elements."""
        n = whole_number("skip", "n", n, 0)
        return self._then(Step(Skip, (n,)), None if self._length is None else max(self._length - n, 0))

    def shard(self, num_shards: int, index: int) -> Dataset:
        """Keep every `num_shards`-th element from number `index` on, so that shards together are the whole.

        Raises:
            ConfigError: If not 0 <= index < num_shards.
        """
        num_shards = whole_number("shard", "num_shards", num_shards, 1)
        index = whole_number("shard", "index", index, 0)
        if index >= num_shards:
            raise ConfigError(
                f"shard: expected an index below num_shards={num_shards}, received {index}. "
                "Indices count from 0."
            )
        length = self._length
        if length is not None and length != math.inf:
            length = max(0, math.ceil((length - index) / num_shards))
        return self._then(Step(Shard, (num_shards, index)), length)

    def enumerate(self, start: int = 0) -> Dataset:
        """Pair every element with its number: `(number, element)`."""
        return self._then(Step(Enumerate, (whole_number("enumerate", "start", start, None),)), self._length)

    def repeat(self, n: int | None = None) -> Dataset:
        """Read the dataset n times, or without end; each time counts as an epoch for shuffles before it."""
        if n is not None:
            n = whole_number("repeat", "n", n, 0, "Leave it out to repeat without end.")
        times = math.inf if n is None else n
        if not times or self._length == 0:
            length: float | None = 0
        else:
            length = None if self._length is None else self._length * times
        endless = length != 0 and (n is None or self._endless)
        return self._from(RepeatOrigin(self, n), length, endless=endless)

    def concatenate(self, *others: Dataset) -> Dataset:
        """Read other datasets after this one."""
        datasets = _datasets("concatenate", (self, *others))
        origin = ConcatenateOrigin(tuple([part for dataset in datasets for part in _in_a_row(dataset)]))
        return Dataset(origin, length=_total(datasets), endless=_any_endless(datasets), parents=datasets)

    def zip(self, *others: Dataset) -> Dataset:
        """Pair the elements of this dataset with those of others; ends with the shortest."""
        return zip_datasets((self, *others))

    def cache(self, path: str | os.PathLike[str] | None = None) -> Dataset:
        """Keep the elements of the first whole pass, so that later passes neither download nor parse.

        Args:
            path: A file to keep them in (Arrow IPC), which later runs find again; it appears when the
                first pass is through, never half written. None keeps them in memory.

        Shuffles before the cache are frozen: put `shuffle` after it. Arrays that are kept cannot be written
        to. A file is found by its name alone: delete it when the data or the steps before it change, which is
        noticed only where the number of elements is known and another.

        Raises:
            DataError: While reading: elements do not fit into an Arrow file.
            FormatError: While reading: the file is of another kind.
            SourceError: While reading: the folder of the file is missing or cannot be written to.
        """
        origin = MemoryCacheOrigin(self) if path is None else FileCacheOrigin(self, path)
        return self._from(origin, self._length)

    def prefetch(self, n: int) -> Dataset:
        """Read up to n groups ahead in a task of its own while the consumer works.

        A group is what one chunk of input gives: about 2 MiB of CSV, or one element of an async iterable.

        Args:
            n: Groups that may lie ready. 64 MiB of arrays are the limit in any case.

        Raises:
            ConfigError: If n is not positive.
        """
        return self._from(PrefetchOrigin(self, whole_number("prefetch", "n", n, 1)), self._length)

    def _then(self, step: Step, length: float | None, endless: bool | None = None) -> Dataset:
        endless = self._endless if endless is None else endless
        return Dataset(self._origin, (*self._steps, step), length=length, endless=endless, parents=(self,))

    def _from(self, origin: Origin, length: float | None, endless: bool | None = None) -> Dataset:
        endless = self._endless if endless is None else endless
        return Dataset(origin, length=length, endless=endless, parents=(self,))


def zip_datasets(datasets: Any) -> Dataset:
    """Read datasets side by side, to the end of the shortest.

    Args:
        datasets: A tuple or dict of datasets; elements are tuples or dicts of their elements.

    Raises:
        ConfigError: If something in it is not a dataset.

    Examples:
        >>> import asyncio
        >>> from aseq import data
        >>> pairs = data.zip({"xs": data.array([1, 2]), "ys": data.array([3, 4, 5])})
        >>> asyncio.run(pairs.to_list())
        [{'xs': np.int64(1), 'ys': np.int64(3)}, {'xs': np.int64(2), 'ys': np.int64(4)}]
    """
    if not isinstance(datasets, tuple | list | dict) or not datasets:
        raise ConfigError(
            f"zip: expected a tuple or dict of datasets, received {datasets!r}. "
            "Write data.zip((a, b)) or data.zip({'xs': a, 'ys': b})."
        )
    keys = tuple(datasets) if isinstance(datasets, dict) else None
    checked = _datasets("zip", datasets.values() if isinstance(datasets, dict) else datasets)
    lengths = _lengths(checked)
    length = None if lengths is None else min(lengths)
    endless = all(dataset._endless for dataset in checked)
    return Dataset(ZipOrigin(checked, keys), length=length, endless=endless, parents=checked)


def interleave(datasets: Any, block_length: int = 1) -> Dataset:
    """Read several datasets in turns of `block_length` elements; one that ends drops out.

    Raises:
        ConfigError: If something in it is not a dataset, or `block_length` is not positive.

    Examples:
        >>> import asyncio
        >>> from aseq import data
        >>> turns = interleave((data.array([1, 2, 3]), data.array([10])))
        >>> asyncio.run(turns.map(int).to_list())
        [1, 10, 2, 3]
    """
    if not isinstance(datasets, tuple | list) or not datasets:
        raise ConfigError(
            f"interleave: expected a tuple or list of datasets, received {datasets!r}. "
            "Write data.interleave((a, b))."
        )
    checked = _datasets("interleave", datasets)
    count = whole_number("interleave", "block_length", block_length, 1)
    origin, endless = InterleaveOrigin(checked, count), _any_endless(checked)
    return Dataset(origin, length=_total(checked), endless=endless, parents=checked)


def _datasets(where: str, values: Any) -> tuple[Dataset, ...]:
    for value in values:
        if not isinstance(value, Dataset):
            raise ConfigError(
                f"{where}: expected a Dataset, received {type(value).__name__}. Wrap it first: "
                "data.array(...), data.generator(...) or data.from_async_iterable(...)."
            )
    return tuple(values)


def _in_a_row(dataset: Dataset) -> tuple[Dataset, ...]:
    """The parts of a concatenation, so that adding one dataset after the other nests nothing; else the dataset."""
    origin = dataset._origin
    return origin.datasets if isinstance(origin, ConcatenateOrigin) and not dataset._steps else (dataset,)


def _lengths(datasets: tuple[Dataset, ...]) -> list[float] | None:
    """All lengths, or None if one is unknown."""
    lengths = [dataset._length for dataset in datasets if dataset._length is not None]
    return lengths if len(lengths) == len(datasets) else None


def _total(datasets: tuple[Dataset, ...]) -> float | None:
    lengths = _lengths(datasets)
    return None if lengths is None else sum(lengths)


def _any_endless(datasets: tuple[Dataset, ...]) -> bool:
    return any(dataset._endless for dataset in datasets)
