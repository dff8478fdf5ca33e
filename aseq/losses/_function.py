"""A loss made of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError, ShapeError
from aseq.losses._loss import Loss
from aseq.losses._targets import as_targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.losses._targets import Scale
    from aseq.types import Array, Config, Shape

__all__ = ["FunctionLoss"]


class FunctionLoss(Loss):
    """A loss that calls a function of (y_true, y_pred).

    The function returns two arrays: a value per sample (the shape of `y_pred` without its last axes,
    at least without none of its first), and the gradient of each sample's value with respect to
    `y_pred`, in the shape of `y_pred`. Weights and reduction are applied to both.

    Targets like the model's output come in its dtype; (n,) for an output of (n, 1) as (n, 1). Targets
    of other shapes, such as class indices, come as they are.

    Args:
        function: `(y_true, y_pred) -> (values, gradient)`.
        reduction: As in `Loss`.
        name: The function's name if not given.

    Examples:
        >>> def cubic(y_true, y_pred):
        ...     d = np.abs(y_pred - y_true)
        ...     return (d**3).mean(-1), 3 * d**2 * np.sign(y_pred - y_true) / d.shape[-1]
        >>> FunctionLoss(cubic)(np.zeros((1, 1)), np.full((1, 1), 2.0))
        8.0
    """

    def __init__(
        self,
        function: Callable[[Array, Array], tuple[Array, Array]],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name or getattr(function, "__name__", type(function).__name__))
        self.function = function

    def prepare(self, y: Any, output_shape: Shape, dtype: Any = np.float32, where: str = "y") -> Array:
        """Targets of any shape, without NaN."""
        y = as_targets(y, None, where)
        if y.ndim == len(output_shape) - 1 and output_shape[-1] == 1:
            y = y[..., None]
        return y.astype(dtype, copy=False) if y.ndim == len(output_shape) or y.dtype.kind == "f" else y

    def values_shape(self, y_true: Array) -> tuple[int, ...] | None:
        """Nobody knows before the function is called."""
        return None

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """What the function returns, checked.

        Raises:
            ConfigError: It did not return values and a gradient.
            ShapeError: One of them has a shape of its own.
        """
        result: Any = self.function(y_true, y_pred)
        if not isinstance(result, tuple) or len(result) != 2:
            raise ConfigError(
                f"loss {self.name!r}: expected the function to return (values, gradient), received a "
                f"{type(result).__name__}. There is no automatic differentiation: return the gradient of "
                f"each sample's value with respect to y_pred, too."
            )
        values, gradient = (np.asarray(part) for part in result)
        if values.shape != y_pred.shape[: values.ndim] or (len(y_pred) > 0 and values.ndim == 0):
            raise ShapeError(
                f"loss {self.name!r}: expected one value a sample, such as {y_pred.shape[:1]}, received "
                f"{values.shape}. Do not take the mean over the batch: the loss does, with weights."
            )
        if gradient.shape != y_pred.shape:
            raise ShapeError(
                f"loss {self.name!r}: expected a gradient of shape {y_pred.shape} like y_pred, received "
                f"{gradient.shape}."
            )

        def backward(scale: Scale) -> Array:
            if isinstance(scale, np.ndarray):
                scale = scale.reshape(scale.shape + (1,) * (gradient.ndim - scale.ndim))
            return (gradient * scale).astype(y_pred.dtype, copy=False)

        return values, backward

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """Refused: a config holds no code.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"loss {config.get('name')!r}: expected a loss that a config can describe, received one made of "
            f"a function. Compile again with loss=the function."
        )
