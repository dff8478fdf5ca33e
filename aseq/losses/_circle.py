"""Circle loss: which embeddings of a batch belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import activations
from aseq.errors import DataError, ShapeError
from aseq.losses._loss import Loss
from aseq.losses._targets import as_targets, over_last, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.losses._targets import Scale
    from aseq.types import Array, Config, Shape

__all__ = ["Circle"]


class Circle(Loss):
    """Embeddings of one class near each other, those of others far away (Sun et al., 2020).

    With d = max(1 - cosine, 0) between the embedding of a sample and all others of the batch, m the
    margin and g gamma: softplus(log sum exp(g (d + m)(d - m)) + log sum exp(g (1 + m - d)(1 - m - d))),
    the first sum over those of its own class, the second over those of other classes. Samples without
    any of one or the other count nothing, neither in the sum nor in the number. Targets are whole
    numbers, one a sample; outputs are vectors of length 1, as behind `UnitNormalization`.

    Args:
        gamma: Scale of the differences.
        margin: What is near enough, and far enough.
        remove_diagonal: A sample is none of its own class.
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
        >>> round(Circle(gamma=2.0)(np.array([0, 0, 1]), embeddings), 4)
        0.915
    """

    sparse_target = True

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.gamma, self.margin, self.remove_diagonal = gamma, margin, remove_diagonal

    def prepare(self, y: Any, output_shape: Shape, dtype: Any = np.float32, where: str = "y") -> Array:
        """Classes as int64, one a sample.

        Raises:
            ShapeError: There is not one a sample, or outputs are no vectors.
            DataError: One is not a whole number.
        """
        y = as_targets(y, None, where)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1 or len(output_shape) != 2:
            raise ShapeError(
                f"{where}: expected one class a sample and outputs of shape (batch, size) for the loss "
                f"{self.name!r}, received targets of shape {show(y.shape)} for outputs of {show(output_shape)}."
            )
        classes = y.astype(np.int64)
        if not np.array_equal(classes, y):
            bad = float(y[classes != y].flat[0])
            raise DataError(f"{where}: expected whole numbers for classes, received {bad}.")
        return classes

    def kept(self, y_true: Array, values: Array) -> Array | None:
        """Those of samples that have others of their class and of another."""
        return values > 0

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """With s the share of a pair in its sum: slopes by d are 2 g d s and -2 g (1 - d) s."""
        distance = 1 - y_pred @ y_pred.T
        d = np.maximum(distance, 0)
        same = y_true[:, None] == y_true
        other = ~same
        if self.remove_diagonal:
            np.fill_diagonal(same, False)
        near = self.gamma * (d + self.margin) * (d - self.margin)
        far = self.gamma * np.maximum(1 + self.margin - d, 0) * (1 - self.margin - d)
        near_sum, near_share = _log_sum_exp(near, same)
        far_sum, far_share = _log_sum_exp(far, other)
        total = near_sum + far_sum

        def backward(scale: Scale) -> Array:
            slope = near_share * d - far_share * (1 - d) * (d < 1 + self.margin)
            slope *= over_last(activations.sigmoid(total) * scale, 2 * self.gamma)
            slope *= distance >= 0
            return -((slope + slope.T) @ y_pred)

        return np.logaddexp(0, total).astype(y_pred.dtype, copy=False), backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "gamma": self.gamma,
            "margin": self.margin,
            "remove_diagonal": self.remove_diagonal,
        }


def _log_sum_exp(x: Array, where: Array) -> tuple[Array, Array]:
    """log(sum(exp(x))) over the last axis where it counts, -inf of nothing; and each one's share of the sum."""
    x = np.where(where, x, -np.inf)
    top = np.maximum.reduce(x, -1, keepdims=True, initial=-np.inf)
    shifted = np.exp(x - np.where(np.isfinite(top), top, 0))
    total = np.add.reduce(shifted, -1, keepdims=True)
    shares = np.divide(shifted, total, out=np.zeros_like(shifted), where=total > 0)
    with np.errstate(divide="ignore"):
        return (np.log(total) + np.where(np.isfinite(top), top, 0))[..., 0], shares
