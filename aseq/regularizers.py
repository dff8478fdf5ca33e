"""Penalties on weights and outputs that are added to the training loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError, ShapeError
from aseq.registry import Configurable, Registry

if TYPE_CHECKING:
    from aseq.types import Array, Config

__all__ = ["L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "get", "serialize"]


class Regularizer(Configurable):
    """A penalty and its gradient.

    Examples:
        >>> class Huge(Regularizer):
        ...     def penalty(self, w):
        ...         return 1000 * float(w.sum())
        ...     def gradient(self, w):
        ...         return np.full_like(w, 1000)
        >>> Huge().penalty(np.ones(2))
        2000.0
    """

    def penalty(self, w: Array) -> float:
        """The penalty for `w`, a plain float."""
        raise NotImplementedError

    def gradient(self, w: Array) -> Array:
        """The gradient of the penalty, in the shape of `w`."""
        raise NotImplementedError


class L1L2(Regularizer):
    """l1 sum|w| + l2 sum w^2.

    Args:
        l1: Factor of the absolute values.
        l2: Factor of the squares.

    Examples:
        >>> L1L2(l1=1.0, l2=0.5).penalty(np.array([2.0, -2.0]))
        8.0
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor(l1, "l1", self)
        self.l2 = _factor(l2, "l2", self)

    def penalty(self, w: Array) -> float:
        """l1 sum|w| + l2 sum w^2."""
        total = 0.0
        if self.l1:
            total += self.l1 * float(np.add.reduce(np.abs(w), None))
        if self.l2:
            flat = w.reshape(-1)
            total += self.l2 * float(np.dot(flat, flat))
        return total

    def gradient(self, w: Array) -> Array:
        """l1 sign(w) + 2 l2 w."""
        slope = w * w.dtype.type(2 * self.l2)
        if self.l1:
            slope += np.sign(w) * w.dtype.type(self.l1)
        return slope

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """l1 sum|w|.

    Args:
        l1: The factor.

    Examples:
        >>> L1(0.5).gradient(np.array([2.0, -3.0])).tolist()
        [0.5, -0.5]
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"l1": self.l1}


class L2(L1L2):
    """l2 sum w^2.

    Args:
        l2: The factor.

    Examples:
        >>> L2(0.5).gradient(np.array([2.0, -3.0])).tolist()
        [2.0, -3.0]
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor times the mean absolute cosine between all pairs of rows (or columns) of a matrix.

    Args:
        factor: Of the mean.
        mode: "rows" or "columns".

    Examples:
        >>> OrthogonalRegularizer(1.0).penalty(np.array([[1.0, 0.0], [0.0, 5.0]]))
        0.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor(factor, "factor", self)
        if mode not in ("rows", "columns"):
            raise ConfigError(f"OrthogonalRegularizer: expected mode 'rows' or 'columns', received {mode!r}.")
        self.mode = mode

    def _cosines(self, w: Array) -> tuple[Array, Array, Array, float]:
        """Unit rows, their lengths, the cosines between different ones, and the factor of a cosine."""
        if w.ndim != 2:
            raise ShapeError(
                f"OrthogonalRegularizer: expected a matrix, received shape {w.shape}. It suits Dense kernels."
            )
        rows = w if self.mode == "rows" else w.T
        lengths = np.maximum(np.sqrt(np.add.reduce(rows * rows, -1, keepdims=True)), 1e-7)
        units = rows / lengths
        cosines = units @ units.T
        np.fill_diagonal(cosines, 0)
        pairs = len(rows) * (len(rows) - 1)
        return units, lengths, cosines, self.factor / pairs if pairs else 0.0

    def penalty(self, w: Array) -> float:
        """factor mean|cos|."""
        _, _, cosines, factor = self._cosines(w)
        return factor * float(np.add.reduce(np.abs(cosines), None))

    def gradient(self, w: Array) -> Array:
        """With unit rows u and S = sign(cos): 2 (S u - u (S u . u)) / length."""
        units, lengths, cosines, factor = self._cosines(w)
        pull = np.sign(cosines) @ units
        pull -= units * np.add.reduce(pull * units, -1, keepdims=True)
        pull *= w.dtype.type(2 * factor)
        pull /= lengths
        return pull if self.mode == "rows" else pull.T

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"factor": self.factor, "mode": self.mode}


def _factor(value: float | None, name: str, of: Regularizer) -> float:
    value = float(value or 0.0)
    if not 0 <= value < math.inf:
        raise ConfigError(f"{type(of).__name__}: expected {name} to be a number from 0, received {value!r}.")
    return value


_REGISTRY = Registry(
    "regularizer",
    Regularizer,
    [L1, L1L2, L2, OrthogonalRegularizer],
    {"l1_l2": L1L2, "L1_L2": L1L2},
)
serialize = _REGISTRY.serialize


def get(identifier: Any) -> Regularizer | None:
    """The regularizer that `identifier` means: None, instance, Keras or tf.js name, or config.

    Raises:
        ConfigError: It means no regularizer.

    Examples:
        >>> get("l2").get_config()
        {'l2': 0.01}
    """
    return None if identifier is None else _REGISTRY.get(identifier)
