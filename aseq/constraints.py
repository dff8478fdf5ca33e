"""Projections that keep a weight inside a set, applied after each optimizer step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.registry import Configurable, Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.types import Array, Config

__all__ = ["Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "get", "serialize"]

EPSILON = 1e-7


class Constraint(Configurable):
    """A projection of a weight.

    Examples:
        >>> class AtMostOne(Constraint):
        ...     def __call__(self, w):
        ...         return np.minimum(w, 1)
        >>> AtMostOne()(np.array([3.0, 0.5])).tolist()
        [1.0, 0.5]
    """

    def __call__(self, w: Array) -> Array:
        """The allowed value nearest in kind to `w`, as a new array."""
        raise NotImplementedError


class NonNeg(Constraint):
    """Negative entries become 0.

    Examples:
        >>> NonNeg()(np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __call__(self, w: Array) -> Array:
        """max(w, 0)."""
        return np.maximum(w, 0)


class _Norm(Constraint):
    """A constraint on the lengths of slices of a weight.

    Args:
        axis: Along which lengths are taken: 0 for a Dense kernel (the weights into a unit), (0, 1, 2)
            for a convolution's.
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis if isinstance(axis, int) else list(axis)

    def _lengths(self, w: Array) -> Array:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return np.sqrt(np.add.reduce(w * w, axis, keepdims=True))


class MaxNorm(_Norm):
    """Slices longer than `max_value` are shortened to it.

    Args:
        max_value: Longest length.
        axis: Along which lengths are taken.

    Examples:
        >>> MaxNorm(1.0)(np.array([[3.0, 0.6], [4.0, 0.8]])).round(3).tolist()
        [[0.6, 0.6], [0.8, 0.8]]
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        super().__init__(axis)
        self.max_value = max_value

    def __call__(self, w: Array) -> Array:
        """w min(length, max_value) / length."""
        lengths = self._lengths(w)
        return w * (np.minimum(lengths, self.max_value) / (lengths + EPSILON))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"max_value": self.max_value, "axis": self.axis}


class UnitNorm(_Norm):
    """Every slice gets length 1.

    Args:
        axis: Along which lengths are taken.

    Examples:
        >>> UnitNorm()(np.array([[3.0], [4.0]])).round(3).tolist()
        [[0.6], [0.8]]
    """

    def __call__(self, w: Array) -> Array:
        """w / length."""
        return w / (self._lengths(w) + EPSILON)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"axis": self.axis}


class MinMaxNorm(_Norm):
    """Lengths are brought between `min_value` and `max_value`, a share `rate` of the way each time.

    Args:
        min_value: Shortest length.
        max_value: Longest length.
        rate: 1 brings them there at once.
        axis: Along which lengths are taken.

    Examples:
        >>> MinMaxNorm(0.0, 1.0, rate=0.5)(np.array([[3.0], [0.0]])).round(3).tolist()
        [[2.0], [0.0]]
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        super().__init__(axis)
        self.min_value, self.max_value, self.rate = min_value, max_value, rate

    def __call__(self, w: Array) -> Array:
        """w (rate clip(length, min_value, max_value) + (1 - rate) length) / length."""
        lengths = self._lengths(w)
        wanted = self.rate * np.clip(lengths, self.min_value, self.max_value) + (1 - self.rate) * lengths
        return w * (wanted / (lengths + EPSILON))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


_REGISTRY = Registry("constraint", Constraint, [MaxNorm, MinMaxNorm, NonNeg, UnitNorm])
serialize = _REGISTRY.serialize


def get(identifier: Any) -> Constraint | None:
    """The constraint that `identifier` means: None, instance, Keras or tf.js name, or config.

    Raises:
        ConfigError: It means no constraint.

    Examples:
        >>> get("maxNorm").get_config()
        {'max_value': 2, 'axis': 0}
    """
    return None if identifier is None else _REGISTRY.get(identifier)
