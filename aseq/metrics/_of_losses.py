"""Means of losses: every loss that Keras also offers as a metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aseq import losses
from aseq.metrics._accuracy import class_indices
from aseq.metrics._metric import MeanMetric

if TYPE_CHECKING:
    from aseq.losses import Loss
    from aseq.types import Array, Config

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
]


class LossMetric(MeanMetric):
    """The mean of a loss's values.

    Args:
        name: As in `Metric`.

    Attributes:
        loss: Where the values come from.
    """

    direction: str | None = "down"
    loss_class: type[Loss]

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.loss: Loss = self.loss_class()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """The loss of each sample."""
        return self.loss.forward(y_true, y_pred)[0]


class MeanSquaredError(LossMetric):
    """mean((y_true - y_pred)^2).

    Args:
        name: As in `Metric`.

    Examples:
        >>> import numpy as np
        >>> MeanSquaredError()(np.array([[0.0], [0.0]]), np.array([[1.0], [3.0]]))
        5.0
    """

    loss_class = losses.MeanSquaredError


class MeanAbsoluteError(LossMetric):
    """mean(|y_true - y_pred|).

    Args:
        name: As in `Metric`.

    Examples:
        >>> import numpy as np
        >>> MeanAbsoluteError()(np.array([[0.0], [0.0]]), np.array([[1.0], [-3.0]]))
        2.0
    """

    loss_class = losses.MeanAbsoluteError


class MeanAbsolutePercentageError(LossMetric):
    """100 mean(|y_true - y_pred| / |y_true|).

    Args:
        name: As in `Metric`.

    Examples:
        >>> import numpy as np
        >>> MeanAbsolutePercentageError()(np.array([[4.0]]), np.array([[3.0]]))
        25.0
    """

    loss_class = losses.MeanAbsolutePercentageError


class MeanSquaredLogarithmicError(LossMetric):
    """mean((log(y_true + 1) - log(y_pred + 1))^2).

    Args:
        name: As in `Metric`.

    Examples:
        >>> import numpy as np
        >>> MeanSquaredLogarithmicError()(np.array([[2.0]]), np.array([[2.0]]))
        0.0
    """

    loss_class = losses.MeanSquaredLogarithmicError


class LogCoshError(LossMetric):
    """mean(log(cosh(y_pred - y_true))).

    Args:
        name: As in `Metric`.

    Examples:
        >>> import numpy as np
        >>> round(LogCoshError()(np.array([[0.0]]), np.array([[1.0]])), 4)
        0.4338
    """

    loss_class = losses.LogCosh

    def __init__(self, name: str | None = "logcosh") -> None:
        super().__init__(name)


class Hinge(LossMetric):
    """mean(max(0, 1 - t p)), t of -1 and 1 (or 0 and 1).

    Args:
        name: As in `Metric`.

    Examples:
        >>> import numpy as np
        >>> Hinge()(np.array([[0.0, 1.0]]), np.array([[-0.5, 3.0]]))
        0.25
    """

    loss_class = losses.Hinge


class SquaredHinge(LossMetric):
    """mean(max(0, 1 - t p)^2), t of -1 and 1 (or 0 and 1).

    Args:
        name: As in `Metric`.

    Examples:
        >>> import numpy as np
        >>> SquaredHinge()(np.array([[0.0, 1.0]]), np.array([[-0.5, 3.0]]))
        0.125
    """

    loss_class = losses.SquaredHinge


class CategoricalHinge(LossMetric):
    """max(0, 1 + max((1 - t) p) - sum(t p)), for one-hot targets.

    Args:
        name: As in `Metric`.

    Examples:
        >>> import numpy as np
        >>> CategoricalHinge()(np.array([[0.0, 1.0]]), np.array([[0.5, 1.0]]))
        0.5
    """

    loss_class = losses.CategoricalHinge


class KLDivergence(LossMetric):
    """sum(t log(t / p)).

    Args:
        name: As in `Metric`.

    Examples:
        >>> import numpy as np
        >>> KLDivergence()(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]]))
        0.0
    """

    loss_class = losses.KLDivergence


class Poisson(LossMetric):
    """mean(p - t log(p)).

    Args:
        name: As in `Metric`.

    Examples:
        >>> import numpy as np
        >>> Poisson()(np.array([[0.0]]), np.array([[2.0]]))
        2.0
    """

    loss_class = losses.Poisson


class _Crossentropy(LossMetric):
    """A crossentropy; computed from the logits behind a last softmax or sigmoid, as Keras does."""

    arguments: tuple[str, ...]

    @property
    def fuses(self) -> frozenset[str]:  # type: ignore[override]
        """Those of the loss."""
        return self.loss.fuses

    def update(
        self, y_true: Array, y_pred: Array, weights: Array | None = None, z: Array | None = None
    ) -> None:
        """Count a batch.

        Args:
            y_true: Targets.
            y_pred: Outputs of the model.
            weights: One a sample (or a time step), or None.
            z: What went into the last activation, if it is a softmax or sigmoid.
        """
        if z is None:
            values = self.loss.forward(y_true, y_pred)[0]
        else:
            values = self.loss.forward_logits(y_true, z, None)[0]
        self.add_values(values, weights)

    def get_config(self) -> Config:
        """Keras's arguments."""
        own = self.loss.get_config()
        return super().get_config() | {key: own[key] for key in self.arguments}


