"""From what users give (arrays, lists, dicts, tuples) to checked batches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError, DataError, ShapeError
from aseq.training._batch import Batch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aseq.losses import Loss
    from aseq.network import Network
    from aseq.types import Array

__all__ = ["Arrays", "BatchMaker", "as_array", "as_list", "first_array", "is_array", "unpack"]


@dataclass
class Arrays:
    """Whole arrays of equal length, checked, from which batches are cut."""

    xs: list[Array]
    ys: list[Array]
    weights: list[Array | None]
    rows: int

    def __post_init__(self) -> None:
        self.unweighted = all(w is None for w in self.weights)

    def cut(self, rows: Any, cast: BatchMaker) -> Batch:
        """The batch of these rows: a slice, or an array of indices."""
        if isinstance(rows, slice):
            xs = [x[rows] for x in self.xs]
            ys = [y[rows] for y in self.ys]
            weights = self.weights
            if not self.unweighted:
                weights = [None if w is None else w[rows] for w in weights]
        else:
            xs = [x.take(rows, 0) for x in self.xs]
            ys = [y.take(rows, 0) for y in self.ys]
            weights = [None if w is None else w.take(rows, 0) for w in self.weights]
        return Batch(cast.cast_inputs(xs), ys, weights, len(xs[0]))

    def part(self, start: int, stop: int) -> Arrays:
        """The rows from start to stop, as views."""
        rows = slice(start, stop)
        return Arrays(
            [x[rows] for x in self.xs],
            [y[rows] for y in self.ys],
            [None if w is None else w[rows] for w in self.weights],
            stop - start,
        )


class BatchMaker:
    """Checks and shapes data for one network.

    Args:
        network: Built.
        losses: One an output; they know their targets. Empty for predictions.
        input_names: For inputs given as a dict.
        output_names: For targets given as a dict.
    """

    def __init__(
        self,
        network: Network,
        losses: Sequence[Loss],
        input_names: Sequence[str],
        output_names: Sequence[str],
    ) -> None:
        self.network = network
        self.losses = losses
        self.input_names = list(input_names)
        self.output_names = list(output_names)

    def arrays(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        *,
        targets: bool = True,
        where: str = "",
    ) -> Arrays:
        """Whole arrays, checked: shapes, lengths, labels; inputs keep their dtype until a batch is cut.

        Args:
            x: Array, list with one array an input, or dict by input name.
            y: Likewise for outputs.
            sample_weight: One weight a sample or a time step; a list or dict for several outputs.
            class_weight: Weight by class; classes it lacks weigh 1.
            targets: Whether y is expected.
            where: Said first in errors, such as "batch 3".

        Raises:
            ShapeError: A shape does not fit, or lengths differ.
            DataError: Nothing to train on, NaN targets, classes out of range.
        """
        given = [x] if isinstance(x, np.ndarray) else self._inputs(x, f"{where}x")
        xs = list(self.network.check_inputs(given, f"{where}x", cast=False))
        rows = len(xs[0])
        ys: list[Array] = []
        weights: list[Array | None] = []
        if targets:
            if y is None:
                raise DataError(f"{where}y: expected targets, received None. Give y, or batches of (x, y).")
            ys = self._targets(y, rows, where)
            weights = self._weights(sample_weight, class_weight, ys, where)
        named = [("x", xs), ("y", ys), ("sample_weight", [w for w in weights if w is not None])]
        for name, group in named:
            for array in group:
                if len(array) != rows:
                    raise ShapeError(
                        f"{where}{name}: expected {rows} samples as in x, received {len(array)}. Every array's "
                        f"first axis counts the same samples."
                    )
        if named[2][1]:
            for loss, array, weight in zip(self.losses, ys, weights, strict=True):
                if weight is not None:
                    loss.check_weights(weight, array, f"{where}sample_weight")
        if targets and not rows:
            raise DataError(f"{where}x: expected at least one sample, received none.")
        return Arrays(xs, ys, weights, rows)

    def batch(
        self,
        element: Any,
        class_weight: Mapping[int, float] | None = None,
        *,
        targets: bool = True,
        where: str = "",
    ) -> Batch:
        """One checked batch from an element of a dataset: (x, y), (x, y, w), {"xs", "ys"}, or x alone."""
        x, y, w = unpack(element, where) if targets else (self._inputs_of(element), None, None)
        arrays = self.arrays(x, y, w, class_weight, targets=targets, where=where)
        return Batch(self.cast_inputs(arrays.xs), arrays.ys, arrays.weights, arrays.rows)

    def cast_inputs(self, xs: Sequence[Array]) -> Sequence[Array]:
        """Inputs in the network's dtype (lookups keep their integers)."""
        return self.network.cast_inputs(xs)

    def _inputs(self, x: Any, where: str) -> list[Array]:
        given = [x] if self._holds_a_row(x) else as_list(x, self.input_names, where)
        return [as_array(array, where) for array in given]

    def _holds_a_row(self, x: Any) -> bool:
        """Whether x is a list of arrays of which the first has the shape of one sample."""
        if not (isinstance(x, (list, tuple)) and x and is_array(x[0])):
            return False
        shape, row = np.shape(x[0]), self.network.input_shapes[0][1:]
        return len(shape) == len(row) and all(b in (None, a) for a, b in zip(shape, row, strict=True))

    def _inputs_of(self, element: Any) -> Any:
        """The inputs of an element that may carry targets, which a prediction leaves aside."""
        if isinstance(element, tuple) and len(element) in (1, 2, 3):
            return element[0]
        if isinstance(element, dict) and "xs" in element:
            return element["xs"]
        if isinstance(element, list) and len(element) in (2, 3) and len(self.input_names) == 1:
            return element[0] if is_array(element[0]) and not self._holds_a_row(element) else element
        return element

    def _targets(self, y: Any, rows: int, where: str) -> list[Array]:
        given = [y]
        if not isinstance(y, np.ndarray):
            given = [as_array(a, f"{where}y") for a in as_list(y, self.output_names, f"{where}y", rows)]
        if len(given) != len(self.losses):
            raise ShapeError(
                f"{where}y: expected {len(self.losses)} arrays, one an output, received {len(given)}."
            )
        dtype = self.network.dtype
        return [
            loss.prepare(array, shape, dtype, f"{where}y")
            for loss, array, shape in zip(self.losses, given, self.network.output_shapes, strict=True)
        ]

    def _weights(
        self, sample_weight: Any, class_weight: Mapping[int, float] | None, ys: list[Array], where: str
    ) -> list[Array | None]:
        if sample_weight is None and class_weight is None:
            return [None] * len(ys)
        if sample_weight is not None and class_weight is not None:
            raise ConfigError("sample_weight and class_weight: expected one of the two, received both.")
        if class_weight is not None:
            if len(ys) > 1:
                raise ConfigError("class_weight: expected a model of one output, this one has several.")
            sparse = self.losses[0].sparse_target
            return [class_weights(ys[0], class_weight, sparse, self.network.dtype)]
        given = as_list(sample_weight, self.output_names, f"{where}sample_weight", len(ys[0]))
        if len(given) != len(ys):
            raise ShapeError(
                f"{where}sample_weight: expected {len(ys)} arrays, one an output, received {len(given)}."
            )
        return [
            None if w is None else _numbers(w, self.network.dtype, f"{where}sample_weight") for w in given
        ]


