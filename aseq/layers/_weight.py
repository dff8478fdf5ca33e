"""One array of a layer, and how values from outside come into it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.constraints import Constraint
    from aseq.initializers import Initializer
    from aseq.regularizers import Regularizer
    from aseq.types import Array

__all__ = ["Weight", "assign", "joined", "offsets", "views"]


def _unbound() -> Array:
    return np.empty(0, np.float32)


@dataclass(eq=False)
class Weight:
    """One array of a layer: declared in `build`, bound to memory by the network.

    Attributes:
        name: Keras's name within the layer, such as "kernel".
        shape: Its shape.
        trainable: False for running statistics, which no optimizer touches.
        value: View into the network's flat vector, once bound.
        grad: View into the flat gradient vector (trainable weights only).
    """

    name: str
    shape: tuple[int, ...]
    initializer: Initializer
    trainable: bool = True
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None
    value: Array = field(default_factory=_unbound, repr=False)
    grad: Array = field(default_factory=_unbound, repr=False)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bound(self) -> bool:
        """Whether it has memory, and in it a value."""
        return self.value.shape == self.shape


def assign(weights: Sequence[tuple[str, Weight]], values: Sequence[Any], where: str = "set_weights") -> None:
    """Copy values into weights; nothing changes if one does not fit.

    Args:
        weights: The name of its layer and each weight.
        values: One array a weight.
        where: Said first in errors.

    Raises:
        ShapeError: Their number or one of their shapes is wrong.
    """
    if len(values) != len(weights):
        raise ShapeError(f"{where}: expected {len(weights)} arrays, received {len(values)}.")
    arrays = [np.asarray(value) for value in values]
    for (layer, weight), array in zip(weights, arrays, strict=True):
        if array.shape != weight.shape:
            raise ShapeError(
                f"set_weights: layer {layer!r}: expected {weight.name} of shape {weight.shape}, received "
                f"{array.shape}."
            )
    for (_, weight), array in zip(weights, arrays, strict=True):
        if weight.bound:
            weight.value[...] = array
        else:  # memory of its own, from which a network takes the value
            weight.value = np.array(array, np.result_type(array, np.float32))


def offsets(weights: Sequence[Weight]) -> list[tuple[Weight, int]]:
    """Trainable weights with their place in the flat vector."""
    placed, start = [], 0
    for weight in weights:
        if weight.trainable:
            placed.append((weight, start))
            start += weight.size
    return placed


def views(weights: Sequence[Weight], flat: Array) -> dict[Weight, Array]:
    """The place of each weight in a flat vector."""
    places, start = {}, 0
    for weight in weights:
        stop = start + weight.size
        places[weight] = flat[start:stop].reshape(weight.shape)
        start = stop
    return places


def joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges with neighbours joined."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found
