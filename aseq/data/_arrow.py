"""Parquet and Arrow IPC files as datasets, with the same elements as `csv`."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.data._dataset import Dataset
from aseq.data._file import FileSource
from aseq.data._lanes import PARSE_LANE, settle
from aseq.data._owned import Owned
from aseq.data._rows import RowMaker, Suspicious
from aseq.data._source import MemorySource
from aseq.data._table import Schema, Table, read_files, row_options
from aseq.data._typed import decide_by_type, normalized
from aseq.errors import ParseError, SourceError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
    from typing import TypeAlias

    from aseq.data._block import Block
    from aseq.data._columns import Label
    from aseq.data._expand import SourceLike
    from aseq.data._source import Source
    from aseq.data._stages import Pass

    BatchReader: TypeAlias = Callable[[Any, Callable[[Any], list[str]]], Iterator[Any]]

__all__ = ["arrow", "parquet", "rows_at_once", "typed_blocks"]

BATCH_BYTES = 4 << 20
READ_BYTES = 16 << 10  # a column


def parquet(
    source: SourceLike,
    *,
    label: Label = None,
    column_configs: Mapping[Any, Any] | None = None,
    configured_columns_only: bool = False,
    dtype: Any = np.float32,
) -> Dataset:
    """Stream the rows of a Parquet file.

    Elements are as those of `csv`. Undeclared columns are numbers, truth values, texts or dates by their
    type in the file. A file that is not on disk or in memory is fetched into a temporary file first, since
    Parquet is read from its end.

    Args:
        source: As for `csv`.
        label: As for `csv`.
        column_configs: As for `csv`.
        configured_columns_only: As for `csv`; other columns are not even read.
        dtype: As for `csv`.

    Raises:
        ConfigError: If an argument cannot be right.

    Examples:
        >>> parquet("flowers.parquet", label="kind").length is None
        True
    """
    options = row_options("parquet", label, column_configs, configured_columns_only, dtype, "raise")
    table = Table(options)
    return read_files(source, BatchFile(table, _parquet_batches), table)


def arrow(
    source: SourceLike,
    *,
    label: Label = None,
    column_configs: Mapping[Any, Any] | None = None,
    configured_columns_only: bool = False,
    dtype: Any = np.float32,
) -> Dataset:
    """Stream the rows of an Arrow IPC file or stream (also known as Feather).

    Args:
        source: As for `csv`.
        label: As for `csv`.
        column_configs: As for `csv`.
        configured_columns_only: As for `csv`.
        dtype: As for `csv`.

    Raises:
        ConfigError: If an argument cannot be right.

    Examples:
        >>> arrow("flowers.arrow", label="kind").length is None
        True
    """
    options = row_options("arrow", label, column_configs, configured_columns_only, dtype, "raise")
    table = Table(options)
    return read_files(source, BatchFile(table, _ipc_batches), table)


@dataclasses.dataclass(frozen=True, slots=True)
class BatchFile:
    """Makes the dataset of a single file."""

    table: Table
    batches: BatchReader

    def __call__(self, file: Source, schema: Schema | None) -> Dataset:
        """Give the rows of `file`, of which `schema` may be known."""
        return Dataset(BatchOrigin(file, self.table, schema, self.batches), table=self.table)


class BatchOrigin:
    """The rows of one file that pyarrow reads batch by batch.

    Args:
        source: The file.
        table: What is wanted of its columns.
        schema: What the pass knows from files before.
        batches: Shows the file's schema to a function, and gives record batches with the columns that the
            function returns.
    """

    lane = PARSE_LANE
    ready = True

    def __init__(self, source: Source, table: Table, schema: Schema | None, batches: BatchReader) -> None:
        self.source = source
        self.table = table
        self.schema = schema
        self.batches = batches

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Give one block per batch."""
        async with Owned(_at_hand(self.source, this_pass)) as contents:
            blocks = self._blocks(await anext(contents), self.schema or Schema())
            try:
                while (block := await PARSE_LANE.run(next, blocks, None)) is not None:
                    this_pass.statistics.rows += len(block)
                    yield [block]
            finally:
                await settle(PARSE_LANE.run(blocks.close))

    def _blocks(self, content: str | bytes, schema: Schema) -> Generator[Block, None, None]:
        import pyarrow as pa

        name = self.source.name
        try:
            with pa.OSFile(content) if isinstance(content, str) else pa.BufferReader(content) as file:
                yield from typed_blocks(name, self.table, schema, lambda begin: self.batches(file, begin))
        except FileNotFoundError as error:
            raise SourceError(name, f"expected a file, found none ({error}). Check the path.") from error
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise SourceError(name, f"expected a file that can be read, received {error}.") from error
            problem = f"expected a sound file of its format, received one that pyarrow refuses: {error}"
            raise ParseError(name, problem) from error


