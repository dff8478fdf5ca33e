"""Counts of right and wrong yes-or-no decisions, and the shares made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError, ShapeError
from aseq.losses import match_rank
from aseq.metrics._metric import Metric, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.types import Array, Config

__all__ = [
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "Recall",
    "TrueNegatives",
    "TruePositives",
    "flat",
    "share",
]


class _Decisions(Metric):
    """Counts decisions at one or more thresholds.

    Args:
        thresholds: A number in [0, 1] or several; outputs above it are taken for 1; 0.5 if not given.
        top_k: Take the k largest outputs of a sample for 1, and no others.
        class_id: Look at this output alone.
        name: As in `Metric`.
    """

    state_names = ("true_positives", "false_positives", "true_negatives", "false_negatives")

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        self.thresholds = thresholds
        self.top_k, self.class_id = top_k, class_id
        default = 0.5 if top_k is None else -np.inf
        self._limits = np.atleast_1d(default if thresholds is None else np.asarray(thresholds, np.float64))
        if thresholds is not None and not ((self._limits >= 0) & (self._limits <= 1)).all():
            raise ConfigError(
                f"{type(self).__name__}: expected thresholds in [0, 1], received {thresholds!r}."
            )
        super().__init__(name)

    def reset(self) -> None:
        """Forget all batches."""
        none = np.zeros(len(self._limits))
        self.true_positives = self.false_positives = none
        self.true_negatives = self.false_negatives = none

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Count a batch."""
        if self.top_k is not None:
            y_pred = np.where(_is_among_largest(y_pred, self.top_k), y_pred, -np.inf)
        label, p, w = flat(y_true, y_pred, weights, self.class_id)
        above = p > self._limits.astype(p.dtype)[:, None]
        hits, alarms = above & label, above & ~label
        if w is None:
            true, false = np.count_nonzero(hits, axis=1), np.count_nonzero(alarms, axis=1)
            ones, zeros = float(np.count_nonzero(label)), float(np.count_nonzero(~label))
        else:
            true, false = hits @ w, alarms @ w
            ones, zeros = float(w[label].sum()), float(w[~label].sum())
        self.true_positives = self.true_positives + true
        self.false_positives = self.false_positives + false
        self.true_negatives = self.true_negatives + (zeros - false)
        self.false_negatives = self.false_negatives + (ones - true)

    def get_config(self) -> Config:
        """Keras's arguments."""
        thresholds = self.thresholds
        if thresholds is not None and not isinstance(thresholds, (int, float)):
            thresholds = [float(threshold) for threshold in thresholds]
        return super().get_config() | {"thresholds": thresholds}


class TruePositives(_Decisions):
    """How many ones were taken for ones, or the sum of their weights.

    Args:
        thresholds: Outputs above it are taken for 1; several give a result each.
        name: As in `Metric`.

    Examples:
        >>> TruePositives()(np.array([0, 1, 1, 1]), np.array([0.9, 0.8, 0.7, 0.1]))
        2.0
    """

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str | None = None) -> None:
        super().__init__(thresholds, name=name)

    def result(self) -> Any:
        """The count."""
        return plain(self.true_positives)


class FalsePositives(TruePositives):
    """How many zeros were taken for ones, or the sum of their weights.

    Args:
        thresholds: Outputs above it are taken for 1; several give a result each.
        name: As in `Metric`.

    Examples:
        >>> FalsePositives()(np.array([0, 1, 1, 1]), np.array([0.9, 0.8, 0.7, 0.1]))
        1.0
    """

    def result(self) -> Any:
        """The count."""
        return plain(self.false_positives)


class TrueNegatives(TruePositives):
    """How many zeros were taken for zeros, or the sum of their weights.

    Args:
        thresholds: Outputs above it are taken for 1; several give a result each.
        name: As in `Metric`.

    Examples:
        >>> TrueNegatives()(np.array([0, 1, 1, 1]), np.array([0.9, 0.8, 0.7, 0.1]))
        0.0
    """

    def result(self) -> Any:
        """The count."""
        return plain(self.true_negatives)


class FalseNegatives(TruePositives):
    """How many ones were taken for zeros, or the sum of their weights.

    Args:
        thresholds: Outputs above it are taken for 1; several give a result each.
        name: As in `Metric`.

    Examples:
        >>> FalseNegatives()(np.array([0, 1, 1, 1]), np.array([0.9, 0.8, 0.7, 0.1]))
        1.0
    """

    def result(self) -> Any:
        """The count."""
        return plain(self.false_negatives)


class Precision(_Decisions):
    """Share of ones among what was taken for ones.

    Args:
        thresholds: Outputs above it are taken for 1; several give a result each.
        top_k: Take the k largest outputs of a sample for 1, and no others.
        class_id: Look at this output alone.
        name: As in `Metric`.

    Examples:
        >>> Precision()(np.array([0, 1, 1, 1]), np.array([0.9, 0.8, 0.7, 0.1]))
        0.6666666666666666
    """

    direction = "up"

    def result(self) -> Any:
        """The share, 0 of nothing."""
        return plain(share(self.true_positives, self.true_positives + self.false_positives))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"top_k": self.top_k, "class_id": self.class_id}


class Recall(Precision):
    """Share of the ones that were taken for ones.

    Args:
        thresholds: Outputs above it are taken for 1; several give a result each.
        top_k: Take the k largest outputs of a sample for 1, and no others.
        class_id: Look at this output alone.
        name: As in `Metric`.

    Examples:
        >>> Recall()(np.array([0, 1, 1, 1, 1]), np.array([0.9, 0.8, 0.7, 0.1, 0.2]))
        0.5
    """

    def result(self) -> Any:
        """The share, 0 of nothing."""
        return plain(share(self.true_positives, self.true_positives + self.false_negatives))


# Shared arithmetic ----------------------------------------------------------------------------


def share(part: Array, whole: Array) -> Array:
    """part / whole, 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole != 0)


def flat(
    y_true: Array, y_pred: Array, weights: Array | None, class_id: int | None = None
) -> tuple[Array, Array, Array | None]:
    """Labels (as booleans), outputs and float64 weights, each in one axis.

    Raises:
        ShapeError: Targets and outputs differ in shape.
    """
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
        y_true = y_true[..., None]
    if y_true.shape != y_pred.shape:
        raise ShapeError(
            f"metric: expected one target an output, shape {y_pred.shape}, received {y_true.shape}. "
            f"Class indices need one-hot targets here."
        )
    if class_id is not None:
        y_true, y_pred = y_true[..., class_id, None], y_pred[..., class_id, None]
    if weights is not None:
        weights = np.broadcast_to(match_rank(weights, y_pred), y_pred.shape).reshape(-1).astype(np.float64)
    return y_true.reshape(-1) != 0, y_pred.reshape(-1), weights


def _is_among_largest(x: Array, k: int) -> Array:
    """True at the k largest entries along the last axis; of equals the first."""
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    among = np.zeros(x.shape, bool)
    np.put_along_axis(among, order, True, -1)
    return among
