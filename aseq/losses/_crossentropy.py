"""Crossentropies: from probabilities, or from the logits behind a softmax or sigmoid."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from aseq import activations
from aseq.errors import ConfigError
from aseq.linalg import row_sums
from aseq.losses._loss import EPSILON, ClassIndexLoss, Loss
from aseq.losses._targets import mean_last, over_last

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.losses._targets import Scale
    from aseq.types import Array, Config

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "binary_terms",
    "check_axis",
    "normalized",
    "smoothed",
]


SAFE = 1e-30
"""Probabilities above it have all their digits in float32, so that their logarithm is exact enough."""


class CategoricalCrossentropy(Loss):
    """-sum(y_true log(y_pred)) over the classes, for one-hot targets.

    Behind a softmax activation it is computed from the logits, so that it neither saturates nor
    loses digits. Probabilities from elsewhere are normalised and clipped to [1e-7, 1 - 1e-7].

    Args:
        from_logits: The model's output is what would go into a softmax.
        label_smoothing: s in y (1 - s) + s / classes.
        axis: Of the classes; only the last is supported.
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> round(CategoricalCrossentropy()(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])), 4)
        0.6931
    """

    way_out = "Class indices go with sparse_categorical_crossentropy; one-hot targets have a column a class."
    fuses = frozenset({"softmax", "sigmoid"})
    own_activation = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        check_axis(axis, self.name)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """-sum(t log q) with q = clip(p / sum(p)); gradient (sum(t inside) - t / q inside) / sum(p)."""
        if self.from_logits:
            return self.forward_logits(y_true, y_pred, None)
        t = smoothed(y_true, self.label_smoothing, y_true.shape[-1])
        p, total = normalized(y_pred)
        q = np.clip(p, EPSILON, 1 - EPSILON)

        def backward(scale: Scale) -> Array:
            inside = np.where(p == q, t, 0)
            d = np.add.reduce(inside, -1, keepdims=True) - inside / q
            return d / total * over_last(scale)

        return -np.add.reduce(t * np.log(q), -1), backward

    def forward_logits(
        self, y_true: Array, z: Array, y_pred: Array | None
    ) -> tuple[Array, Callable[[Scale], Array]]:
        """-sum(t log p) with p = softmax(z); gradient sum(t) p - t."""
        t = smoothed(y_true, self.label_smoothing, y_true.shape[-1])
        p = activations.softmax(z) if y_pred is None else y_pred
        mass = row_sums(t)
        if is_safe(p):
            values = -row_sums(t * np.log(p))
        else:
            values = mass * log_sum_exp(z, p) - row_sums(t * z)

        def backward(scale: Scale) -> Array:
            d = p * mass[..., None]
            d -= t
            d *= over_last(scale)
            return d

        return values, backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": -1,
        }


class SparseCategoricalCrossentropy(ClassIndexLoss):
    """-log(y_pred[y_true]), for class indices from 0.

    Behind a softmax activation it is computed from the logits. Probabilities from elsewhere are
    clipped to [1e-7, 1 - 1e-7] and normalised.

    Args:
        from_logits: The model's output is what would go into a softmax.
        ignore_class: Samples of this class count nothing, neither in the sum nor in the number. With it
            the loss comes from probabilities even behind a softmax, as in Keras.
        axis: Of the classes; only the last is supported.
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> round(SparseCategoricalCrossentropy()(np.array([1]), np.array([[0.5, 0.5]])), 4)
        0.6931
    """

    fuses = frozenset({"softmax", "sigmoid"})
    own_activation = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        check_axis(axis, self.name)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        if ignore_class is not None:
            self.fuses = frozenset()

    def kept(self, y_true: Array, values: Array) -> Array | None:
        """The samples that are not ignored."""
        return None if self.ignore_class is None else np.asarray(y_true != self.ignore_class)

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """log(sum(q)) - log(q[t]) with q = clip(p); gradient 1 / sum(q) - onehot / q where not clipped."""
        if self.from_logits:
            return self.forward_logits(y_true, y_pred, None)
        index, keep = self._flat(y_true)
        rows = np.arange(index.size)
        p = y_pred.reshape(-1, y_pred.shape[-1])
        q = np.clip(p, EPSILON, 1 - EPSILON)
        total, chosen = np.add.reduce(q, -1), q[rows, index]
        values = np.log(total) - np.log(chosen)
        if keep is not None:
            values *= keep

        def backward(scale: Scale) -> Array:
            d = np.broadcast_to((1 / total)[:, None], q.shape).copy()
            d[rows, index] -= 1 / chosen
            d *= p == q
            d *= scale.reshape(-1, 1) if isinstance(scale, np.ndarray) else scale
            if keep is not None:
                d *= keep[:, None]
            return d.reshape(y_pred.shape)

        return values.reshape(y_true.shape), backward

    def forward_logits(
        self, y_true: Array, z: Array, y_pred: Array | None
    ) -> tuple[Array, Callable[[Scale], Array]]:
        """-log(p[t]) with p = softmax(z); gradient p - onehot(t)."""
        p = activations.softmax(z) if y_pred is None else y_pred
        index, keep = self._flat(y_true)
        targets = _row_starts(p.size, p.shape[-1]) + index  # positions in the flat array
        chosen = p.reshape(-1)[targets]
        if is_safe(chosen):
            values = -np.log(chosen)
        else:
            values = log_sum_exp(z, p).reshape(-1) - z.reshape(-1)[targets]
        if keep is not None:
            values *= keep

        def backward(scale: Scale) -> Array:
            d = np.multiply(p, over_last(scale), order="C")
            d.reshape(-1)[targets] -= _flat_scale(scale)
            if keep is not None:
                d *= keep.reshape(y_true.shape)[..., None]
            return d

        return values.reshape(y_true.shape), backward

    def _flat(self, y_true: Array) -> tuple[Array, Array | None]:
        """Indices in one axis, and what to keep of them where a class is ignored."""
        index = y_true.reshape(-1)
        if self.ignore_class is None:
            return index, None
        keep = index != self.ignore_class
        return np.where(keep, index, 0), keep

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
            "axis": -1,
        }


class BinaryCrossentropy(Loss):
    """-(t log p + (1 - t) log(1 - p)), averaged over the last axis.

    Behind a sigmoid activation it is computed from the logits. Probabilities from elsewhere are
    clipped to [1e-7, 1 - 1e-7].

    Args:
        from_logits: The model's output is what would go into a sigmoid.
        label_smoothing: s in y (1 - s) + s / 2.
        axis: Averaged over; only the last is supported.
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> round(BinaryCrossentropy()(np.array([[1.0]]), np.array([[0.5]])), 4)
        0.6931
    """

    fuses = frozenset({"softmax", "sigmoid"})
    own_activation = "sigmoid"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        check_axis(axis, self.name)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """With q = clip(p): gradient (q - t) / (q (1 - q)) where not clipped."""
        if self.from_logits:
            return self.forward_logits(y_true, y_pred, None)
        t = smoothed(y_true, self.label_smoothing, 2)
        terms, slope = binary_terms(t, y_pred)
        width = y_pred.shape[-1]
        return mean_last(terms), lambda scale: slope() * over_last(scale, 1 / width)

    def forward_logits(
        self, y_true: Array, z: Array, y_pred: Array | None
    ) -> tuple[Array, Callable[[Scale], Array]]:
        """max(z, 0) - z t + log(1 + exp(-|z|)); gradient sigmoid(z) - t."""
        t = smoothed(y_true, self.label_smoothing, 2)
        p = activations.sigmoid(z) if y_pred is None else y_pred
        width = z.shape[-1]
        return mean_last(logit_terms(t, z)), lambda scale: (p - t) * over_last(scale, 1 / width)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": -1,
        }


# Shared arithmetic ----------------------------------------------------------------------------


def binary_terms(t: Array, p: Array) -> tuple[Array, Callable[[], Array]]:
    """-(t log q + (1 - t) log(1 - q)) with q = clip(p), and its slope with respect to p."""
    q = np.clip(p, EPSILON, 1 - EPSILON)

    def slope() -> Array:
        d = (q - t) / (q * (1 - q))
        d *= p == q
        return d

    return -(t * np.log(q) + (1 - t) * np.log(1 - q)), slope


def logit_terms(t: Array, z: Array) -> Array:
    """The same from logits: max(z, 0) - z t + log(1 + exp(-|z|))."""
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


def is_safe(p: Array) -> bool:
    """Whether the logarithms of probabilities are exact enough to make the logits superfluous."""
    return bool(p.size and p.item(p.argmin()) > SAFE)  # argmin takes a fifth of the time of min


def log_sum_exp(z: Array, p: Array) -> Array:
    """log(sum(exp(z))) over the last axis, given p = softmax(z).

    max(z) - log(max(p)): the largest probability is at least 1 / classes, so its logarithm is exact.
    """
    return np.maximum.reduce(z, -1) - np.log(np.maximum.reduce(p, -1))


def normalized(p: Array) -> tuple[Array, Array]:
    """p / sum(p) over the last axis, and the sum; 1 stands for a sum of 0."""
    total = np.add.reduce(p, -1, keepdims=True)
    total = np.where(total == 0, p.dtype.type(1), total)
    return p / total, total


def smoothed(t: Array, smoothing: float, classes: int) -> Array:
    """t (1 - s) + s / classes."""
    return t * (1 - smoothing) + smoothing / classes if smoothing else t


def check_axis(axis: int, where: str) -> None:
    """Raise ConfigError for any axis but the last."""
    if axis != -1:
        raise ConfigError(f"{where}: expected axis=-1, received {axis}. Move the classes to the last axis.")


@lru_cache(maxsize=16)
def _row_starts(size: int, width: int) -> Array:
    """Where the rows of a matrix begin in a flat array; batches are of few sizes."""
    starts = np.arange(0, size, width)
    starts.flags.writeable = False
    return starts


def _flat_scale(scale: Scale) -> Scale:
    return scale.reshape(-1) if isinstance(scale, np.ndarray) else scale