def typed_blocks(
    name: str, table: Table, schema: Schema, read: Callable[[Callable[[Any], list[str]]], Iterator[Any]]
) -> Generator[Block, None, None]:
    """Make blocks of rows from record batches whose columns have types.

    Args:
        name: For messages.
        table: What is wanted of the columns.
        schema: What the pass knows.
        read: Shows the batches' schema to a function, and gives batches with the columns that it returns.

    Raises:
        ParseError: Naming the column: its values do not fit what is declared.
    """
    schema.narrow = False
    maker = RowMaker(table, schema, name)

    def begin(found: Any) -> list[str]:
        doubled = sorted({column for column in found.names if found.names.count(column) > 1})
        if doubled:
            raise ParseError(name, f"expected columns with names of their own, received {doubled} twice.")
        layout = table.begin(schema, name, list(found.names))
        decide_by_type(layout, dict(zip(found.names, found.types, strict=True)))
        return [column.name for column in layout.columns]

    try:
        for batch in read(begin):
            yield maker.block(normalized(batch, schema.known()))
    except Suspicious as reason:
        column = reason.column.name if reason.column is not None else None
        raise ParseError(name, f"{reason.problem}.", column=column) from None


async def _at_hand(source: Source, this_pass: Pass) -> AsyncGenerator[str | bytes, None]:
    """Gives one thing: the content of a source, or the path of a file that holds it until this is closed."""
    if isinstance(source, MemorySource):
        this_pass.statistics.bytes += len(source.content)
        yield source.content
    elif isinstance(source, FileSource) and await PARSE_LANE.run(os.path.isfile, source.path):
        this_pass.statistics.bytes += await PARSE_LANE.run(os.path.getsize, source.path)
        yield source.path
    else:
        import tempfile

        descriptor, path = await PARSE_LANE.run(tempfile.mkstemp, ".aseq")
        try:
            with os.fdopen(descriptor, "wb") as file:
                async with source.open(this_pass.statistics) as chunks:
                    async for chunk in chunks:
                        await PARSE_LANE.run(file.write, chunk)
            yield path
        finally:
            await settle(PARSE_LANE.run(os.unlink, path))


def _parquet_batches(file: Any, begin: Callable[[Any], list[str]]) -> Iterator[Any]:
    from pyarrow.parquet import ParquetFile

    # Else whole groups of rows are read into memory, which may be as large as the file.
    parquet_file = ParquetFile(file, buffer_size=READ_BYTES, pre_buffer=False)
    columns = begin(parquet_file.schema_arrow)
    for batch in parquet_file.iter_batches(rows_at_once(columns), columns=columns, use_threads=False):
        yield _checked(batch)


def _ipc_batches(file: Any, begin: Callable[[Any], list[str]]) -> Iterator[Any]:
    import pyarrow as pa

    try:
        reader = pa.ipc.open_file(file)
        batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
    except pa.ArrowInvalid:
        file.seek(0)
        reader = batches = pa.ipc.open_stream(file)
    columns = begin(reader.schema)
    rows = rows_at_once(columns)
    for batch in batches:
        whole = _checked(batch.select(columns))
        for start in range(0, batch.num_rows, rows):
            yield whole.slice(start, rows)


def _checked(batch: Any) -> Any:
    """A batch whose offsets and codes lead nowhere else: pyarrow reads such files, and crashes on the values.

    Raises:
        ArrowException: If they do.
    """
    batch.validate(full=True)
    return batch


def rows_at_once(columns: list[str]) -> int:
    """Rows that make a block of a few MiB, at 8 bytes a value."""
    return max(1, BATCH_BYTES // (8 * max(len(columns), 1)))
