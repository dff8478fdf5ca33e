"""The contract of a metric, and the means that most metrics are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError
from aseq.losses import match_rank
from aseq.registry import Configurable, snake_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.types import Array, Config

__all__ = ["Mean", "MeanMetric", "MeanMetricWrapper", "Metric", "Sum", "plain"]


class Metric(Configurable):
    """A number about predictions that grows with every batch.

    A subclass writes `reset`, `update` and `result`, and names in `state_names` the attributes that
    `update` changes. It gives them new values rather than write into arrays, so that states share
    nothing.

    Args:
        name: Key in logs.

    Attributes:
        state_names: Attributes that hold what has been gathered.
        fuses: Activations of a last layer whose logits `update` takes as `z`.
        uses_mask: True where the mask of the output weighs, as in Keras for means of a value per sample.
        direction: "up" or "down": where better results lie; None if that is not said.

    Examples:
        >>> class Largest(Metric):
        ...     state_names = ("value",)
        ...     def reset(self):
        ...         self.value = 0.0
        ...     def update(self, y_true, y_pred, weights=None):
        ...         self.value = max(self.value, float(y_pred.max()))
        ...     def result(self):
        ...         return self.value
        >>> largest = Largest()
        >>> largest.update(np.zeros(2), np.array([1.0, 3.0]))
        >>> largest.result()
        3.0
    """

    state_names: tuple[str, ...] = ()
    fuses: frozenset[str] = frozenset()
    uses_mask = False
    direction: str | None = None

    def __init__(self, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Count a batch.

        Args:
            y_true: Targets as the loss takes them.
            y_pred: Outputs of the model.
            weights: One a sample (or a time step), or None.
        """
        raise NotImplementedError

    def result(self) -> Any:
        """The value over all batches since `reset`: a float, or an array of one a class or threshold."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch of anything that NumPy takes, with Keras's name and freedom.

        (n,) and (n, 1) go together.
        """
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
            y_true = y_true[..., None]
        elif y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
            y_pred = y_pred[..., None]
        self.update(y_true, y_pred, None if sample_weight is None else np.asarray(sample_weight))

    def reset_state(self) -> None:
        """Forget all batches: Keras's name of `reset`."""
        self.reset()

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Count a batch and return the result so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def get_state(self) -> Config:
        """What `update` has gathered, as plain data and arrays."""
        return {name: getattr(self, name) for name in self.state_names}

    def set_state(self, state: Config) -> None:
        """Put back what `get_state` returned."""
        for name in self.state_names:
            setattr(self, name, state[name])

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"name": self.name}


class Mean(Metric):
    """A running mean: sum(values weights) / sum(weights).

    Args:
        name: Key in logs.

    Examples:
        >>> mean = Mean()
        >>> mean.add(1.0, 3.0)
        >>> mean.add(5.0, 1.0)
        >>> mean.result()
        2.0
    """

    state_names = ("total", "count")

    def reset(self) -> None:
        """Forget all."""
        self.total = 0.0
        self.count = 0.0

    def add(self, value: float, weight: float = 1.0) -> None:
        """Count `value` with `weight`."""
        self.total += value * weight
        self.count += weight

    def add_values(self, values: Array, weights: Array | None = None) -> None:
        """Count an array of values, a row's values together as one.

        Args:
            values: Numbers, or hits as booleans, the samples along the first axis.
            weights: One a sample (or a time step), or None.
        """
        rows = len(values)
        if weights is not None:
            weights = np.broadcast_to(match_rank(weights, values), values.shape)
            total = float(np.add.reduce(values * weights, None))
            count = float(np.add.reduce(weights, None))
        else:
            hits = values.dtype.kind == "b"
            total = float(np.count_nonzero(values) if hits else np.add.reduce(values, None))
            count = float(values.size)
        if values.ndim > 1 and rows:
            share = rows / values.size
            total, count = total * share, count * share
        self.total += total
        self.count += count

    def result(self) -> float:
        """The mean, 0 before the first value."""
        return self.total / self.count if self.count else 0.0


class Sum(Mean):
    """A running sum: sum(values weights).

    Args:
        name: Key in logs.

    Examples:
        >>> total = Sum()
        >>> total.add(2.0, 3.0)
        >>> total.result()
        6.0
    """

    def result(self) -> float:
        """The sum."""
        return self.total


class MeanMetric(Mean):
    """The mean of a value per sample; a subclass writes `values`.

    Args:
        name: Key in logs.

    Examples:
        >>> class Bias(MeanMetric):
        ...     def values(self, y_true, y_pred):
        ...         return y_pred - y_true
        >>> Bias()(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
        1.5
    """

    uses_mask = True

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """Numbers, or hits as booleans, with the samples along the first axis."""
        raise NotImplementedError

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Count a batch."""
        self.add_values(self.values(y_true, y_pred), weights)


class MeanMetricWrapper(MeanMetric):
    """The mean of what a function of (y_true, y_pred) returns.

    Args:
        fn: Returns one value a sample.
        name: Key in logs; the function's name if not given.
        **arguments: Passed on to the function.

    Examples:
        >>> def far_off(y_true, y_pred, limit=1.0):
        ...     return np.abs(y_true - y_pred) > limit
        >>> MeanMetricWrapper(far_off, limit=2.0)(np.zeros(2), np.array([1.0, 3.0]))
        0.5
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, **arguments: Any) -> None:
        super().__init__(name or getattr(fn, "__name__", type(fn).__name__))
        self.fn = fn
        self.arguments = arguments

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """What the function returns.

        Raises:
            ConfigError: It returned a mean over the batch, or nothing.
        """
        values = np.asarray(self.fn(y_true, y_pred, **self.arguments))
        if values.dtype.kind not in "fiub" or values.shape[:1] != y_pred.shape[:1]:
            raise ConfigError(
                f"metric {self.name!r}: expected the function to return one number a sample, such as an "
                f"array of shape {y_pred.shape[:1]}, received {values.dtype} of shape {values.shape}."
            )
        return values

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """Refused: a config holds no code.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"metric {config.get('name')!r}: expected a metric that a config can describe, received one made "
            f"of a function. Compile again with metrics=[the function]."
        )


def plain(values: Array) -> Any:
    """One number as a float, several as an array."""
    return float(values.reshape(())) if values.size == 1 else values
