"""Losses of margins: outputs need only be far enough on the right side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aseq.losses._loss import Loss
from aseq.losses._targets import mean_last, over_last

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.losses._targets import Scale
    from aseq.types import Array

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge"]


class Hinge(Loss):
    """mean(max(0, 1 - t p)) for targets of -1 and 1; targets of 0 and 1 are taken as such.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> Hinge()(np.array([[0.0, 1.0]]), np.array([[-0.5, 3.0]]))
        0.25
    """

    def _signs(self, y_true: Array) -> Array:
        """Targets with 2 t - 1 for t where a batch holds zeros and ones only."""
        binary = ((y_true == 0) | (y_true == 1)).all()
        return 2 * y_true - 1 if binary else y_true

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Gradient -t / D within the margin and on it."""
        t = self._signs(y_true)
        margin = 1 - t * y_pred
        width = margin.shape[-1]
        values = mean_last(np.maximum(margin, 0))
        return values, lambda scale: -t * (margin >= 0) * over_last(scale, 1 / width)


class SquaredHinge(Hinge):
    """mean(max(0, 1 - t p)^2) for targets of -1 and 1; targets of 0 and 1 are taken as such.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> SquaredHinge()(np.array([[0.0, 1.0]]), np.array([[-0.5, 3.0]]))
        0.125
    """

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Gradient -2 t max(0, 1 - t p) / D."""
        t = self._signs(y_true)
        margin = np.maximum(1 - t * y_pred, 0)
        width = margin.shape[-1]
        values = mean_last(margin * margin)
        return values, lambda scale: -t * margin * over_last(scale, 2 / width)


class CategoricalHinge(Loss):
    """max(0, 1 + max((1 - t) p) - sum(t p)) over the classes, for one-hot targets.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> CategoricalHinge()(np.array([[0.0, 1.0]]), np.array([[0.5, 1.0]]))
        0.5
    """

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Gradient (1 - t) at the strongest wrong class (shared among equals) - t, within the margin and on it."""
        others = (1 - y_true) * y_pred
        strongest = np.maximum.reduce(others, -1, keepdims=True)
        margin = 1 + strongest[..., 0] - np.add.reduce(y_true * y_pred, -1)

        def backward(scale: Scale) -> Array:
            equal = (others == strongest).astype(y_pred.dtype)
            equal /= np.add.reduce(equal, -1, keepdims=True)
            d = equal * (1 - y_true) - y_true
            return d * (margin >= 0)[..., None] * over_last(scale)

        return np.maximum(margin, 0), backward
