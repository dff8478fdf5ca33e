"""`csv`: from sources of bytes to a dataset of rows."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.data._arguments import whole_number
from aseq.data._compression import COMPRESSIONS
from aseq.data._csv_parse import CsvFormat, CsvParser
from aseq.data._csv_text import Recode, RecordCutter, Squeeze, check_encoding
from aseq.data._dataset import Dataset
from aseq.data._decompress import Decompress
from aseq.data._mistaken import Recognize
from aseq.data._origins import ByteOrigin
from aseq.data._stages import Step
from aseq.data._table import Table, read_files, row_options
from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aseq.data._columns import Label
    from aseq.data._expand import SourceLike
    from aseq.data._source import Source
    from aseq.data._table import OnError, Schema

__all__ = ["MAX_RECORD_BYTES", "checked_compression", "csv"]

MAX_RECORD_BYTES = 16 << 20


def csv(
    source: SourceLike,
    *,
    has_header: bool = True,
    column_names: Sequence[str] | None = None,
    label: Label = None,
    column_configs: Mapping[Any, Any] | None = None,
    configured_columns_only: bool = False,
    delimiter: str = ",",
    delim_whitespace: bool = False,
    compression: str | None = "infer",
    dtype: Any = np.float32,
    on_error: OnError = "raise",
    encoding: str = "utf-8",
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> Dataset:
    r"""Stream the rows of a CSV file.

    Without labels an element is a dict from column name to value. With labels it is a pair `(x, y)`: x the
    vector of all other columns in file order, y the label, or a vector if `label` is a list or several
    columns are labels. Quotes, and delimiters and newlines in quotes, are as in RFC 4180. Empty lines are
    left out, and blank ones unless there is but one column. A field that is empty (or blank, in a column
    that is not text) is missing.

    A column with no declared dtype is numeric if its first value is a number, else text; among labels and
    features it has to be numeric. Later text in a numeric column is an error.

    Args:
        source: A path, a pattern of paths, "-" for standard input, a URL, a source such as `MemorySource`,
            or several of them, read one after the other; each has a header of its own.
        has_header: Whether the first record holds the names of the columns. One without a name is called
            `column_` and its index; two of one name are an error.
        column_names: Names to use; they replace those of a header. Without either, columns are called
            `column_0`, `column_1`, ...
        label: The column or columns that make up y, by name or by index (-1 is the last).
        column_configs: For each column, by name or index, a dict with any of
            `dtype` ("float32", "int32", "bool", "string", "category", "date" ...),
            `default` (in place of a missing value), `required` (a missing value is an error),
            `is_label`, `categories` (all texts of a category column, in the order of their codes) and
            `format` (of a date, as for strptime). Missing numbers, dates and texts without a default
            are NaN; integers, truth values, categories and labels need a default or are required.
            Dates become days since 1970-01-01, UTC.
        configured_columns_only: Read only the columns in `column_configs`, and the label.
        delimiter: One character between fields.
        delim_whitespace: Fields stand between runs of spaces and tabs instead.
        compression: "infer" goes by the content; or "gzip", "zstd", "bz2", "xz"; None says that it is plain. It
            is about the bytes as they come, and a Content-Encoding that a server put on them is part of that.
        dtype: Of x, and of numbers with no dtype of their own: float32 (as for None) or float64.
        on_error: What a malformed row does: "raise" a ParseError; "skip" leaves it out and counts it; a plain
            function is called with the ParseError, in a worker thread, and the row is left out.
        encoding: Of the text.
        max_record_bytes: The longest record that is accepted, so that a stray quote cannot eat all memory. A
            longer one is an error whatever `on_error` says.

    Raises:
        ConfigError: If an argument cannot be right.

    Examples:
        >>> import asyncio
        >>> from aseq import data
        >>> flowers = data.MemorySource(b"length,width,kind\n5.1,3.5,0\n4.9,3.0,1\n")
        >>> asyncio.run(data.csv(flowers, label="kind").batch(2).to_list())
        [(array([[5.1, 3.5], [4.9, 3. ]], dtype=float32), array([0., 1.], dtype=float32))]
    """
    form = CsvFormat(
        has_header=bool(has_header),
        column_names=_checked_names(column_names),
        delimiter=_checked_delimiter(delimiter, delim_whitespace),
        delim_whitespace=bool(delim_whitespace),
        encoding=check_encoding("csv", encoding),
        max_record_bytes=whole_number("csv", "max_record_bytes", max_record_bytes, 1),
        compression=checked_compression("csv", compression),
    )
    options = row_options("csv", label, column_configs, configured_columns_only, dtype, on_error)
    table = Table(options)
    return read_files(source, CsvFile(table, form), table)


@dataclasses.dataclass(frozen=True, slots=True)
class CsvFile:
    """Makes the dataset of a single file."""

    table: Table
    form: CsvFormat

    def __call__(self, file: Source, schema: Schema | None) -> Dataset:
        """Give the rows of `file`, of which `schema` may be known."""
        parse = Step(CsvParser, (self.table, self.form, file.name, schema))
        steps = (*_text_steps(self.form, file.name), parse)
        return Dataset(ByteOrigin(file, self.form.compression), steps, table=self.table)


def _text_steps(form: CsvFormat, name: str) -> list[Step]:
    """The stages that make blocks of records out of chunks."""
    steps = [Step(Decompress, (form.compression, name)), Step(Recognize, (name,))]
    if form.encoding != "utf-8":
        steps.append(Step(Recode, (form.encoding, name)))
    separators = b" \t" if form.delim_whitespace else form.delimiter
    steps.append(Step(RecordCutter, (name, separators, form.max_record_bytes)))
    if form.delim_whitespace:
        steps.append(Step(Squeeze))
    return steps


def checked_compression(where: str, compression: Any) -> str | None:
    """Check a `compression` argument.

    Raises:
        ConfigError: If it names none; `where` begins the message.
    """
    if compression not in (None, "infer", *COMPRESSIONS):
        raise ConfigError(
            f"{where}: expected compression to be 'infer', None or one of {', '.join(COMPRESSIONS)}, "
            f"received {compression!r}."
        )
    return None if compression is None else str(compression)


def _checked_names(names: Sequence[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    if isinstance(names, str) or not names or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"csv: expected column_names to be a list of str, received {names!r}.")
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise ConfigError(f"csv: expected distinct column_names, received {sorted(doubled)} more than once.")
    return tuple(names)


def _checked_delimiter(delimiter: Any, delim_whitespace: bool) -> bytes:
    if delim_whitespace:
        if delimiter != ",":
            raise ConfigError(
                f"csv: expected delimiter or delim_whitespace, received both (delimiter={delimiter!r})."
            )
        return b" "
    if not isinstance(delimiter, str) or len(delimiter) != 1 or not delimiter.isascii():
        raise ConfigError(f"csv: expected delimiter to be one ASCII character, received {delimiter!r}.")
    if delimiter in '"\r\n\0':
        raise ConfigError(f"csv: expected a delimiter that is no quote or line end, received {delimiter!r}.")
    return delimiter.encode()