class BinaryCrossentropy(_Crossentropy):
    """-(t log p + (1 - t) log(1 - p)), averaged over the last axis.

    Args:
        name: As in `Metric`.
        from_logits: The model's output is what would go into a sigmoid.
        label_smoothing: s in y (1 - s) + s / 2.

    Examples:
        >>> import numpy as np
        >>> round(BinaryCrossentropy()(np.array([[1.0]]), np.array([[0.5]])), 4)
        0.6931
    """

    loss_class = losses.BinaryCrossentropy
    arguments = ("from_logits", "label_smoothing")

    def __init__(
        self, name: str | None = None, from_logits: bool = False, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(name)
        self.loss = losses.BinaryCrossentropy(from_logits, label_smoothing)


class CategoricalCrossentropy(_Crossentropy):
    """-sum(t log p) over the classes, for one-hot targets.

    Args:
        name: As in `Metric`.
        from_logits: The model's output is what would go into a softmax.
        label_smoothing: s in y (1 - s) + s / classes.
        axis: Of the classes; only the last is supported.

    Examples:
        >>> import numpy as np
        >>> round(CategoricalCrossentropy()(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])), 4)
        0.6931
    """

    loss_class = losses.CategoricalCrossentropy
    arguments = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        name: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(name)
        self.loss = losses.CategoricalCrossentropy(from_logits, label_smoothing, axis)


class SparseCategoricalCrossentropy(_Crossentropy):
    """-log(p[t]), for class indices from 0.

    Args:
        name: As in `Metric`.
        from_logits: The model's output is what would go into a softmax.
        ignore_class: The crossentropy of samples of this class is 0.
        axis: Of the classes; only the last is supported.

    Examples:
        >>> import numpy as np
        >>> round(SparseCategoricalCrossentropy()(np.array([1]), np.array([[0.5, 0.5]])), 4)
        0.6931
    """

    loss_class = losses.SparseCategoricalCrossentropy
    arguments = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        name: str | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name)
        self.loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis)
        self.ignore_class = ignore_class

    def update(
        self, y_true: Array, y_pred: Array, weights: Array | None = None, z: Array | None = None
    ) -> None:
        """Count a batch; as in Keras, samples of the ignored class count as 0, but not where there are weights."""
        index = class_indices(y_true, y_pred)
        if self.ignore_class is not None and weights is not None:
            kept = (index != self.ignore_class).astype(y_pred.dtype)
            weights = kept * losses.match_rank(weights, kept)
        super().update(index, y_pred, weights, z)
