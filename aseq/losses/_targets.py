"""Targets, weights and scales: what reaches a loss, checked and in the shape it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from aseq.errors import DataError, ShapeError
from aseq.linalg import row_sums

if TYPE_CHECKING:
    from aseq.types import Array, Shape

__all__ = ["Scale", "as_targets", "check_indices", "fits", "match_rank", "mean_last", "over_last", "show"]

Scale: TypeAlias = "float | Array"
"""What the gradient of each value is multiplied with: one number, or an array of the values' shape."""


def over_last(scale: Scale, factor: float = 1.0) -> Any:
    """`scale * factor`, ready to multiply an array with one axis more."""
    if isinstance(scale, np.ndarray):
        return scale[..., None] * scale.dtype.type(factor)
    return scale * factor


def mean_last(x: Array) -> Array:
    """The mean over the last axis."""
    width = x.shape[-1]
    return x[..., 0] if width == 1 else row_sums(x) / width


def match_rank(weights: Array, values: Array, where: str = "sample_weight") -> Array:
    """Weights with axes added or dropped at the end so that they broadcast against `values`.

    Raises:
        ShapeError: They do not fit.

    Examples:
        >>> match_rank(np.ones(3), np.zeros((3, 4))).shape
        (3, 1)
    """
    original = weights.shape
    while weights.ndim > values.ndim and weights.shape[-1] == 1:
        weights = weights[..., 0]
    while weights.ndim < values.ndim:
        weights = weights[..., None]
    if weights.ndim > values.ndim or any(
        a not in (1, b) for a, b in zip(weights.shape, values.shape, strict=True)
    ):
        raise ShapeError(
            f"{where}: expected one weight a sample or a time step, shape {values.shape} or its first "
            f"axes, received {original}."
        )
    return weights


def as_targets(y: Any, dtype: Any, where: str) -> Array:
    """`y` as an array of numbers without NaN.

    Raises:
        DataError: It holds something else.
    """
    y = np.asarray(y)
    if y.dtype.kind not in "fiub":
        raise DataError(
            f"{where}: expected numbers, received dtype {y.dtype}. Map categories to numbers first."
        )
    if y.dtype.kind == "f" and np.isnan(np.add.reduce(y, None)) and np.isnan(y).any():
        bad = int(np.argwhere(np.isnan(y))[0][0])
        raise DataError(f"{where}: expected numbers, received NaN in sample {bad}. Filter such samples out.")
    return y if dtype is None or y.dtype == dtype else y.astype(dtype)


def check_indices(y: Array, classes: int, ignore_class: int | None, where: str) -> Array:
    """`y` as int64 class indices.

    Raises:
        DataError: One is not a whole number in [0, classes).
    """
    indices = y if y.dtype == np.int64 else y.astype(np.int64)
    allowed = indices if ignore_class is None else indices[indices != ignore_class]
    low, high = (int(allowed.min()), int(allowed.max())) if allowed.size else (0, 0)
    if low < 0 or high >= classes:
        raise DataError(
            f"{where}: expected class indices from 0 to {classes - 1} for {classes} outputs, received "
            f"{low if low < 0 else high}. Give the last layer a unit per class, and count classes from 0."
        )
    if indices is not y and y.dtype.kind == "f" and not np.array_equal(indices, y):
        bad = float(y[indices != y].flat[0])
        raise DataError(
            f"{where}: expected whole class indices, received {bad}. Is this a regression target?"
        )
    return indices


def fits(shape: tuple[int, ...], expected: Shape) -> bool:
    """Whether two shapes agree apart from the batch axis and open sizes."""
    return len(shape) == len(expected) and all(
        size in (None, found) for found, size in zip(shape[1:], expected[1:], strict=True)
    )


def show(shape: Shape) -> str:
    """A shape for people: the batch axis is `batch`."""
    return "(" + ", ".join(["batch", *(str(size or "any") for size in shape[1:])]) + ")"
