"""Datasets from what other libraries hold in memory or read: data frames, tables, loaders."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.data._arrow import rows_at_once, typed_blocks
from aseq.data._dataset import Dataset
from aseq.data._origins import IterableOrigin
from aseq.data._table import Schema, Table, row_options
from aseq.errors import ConfigError, DataError, StreamConsumed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from aseq.data._block import Block
    from aseq.data._columns import Label

__all__ = ["from_iterable", "table"]


def table(
    frame: Any,
    *,
    label: Label = None,
    column_configs: Mapping[Any, Any] | None = None,
    configured_columns_only: bool = False,
    dtype: Any = np.float32,
) -> Dataset:
    """Make a dataset of the rows of a pandas or polars frame, an Arrow table or reader, or the like.

    Elements are as those of `csv`. Anything that has the Arrow stream interface will do.

    Args:
        frame: The frame. The index of a pandas frame is no column of it: `reset_index()` makes it one. A
            `pyarrow.RecordBatchReader` is good for one pass.
        label: As for `csv`.
        column_configs: As for `csv`.
        configured_columns_only: As for `csv`.
        dtype: As for `csv`.

    Raises:
        ConfigError: If it is something else, or an argument cannot be right.

    Examples:
        >>> import asyncio
        >>> import pyarrow
        >>> frame = pyarrow.table({"length": [5.1, 4.9], "kind": [0, 1]})
        >>> asyncio.run(table(frame, label="kind").batch(2).to_list())
        [(array([[5.1], [4.9]], dtype=float32), array([0., 1.], dtype=float32))]
    """
    if not hasattr(frame, "__arrow_c_stream__"):
        raise ConfigError(
            f"table: expected a data frame or table with the Arrow stream interface, received "
            f"{type(frame).__name__}. For arrays there is data.array(), for iterables data.from_iterable()."
        )
    options = row_options("table", label, column_configs, configured_columns_only, dtype, "raise")
    known = Table(options)
    length = len(frame) if hasattr(frame, "__len__") else None
    return Dataset(IterableOrigin(_Batches(frame, known)), length=length, table=known)


class _Batches:
    """The record batches of a frame, made into blocks; called anew for each pass."""

    def __init__(self, frame: Any, known: Table) -> None:
        self.frame = frame
        self.known = known
        self.consumed = False

    def __call__(self) -> Generator[Block, None, None]:
        import pyarrow as pa

        if isinstance(self.frame, pa.RecordBatchReader):
            if self.consumed:
                raise _consumed("table", "a RecordBatchReader")
            self.consumed = True
        return typed_blocks(type(self.frame).__name__, self.known, Schema(), self._read)

    def _read(self, begin: Callable[[Any], list[str]]) -> Iterator[Any]:
        reader = _reader(self.frame)
        rows = rows_at_once(begin(reader.schema))
        for batch in reader:
            for start in range(0, batch.num_rows, rows):
                yield batch.slice(start, rows)


def _reader(frame: Any) -> Any:
    """The record batches of a frame; a pandas index is no column."""
    import pyarrow as pa

    pandas = sys.modules.get("pandas")
    try:
        if pandas is not None and isinstance(frame, pandas.DataFrame):
            return pa.Table.from_pandas(frame, preserve_index=False).to_reader()
        return pa.RecordBatchReader.from_stream(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        problem = "; ".join(map(str, error.args)).rstrip(".")
        raise DataError(
            f"table: expected a {type(frame).__name__} with columns that Arrow can read, received: {problem}. "
            "Convert those columns first."
        ) from error


def from_iterable(iterable: Any) -> Dataset:
    """Make a dataset of any iterable, read in a worker thread: a PyTorch DataLoader, a HuggingFace dataset.

    Tensors become arrays, lists of tensors tuples of arrays.

    Args:
        iterable: An iterable; an iterator that can be read only once is good for one pass.

    Raises:
        ConfigError: If it cannot be iterated.

    Examples:
        >>> import asyncio
        >>> asyncio.run(from_iterable([1, 2, 3]).batch(2).to_list())
        [array([1, 2]), array([3])]
    """
    if isinstance(iterable, Mapping) or (
        hasattr(iterable, "__arrow_c_stream__") and hasattr(iterable, "columns")
    ):
        raise ConfigError(
            f"from_iterable: expected an iterable of elements, received {type(iterable).__name__}, which would give "
            "its keys or columns. For frames and tables there is data.table(), for dicts of arrays data.array()."
        )
    if not isinstance(iterable, Iterable) and not hasattr(iterable, "__getitem__"):
        raise ConfigError(
            f"from_iterable: expected an iterable, received {type(iterable).__name__}. "
            "For async ones there is data.from_async_iterable(), for functions data.generator()."
        )
    return Dataset(IterableOrigin(_Anew(iterable)))


class _Anew:
    """An iterator over an iterable; called for each pass."""

    def __init__(self, iterable: Any) -> None:
        self.iterable = iterable
        self.consumed = False

    def __call__(self) -> Iterator[Any]:
        if self.consumed:
            raise _consumed("from_iterable", f"a {type(self.iterable).__name__}")
        elements = iter(self.iterable)
        self.consumed = elements is self.iterable
        return elements


def _consumed(where: str, what: str) -> StreamConsumed:
    return StreamConsumed(
        f"{where}: expected one pass, received a second one over {what}, which can be read only once. "
        "Pass something that can be iterated anew, or data.generator(lambda: ...)."
    )