def class_weights(y: Array, weights: Mapping[int, float], sparse: bool, dtype: Any) -> Array:
    """A weight a sample from a weight a class; classes without one weigh 1, as in Keras.

    Raises:
        ConfigError: A key is not a whole number, or a weight not a finite one.
    """
    try:
        table = {int(key): float(value) for key, value in weights.items()}
        sound = all(int(key) == float(key) for key in weights) and all(map(math.isfinite, table.values()))
    except (TypeError, ValueError, OverflowError, AttributeError):
        sound = False
    if not sound:
        raise ConfigError(
            f"class_weight: expected a dict from class index to weight, whole numbers to finite ones, received "
            f"{weights!r}."
        )
    if not sparse and y.ndim > 1 and y.shape[-1] > 1:
        classes = y.argmax(-1)
    else:
        classes = (y if sparse or y.ndim == 1 else y[..., 0]).astype(np.int64)
    found = np.ones(classes.shape, dtype)
    for index, weight in table.items():
        found[classes == index] = weight
    return found


def as_list(value: Any, names: Sequence[str], where: str, rows: int | None = None) -> list[Any]:
    """One array a name: from an array, a list of arrays, or a dict by name.

    Args:
        value: The arrays.
        names: Of inputs or outputs.
        where: For errors.
        rows: Samples in x, if known: one array in a list is the only row where x has one row.

    Raises:
        ConfigError: A name has no array.
    """
    if isinstance(value, dict):
        missing = [name for name in names if name not in value]
        if missing:
            raise ConfigError(
                f"{where}: expected an array for each of {list(names)}, received keys {list(value)}. "
                f"A dataset of named columns needs label=... or a map to (x, y)."
            )
        return [value[name] for name in names]
    if isinstance(value, (list, tuple)) and (
        len(names) > 1 or (len(value) == 1 and is_array(value[0]) and (rows != 1 or len(value[0]) == 1))
    ):
        return list(value)
    return [value]


