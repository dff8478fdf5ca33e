"""BatchNormalization: statistics over the batch while training, running ones otherwise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import initializers
from aseq.errors import ShapeError
from aseq.layers._layer import Layer, known_size
from aseq.layers._normalization import Affine, axis_tuple, own_axes, sum_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.types import Array, Backward, Config, Shape

__all__ = ["BatchNormalization"]


class BatchNormalization(Affine):
    """Each channel brought to mean 0 and variance 1 over the batch, then gamma and beta.

    While training: y = gamma (x - mean(x)) / sqrt(var(x) + epsilon) + beta with the batch's own mean and biased
    variance, and moving = momentum moving + (1 - momentum) batch for the running statistics. Otherwise, and
    when the layer is frozen (`trainable=False`), the running statistics take the place of the batch's.
    Steps that are masked do not count in the statistics. (With tf.js's rules masks and `trainable` make no
    difference.) Ioffe and Szegedy, "Batch normalization", 2015.

    Args:
        axis: The channels; statistics are taken over all other axes.
        momentum: Share of the old running statistics that stays.
        epsilon: Added to the variance.
        center: Whether there is a beta.
        scale: Whether there is a gamma.
        moving_mean_initializer: Of the running mean.
        moving_variance_initializer: Of the running variance.
        **options: Initializers, regularizers and constraints of beta and gamma, and those of `Layer`.

    Examples:
        >>> layer = BatchNormalization(epsilon=0.0).initialize((None, 1))
        >>> x = np.array([[1.0], [3.0]], np.float32)
        >>> layer.forward(x, training=True)[0].ravel().tolist()
        [-1.0, 1.0]
        >>> layer.moving_mean.value.round(4)
        array([0.02], dtype=float32)
    """

    uses_mask = True

    def __init__(
        self,
        axis: Any = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        **options: Any,
    ) -> None:
        super().__init__(epsilon=epsilon, center=center, scale=scale, **options)
        (self.axis,) = axis_tuple("BatchNormalization", axis)  # Keras 2 wrote a list of one
        self.momentum = float(momentum)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape: Shape) -> None:
        """Declare gamma, beta and the running statistics, one value a channel."""
        axis = own_axes(self, (self.axis,), input_shape)[0]
        shape = (known_size(self, input_shape, axis),)
        self.declare_affine(shape)
        self.moving_mean = self.add_weight(
            "moving_mean", shape, self.moving_mean_initializer, trainable=False
        )
        self.moving_variance = self.add_weight(
            "moving_variance", shape, self.moving_variance_initializer, trainable=False
        )

    def forward(self, x: Array, training: bool = False, mask: Array | None = None) -> tuple[Array, Backward]:
        """Normalize with the batch's statistics (while training) or with the running ones."""
        axis = self.axis % x.ndim
        axes = tuple(i for i in range(x.ndim) if i != axis)
        shape = tuple(size if i == axis else 1 for i, size in enumerate(x.shape))
        tfjs = self.flavor == "tfjs"
        if training and (self.trainable or tfjs) and x.size:
            u, into = self._by_batch(x, axes, None if tfjs else mask)
        else:
            u, into = self._by_history(x, shape)
        y, into_u = self.affine(u, shape, axes)
        return y, lambda dy: into(into_u(dy))

    def _by_history(self, x: Array, shape: tuple[int, ...]) -> tuple[Array, Callable[[Array], Array]]:
        scale = 1 / np.sqrt(self.moving_variance.value + x.dtype.type(self.epsilon))
        scale = scale.reshape(shape)
        return (x - self.moving_mean.value.reshape(shape)) * scale, lambda du: du * scale

    def _by_batch(
        self, x: Array, axes: tuple[int, ...], mask: Array | None
    ) -> tuple[Array, Callable[[Array], Array]]:
        kept, share = _kept(self, x, axes, mask)
        mean = sum_over(x if kept is None else np.where(kept, x, 0), axes) * share
        u = x - _stretched(mean, x)
        square = u * u
        variance = sum_over(square if kept is None else np.where(kept, square, 0), axes) * share
        scale = _stretched(1 / np.sqrt(variance + x.dtype.type(self.epsilon)), x)
        u *= scale
        self._remember(mean, variance)

        def backward(du: Array) -> Array:
            """As in `standardize`; a masked cell moves nothing but itself."""
            dx = u * _stretched(sum_over(du * u, axes) * share, x)
            dx += _stretched(sum_over(du, axes) * share, x)
            if kept is not None:
                dx *= kept
            np.subtract(du, dx, out=dx)
            dx *= scale
            return dx

        return u, backward

    def _remember(self, mean: Array, variance: Array) -> None:
        for moving, now in ((self.moving_mean.value, mean), (self.moving_variance.value, variance)):
            moving *= moving.dtype.type(self.momentum)
            moving += now.reshape(moving.shape) * moving.dtype.type(1 - self.momentum)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "axis": self.axis,
            "momentum": self.momentum,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
        }


def _kept(layer: Layer, x: Array, axes: tuple[int, ...], mask: Array | None) -> tuple[Array | None, Any]:
    """Which cells count (None for all), and 1 / their number.

    The 1e-7 keeps a batch with all steps masked finite, as in Keras.
    """
    if mask is None:
        return None, x.dtype.type(1 / math.prod(x.shape[axis] for axis in axes))
    if mask.ndim != x.ndim - 1:
        raise ShapeError(
            f"layer {layer.name!r} ({type(layer).__name__}): expected a mask of {x.ndim - 1} axes, received "
            f"shape {mask.shape}. Put the layer before the mask is made."
        )
    kept = np.broadcast_to(mask[..., None].astype(bool), x.shape)
    return kept, (1 / (sum_over(kept.astype(np.float64), axes) + 1e-7)).astype(x.dtype)


def _stretched(statistics: Array, x: Array) -> Array:
    """Statistics stretched over one sample, since NumPy is fast along axes that both operands have."""
    return np.ascontiguousarray(np.broadcast_to(statistics, (1, *x.shape[1:])))
