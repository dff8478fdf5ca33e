"""The functions of `aseq.data` that make datasets, beside `csv` and its kin."""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any

import numpy as np

from aseq.data._block import Columns, leaves, transform
from aseq.data._csv import csv
from aseq.data._dataset import Dataset
from aseq.data._file import FileSource
from aseq.data._origins import ArrayOrigin, AsyncIterableOrigin, IterableOrigin
from aseq.data._web import WebSource
from aseq.errors import ConfigError, DataError

__all__ = ["array", "disk", "from_async_iterable", "generator", "web"]

WEB_ARGUMENTS = ("headers", "session", "timeout", "retries", "max_redirects", "max_bytes")


def web(url: str | Iterable[str], **options: Any) -> Dataset:
    """Stream a CSV file over HTTP(S), or several as one.

    Args:
        url: The address, or a list of addresses that are read one after the other.
        **options: `headers`, `session`, `timeout`, `retries`, `max_redirects`, `max_bytes` as for
            `WebSource`, all others as for `csv`.

    Examples:
        >>> web("https://example.org/digits.csv.gz", label=-1, has_header=False).length is None
        True
    """
    source_options = {name: options.pop(name) for name in WEB_ARGUMENTS if name in options}
    return csv([WebSource(each, **source_options) for each in _each(url)], **options)


def disk(path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], **options: Any) -> Dataset:
    """Stream a CSV file from disk, or several as one.

    Args:
        path: A path, a pattern such as "data/*.csv", "-" for standard input, or a list of paths.
        **options: As for `csv`.

    Examples:
        >>> disk("measurements.csv", label="kind").length is None
        True
    """
    return csv([FileSource(each) for each in _each(path)], **options)


def _each(source: Any) -> list[Any]:
    """The addresses in a list of them; what is neither a list nor an address is left for its source to refuse."""
    one = isinstance(source, str | bytes | os.PathLike) or not isinstance(source, Iterable)
    return [source] if one else list(source)


def array(x: Any, y: Any = None, sample_weight: Any = None) -> Dataset:
    """Make a dataset of the rows of arrays.

    Args:
        x: An array, or anything `np.asarray` takes, or a tuple or dict of such; the first axis counts rows.
            Elements are views of it that cannot be written to.
        y: Labels of the same length; elements are then pairs `(x, y)`.
        sample_weight: Weights of the same length; elements are then triples.

    Raises:
        DataError: If lengths or the shapes of rows differ, or an array has no first axis.

    Examples:
        >>> import asyncio
        >>> asyncio.run(array([[1.0], [2.0]], [0, 1]).to_list())
        [(array([1.]), np.int64(0)), (array([2.]), np.int64(1))]
    """
    if x is None:
        raise DataError("array: expected arrays, received None. Labels alone are an x as well.")
    if y is None and sample_weight is not None:
        raise ConfigError("array: expected y beside sample_weight, received None. Weights belong to labels.")
    parts = tuple(part for part in (x, y, sample_weight) if part is not None)
    structure = transform(parts[0] if len(parts) == 1 else parts, _as_array)
    arrays = list(leaves(structure))
    if any(each.ndim == 0 for each in arrays):
        raise DataError(
            "array: expected arrays with at least one axis, received a scalar. Wrap it in a list."
        )
    lengths = [len(each) for each in arrays]
    if len(set(lengths)) > 1:
        raise DataError(
            f"array: expected arrays of one length, received lengths {', '.join(map(str, lengths))}. "
            "x, y and sample_weight need one row per sample."
        )
    rows = lengths[0] if lengths else 0
    return Dataset(ArrayOrigin(Columns(structure, rows)), length=rows)


def _as_array(rows: Any) -> np.ndarray:
    if isinstance(rows, np.ma.MaskedArray):
        raise DataError(
            "array: expected arrays, received a masked one. Choose what stands for the rest: x.filled(0)."
        )
    try:
        array = np.asarray(rows).view()
    except ValueError as error:
        raise DataError(
            "array: expected rows of one shape, received rows that differ. "
            "Pad them, or stream them with data.from_iterable()."
        ) from error
    array.flags.writeable = False  # what a function did to it in place would last into the next pass
    return array


def generator(make_iterator: Callable[[], Any]) -> Dataset:
    """Make a dataset of what a generator function yields, called anew for each pass, in a worker thread.

    Args:
        make_iterator: A function without arguments that returns an iterable; an async generator function
            serves as well, and runs in the event loop.

    Raises:
        ConfigError: If it is not a function.

    Examples:
        >>> import asyncio
        >>> asyncio.run(generator(lambda: range(3)).to_list())
        [0, 1, 2]
    """
    if not callable(make_iterator):
        raise ConfigError(
            f"generator: expected a function that makes an iterator, received {make_iterator!r}. "
            "Write data.generator(lambda: ...), so that each pass can start anew."
        )
    if inspect.isasyncgenfunction(make_iterator) or inspect.iscoroutinefunction(make_iterator):
        return from_async_iterable(make_iterator)
    return Dataset(IterableOrigin(make_iterator))


def from_async_iterable(it_or_factory: AsyncIterable[Any] | Callable[[], Any]) -> Dataset:
    """Make a dataset of the elements of an async iterable.

    Args:
        it_or_factory: A function that makes an async iterable for each pass; or an async iterable. An async
            iterator that can be read only once is good for one pass; the second raises StreamConsumed.

    Raises:
        ConfigError: If it is neither.

    Examples:
        >>> import asyncio
        >>> async def numbers():
        ...     yield 1
        ...     yield 2
        >>> asyncio.run(from_async_iterable(numbers).to_list())
        [1, 2]
    """
    if not isinstance(it_or_factory, AsyncIterable) and not callable(it_or_factory):
        raise ConfigError(
            f"from_async_iterable: expected an async iterable or a function that makes one, received "
            f"{type(it_or_factory).__name__}. Use data.generator() for synchronous iterables."
        )
    return Dataset(AsyncIterableOrigin(it_or_factory))
