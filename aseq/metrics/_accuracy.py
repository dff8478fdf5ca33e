"""Shares of hits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aseq.metrics._metric import MeanMetric

if TYPE_CHECKING:
    from aseq.types import Array, Config

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "class_indices",
]


class Accuracy(MeanMetric):
    """Share of outputs that equal their target.

    Args:
        name: As in `Metric`.

    Examples:
        >>> Accuracy()(np.array([1, 2, 3, 4]), np.array([0, 2, 3, 4]))
        0.75
    """

    direction = "up"

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """True where equal."""
        return y_true == y_pred


class BinaryAccuracy(MeanMetric):
    """Share of outputs on the right side of a threshold.

    Args:
        threshold: Outputs above it are 1.
        name: As in `Metric`.

    Examples:
        >>> BinaryAccuracy()(np.array([[1.0], [1.0], [0.0]]), np.array([[0.9], [0.4], [0.5]]))
        0.6666666666666666
    """

    direction = "up"

    def __init__(self, threshold: float = 0.5, name: str | None = None) -> None:
        super().__init__(name)
        self.threshold = threshold

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """True where (y_pred > threshold) == y_true."""
        return (y_pred > self.threshold) == y_true

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"threshold": self.threshold}


class CategoricalAccuracy(MeanMetric):
    """Share of samples whose largest output is the class of the one-hot target.

    Args:
        name: As in `Metric`.

    Examples:
        >>> CategoricalAccuracy()(np.array([[0, 1], [1, 0]]), np.array([[0.2, 0.8], [0.1, 0.9]]))
        0.5
    """

    direction = "up"

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """True where the largest entries agree."""
        return y_true.argmax(-1) == y_pred.argmax(-1)


class SparseCategoricalAccuracy(MeanMetric):
    """Share of samples whose largest output is the class index of the target.

    Args:
        name: As in `Metric`.

    Examples:
        >>> SparseCategoricalAccuracy()(np.array([1, 0]), np.array([[0.2, 0.8], [0.1, 0.9]]))
        0.5
    """

    direction = "up"

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """True where the largest output is the target."""
        if y_true.ndim == y_pred.ndim:
            y_true = y_true[..., 0]
        return y_true == y_pred.argmax(-1)


class TopKCategoricalAccuracy(MeanMetric):
    """Share of samples whose one-hot target is among the k largest outputs.

    Args:
        k: How many outputs count.
        name: As in `Metric`.

    Examples:
        >>> TopKCategoricalAccuracy(k=2)(np.array([[1, 0, 0]]), np.array([[0.3, 0.1, 0.6]]))
        1.0
    """

    direction = "up"

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        super().__init__(name)
        self.k = k

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """True where fewer than k outputs are larger than the target's."""
        return self._among_largest(y_true.argmax(-1), y_pred)

    def _among_largest(self, index: Array, y_pred: Array) -> Array:
        chosen = np.take_along_axis(y_pred, index[..., None], -1)
        larger = np.count_nonzero(y_pred > chosen, axis=-1)
        return np.asarray((larger < self.k) & np.isfinite(chosen[..., 0]))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"k": self.k}


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """Share of samples whose class index is among the k largest outputs.

    Args:
        k: How many outputs count.
        name: As in `Metric`.
        from_sorted_ids: Outputs are class indices, best first, rather than scores.

    Examples:
        >>> SparseTopKCategoricalAccuracy(k=2)(np.array([1]), np.array([[0.3, 0.1, 0.6]]))
        0.0
    """

    def __init__(self, k: int = 5, name: str | None = None, from_sorted_ids: bool = False) -> None:
        super().__init__(k, name)
        self.from_sorted_ids = from_sorted_ids

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """True where fewer than k outputs are larger than the target's."""
        index = class_indices(y_true, y_pred)
        if self.from_sorted_ids:
            return np.asarray((y_pred[..., : self.k] == index[..., None]).any(-1))
        return self._among_largest(index, y_pred)

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config()
        return config | {"from_sorted_ids": True} if self.from_sorted_ids else config


def class_indices(y_true: Array, y_pred: Array) -> Array:
    """Targets as int64 class indices without a class axis."""
    if y_true.ndim == y_pred.ndim:
        y_true = y_true[..., 0]
    return y_true.astype(np.int64, copy=False)
