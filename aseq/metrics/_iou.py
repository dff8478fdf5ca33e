"""Intersection over union, from a matrix of how often each class was taken for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aseq.errors import ConfigError
from aseq.losses import match_rank
from aseq.metrics._metric import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.types import Array, Config

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]

EPSILON = 1e-7


class IoU(Metric):
    """TP / (TP + FP + FN) of some classes, averaged over those that occur.

    Args:
        num_classes: Number of classes.
        target_class_ids: Classes that count.
        name: As in `Metric`.
        ignore_class: Samples of this class are left out.
        sparse_y_true: Targets are class indices rather than one-hot.
        sparse_y_pred: Outputs are class indices rather than scores.
        axis: Of the classes, where they are not indices.

    Examples:
        >>> score = IoU(num_classes=2, target_class_ids=[0])
        >>> round(score(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])), 3)
        0.333
    """

    direction = "up"
    state_names = ("matrix",)

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        if not target_class_ids or not 0 <= min(target_class_ids) <= max(target_class_ids) < num_classes:
            raise ConfigError(
                f"{type(self).__name__}: expected target_class_ids from 0 to {num_classes - 1}, received "
                f"{list(target_class_ids)}."
            )
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        super().__init__(name)

    def reset(self) -> None:
        """Forget all batches."""
        self.matrix = np.zeros((self.num_classes, self.num_classes))

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Count a batch; classes out of range are left out."""
        if not self.sparse_y_true:
            y_true = y_true.argmax(self.axis)
        if not self.sparse_y_pred:
            y_pred = y_pred.argmax(self.axis)
        if weights is not None:
            weights = np.broadcast_to(match_rank(weights, y_pred), y_pred.shape).reshape(-1)
        true, taken = y_true.reshape(-1).astype(np.int64), y_pred.reshape(-1).astype(np.int64)
        n = self.num_classes
        keep = (true >= 0) & (true < n) & (taken >= 0) & (taken < n)
        if self.ignore_class is not None:
            keep &= true != self.ignore_class
        counts = np.bincount(true[keep] * n + taken[keep], None if weights is None else weights[keep], n * n)
        self.matrix = self.matrix + counts.reshape(n, n)

    def result(self) -> float:
        """The mean over those of the classes that occur."""
        hits = np.diagonal(self.matrix)
        union = self.matrix.sum(0) + self.matrix.sum(1) - hits
        hits, union = hits[self.target_class_ids], union[self.target_class_ids]
        occurs = union > 1e-9
        return float((hits / (union + EPSILON))[occurs].sum() / (np.count_nonzero(occurs) + EPSILON))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


class MeanIoU(IoU):
    """IoU of all classes.

    Args:
        num_classes: Number of classes.
        name: As in `Metric`.
        ignore_class: As in `IoU`.
        sparse_y_true: As in `IoU`.
        sparse_y_pred: As in `IoU`.
        axis: As in `IoU`.

    Examples:
        >>> round(MeanIoU(num_classes=2)(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])), 3)
        0.333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, range(num_classes), name, ignore_class, sparse_y_true, sparse_y_pred, axis
        )

    def get_config(self) -> Config:
        """Keras's arguments."""
        return _without(super().get_config(), "target_class_ids")


class OneHotIoU(IoU):
    """IoU for one-hot targets and outputs of scores.

    Args:
        num_classes: Number of classes.
        target_class_ids: Classes that count.
        name: As in `Metric`.
        ignore_class: As in `IoU`.
        sparse_y_pred: As in `IoU`.
        axis: As in `IoU`.

    Examples:
        >>> score = OneHotIoU(num_classes=2, target_class_ids=[0])
        >>> round(score(np.array([[1, 0], [0, 1]]), np.array([[0.8, 0.2], [0.6, 0.4]])), 3)
        0.5
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return _without(super().get_config(), "sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """IoU of all classes, for one-hot targets and outputs of scores.

    Args:
        num_classes: Number of classes.
        name: As in `Metric`.
        ignore_class: As in `IoU`.
        sparse_y_pred: As in `IoU`.
        axis: As in `IoU`.

    Examples:
        >>> score = OneHotMeanIoU(num_classes=2)
        >>> round(score(np.array([[1, 0], [0, 1]]), np.array([[0.8, 0.2], [0.4, 0.6]])), 3)
        1.0
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return _without(super().get_config(), "sparse_y_true")


class BinaryIoU(IoU):
    """IoU of yes-or-no decisions.

    Args:
        target_class_ids: Which of 0 and 1 count.
        threshold: Outputs from it on are taken for 1.
        name: As in `Metric`.

    Examples:
        >>> score = BinaryIoU(threshold=0.3)
        >>> round(score(np.array([[0.0], [1.0], [0.0], [1.0]]), np.array([[0.1], [0.2], [0.4], [0.7]])), 3)
        0.333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name)
        self.threshold = threshold

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Count a batch."""
        super().update(y_true, (y_pred >= self.threshold).astype(np.int64), weights)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {
            "name": self.name,
            "target_class_ids": self.target_class_ids,
            "threshold": self.threshold,
        }


def _without(config: Config, key: str) -> Config:
    return {name: value for name, value in config.items() if name != key}
