"""Activations that are layers of their own because they have arguments or weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import activations
from aseq.errors import ConfigError, ShapeError
from aseq.layers._core import Activated
from aseq.layers._layer import Layer
from aseq.layers._normalization import sum_over
from aseq.layers._weight_spec import WeightSpec

if TYPE_CHECKING:
    from aseq.types import Array, Backward, Config, Shape

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"]


class ReLU(Layer):
    """max(x, 0), with a limit, a slope and a threshold where wanted.

    y = max_value where x >= max_value, x where threshold <= x < max_value, else negative_slope (x - threshold).

    Args:
        max_value: Upper limit, if any.
        negative_slope: Slope below the threshold.
        threshold: Where it begins.
        **options: Those of `Layer`.

    Examples:
        >>> layer = ReLU(max_value=10, negative_slope=0.5)
        >>> layer.forward(np.array([[-10.0, -5.0, 0.0, 5.0, 20.0]]))[0].tolist()
        [[-5.0, -2.5, 0.0, 5.0, 10.0]]
    """

    is_activation = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.max_value = None if max_value is None else _not_negative("ReLU", "max_value", max_value)
        self.negative_slope = _not_negative("ReLU", "negative_slope", negative_slope)
        self.threshold = _not_negative("ReLU", "threshold", threshold)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The three pieces; backward: 0, 1 or the slope."""
        if not self.threshold and not self.negative_slope and self.max_value is None:
            return activations.relu.forward(x)
        number = x.dtype.type
        on = x > 0 if self.threshold == 0 else x >= number(self.threshold)
        y = np.maximum(x, 0) if self.threshold == 0 else np.where(on, x, number(0))
        slope = _slope(on, x.dtype, self.negative_slope)
        if self.negative_slope:
            y += np.minimum(x - number(self.threshold), 0) * number(self.negative_slope)
        if self.max_value is not None:
            slope *= y < number(self.max_value)
            np.minimum(y, number(self.max_value), out=y)
        return y, lambda dy: dy * slope

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(Layer):
    """x where positive, else negative_slope x. Maas et al., 2013.

    Args:
        negative_slope: Slope of the negative part.
        alpha: The same, as Keras 2 and tf.js name it.
        **options: Those of `Layer`.

    Examples:
        >>> LeakyReLU().forward(np.array([[-1.0, 1.0]]))[0].tolist()
        [[-0.3, 1.0]]
    """

    is_activation = True

    def __init__(self, negative_slope: float = 0.3, *, alpha: float | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.negative_slope = _not_negative(
            "LeakyReLU", "negative_slope", negative_slope if alpha is None else alpha
        )

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """X times 1 or the slope."""
        slope = _slope(x > 0, x.dtype, self.negative_slope)
        return x * slope, lambda dy: dy * slope

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"negative_slope": self.negative_slope}


class PReLU(Layer):
    """x where positive, else alpha x with a learned alpha. He et al., "Delving deep into rectifiers", 2015.

    Args:
        alpha_initializer: Of alpha, which has the shape of a sample.
        alpha_regularizer: Penalty on alpha.
        alpha_constraint: Applied to alpha after each step.
        shared_axes: Axes, counted from 1, along which one alpha serves all.
        **options: Those of `Layer`.

    Examples:
        >>> layer = PReLU("ones", shared_axes=[1, 2]).initialize((None, 8, 8, 4))
        >>> layer.alpha.shape
        (1, 1, 4)
    """

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.alpha_spec = WeightSpec(alpha_initializer, alpha_regularizer, alpha_constraint)
        axes = shared_axes if isinstance(shared_axes, (list, tuple)) or shared_axes is None else [shared_axes]
        self.shared_axes = None if axes is None else [int(axis) for axis in axes]

    def build(self, input_shape: Shape) -> None:
        """Declare alpha.

        Raises:
            ShapeError: A size that alpha needs is open, or a shared axis does not exist.
        """
        shared = self.shared_axes or []
        sizes = [1 if axis in shared else size for axis, size in enumerate(input_shape)][1:]
        if any(not 1 <= axis < len(input_shape) for axis in shared) or None in sizes:
            raise ShapeError(
                f"layer {self.name!r} (PReLU): expected a known size on every axis but the batch and "
                f"shared_axes={self.shared_axes}, received shape {input_shape}. Share the open axes."
            )
        self.alpha = self.alpha_spec.declare(
            self, "alpha", tuple(int(size) for size in sizes if size is not None)
        )

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """max(x, 0) + alpha min(x, 0); backward: dalpha = sum(dy min(x, 0))."""
        low = np.minimum(x, 0)
        shared = tuple(axis for axis in range(1, x.ndim) if self.alpha.shape[axis - 1] == 1)
        # Written out for one sample: NumPy is fast along axes that both operands have.
        alpha = np.ascontiguousarray(np.broadcast_to(self.alpha.value, x.shape[1:]))
        y = np.maximum(x, 0)
        y += alpha * low

        def backward(dy: Array) -> Array:
            self.alpha.grad[...] = sum_over(dy * low, (0, *shared))[0]
            return dy * _slope(x > 0, x.dtype, alpha)

        return y, backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"shared_axes": self.shared_axes} | self.alpha_spec.config("alpha")


