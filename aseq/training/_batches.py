"""From what users give (arrays, lists, dicts, tuples) to checked batches."""

from __future__ import annotations

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

__all__ = ["Arrays", "BatchMaker", "as_list", "unpack"]


@dataclass
class Arrays:
    """Whole arrays of equal length, checked, from which batches are cut."""

    xs: list[Array]
    ys: list[Array]
    weights: list[Array | None]
    rows: int

    def cut(self, rows: Any, cast: BatchMaker) -> Batch:
        """The batch of these rows: a slice, or an array of indices."""
        if isinstance(rows, slice):
            xs = [x[rows] for x in self.xs]
            ys = [y[rows] for y in self.ys]
            weights = [None if w is None else w[rows] for w in self.weights]
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
        given = as_list(x, self.input_names, f"{where}x")
        xs = list(self.network.check_inputs(given, f"{where}x", cast=False))
        rows = len(xs[0])
        ys: list[Array] = []
        weights: list[Array | None] = []
        if targets:
            if y is None:
                raise DataError(f"{where}y: expected targets, received None. Give y, or batches of (x, y).")
            ys = self._targets(y, where)
            weights = self._weights(sample_weight, class_weight, ys, where)
        named = [("x", xs), ("y", ys), ("sample_weight", [w for w in weights if w is not None])]
        for name, group in named:
            for array in group:
                if len(array) != rows:
                    raise ShapeError(
                        f"{where}{name}: expected {rows} samples as in x, received {len(array)}. Every array's "
                        f"first axis counts the same samples."
                    )
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
        x, y, w = unpack(element, where) if targets else (_inputs_of(element), None, None)
        arrays = self.arrays(x, y, w, class_weight, targets=targets, where=where)
        return Batch(self.cast_inputs(arrays.xs), arrays.ys, arrays.weights, arrays.rows)

    def cast_inputs(self, xs: Sequence[Array]) -> Sequence[Array]:
        """Inputs in the network's dtype (lookups keep their integers)."""
        return self.network.cast_inputs(xs)

    def _targets(self, y: Any, where: str) -> list[Array]:
        given = as_list(y, self.output_names, f"{where}y")
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
        given = as_list(sample_weight, self.output_names, f"{where}sample_weight")
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
        ConfigError: The keys are not whole numbers.
    """
    try:
        table = {int(key): float(value) for key, value in weights.items()}
    except (TypeError, ValueError, AttributeError):
        raise ConfigError(
            f"class_weight: expected a dict from class index to weight, received {weights!r}."
        ) from None
    if not sparse and y.ndim > 1 and y.shape[-1] > 1:
        classes = y.argmax(-1)
    else:
        classes = (y if sparse or y.ndim == 1 else y[..., 0]).astype(np.int64)
    found = np.ones(classes.shape, dtype)
    for index, weight in table.items():
        found[classes == index] = weight
    return found


def as_list(value: Any, names: Sequence[str], where: str) -> list[Any]:
    """One array a name: from an array, a list of arrays (several names), or a dict by name.

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
        len(names) > 1 or (len(value) == 1 and isinstance(value[0], np.ndarray) and value[0].ndim > 1)
    ):
        return list(value)
    return [value]


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


def _inputs_of(element: Any) -> Any:
    """The inputs of an element that may carry targets, which a prediction leaves aside."""
    if isinstance(element, tuple) and len(element) in (1, 2, 3):
        return element[0]
    if isinstance(element, dict) and "xs" in element:
        return element["xs"]
    return element


def _numbers(value: Any, dtype: Any, where: str) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise DataError(
            f"{where}: expected an array of numbers, received {type(value).__name__} of dtype {array.dtype}."
        )
    if np.isnan(array).any():
        raise DataError(f"{where}: expected numbers, received NaN.")
    return array.astype(dtype, copy=False)
