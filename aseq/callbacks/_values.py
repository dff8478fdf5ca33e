"""What the values of logs are: numbers, arrays of numbers, or anything else that a callback has put there."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

__all__ = ["numeric", "scalar"]


def numeric(value: Any) -> bool:
    """Whether a value is a real number of any kind, or an array of them; a bool is not.

    Examples:
        >>> [numeric(value) for value in (1, 0.5, np.float32(2), np.ones(3), [1, 2])]
        [True, True, True, True, True]
        >>> [numeric(value) for value in (None, "1", True, 1j, [], [[1], [2, 3]])]
        [False, False, False, False, False, False]
    """
    if isinstance(value, numbers.Real):
        return not isinstance(value, bool)
    try:
        array = np.asarray(value)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ):  # lists of unequal length, tensors that are not to be converted
        return False
    return array.dtype.kind in "fiu" and array.size > 0


def scalar(value: Any) -> float | None:
    """A value as a float if it is one number, else None.

    Examples:
        >>> [scalar(value) for value in (1, np.array(0.5), np.ones(1), "1")]
        [1.0, 0.5, None, None]
    """
    return float(value) if numeric(value) and not np.ndim(value) else None
