"""Metrics of numbers that are no means of losses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError
from aseq.losses import match_rank
from aseq.metrics._metric import Mean, MeanMetric, Metric, plain

if TYPE_CHECKING:
    from aseq.types import Array, Config

__all__ = [
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "PearsonCorrelation",
    "R2Score",
    "RootMeanSquaredError",
]

EPSILON = 1e-7


class RootMeanSquaredError(Mean):
    """sqrt(mean((y_true - y_pred)^2)) over all samples, not a mean of batches' roots.

    Args:
        name: As in `Metric`.

    Examples:
        >>> RootMeanSquaredError()(np.array([[0.0], [0.0]]), np.array([[1.0], [7.0]]))
        5.0
    """

    direction = "down"

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Count a batch."""
        d = y_pred - y_true
        self.add_values(d * d, weights)

    def result(self) -> float:
        """The root of the mean square."""
        return math.sqrt(super().result())


class CosineSimilarity(MeanMetric):
    """Mean cosine of the angle between target and output: 1 for one direction, -1 for opposite ones.

    Args:
        name: As in `Metric`.
        axis: Of the vectors.

    Examples:
        >>> round(CosineSimilarity()(np.array([[1.0, 1.0]]), np.array([[0.0, 2.0]])), 4)
        0.7071
    """

    direction = "up"

    def __init__(self, name: str | None = None, axis: int = -1) -> None:
        super().__init__(name)
        self.axis = axis

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """sum(t p) / (length of t, length of p), both lengths at least 1e-7."""
        lengths = [np.sqrt(np.add.reduce(x * x, self.axis)) for x in (y_true, y_pred)]
        product = np.maximum(lengths[0], EPSILON) * np.maximum(lengths[1], EPSILON)
        return np.asarray(np.add.reduce(y_true * y_pred, self.axis) / product)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"axis": self.axis}


class PearsonCorrelation(MeanMetric):
    """Mean correlation of target and output along an axis: covariance over both deviations.

    Args:
        name: As in `Metric`.
        axis: Of what is correlated.

    Examples:
        >>> round(PearsonCorrelation()(np.array([[0.0, 1.0, 0.5]]), np.array([[0.1, 0.9, 1.0]])), 3)
        0.811
    """

    direction = "up"

    def __init__(self, name: str | None = None, axis: int = -1) -> None:
        super().__init__(name)
        self.axis = axis

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """mean(t p) of both with mean 0 and deviation 1; NaN where one of them is constant."""
        t = y_true - y_true.mean(self.axis, keepdims=True)
        p = y_pred - y_pred.mean(self.axis, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((t * p).mean(self.axis) / (t.std(self.axis) * p.std(self.axis)))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"axis": self.axis}


class ConcordanceCorrelation(PearsonCorrelation):
    """Correlation that also asks for equal means and deviations (Lin, 1989).

    2 cov / (var(t) + var(p) + (mean(t) - mean(p))^2 + 1e-7), with cov = mean((t - mean(p))(p - mean(p))).

    Args:
        name: As in `Metric`.
        axis: Of what is correlated.

    Examples:
        >>> round(ConcordanceCorrelation()(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])), 3)
        1.0
    """

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """As in the class's formula."""
        mean_t, mean_p = y_true.mean(self.axis, keepdims=True), y_pred.mean(self.axis, keepdims=True)
        covariance = ((y_true - mean_p) * (y_pred - mean_p)).mean(self.axis)
        distance = np.squeeze(mean_t - mean_p, self.axis) ** 2
        spread = y_true.var(self.axis) + y_pred.var(self.axis) + distance + EPSILON
        return np.asarray(2 * covariance / spread)


class R2Score(Metric):
    """1 - (squared error) / (squared distance from the mean target), over all samples.

    Args:
        class_aggregation: "uniform_average" over the outputs, "variance_weighted_average", or None for
            one score an output.
        num_regressors: Independent variables of a model whose score is to be adjusted; 0 for none.
        name: As in `Metric`.

    Examples:
        >>> R2Score()(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [2.0]]))
        0.5
    """

    direction = "up"
    state_names = ("weight", "total", "squares", "errors", "samples")

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = None,
    ) -> None:
        allowed = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in allowed:
            raise ConfigError(
                f"R2Score: expected class_aggregation to be one of {allowed}, received {class_aggregation!r}."
            )
        if num_regressors < 0:
            raise ConfigError(f"R2Score: expected num_regressors >= 0, received {num_regressors!r}.")
        super().__init__(name or "r2_score")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors

    def reset(self) -> None:
        """Forget all batches."""
        self.weight: Any = np.zeros(())
        self.total: Any = np.zeros(())
        self.squares: Any = np.zeros(())
        self.errors: Any = np.zeros(())
        self.samples = 0

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Count a batch."""
        t = y_true.astype(np.float64)
        w = 1.0 if weights is None else match_rank(weights, t)
        self.weight = self.weight + np.broadcast_to(w, t.shape).sum(0)
        self.total = self.total + (w * t).sum(0)
        self.squares = self.squares + (w * t * t).sum(0)
        self.errors = self.errors + (w * (t - y_pred) ** 2).sum(0)
        self.samples += t.size

    def result(self) -> Any:
        """The score; 0 for an output whose targets are all the same."""
        if not np.any(self.weight):
            return 0.0
        spread = self.squares - self.total * (self.total / self.weight)
        scores = 1 - np.divide(self.errors, spread, out=np.ones_like(spread), where=spread > 0)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = (scores * spread).sum() / spread.sum() if spread.any() else np.zeros(())
        left = self.samples - self.num_regressors - 1
        if self.num_regressors and left > 0:
            scores = 1 - (1 - scores) * (self.samples - 1) / left
        return plain(np.asarray(scores))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
