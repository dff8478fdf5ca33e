"""The contract of a loss: per-sample values and their gradient; weighting and reduction, said once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import linalg
from aseq.errors import ConfigError, ShapeError
from aseq.losses._targets import as_targets, check_indices, fits, match_rank, show
from aseq.registry import Configurable, snake_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.losses._targets import Scale
    from aseq.types import Array, Config, Shape

__all__ = ["EPSILON", "ClassIndexLoss", "Loss"]

EPSILON = 1e-7
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss(Configurable):
    """A loss: values per sample, weighted and reduced to one number.

    A subclass writes `forward(y_true, y_pred)`, which returns the values (the shape of `y_pred`
    without its last axis, unless `values_shape` says otherwise) and `backward(scale)`, the gradient with
    respect to `y_pred`.

    Args:
        reduction: "sum_over_batch_size" (sum / number of values, whatever the weights), "sum",
            "mean" (the same as the first), "mean_with_sample_weight" (sum / sum of weights) or "none".
        name: Shown in logs and configs.

    Attributes:
        fuses: Activations of a last layer from whose input this loss computes, free of saturation.
        own_activation: The one of them that belongs to the loss; "" if there is none.
        sparse_target: True where the target is a class index rather than an array like the output.
        way_out: What an error says about targets of another shape.
        flavor: "tfjs" where tf.js's arithmetic is meant.

    Examples:
        >>> from aseq.losses import MeanSquaredError
        >>> MeanSquaredError()(np.array([[0.0], [0.0]]), np.array([[1.0], [3.0]]))
        5.0
    """

    fuses: frozenset[str] = frozenset()
    own_activation = ""
    sparse_target = False
    way_out = "Reshape the targets or change the last layer."
    flavor = "keras"

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        if reduction not in REDUCTIONS:
            raise ConfigError(
                f"loss {self.name!r}: expected reduction to be one of {REDUCTIONS}, received {reduction!r}."
            )
        self.reduction = reduction

    # What subclasses write ------------------------------------------------------------------

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Values per sample, and their gradient with respect to `y_pred`, times a scale."""
        raise NotImplementedError

    def forward_logits(
        self, y_true: Array, z: Array, y_pred: Array | None
    ) -> tuple[Array, Callable[[Scale], Array]]:
        """The same from the logits `z` of a fused activation, with respect to `z`.

        Args:
            y_true: Targets.
            z: What went into the last activation.
            y_pred: What came out of it, where it is the activation that belongs to this loss.
        """
        raise NotImplementedError

    def forward_foreign(
        self, y_true: Array, z: Array, y_pred: Array
    ) -> tuple[Array, Callable[[Scale], Array]]:
        """The same behind a fused activation that is not this loss's own; its outputs are `y_pred`."""
        return self.forward_logits(y_true, z, None)

    def kept(self, y_true: Array, values: Array) -> Array | None:
        """Which of the values count in a mean; None for all of them."""
        return None

    # What training uses ----------------------------------------------------------------------

    def prepare(self, y: Any, output_shape: Shape, dtype: Any = np.float32, where: str = "y") -> Array:
        """Targets in the shape and dtype that `forward` takes, checked before any weight changes.

        (n,) targets of an (n, 1) output become (n, 1), as in Keras and tf.js; nothing is ever broadcast.

        Raises:
            ShapeError: The shape does not fit `output_shape`.
            DataError: NaN among the targets.
        """
        y = as_targets(y, dtype, where)
        if y.ndim == len(output_shape) - 1 and output_shape[-1] == 1:
            y = y[..., None]
        if not fits(y.shape, output_shape):
            raise ShapeError(
                f"{where}: expected targets of shape {show(output_shape)} like the model's output for the "
                f"loss {self.name!r}, received {show(y.shape)}. {self.way_out}"
            )
        return y

    def check_weights(self, weights: Array, y_true: Array, where: str = "sample_weight") -> None:
        """Refuse weights that cannot be broadcast against the values, before any weight changes.

        Args:
            weights: As many as targets.
            y_true: From `prepare`.
            where: Of the weights.

        Raises:
            ShapeError: They do not fit.
        """
        shape = self.values_shape(y_true)
        if shape and weights.shape != shape[: weights.ndim]:
            match_rank(weights, np.broadcast_to(0.0, shape), where)

    def values_shape(self, y_true: Array) -> tuple[int, ...] | None:
        """The shape of what `forward` returns for prepared targets; None where only `forward` knows."""
        return y_true.shape if self.sparse_target else y_true.shape[:-1]

    def compute(
        self,
        y_true: Array,
        y_pred: Array,
        weights: Array | None = None,
        z: Array | None = None,
        own: bool = True,
        mask: Array | None = None,
    ) -> tuple[float, Callable[[], Array]]:
        """The reduced loss and a closure for its gradient.

        Args:
            y_true: From `prepare`.
            y_pred: Output of the model.
            weights: Broadcast against the values, one axis at a time from the left.
            z: Logits of a fused last activation; the gradient is then with respect to them.
            own: Whether `y_pred` comes from the activation that belongs to this loss.
            mask: True where a value counts, aligned as the weights are; all count if not given.
        """
        if z is None:
            values, backward = self.forward(y_true, y_pred)
        elif own:
            values, backward = self.forward_logits(y_true, z, y_pred)
        else:
            values, backward = self.forward_foreign(y_true, z, y_pred)
        kept = self.kept(y_true, values)
        if values.ndim == 0:
            values, backward = _for_each(values, backward, weights if mask is None else mask)
        if mask is not None:
            kept = _both(mask, kept, values)
            weights = kept.astype(values.dtype) if weights is None else weights
        count = values.size if kept is None else int(np.count_nonzero(kept))
        if weights is None:
            scale = self._factor(count, count)
            return linalg.total(values) * scale, lambda: backward(scale)
        total = np.broadcast_to(match_rank(weights, values), values.shape)
        total = total if kept is None else total * kept
        factor = self._factor(count, linalg.total(total))
        scaled = (total * factor).astype(values.dtype, copy=False)
        return linalg.total(values * scaled), lambda: backward(scaled)

    def _factor(self, count: int, weight: float) -> float:
        if self.reduction in ("sum", "none", None):
            return 1.0
        divisor = weight if self.reduction == "mean_with_sample_weight" else count
        return 1.0 / divisor if divisor else 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss as a float, or as an array of values with reduction "none".

        Raises:
            ShapeError: The shapes do not fit; nothing is broadcast.
        """
        y_pred = np.asarray(y_pred)
        y_true = np.asarray(y_true)
        if not self.sparse_target and y_true.shape != y_pred.shape:
            raise ShapeError(
                f"loss {self.name!r}: expected y_true of shape {y_pred.shape} like y_pred, received "
                f"{y_true.shape}. Reshape one of them; they are never broadcast."
            )
        if y_pred.dtype.kind != "f":
            y_pred = y_pred.astype(np.float32)
        y_true = self.prepare(y_true, (None, *y_pred.shape[1:]), y_pred.dtype)
        weights = None if sample_weight is None else np.asarray(sample_weight, y_pred.dtype)
        if self.reduction in ("none", None):
            values = self.forward(y_true, y_pred)[0]
            return values if weights is None else values * match_rank(weights, values)
        return self.compute(y_true, y_pred, weights)[0]

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """A new loss with the arguments of `get_config`; Keras 2's reduction "auto" is understood."""
        if config.get("reduction") == "auto":
            config = config | {"reduction": "sum_over_batch_size"}
        return super().from_config(config)


