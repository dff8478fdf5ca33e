"""Losses of numbers: distances between targets and outputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aseq.losses._loss import EPSILON, Loss
from aseq.losses._targets import mean_last, over_last

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.losses._targets import Scale
    from aseq.types import Array, Config

__all__ = [
    "CosineSimilarity",
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
]


class MeanSquaredError(Loss):
    """mean((y_true - y_pred)^2) over the last axis.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> MeanSquaredError()(np.zeros((1, 2)), np.array([[1.0, 2.0]]))
        2.5
    """

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """d^2 / D with d = y_pred - y_true; gradient 2 d / D."""
        d = y_pred - y_true
        width = d.shape[-1]
        values = mean_last(d * d)
        return values, lambda scale: d * over_last(scale, 2 / width)


class MeanAbsoluteError(Loss):
    """mean(|y_true - y_pred|) over the last axis.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> MeanAbsoluteError()(np.zeros((1, 2)), np.array([[1.0, -2.0]]))
        1.5
    """

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """|d| / D with d = y_pred - y_true; gradient sign(d) / D."""
        d = y_pred - y_true
        width = d.shape[-1]
        values = mean_last(np.abs(d))
        return values, lambda scale: np.sign(d) * over_last(scale, 1 / width)


class MeanAbsolutePercentageError(Loss):
    """100 mean(|y_true - y_pred| / max(|y_true|, 1e-7)) over the last axis.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> MeanAbsolutePercentageError()(np.array([[4.0, 2.0]]), np.array([[3.0, 2.0]]))
        12.5
    """

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Gradient 100 sign(d) / (max(|t|, 1e-7) D)."""
        d = y_pred - y_true
        size = np.maximum(np.abs(y_true), EPSILON)
        width = d.shape[-1]
        values = 100 * mean_last(np.abs(d) / size)
        return values, lambda scale: np.sign(d) / size * over_last(scale, 100 / width)


class MeanSquaredLogarithmicError(Loss):
    """mean((log(y_true + 1) - log(y_pred + 1))^2) over the last axis, both at least 1e-7.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> round(MeanSquaredLogarithmicError()(np.array([[0.0]]), np.array([[math.e - 1]])), 4)
        1.0
    """

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """With d = log(p + 1) - log(t + 1): gradient 2 d / ((p + 1) D) where p is at least 1e-7."""
        p = np.maximum(y_pred, EPSILON)
        d = np.log(p + 1) - np.log(np.maximum(y_true, EPSILON) + 1)
        width = d.shape[-1]
        values = mean_last(d * d)
        return values, lambda scale: d / (p + 1) * (p == y_pred) * over_last(scale, 2 / width)


class Huber(Loss):
    """mean(d^2 / 2 where |d| <= delta, else delta |d| - delta^2 / 2) (Huber, 1964).

    Args:
        delta: Where the parabola goes over into a straight line.
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> Huber()(np.zeros((1, 2)), np.array([[1.0, 3.0]]))
        1.5
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
    ) -> None:
        super().__init__(reduction, name)
        self.delta = delta

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """With c = clip(d, -delta, delta): values c (d - c / 2) / D; gradient c / D."""
        d = y_pred - y_true
        c = np.clip(d, -self.delta, self.delta)
        width = d.shape[-1]
        values = mean_last(c * (d - c / 2))
        return values, lambda scale: c * over_last(scale, 1 / width)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"delta": self.delta}


class LogCosh(Loss):
    """mean(log(cosh(y_pred - y_true))) over the last axis: a parabola that becomes |d| - log 2.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> round(LogCosh()(np.zeros((1, 1)), np.array([[1.0]])), 4)
        0.4338
    """

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """|d| + log(1 + exp(-2 |d|)) - log 2; gradient tanh(d) / D."""
        d = y_pred - y_true
        size = np.abs(d)
        width = d.shape[-1]
        values = mean_last(size + np.log1p(np.exp(-2 * size)) - math.log(2))
        return values, lambda scale: np.tanh(d) * over_last(scale, 1 / width)


class CosineSimilarity(Loss):
    """-sum(t p) of both vectors brought to length 1: -1 for one direction, 1 for opposite ones.

    Args:
        axis: Of the vectors.
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> round(CosineSimilarity()(np.array([[1.0, 1.0]]), np.array([[0.0, 2.0]])), 4)
        -0.7071
    """

    shortest = EPSILON
    """Vectors shorter than this are divided by this: a vector of zeros has no direction."""

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.axis = axis

    def values_shape(self, y_true: Array) -> tuple[int, ...]:
        """All axes but that of the vectors."""
        return tuple(np.delete(y_true.shape, self.axis).tolist())

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """With unit vectors t, p and c = sum(t p): gradient (c p - t) / length, 0 for no direction."""
        t, _ = self._unit(y_true)
        p, length = self._unit(y_pred)
        c = np.add.reduce(t * p, self.axis, keepdims=True)

        def backward(scale: Scale) -> Array:
            d = np.where(length > self.shortest, (c * p - t) / length, 0)
            return d * (np.expand_dims(scale, self.axis) if isinstance(scale, np.ndarray) else scale)

        return -np.squeeze(c, self.axis), backward

    def _unit(self, x: Array) -> tuple[Array, Array]:
        length = np.sqrt(np.add.reduce(x * x, self.axis, keepdims=True))
        length = np.maximum(length, length.dtype.type(self.shortest))
        return x / length, length

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"axis": self.axis}