class ELU(Layer):
    """x where positive, else alpha (exp(x) - 1). Clevert et al., 2015.

    Args:
        alpha: Minus the lower limit.
        **options: Those of `Layer`.

    Examples:
        >>> ELU(2.0).forward(np.array([[-100.0, 1.0]]))[0].tolist()
        [[-2.0, 1.0]]
    """

    is_activation = True

    def __init__(self, alpha: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.alpha = float(alpha)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """Backward: 1 where positive, else alpha exp(x)."""
        low = np.minimum(x, 0)
        alpha = x.dtype.type(self.alpha)
        y = np.maximum(x, 0)
        y += alpha * np.expm1(low)
        return y, lambda dy: dy * _slope(x > 0, x.dtype, alpha * np.exp(low))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"alpha": self.alpha}


class ThresholdedReLU(Layer):
    """x where above theta, else 0. Konda et al., 2014; of tf.js and Keras 2, Keras 3 has it no more.

    Args:
        theta: The threshold, not negative.
        **options: Those of `Layer`.

    Examples:
        >>> ThresholdedReLU(2.0).forward(np.array([[1.0, 2.0, 3.0]]))[0].tolist()
        [[0.0, 0.0, 3.0]]
    """

    is_activation = True

    def __init__(self, theta: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.theta = _not_negative("ThresholdedReLU", "theta", theta)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """X times 1 or 0."""
        on = (x > x.dtype.type(self.theta)).astype(x.dtype)
        return x * on, lambda dy: dy * on

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"theta": self.theta}


class Softmax(Activated):
    """exp(x) / sum(exp(x)) over `axis`.

    Over the last axis it is fused with a crossentropy as the softmax of a Dense is.

    Args:
        axis: An axis or a list of them.
        **options: Those of `Layer`.

    Examples:
        >>> Softmax().forward(np.array([[1.0, 1.0]]))[0].tolist()
        [[0.5, 0.5]]
    """

    uses_mask = True
    is_activation = True

    def __init__(self, axis: Any = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else int(axis)

    def build(self, input_shape: Shape) -> None:
        """Check the axes; over the last one alone it is the function of that name."""
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        if any(not -len(input_shape) <= axis < len(input_shape) for axis in axes):
            raise ShapeError(
                f"layer {self.name!r} (Softmax): expected axis={self.axis} within the input's axes, received shape "
                f"{input_shape}."
            )
        if axes in ([-1], [len(input_shape) - 1]):
            self.activation = activations.softmax

    def preactivation(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The input itself."""
        return x, lambda dz: dz

    def forward(self, x: Array, training: bool = False, mask: Array | None = None) -> tuple[Array, Backward]:
        """Shifted by the maximum; a mask of the input's own shape leaves entries out."""
        axes = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        out = None if mask is None or mask.shape != x.shape else ~mask.astype(bool)
        if out is not None:
            x = np.where(out, x.dtype.type(-1e9), x)
        y = np.exp(x - x.max(axes, keepdims=True, initial=-np.inf))
        y /= y.sum(axes, keepdims=True)
        if out is not None:
            y[out] = 0

        def backward(dy: Array) -> Array:
            dx = dy * y
            dx -= y * dx.sum(axes, keepdims=True)
            return dx

        return y, backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"axis": self.axis}


def _slope(on: Array, dtype: Any, low: Any) -> Array:
    """1 where `on`, else `low`, by arithmetic: on random signs np.where takes ten times as long."""
    one = on.astype(dtype)
    slope = 1 - one
    slope *= np.asarray(low, dtype)
    slope += one
    return slope


def _not_negative(owner: str, argument: str, value: Any) -> float:
    if value is None or value < 0:
        raise ConfigError(f"{owner}: expected {argument} of at least 0, received {value!r}.")
    return float(value)
