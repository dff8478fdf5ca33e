"""Record batches of formats that have types of their own, brought into the types that `RowMaker` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.data._rows import Suspicious

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aseq.data._columns import Column, Layout

__all__ = ["decide_by_type", "normalized", "text_type"]


def decide_by_type(layout: Layout, types: Mapping[str, Any]) -> None:
    """Settle undeclared columns by the Arrow types of a file.

    Raises:
        Suspicious: If a column is neither number, truth value, text nor date.
    """
    for column in layout.undecided:
        column.decide(_kind(column, types[column.name]))


def normalized(batch: Any, layout: Layout) -> Any:
    """The columns of the layout, in its order and in types that fit their kinds.

    Columns that the batch does not have are missing in every row.

    Raises:
        Suspicious: If values do not fit their column.
    """
    import pyarrow as pa

    arrays = []
    for column in layout.columns:
        place = batch.schema.get_field_index(column.name)
        array = batch.column(place) if place >= 0 else pa.nulls(batch.num_rows)
        arrays.append(_cast(column, array))
    return pa.record_batch(arrays, names=[str(place) for place in range(len(arrays))])


def text_type(column: Column) -> Any:
    """The Arrow type that a column is read as where all is text; integers are read as the widest of their kind."""
    import pyarrow as pa

    if column.kind == "number":
        return pa.float64() if column.dtype.itemsize > np.float32().itemsize else pa.float32()
    if column.kind == "int":
        return pa.uint64() if column.dtype == np.uint64 else pa.int64()
    return pa.bool_() if column.kind == "bool" else pa.string()


def _kind(column: Column, arrow_type: Any) -> str:
    from pyarrow import types

    value_type = arrow_type.value_type if types.is_dictionary(arrow_type) else arrow_type
    if types.is_boolean(value_type):
        return "bool"
    if _is_number(value_type) or types.is_null(value_type):
        return "number"
    if types.is_temporal(value_type) and not types.is_time(value_type) and not types.is_duration(value_type):
        return "date"
    if _is_text(value_type):
        return "string"
    raise Suspicious(
        column,
        f"expected numbers, truth values, texts or dates, received {arrow_type}. Name the columns without such "
        "values in column_configs, with configured_columns_only=True",
    )


def _cast(column: Column, array: Any) -> Any:
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(array.type):
        array = _decoded(array)
    given = array.type
    fits = types.is_null(given) or {
        "number": _is_number(given) or types.is_boolean(given),
        "int": _is_number(given) or types.is_boolean(given),
        "bool": types.is_boolean(given) or types.is_integer(given),
        "date": _is_text(given) or types.is_timestamp(given) or types.is_date(given),
    }.get(str(column.kind), _is_text(given) or _is_number(given) or types.is_boolean(given))
    if not fits:
        raise Suspicious(
            column,
            f"expected values of dtype {column.kind!r}, received {given}. Declare it in column_configs, or "
            "leave it out",
        )
    if column.kind == "bool" and types.is_integer(given) and not _are_bits(array):
        raise Suspicious(column, "expected truth values, or 0 and 1, received other integers")
    wanted = text_type(column)
    if column.kind == "date" and not _is_text(given):
        wanted = given if types.is_timestamp(given) else pa.timestamp("ms")
    try:
        return array.cast(wanted, safe=column.kind != "number")
    except pa.ArrowException as error:
        raise Suspicious(
            column, f"expected values of dtype {column.kind!r}, received others ({error})"
        ) from error


def _are_bits(array: Any) -> bool:
    from pyarrow import compute

    ends = compute.min_max(array).as_py()
    return ends["min"] in (0, 1, None) and ends["max"] in (0, 1, None)


def _decoded(array: Any) -> Any:
    """The values of a dictionary array."""
    import pyarrow as pa

    values = array.dictionary
    if pa.types.is_string_view(values.type):  # which polars uses, and which Arrow cannot take from
        values = values.cast(pa.string())
    return pa.DictionaryArray.from_arrays(array.indices, values).dictionary_decode()


def _is_number(arrow_type: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(arrow_type) or types.is_floating(arrow_type) or types.is_decimal(arrow_type))


def _is_text(arrow_type: Any) -> bool:
    from pyarrow import types

    return bool(
        types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type)
    )