def is_array(value: Any) -> bool:
    """Whether value is an array or a table with at least one axis; lists and numbers are not."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    shape = getattr(value, "shape", None)  # Arrow's arrays have none
    return hasattr(type(value), "__array__") and (shape is None or len(shape) > 0)


def as_array(value: Any, where: str) -> Array:
    """Whatever NumPy takes, as an array.

    Raises:
        DataError: It is None.
        ShapeError: It is a list whose rows differ in shape.
    """
    if isinstance(value, np.ndarray):
        return value
    if value is None:
        raise DataError(f"{where}: expected an array, received None.")
    try:
        return np.asarray(value)
    except ValueError:
        raise ShapeError(
            f"{where}: expected rows of one shape, received a {type(value).__name__} of rows that differ. Pad or "
            f"cut them."
        ) from None


def first_array(x: Any) -> Array:
    """The first array of inputs given in any form: what a model without an input shape is built for."""
    if isinstance(x, dict) and x:
        x = next(iter(x.values()))
    elif isinstance(x, (list, tuple)) and len(x) == 1 and is_array(x[0]):
        x = x[0]
    return as_array(x, "x")


def unpack(element: Any, where: str) -> tuple[Any, Any, Any]:
    """x, y and sample weights of a dataset's element.

    Raises:
        DataError: It is no (x, y), (x, y, w) or {"xs", "ys"}.
    """
    if isinstance(element, (tuple, list)) and len(element) in (2, 3):
        return element[0], element[1], element[2] if len(element) == 3 else None
    if isinstance(element, dict) and "xs" in element and "ys" in element:
        return element["xs"], element["ys"], element.get("sample_weight")
    got = (
        f"a dict with keys {sorted(map(str, element))}"
        if isinstance(element, dict)
        else f"a {type(element).__name__}"
    )
    raise DataError(
        f'{where}batch: expected (x, y), (x, y, sample_weight) or {{"xs": ..., "ys": ...}}, received {got}. '
        f"Give the dataset a label, or map it."
    )


def _numbers(value: Any, dtype: Any, where: str) -> Array:
    array = as_array(value, where)
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise DataError(
            f"{where}: expected an array of numbers, received {type(value).__name__} of dtype {array.dtype}."
        )
    if not np.isfinite(array).all():
        raise DataError(f"{where}: expected finite numbers, received NaN or infinity.")
    return array.astype(dtype, copy=False)
