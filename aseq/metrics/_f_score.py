"""Means of precision and recall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError, ShapeError
from aseq.metrics._metric import Metric, plain

if TYPE_CHECKING:
    from aseq.types import Array, Config

__all__ = ["F1Score", "FBetaScore"]

EPSILON = 1e-7


class FBetaScore(Metric):
    """Weighted harmonic mean of precision and recall: (1 + b^2) P R / (b^2 P + R), for one-hot targets.

    Args:
        average: None for one score a class, "micro" (over all decisions), "macro" (mean of the
            classes) or "weighted" (mean, weighted by how often each class is the target).
        beta: b, how much more recall counts.
        threshold: Outputs above it are taken for 1; if not given, the largest of a sample is.
        name: As in `Metric`.

    Examples:
        >>> score = FBetaScore(average="macro", beta=2.0)
        >>> round(score(np.array([[1, 0], [0, 1]]), np.array([[0.9, 0.1], [0.2, 0.8]])), 3)
        1.0
    """

    direction = "up"
    state_names = ("true_positives", "false_positives", "false_negatives", "support")

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = None,
    ) -> None:
        allowed = (None, "micro", "macro", "weighted")
        if average not in allowed:
            raise ConfigError(
                f"{type(self).__name__}: expected average to be one of {allowed}, received {average!r}."
            )
        if beta <= 0:
            raise ConfigError(f"{type(self).__name__}: expected beta > 0, received {beta!r}.")
        if threshold is not None and not 0 < threshold <= 1:
            raise ConfigError(f"{type(self).__name__}: expected threshold in (0, 1], received {threshold!r}.")
        super().__init__(name or ("fbeta_score" if type(self) is FBetaScore else None))
        self.average, self.beta, self.threshold = average, beta, threshold

    def reset(self) -> None:
        """Forget all batches."""
        self.true_positives: Any = np.zeros(())
        self.false_positives: Any = np.zeros(())
        self.false_negatives: Any = np.zeros(())
        self.support: Any = np.zeros(())

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Count a batch.

        Raises:
            ShapeError: Targets or outputs are not of shape (batch, classes).
        """
        if y_pred.ndim != 2 or y_true.shape != y_pred.shape:
            raise ShapeError(
                f"{type(self).__name__}: expected targets and outputs of shape (batch, classes), received "
                f"{y_true.shape} and {y_pred.shape}. Class indices need one-hot targets here."
            )
        if self.threshold is None:
            largest = np.maximum.reduce(y_pred, -1, keepdims=True)
            taken = ((y_pred >= largest) & (np.abs(y_pred) > 1e-9)).astype(np.float64)
        else:
            taken = (y_pred > self.threshold).astype(np.float64)
        axis = None if self.average == "micro" else 0

        def count(decisions: Array) -> Any:
            return (decisions if weights is None else decisions * weights.reshape(-1, 1)).sum(axis)

        self.true_positives = self.true_positives + count(taken * y_true)
        self.false_positives = self.false_positives + count(taken * (1 - y_true))
        self.false_negatives = self.false_negatives + count((1 - taken) * y_true)
        self.support = self.support + count(y_true)

    def result(self) -> Any:
        """The score, or one score a class."""
        tp, square = self.true_positives, self.beta**2
        precision = tp / (tp + self.false_positives + EPSILON)
        recall = tp / (tp + self.false_negatives + EPSILON)
        scores = (1 + square) * precision * recall / (square * precision + recall + EPSILON)
        if self.average == "weighted":
            scores = (scores * self.support / (np.sum(self.support) + EPSILON)).sum()
        elif self.average is not None:
            scores = np.mean(scores)
        return plain(np.asarray(scores))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall, 2 P R / (P + R), for one-hot targets.

    Args:
        average: As in `FBetaScore`.
        threshold: As in `FBetaScore`.
        name: As in `Metric`.

    Examples:
        >>> score = F1Score(threshold=0.5)
        >>> targets, outputs = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0]]), np.array([[0.2, 0.6, 0.7]] * 3)
        >>> score(targets, outputs).round(3).tolist()
        [0.0, 0.8, 0.5]
    """

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str | None = None
    ) -> None:
        super().__init__(average, 1.0, threshold, name or "f1_score")

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {key: value for key, value in super().get_config().items() if key != "beta"}
