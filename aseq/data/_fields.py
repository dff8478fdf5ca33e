"""Single fields as text: which texts a column takes, and in what form."""

from __future__ import annotations

import datetime
import decimal
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.data._columns import Column

__all__ = [
    "FALSE",
    "TRUE",
    "check_range",
    "clean",
    "days",
    "is_number",
    "is_text",
    "meaning",
    "other_delimiter",
]

DAY = datetime.timedelta(days=1)
EPOCH = datetime.datetime(1970, 1, 1)
TRUE = ("1", "true", "True", "TRUE", "t", "T", "yes", "Yes", "YES")
FALSE = ("0", "false", "False", "FALSE", "f", "F", "no", "No", "NO")


def is_number(text: str) -> bool:
    """True if a numeric column accepts this text.

    Examples:
        >>> [is_number(text) for text in (" 1e3 ", "nan", "-.5", "1_000", "0x10", "abc")]
        [True, True, True, False, False, False]
    """
    try:
        return bool(_number(text.strip()))
    except ValueError:
        return False


def is_text(text: str) -> bool:
    r"""False if there are surrogates in it, which no encoding has.

    Examples:
        >>> is_text("a\u20ac"), is_text("\ud83d")
        (True, False)
    """
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def other_delimiter(*fields: str) -> str:
    """The way out where a record of one field looks like several, between delimiters that were not expected.

    Examples:
        >>> other_delimiter("length;width"), other_delimiter("a", "b;c")
        (" Is it several? Pass delimiter=';'.", '')
    """
    found = next((sign for sign in ";\t|," if sign in fields[0]), None) if len(fields) == 1 else None
    return "" if found is None else f" Is it several? Pass delimiter={found!r}."


def clean(column: Column, text: str) -> str:
    """Bring a field into the form that the fast parser reads, "" for a missing value.

    Raises:
        ValueError: Saying what was expected and received.

    Examples:
        >>> from aseq.data._columns import Column, ColumnConfig
        >>> clean(Column("a", 0, "int", np.dtype("int64"), ColumnConfig()), " 3.0")
        '3'
    """
    if column.kind in ("string", "category"):
        value = text
    else:
        value = text.strip()
    if not value:
        if column.needs_value:
            raise ValueError("expected a value, received none. Give the column a default")
        return ""
    return CLEANERS[column.kind](column, value)


def meaning(column: Column, text: str) -> Any:
    """What a text means in its column: a float, an int, a bool, days or the text itself.

    Raises:
        ValueError: Saying what was expected and received.

    Examples:
        >>> from aseq.data._columns import Column, ColumnConfig
        >>> meaning(Column("a", 0, "bool", np.dtype(bool), ColumnConfig()), "no")
        False
    """
    if column.kind in ("string", "category"):
        return clean(column, text) if text else text
    if not text.strip():
        raise ValueError(_wrong("a value", text))
    cleaned = clean(column, text)
    if column.kind == "date":
        return days(column, cleaned)
    if column.kind == "bool":
        return cleaned == "1"
    return int(cleaned) if column.kind == "int" else float(cleaned)


def _number(text: str) -> str:
    if "_" in text or not text.isascii():
        raise ValueError(_wrong("a number", text))
    try:
        value = float(text)
    except ValueError:
        raise ValueError(_wrong("a number", text)) from None
    return text.removeprefix("+") if math.isfinite(value) else repr(value)


def _clean_number(column: Column, text: str) -> str:
    clean_text = _number(text)
    with np.errstate(over="ignore", under="ignore"):
        value = np.asarray(float(clean_text)).astype(column.dtype if column.dtype.kind == "f" else float)
    return repr(float(value)) if np.isinf(value) or value == 0 else clean_text


def _clean_int(column: Column, text: str) -> str:
    try:
        exact = decimal.Decimal(_number(text))
        whole = int(exact)
    except (ValueError, ArithmeticError):
        raise ValueError(_wrong("an integer", text)) from None
    if whole != exact:
        raise ValueError(_wrong("an integer", text))
    check_range(column, whole)
    return str(whole)


def check_range(column: Column, whole: int) -> None:
    """Check that an integer fits the dtype of its column.

    Raises:
        ValueError: Saying what was expected and received.

    Examples:
        >>> from aseq.data._columns import Column, ColumnConfig
        >>> check_range(Column("a", 0, "int", np.dtype("uint8"), ColumnConfig()), 255)
    """
    limits = np.iinfo(column.dtype if column.dtype.kind in "iu" else np.int64)
    if not limits.min <= whole <= limits.max:
        raise ValueError(_wrong(f"an integer that fits {limits.dtype}", str(whole)))


def _clean_bool(_: Column, text: str) -> str:
    if text in TRUE or text.lower() in TRUE:
        return "1"
    if text in FALSE or text.lower() in FALSE:
        return "0"
    raise ValueError(_wrong("a truth value such as true or 0", text))


def _clean_category(column: Column, text: str) -> str:
    categories = column.config.categories
    if categories is not None and text not in categories:
        raise ValueError(_wrong(f"one of the categories {', '.join(categories[:8])}", text))
    return text


def days(column: Column, text: str) -> float:
    """A date as days since 1970-01-01, UTC.

    Raises:
        ValueError: If the text is no date in the column's format.

    Examples:
        >>> from aseq.data._columns import Column, ColumnConfig
        >>> days(Column("day", 0, "date", np.dtype("float64"), ColumnConfig()), "1970-01-02T12:00")
        1.5
    """
    try:
        if column.config.format is not None:
            date = datetime.datetime.strptime(text, column.config.format)
        else:
            date = datetime.datetime.fromisoformat(text)
        if date.tzinfo is not None:
            date = date.astimezone(datetime.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):  # the latter if a zone leads out of the years 1 to 9999
        wanted = column.config.format or "ISO 8601"
        raise ValueError(_wrong(f"a date in the form {wanted}", text)) from None
    return (date - EPOCH) / DAY


def _clean_date(column: Column, text: str) -> str:
    days(column, text)
    return text


def _wrong(expected: str, text: str) -> str:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return f"expected {expected}, received {shown!r}"


CLEANERS: dict[str | None, Callable[[Column, str], str]] = {
    None: lambda _, text: text,
    "string": lambda _, text: text,
    "number": _clean_number,
    "int": _clean_int,
    "bool": _clean_bool,
    "category": _clean_category,
    "date": _clean_date,
}
