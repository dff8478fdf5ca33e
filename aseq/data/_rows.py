"""Arrow columns become elements: a dict of arrays, or a float matrix x with labels y."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.data._block import Columns
from aseq.data._fields import days
from aseq.errors import DataError

if TYPE_CHECKING:
    from aseq.data._columns import Column
    from aseq.data._table import Schema, Table

__all__ = ["RowMaker", "Suspicious"]

MAX_CATEGORIES = 100_000
UNITS_A_DAY = {"s": 86_400, "ms": 86_400e3, "us": 86_400e6, "ns": 86_400e9}


class Suspicious(Exception):
    """Raised when a column holds what it may not, so that somebody has to look where it is.

    Attributes:
        column: The column, if it is known.
        problem: What is wrong, if it is known.
    """

    def __init__(self, column: Column | None = None, problem: str = "") -> None:
        self.column = column
        self.problem = problem
        super().__init__(problem)


class RowMaker:
    """Makes blocks of rows from record batches.

    The columns of a batch are those of the schema's layout. Numbers come as any type of number, texts,
    categories and dates as strings; dates also as timestamps.

    Args:
        table: Gets to know the categories.
        schema: What the pass knows.
        source: For messages.
    """

    def __init__(self, table: Table, schema: Schema, source: str) -> None:
        self.table = table
        self.schema = schema
        self.source = source
        self.new: dict[str, dict[str, int]] = {}  # codes that hold if the whole block does

    def block(self, batch: Any) -> Columns:
        """Make a block of all rows of a batch.

        Raises:
            Suspicious: If a value is missing that is needed, or does not fit its column.
        """
        self.new = {}
        with np.errstate(over="ignore"):  # what is beyond a dtype is infinite, as to the parser
            block = self._block(batch)
        for name, texts in self.new.items():
            for text in texts:
                self.table.code(self.schema, name, text)
        return block

    def _block(self, batch: Any) -> Columns:
        layout = self.schema.known()
        if not layout.labels:
            pairs = zip(layout.columns, batch.columns, strict=True)
            return Columns({column.name: self._values(column, a) for column, a in pairs}, batch.num_rows)
        labels = [
            self._values(column, batch.column(place))
            for column, place in zip(layout.labels, layout.label_places, strict=True)
        ]
        y = labels[0] if layout.one_label else np.stack(labels, axis=1)
        return Columns((self._matrix(batch.select(layout.feature_places)), y), batch.num_rows)

    def _matrix(self, batch: Any) -> np.ndarray:
        """All features as one C-contiguous matrix of shape (rows, features)."""
        layout, dtype = self.schema.known(), self.table.options.dtype
        if layout.mixed or not layout.features:
            matrix = np.empty((batch.num_rows, len(layout.features)), dtype)
            for place, column in enumerate(layout.features):
                matrix[:, place] = self._values(column, batch.column(place))
            return matrix
        tensor = batch.to_tensor(null_to_nan=not self.schema.narrow, row_major=True).to_numpy()
        return tensor if tensor.dtype == dtype else tensor.astype(dtype)

    def _values(self, column: Column, array: Any) -> np.ndarray:
        """One column as an array of its own."""
        import pyarrow as pa

        missing = array.null_count
        if missing and column.needs_value:
            raise Suspicious(column, "expected a value, received none. Give the column a default")
        if pa.types.is_timestamp(array.type):
            return _days(column, array)
        if column.kind in ("string", "category", "date"):
            return self._texts(column, array)
        if column.kind == "number":
            values = np.array(array.to_numpy(zero_copy_only=False), column.dtype)
            if missing and column.default is not None:
                values[array.is_null().to_numpy(zero_copy_only=False)] = column.default
            return values
        if missing:
            array = array.fill_null(column.default)
        values = array.to_numpy(zero_copy_only=False)
        if column.kind == "int" and column.dtype.kind in "iu" and len(values):
            limits = np.iinfo(column.dtype)
            if values.min() < limits.min or values.max() > limits.max:
                raise Suspicious(column, f"expected integers that fit {column.dtype}, received others")
        return np.array(values, column.dtype)

    def _texts(self, column: Column, array: Any) -> np.ndarray:
        """A column of texts, categories or dates: each different text is looked at once."""
        import pyarrow as pa

        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        encoded = array.dictionary_encode("encode")
        meanings = [self._meaning(column, text) for text in encoded.dictionary.to_pylist()]
        table = np.empty(len(meanings), column.dtype)
        table[:] = meanings
        return table[encoded.indices.to_numpy(zero_copy_only=False)]

    def _meaning(self, column: Column, text: str | None) -> Any:
        if not text or (column.kind == "date" and not text.strip()):
            if column.needs_value:
                raise Suspicious(column, "expected a value, received none. Give the column a default")
            if column.default is None:
                return np.nan
            if column.kind != "category":
                return column.default
            text = str(column.default)
        if column.kind == "string":
            return text
        if column.kind == "date":
            try:
                return days(column, text.strip())
            except ValueError as error:
                raise Suspicious(column, str(error)) from None
        return self._code(column, text)

    def _code(self, column: Column, text: str) -> int:
        codes = self.schema.codes[column.name]
        if text in codes:
            return codes[text]
        if column.config.categories is not None:
            raise Suspicious(column, f"expected one of its categories, received {text!r}")
        new = self.new.setdefault(column.name, {})
        code = new.setdefault(text, len(codes) + len(new))
        if code >= MAX_CATEGORIES:
            raise DataError(
                f"{self.source}, column {column.name!r}: expected at most {MAX_CATEGORIES} categories, "
                "received more. Is it an identifier? Read it as a string, or leave it out."
            )
        return code


def _days(column: Column, array: Any) -> np.ndarray:
    """Timestamps as days since 1970-01-01."""
    import pyarrow as pa

    values = array.cast(pa.int64()).to_numpy(zero_copy_only=False) / UNITS_A_DAY[array.type.unit]
    if array.null_count and column.default is not None:
        values[array.is_null().to_numpy(zero_copy_only=False)] = column.default
    return values.astype(column.dtype)
