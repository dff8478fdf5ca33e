"""Blocks of CSV text become blocks of rows, by pyarrow; what pyarrow refuses is looked at field by field.

The slow look defines what is accepted: it cleans each record, or says which line and column is wrong, and
hands the cleaned text to pyarrow again. So every number is read by the same code, whatever surrounds it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.data._block import Block, Columns
from aseq.data._csv_text import Cut, Record, count_lines, halved, has_pair, merged, records
from aseq.data._fields import FALSE, TRUE, clean, is_number, is_text, other_delimiter
from aseq.data._rows import RowMaker, Suspicious
from aseq.data._stages import Pass, Stage
from aseq.data._table import Schema
from aseq.data._typed import text_type
from aseq.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aseq.data._columns import Column
    from aseq.data._table import Table

__all__ = ["CsvFormat", "CsvParser"]

DECIDING_ROWS = 1_000
PYARROW_BLOCK = 1 << 30
FEW_BYTES = 16 << 10  # a look at each record takes as long as some calls of the fast parser
BLANKS = ["", " ", "  ", "   ", "    "]


@dataclasses.dataclass(frozen=True, slots=True)
class CsvFormat:
    """How the text of a CSV file is written; the checked arguments of `csv` that say so."""

    has_header: bool
    column_names: tuple[str, ...] | None
    delimiter: bytes
    delim_whitespace: bool
    encoding: str
    max_record_bytes: int
    compression: str | None


class CsvParser(Stage):
    """Parse blocks of records into columns, or into pairs of a float matrix and labels.

    Columns without a declared dtype are numeric if their first value is. Numeric columns are read as
    integers as long as they look like it, which is faster, and always given as floats.
    """

    blocking = True

    def __init__(
        self, this_pass: Pass, table: Table, form: CsvFormat, source: str, schema: Schema | None
    ) -> None:
        self.statistics = this_pass.statistics
        self.table = table
        self.form = form
        self.source = source
        self.schema = schema or Schema()
        self.maker = RowMaker(table, self.schema, source)
        self.exposed = table.options.exposed
        self.begun = False
        self.guessed = False
        self.held: list[Cut] = []  # until undecided columns have shown a value
        self.readers: dict[tuple[str, bool], Any] = {}

    def feed(self, cut: Cut) -> Iterable[Block]:
        """Parse one block; rows before a malformed one come out before the error."""
        if not self.begun:
            cut = self._begin(cut)
        if not cut.data:
            return
        if self.schema.known().undecided:
            cut = merged([*self.held, cut])
            self.held = [] if self._decide(cut) else [cut]
            if self.held:
                return
        if not self.guessed:
            self._guess(cut)
        yield from self._rows(cut)

    def flush(self) -> Iterable[Block]:
        """Parse what was held back; an empty file is an error if it should have a header."""
        if not self.begun and self.form.has_header:
            problem = "expected a header line, received an empty file. Check the source."
            raise self._error(problem, line=1)
        for cut in self.held:
            self._decide(cut, last=True)
            yield from self._rows(cut)
        self.held = []

    def _begin(self, cut: Cut) -> Cut:
        """Learn the columns from the first record, and leave it out if it is the header."""
        found = records(cut, self.form.delimiter)
        first = next((record for record in found if not (self.form.has_header and _is_blank(record))), None)
        if first is None:
            return cut._replace(data=b"")
        self.table.begin(self.schema, self.source, self._header(first))
        self.begun = True
        if not self.form.has_header:
            return cut
        line = cut.line + count_lines(cut.data[: first.end])
        return cut._replace(data=cut.data[first.end :], line=line)

    def _header(self, first: Record) -> list[str]:
        """The names of all columns, by the first record and the user's wishes."""
        names = [field.strip() for field in first.fields]
        if self.form.column_names is not None:
            if len(names) != len(self.form.column_names):
                wanted = f"{len(self.form.column_names)} fields as column_names says"
                raise self._error(f"expected {wanted}, received {len(names)}.", first.line)
            return list(self.form.column_names)
        if not self.form.has_header:
            return [f"column_{index}" for index in range(len(names))]
        names = [name or f"column_{index}" for index, name in enumerate(names)]
        seen: set[str] = set()
        for index, name in enumerate(names):
            self._check_text(name, first.line, index + 1)
            if name in seen:
                raise self._error(
                    f"expected a header with a name of its own for each column, received {name!r} again. "
                    "Pass column_names=[...], or has_header=False if the file has no header.",
                    first.line,
                    index + 1,
                )
            seen.add(name)
        return names

    def _decide(self, cut: Cut, last: bool = False) -> bool:
        """Settle which columns are numeric by their first values; True if none is left open."""
        layout = self.schema.known()
        undecided = layout.undecided
        for number, record in enumerate(records(cut, self.form.delimiter), 1):
            if len(record.fields) == layout.width:
                for column in undecided:
                    text = record.fields[column.index]
                    if column.kind is None and text.strip():
                        column.decide("number" if is_number(text) else "string")
            last = last or number == DECIDING_ROWS
            if last or not layout.undecided:
                break
        if last:
            for column in layout.undecided:
                column.decide("number")
        return not layout.undecided

    def _guess(self, cut: Cut) -> None:
        """Spare the attempt at integers if the first record shows that it is in vain."""
        self.guessed = True
        record, columns = next(records(cut, self.form.delimiter), None), self.schema.known().columns
        if record is not None and len(record.fields) == self.schema.known().width:
            plain = [record.fields[column.index] for column in columns if column.kind == "number"]
            self.schema.narrow &= all(text.strip().removeprefix("-").isdecimal() for text in plain)

    def _rows(self, cut: Cut) -> Iterator[Block]:
        """Parse records; those that the fast way refuses are narrowed down by halves, then looked at one by one."""
        import pyarrow as pa

        failure = None
        try:
            self._refuse_oddities(cut)
            block = self._parse(cut)
        except (pa.ArrowException, Suspicious) as reason:
            if len(cut.data) > FEW_BYTES and (halves := halved(cut, self.form.delimiter)):
                for half in halves:
                    yield from self._rows(half)
                return
            cut, failure = self._repaired(cut)
            try:
                block = self._parse(cut)
            except (pa.ArrowException, Suspicious):
                raise self._error(str(reason), line=cut.line) from reason
        if len(block):
            self.statistics.rows += len(block)
            yield block
        if failure is not None:
            raise failure

    # The fast way

    def _refuse_oddities(self, cut: Cut) -> None:
        """Leave to the slow way what pyarrow takes but which is no text or no number here.

        Raises:
            Suspicious: If there is any.
            ArrowException: If a number is hexadecimal, which pyarrow takes as an integer but never as a float.
        """
        text = cut.data
        if cut.open or b"\0" in text:
            raise Suspicious
        if b"(" in text and has_pair(text, b"n(") and b"nan(" in text.lower():
            raise Suspicious
        if (b"x" in text or b"X" in text) and has_pair(text, b"0x"):
            self.schema.narrow = False
            if any(column.kind == "int" for column in self.schema.known().columns):
                self._read(cut, "integers as floats")

    def _parse(self, cut: Cut) -> Block:
        import pyarrow as pa

        if not cut.data:
            return Columns((), 0)
        if self.schema.narrow:
            try:
                return self._parsed(cut, "numbers as integers")
            except pa.ArrowInvalid:
                self.schema.narrow = False
        return self._parsed(cut, "numbers as floats")

    def _parsed(self, cut: Cut, way: str) -> Block:
        batches = self._read(cut, way).to_batches()
        return self.maker.block(batches[0]) if batches else Columns((), 0)

    def _read(self, cut: Cut, way: str) -> Any:
        import pyarrow as pa
        from pyarrow import csv

        key = (way, cut.quoted)
        if key not in self.readers:
            self.readers[key] = self._options(*key)
        return csv.read_csv(pa.py_buffer(cut.data), *self.readers[key])

    def _options(self, way: str, quoted: bool) -> tuple[Any, Any, Any]:
        import pyarrow as pa
        from pyarrow import csv

        layout, narrow = self.schema.known(), way == "numbers as integers"
        names = [str(index) for index in range(layout.width)]
        read_as = _narrow_type if narrow else text_type
        types = {names[column.index]: read_as(column) for column in layout.columns}
        if way == "integers as floats":
            whole = [column for column in layout.columns if column.kind == "int"]
            types = {names[column.index]: pa.float64() for column in whole}
        read = csv.ReadOptions(use_threads=False, block_size=PYARROW_BLOCK, column_names=names)
        parse = csv.ParseOptions(delimiter=self.form.delimiter.decode(), quote_char='"' if quoted else False)
        convert = csv.ConvertOptions(
            column_types=types,
            null_values=[] if narrow else BLANKS,
            true_values=list(TRUE),
            false_values=list(FALSE),
            include_columns=list(types) if len(types) < len(names) else None,
        )
        return read, parse, convert

    # The slow way

    def _repaired(self, cut: Cut) -> tuple[Cut, ParseError | None]:
        """Clean every record; leave out bad ones, or stop before the first of them."""
        on_error = self.table.options.on_error
        kept: list[bytes] = []
        for record in records(cut, self.form.delimiter):
            if _is_blank(record) and self.schema.known().width > 1:
                continue
            try:
                kept.append(self._cleaned(record))
            except ParseError as error:
                if on_error == "raise":
                    return Cut(b"".join(kept), cut.line), error
                self.statistics.bad_rows += 1
                if on_error != "skip":
                    on_error(error)
        return Cut(b"".join(kept), cut.line), None

    def _cleaned(self, record: Record) -> bytes:
        layout = self.schema.known()
        width, got = layout.width, len(record.fields)
        if record.unclosed:
            problem = "expected a closing quote before the end, received none. Look for a stray quote."
            raise self._error(problem, record.line, self._name(got - 1))
        if got != width:
            place = self._name(got) if got < width else width + 1
            raise self._error(f"expected {width} fields, received {got}.", record.line, place)
        cleaned = [""] * width
        for column in layout.columns:
            text = record.fields[column.index]
            self._check_text(text, record.line, column.name)
            try:
                cleaned[column.index] = clean(column, text)
            except ValueError as error:
                raise self._error(
                    f"{error}.{self._way_out(column, record)}", record.line, column.name
                ) from None
        quoted = [b'"%s"' % text.encode().replace(b'"', b'""') for text in cleaned]
        return self.form.delimiter.join(quoted) + b"\n"

    def _way_out(self, column: Column, record: Record) -> str:
        if column.kind != "number" or column.config.kind or not record.fields[column.index].strip():
            return ""
        if several := other_delimiter(*record.fields):
            return several
        first = record.line == 1 and not self.form.has_header
        return " If line 1 holds the names of the columns, pass has_header=True." * first + (
            f' If the column holds text, say so: column_configs={{{column.name!r}: {{"dtype": "category"}}}}'
            ' or "string".'
        )

    def _check_text(self, text: str, line: int, column: str | int) -> None:
        """Refuse NUL characters, and surrogates, which stand for bytes that are not UTF-8."""
        if "\0" in text or not is_text(text):
            received = "a NUL character" if "\0" in text else "bytes that are not UTF-8 text"
            problem = f"expected text, received {received}. Pass encoding=... if the file has another."
            raise self._error(problem, line, column)

    def _name(self, index: int) -> str | int:
        names = self.table.names or []
        return names[index] if index < len(names) else index + 1

    def _error(self, problem: str, line: int, column: str | int | None = None) -> ParseError:
        return ParseError(self.source, problem, line=line, column=column)


def _narrow_type(column: Column) -> Any:
    """The Arrow type that a column is read as while numbers look like integers."""
    import pyarrow as pa

    if column.kind != "number":
        return text_type(column)
    return pa.int32() if column.dtype.itemsize <= np.float32().itemsize else pa.int64()


def _is_blank(record: Record) -> bool:
    """True for a line of spaces."""
    return len(record.fields) == 1 and not record.unclosed and not record.fields[0].strip()
