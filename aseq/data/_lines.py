"""Files of lines: plain text, and JSON objects."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.data._arguments import whole_number
from aseq.data._block import Block, Columns, Items
from aseq.data._csv import MAX_RECORD_BYTES, checked_compression
from aseq.data._csv_text import Cut, Recode, RecordCutter, check_encoding, merged
from aseq.data._dataset import Dataset
from aseq.data._decompress import Decompress
from aseq.data._fields import check_range, clean, is_text
from aseq.data._origins import ByteOrigin
from aseq.data._rows import RowMaker, Suspicious
from aseq.data._stages import Pass, Stage, Step
from aseq.data._table import Schema, Table, read_files, row_options
from aseq.data._typed import normalized, text_type
from aseq.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aseq.data._columns import Column, Label
    from aseq.data._expand import SourceLike
    from aseq.data._source import Source
    from aseq.data._table import OnError

__all__ = ["json_lines", "text_lines"]

DECIDING_ROWS = 1_000
NEWLINE, OPEN, CLOSE = b"\n{}"


def text_lines(
    source: SourceLike,
    *,
    encoding: str = "utf-8",
    compression: str | None = "infer",
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> Dataset:
    r"""Stream the lines of a text, without their line ends.

    Args:
        source: As for `csv`.
        encoding: Of the text.
        compression: As for `csv`.
        max_record_bytes: The longest line that is accepted.

    Raises:
        ConfigError: If an argument cannot be right.

    Examples:
        >>> import asyncio
        >>> from aseq import data
        >>> asyncio.run(text_lines(data.MemorySource(b"first\r\n\nlast")).to_list())
        ['first', '', 'last']
    """
    compression = checked_compression("text_lines", compression)
    longest = whole_number("text_lines", "max_record_bytes", max_record_bytes, 1)
    return read_files(source, LineFile(check_encoding("text_lines", encoding), compression, longest))


def json_lines(
    source: SourceLike,
    *,
    label: Label = None,
    column_configs: Mapping[Any, Any] | None = None,
    configured_columns_only: bool = False,
    compression: str | None = "infer",
    dtype: Any = np.float32,
    on_error: OnError = "raise",
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> Dataset:
    r"""Stream a file with one JSON object per line.

    Elements are as those of `csv`: dicts, or pairs of a float vector and labels. The first object names the
    columns; fields that later objects lack are missing values, fields that they have besides are left out.
    A nested value in a column that is read is malformed: `configured_columns_only` leaves columns out.

    Args:
        source: As for `csv`.
        label: As for `csv`.
        column_configs: As for `csv`.
        configured_columns_only: As for `csv`.
        compression: As for `csv`.
        dtype: As for `csv`.
        on_error: As for `csv`.
        max_record_bytes: The longest line that is accepted.

    Raises:
        ConfigError: If an argument cannot be right.

    Examples:
        >>> import asyncio
        >>> from aseq import data
        >>> flowers = data.MemorySource(b'{"length": 5.1, "kind": "setosa"}\n{"length": 4.9}\n')
        >>> asyncio.run(json_lines(flowers).to_list())
        [{'length': np.float32(5.1), 'kind': 'setosa'}, {'length': np.float32(4.9), 'kind': nan}]
    """
    compression = checked_compression("json_lines", compression)
    table = Table(row_options("json_lines", label, column_configs, configured_columns_only, dtype, on_error))
    longest = whole_number("json_lines", "max_record_bytes", max_record_bytes, 1)
    return read_files(source, LineFile("utf-8", compression, longest, table), table)


@dataclasses.dataclass(frozen=True, slots=True)
class LineFile:
    """Makes the dataset of a single file: of its lines, or of what JSON they hold if there is a table."""

    encoding: str
    compression: str | None
    max_record_bytes: int
    table: Table | None = None

    def __call__(self, file: Source, schema: Schema | None) -> Dataset:
        """Give the lines of `file`, of whose columns something may be known."""
        steps = [Step(Decompress, (self.compression, file.name))]
        if self.encoding != "utf-8":
            steps.append(Step(Recode, (self.encoding, file.name)))
        steps.append(Step(RecordCutter, (file.name, b"", self.max_record_bytes, False)))
        if self.table is None:
            steps.append(Step(TextLines, (file.name,)))
        else:
            steps.append(Step(JsonParser, (self.table, file.name, schema)))
        return Dataset(ByteOrigin(file, self.compression), tuple(steps), table=self.table)


def _numbered(cut: Cut) -> Iterator[tuple[int, bytes]]:
    lines = cut.data.split(b"\n")
    if not lines[-1]:
        del lines[-1]
    return ((number, line.removesuffix(b"\r")) for number, line in enumerate(lines, cut.line))


class TextLines(Stage):
    """Lines of text out of blocks."""

    blocking = True

    def __init__(self, this_pass: Pass, source: str) -> None:
        self.statistics = this_pass.statistics
        self.source = source

    def feed(self, cut: Cut) -> Iterable[Block]:
        """Give all lines of a block."""
        texts = []
        for number, line in _numbered(cut):
            try:
                texts.append(line.decode())
            except UnicodeDecodeError:
                yield Items(texts)
                problem = "expected text in UTF-8, received other bytes. Pass encoding=... if it has another."
                raise ParseError(self.source, problem, line=number) from None
        self.statistics.rows += len(texts)
        yield Items(texts)


class JsonParser(Stage):
    """Rows out of blocks of JSON lines, by pyarrow; what it refuses is looked at line by line."""

    blocking = True

    def __init__(self, this_pass: Pass, table: Table, source: str, schema: Schema | None) -> None:
        self.statistics = this_pass.statistics
        self.table = table
        self.source = source
        self.schema = schema or Schema()
        self.schema.narrow = False
        self.maker = RowMaker(table, self.schema, source)
        self.exposed = table.options.exposed
        self.held: list[Cut] = []  # until undecided columns have shown a value

    def feed(self, cut: Cut) -> Iterable[Block]:
        """Parse one block; rows before a malformed one come out before the error."""
        if self.schema.layout is None:
            cut = self._begin(cut)
        if not cut.data:
            return
        if self.schema.known().undecided:
            cut = merged([*self.held, cut])
            self.held = [] if self._decide(cut) else [cut]
            if self.held:
                return
        yield from self._rows(cut)

    def flush(self) -> Iterable[Block]:
        """Parse what was held back."""
        for cut in self.held:
            self._decide(cut, last=True)
            yield from self._rows(cut)
        self.held = []

    def _begin(self, cut: Cut) -> Cut:
        """Learn the columns from the first object, and leave out what is before it."""
        lines = cut.data.split(b"\n")
        for place, line in enumerate(lines):
            if not line.strip():
                continue
            try:
                names = list(self._object(cut.line + place, line))
                if not names or not all(map(is_text, names)):
                    problem = "expected the first object to name the columns, received one without names."
                    raise ParseError(self.source, problem, line=cut.line + place)
            except ParseError as error:
                if self.table.options.on_error == "raise":
                    raise
                self._leave_out(error)
            else:
                self.table.begin(self.schema, self.source, names)
                return Cut(b"\n".join(lines[place:]), cut.line + place)
        return cut._replace(data=b"")

    def _decide(self, cut: Cut, last: bool = False) -> bool:
        """Settle the kinds of columns by their first values; True if none is left open."""
        layout = self.schema.known()
        for count, (number, line) in enumerate(_numbered(cut), 1):
            with contextlib.suppress(ParseError):
                record = self._object(number, line)
                for column in layout.undecided:
                    value = record.get(column.name)
                    if isinstance(value, str | bool | int | float):
                        column.decide(_kind(value))
            last = last or count == DECIDING_ROWS
            if last or not layout.undecided:
                break
        if last:
            for column in layout.undecided:
                column.decide("number")
        return not layout.undecided

    def _rows(self, cut: Cut) -> Iterator[Block]:
        import pyarrow as pa

        failure = None
        try:
            block = self._parsed(cut.data)
        except (pa.ArrowException, Suspicious) as reason:
            data, failure = self._repaired(cut)
            try:
                block = self._parsed(data)
            except (pa.ArrowException, Suspicious):
                raise ParseError(self.source, str(reason), line=cut.line) from reason
        if len(block):
            self.statistics.rows += len(block)
            yield block
        if failure is not None:
            raise failure

    def _parsed(self, data: bytes) -> Columns:
        import pyarrow as pa
        from pyarrow import json as arrow_json

        if not data.strip():
            return Columns((), 0)
        layout, objects = self.schema.known(), _count_objects(data)
        schema = pa.schema([(column.name, text_type(column)) for column in layout.columns])
        table = arrow_json.read_json(
            pa.BufferReader(data),
            arrow_json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
        if table.num_rows != objects:
            raise Suspicious
        batches = table.combine_chunks().to_batches()
        return self.maker.block(normalized(batches[0], layout)) if batches else Columns((), 0)

    def _repaired(self, cut: Cut) -> tuple[bytes, ParseError | None]:
        on_error = self.table.options.on_error
        kept: list[bytes] = []
        for number, line in _numbered(cut):
            if not line.strip():
                continue
            try:
                kept.append(self._cleaned(number, line))
            except ParseError as error:
                if on_error == "raise":
                    return b"".join(kept), error
                self._leave_out(error)
        return b"".join(kept), None

    def _leave_out(self, error: ParseError) -> None:
        self.statistics.bad_rows += 1
        if callable(self.table.options.on_error):
            self.table.options.on_error(error)

    def _object(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            record = json.loads(line.decode())
        except (ValueError, RecursionError) as error:
            received = f"what is none ({error})"
        else:
            if isinstance(record, dict):
                return record
            received = type(record).__name__
        raise ParseError(self.source, f"expected a JSON object, received {received}.", line=number)

    def _cleaned(self, number: int, line: bytes) -> bytes:
        record = self._object(number, line)
        cleaned = {}
        for column in self.schema.known().columns:
            try:
                cleaned[column.name] = _clean(column, record.get(column.name))
            except ValueError as error:
                raise ParseError(self.source, f"{error}.", line=number, column=column.name) from None
        return json.dumps(cleaned).encode() + b"\n"


def _count_objects(data: bytes) -> int:
    """The lines that hold an object; pyarrow takes several on one line, or one on several, and crashes on "null".

    Raises:
        Suspicious: If a line holds something else, or bytes that are not UTF-8.
    """
    try:
        data.decode()
    except UnicodeDecodeError:
        raise Suspicious from None
    text = np.frombuffer(data.strip(), np.uint8)
    ends = np.flatnonzero(text == NEWLINE)
    if (
        text[0] == OPEN
        and text[-1] == CLOSE
        and (text[ends - 1] == CLOSE).all()
        and (text[ends + 1] == OPEN).all()
    ):
        return len(ends) + 1
    lines = [line for line in map(bytes.strip, data.split(b"\n")) if line]
    if not all(line[:1] == b"{" and line[-1:] == b"}" for line in lines):
        raise Suspicious
    return len(lines)


def _kind(value: Any) -> str:
    return "bool" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "string"


def _clean(column: Column, value: Any) -> Any:
    """Bring a value into the form that pyarrow reads as its column's kind.

    Raises:
        ValueError: If it is not of that kind.
    """
    kind = str(column.kind)
    if value is None or (kind != "number" and isinstance(value, float) and math.isnan(value)):
        if column.needs_value:
            raise ValueError("expected a value, received none. Give the column a default")
        return None
    _check_kind(kind, value)
    if kind == "number":
        return float(str(+value))  # by way of text, where what is beyond floats is infinite
    if kind == "bool":
        return bool(value)
    if kind == "int":
        check_range(column, int(value))
        return int(value)
    text = value if isinstance(value, str) else json.dumps(value)
    if not is_text(text):
        raise ValueError(f"expected text, received half of a surrogate pair in {json.dumps(text)[:80]}")
    clean(column, text)
    return text


def _check_kind(kind: str, value: Any) -> None:
    nested = isinstance(value, list | dict)
    fits = {
        "number": isinstance(value, bool | int | float),
        "int": isinstance(value, int) or (isinstance(value, float) and value.is_integer()),
        "bool": isinstance(value, int) and value in (0, 1),
        "date": isinstance(value, str),
    }
    if not fits.get(kind, not nested):
        way_out = (
            ". Name the columns without such values in column_configs, with configured_columns_only=True"
        )
        raise ValueError(
            f"expected a value of dtype {kind!r}, received {json.dumps(value)[:80]}" + way_out * nested
        )