def _for_each(
    value: Array, backward: Callable[[Scale], Array], weights: Array | None
) -> tuple[Array, Callable[[Scale], Array]]:
    """One value for the whole batch as one for each weight or entry of a mask, as Keras has it."""
    if weights is None:
        return value, backward
    return np.broadcast_to(value, weights.shape), lambda scale: backward(float(np.sum(scale)))


def _both(mask: Array, kept: Array | None, values: Array) -> Array:
    """True where neither a mask nor the loss itself leaves a value out."""
    mask = np.broadcast_to(match_rank(mask.astype(bool, copy=False), values), values.shape)
    return mask if kept is None else mask & kept


class ClassIndexLoss(Loss):
    """A loss whose targets are class indices.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
    """

    sparse_target = True
    ignore_class: int | None = None

    def prepare(self, y: Any, output_shape: Shape, dtype: Any = np.float32, where: str = "y") -> Array:
        """Class indices as int64, (B, ...) without a class axis.

        Raises:
            ShapeError: The shape is not the output's without its last axis.
            DataError: An index is not a whole number in [0, classes).
        """
        y = as_targets(y, None, where)
        if y.ndim == len(output_shape) and y.shape[-1] == 1:
            y = y[..., 0]
        if not fits(y.shape, output_shape[:-1]):
            raise ShapeError(
                f"{where}: expected class indices of shape {show(output_shape[:-1])} for the loss "
                f"{self.name!r} and an output of shape {show(output_shape)}, received {show(y.shape)}. "
                f"One-hot targets go with categorical_crossentropy."
            )
        return check_indices(y, output_shape[-1] or 0, self.ignore_class, where)
