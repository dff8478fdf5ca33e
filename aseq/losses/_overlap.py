"""Losses of overlap between two masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.losses._loss import EPSILON, Loss

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aseq.losses._targets import Scale
    from aseq.types import Array, Config

__all__ = ["Dice", "Tversky"]


class Tversky(Loss):
    """1 - I / (I + alpha A + beta B + 1e-7), with I = sum(t p), A = sum(t (1 - p)), B = sum(p (1 - t)).

    Salehi et al., "Tversky loss function for image segmentation", 2017.

    Args:
        alpha: Weight of the targets that the outputs miss.
        beta: Weight of the outputs that no target asks for.
        reduction: As in `Loss`.
        name: As in `Loss`.
        axis: Summed over; all axes, the batch too, if not given.

    Examples:
        >>> round(Tversky()(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])), 4)
        0.5
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        axis: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.alpha, self.beta = alpha, beta
        self.axis = axis if axis is None or isinstance(axis, int) else list(axis)

    def _sum(self, x: Array) -> Any:
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        return np.add.reduce(x, axis, keepdims=True)

    def _divisor(self, y_true: Array, y_pred: Array, overlap: Array) -> tuple[Any, Any]:
        """What the overlap is divided by, and its slope with respect to y_pred."""
        missed = self._sum((1 - y_pred) * y_true)
        extra = self._sum(y_pred * (1 - y_true))
        divisor = overlap + self.alpha * missed + self.beta * extra + EPSILON
        return divisor, y_true - self.alpha * y_true + self.beta * (1 - y_true)

    def values_shape(self, y_true: Array) -> tuple[int, ...]:
        """The axes that are not summed over."""
        return () if self.axis is None else tuple(np.delete(y_true.shape, self.axis).tolist())

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Gradient (I D' / D - t) / D, with D the divisor."""
        overlap = self._sum(y_true * y_pred)
        divisor, slope = self._divisor(y_true, y_pred, overlap)
        ratio = overlap / divisor

        def backward(scale: Scale) -> Array:
            d = (ratio * slope - y_true) / divisor
            return d * (scale.reshape(ratio.shape) if isinstance(scale, np.ndarray) else scale)

        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        return np.asarray(1 - np.squeeze(ratio, axis)), backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"alpha": self.alpha, "beta": self.beta, "axis": self.axis}


class Dice(Tversky):
    """1 - 2 sum(t p) / (sum(t) + sum(p) + 1e-7): how little two masks overlap (Milletari et al., 2016).

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        axis: Summed over; all axes, the batch too, if not given.

    Examples:
        >>> round(Dice()(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])), 4)
        0.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        axis: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, axis=axis)

    def _divisor(self, y_true: Array, y_pred: Array, overlap: Array) -> tuple[Any, Any]:
        return (self._sum(y_true) + self._sum(y_pred) + EPSILON) / 2, y_pred.dtype.type(0.5)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"name": self.name, "reduction": self.reduction, "axis": self.axis}
