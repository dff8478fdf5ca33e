"""Normalization of each sample by itself: LayerNormalization, GroupNormalization, RMS and unit norm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError, ShapeError
from aseq.layers._layer import Layer, known_size, positive
from aseq.layers._weight_spec import WeightSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.types import Array, Backward, Config, Shape

__all__ = [
    "Affine",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "UnitNormalization",
    "axis_tuple",
    "own_axes",
    "standardize",
    "sum_over",
]


def sum_over(x: Array, axes: tuple[int, ...]) -> Array:
    """The sum over `axes`, which stay with size 1; the first axes first, since those sums run along memory.

    Examples:
        >>> sum_over(np.ones((2, 3, 4)), (0, 2)).tolist()
        [[[8.0], [8.0], [8.0]]]
    """
    for axis in sorted(axes):
        x = np.add.reduce(x, axis, keepdims=True)
    return x


def standardize(x: Array, axes: tuple[int, ...], epsilon: float) -> tuple[Array, Callable[[Array], Array]]:
    """(x - mean) / sqrt(variance + epsilon) with mean and biased variance over `axes`, and its backward.

    With u = the result, s = 1 / sqrt(variance + epsilon): dx = s (du - mean(du) - u mean(du u)).

    Examples:
        >>> u, backward = standardize(np.array([[1.0, 3.0]]), (1,), 0.0)
        >>> u.tolist(), backward(np.array([[1.0, 1.0]])).tolist()
        ([[-1.0, 1.0]], [[0.0, 0.0]])
    """
    share = x.dtype.type(1 / max(1, math.prod(x.shape[axis] for axis in axes)))
    u = x - _along_rows(sum_over(x, axes) * share, x)
    scale = _along_rows(1 / np.sqrt(sum_over(u * u, axes) * share + x.dtype.type(epsilon)), x)
    u *= scale

    def backward(du: Array) -> Array:
        dx = u * _along_rows(sum_over(du * u, axes) * -share, x)
        dx += du
        dx -= _along_rows(sum_over(du, axes) * share, x)
        dx *= scale
        return dx

    return u, backward


def _along_rows(statistics: Array, x: Array) -> Array:
    """Statistics of images written out along a row of pixels: NumPy is fast along axes that both operands have."""
    if x.ndim < 4 or statistics.size == len(statistics):
        return statistics
    return np.ascontiguousarray(np.broadcast_to(statistics, (*statistics.shape[:2], *x.shape[2:])))


class Affine(Layer):
    """A normalization followed by gamma and beta: the arguments that all of them share.

    Args:
        epsilon: Added to the variance.
        center: Whether there is a beta.
        scale: Whether there is a gamma.
        beta_initializer: Of beta.
        gamma_initializer: Of gamma.
        beta_regularizer: Penalty on beta.
        gamma_regularizer: Penalty on gamma.
        beta_constraint: Applied to beta after each step.
        gamma_constraint: Applied to gamma after each step.
        **options: Those of `Layer`.
    """

    def __init__(
        self,
        *,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.epsilon = float(epsilon)
        self.center, self.scale = bool(center), bool(scale)
        self.beta_spec = WeightSpec(beta_initializer, beta_regularizer, beta_constraint)
        self.gamma_spec = WeightSpec(gamma_initializer, gamma_regularizer, gamma_constraint)

    def declare_affine(self, shape: tuple[int, ...]) -> None:
        """Add gamma, then beta, where there are such."""
        if self.scale:
            self.gamma = self.gamma_spec.declare(self, "gamma", shape)
        if self.center:
            self.beta = self.beta_spec.declare(self, "beta", shape)

    def affine(
        self, u: Array, shape: tuple[int, ...], axes: tuple[int, ...]
    ) -> tuple[Array, Callable[[Array], Array]]:
        """Gamma u + beta, and the backward that writes both gradients and returns du.

        Args:
            u: The normalized input; overwritten only if there is a beta and no gamma.
            shape: That of gamma and beta, broadcast to u.
            axes: Those over which gamma and beta are broadcast.
        """
        gamma = self.gamma.value.reshape(shape) if self.scale else None
        y = u if gamma is None else u * gamma
        if self.center:
            y = (
                y + self.beta.value.reshape(shape)
                if y is u
                else np.add(y, self.beta.value.reshape(shape), out=y)
            )

        def backward(dy: Array) -> Array:
            if self.center:
                self.beta.grad[...] = sum_over(dy, axes).reshape(self.beta.shape)
            if gamma is None:
                return dy
            self.gamma.grad[...] = sum_over(dy * u, axes).reshape(self.gamma.shape)
            return dy * gamma

        return y, backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config() | {"epsilon": self.epsilon, "center": self.center, "scale": self.scale}
        return config | self.beta_spec.config("beta") | self.gamma_spec.config("gamma")


def own_axes(layer: Layer, axes: tuple[int, ...], shape: Shape) -> tuple[int, ...]:
    """`axes` of an input of `shape`, counted from 0 and sorted.

    Raises:
        ShapeError: The input has no such axis.
    """
    if any(not -len(shape) <= axis < len(shape) for axis in axes):
        raise ShapeError(
            f"layer {layer.name!r} ({type(layer).__name__}): expected axis {list(axes)} within the input's axes, "
            f"received shape {shape}."
        )
    return tuple(sorted({axis % len(shape) for axis in axes}))


def axis_tuple(owner: str, axis: Any) -> tuple[int, ...]:
    """`axis`, an int or a list of ints, as a tuple.

    Raises:
        ConfigError: It is something else.

    Examples:
        >>> axis_tuple("LayerNormalization", -1)
        (-1,)
    """
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    if not axes or any(isinstance(each, bool) or not isinstance(each, (int, np.integer)) for each in axes):
        raise ConfigError(f"{owner}: expected axis to be an int or a list of ints, received {axis!r}.")
    return tuple(int(each) for each in axes)


class LayerNormalization(Affine):
    """Each sample brought to mean 0 and variance 1 over `axis`, then gamma and beta of the shape of those axes.

    y = gamma (x - mean(x)) / sqrt(var(x) + epsilon) + beta. Ba et al., "Layer normalization", 2016.

    Args:
        axis: An axis or a list of them.
        epsilon: Added to the variance.
        center: Whether there is a beta.
        scale: Whether there is a gamma.
        **options: Initializers, regularizers and constraints of beta and gamma, and those of `Layer`.

    Examples:
        >>> layer = LayerNormalization(epsilon=0.0).initialize((None, 2))
        >>> layer.forward(np.array([[1.0, 3.0], [5.0, 9.0]], np.float32))[0].tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(epsilon=epsilon, center=center, scale=scale, **options)
        self.axis = axis_tuple("LayerNormalization", axis)

    def build(self, input_shape: Shape) -> None:
        """Declare gamma and beta, with the sizes of the normalized axes."""
        axes = own_axes(self, self.axis, input_shape)
        self.declare_affine(tuple(known_size(self, input_shape, axis) for axis in axes))

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """Standardize over the axes, then gamma and beta."""
        axes = own_axes(self, self.axis, x.shape)
        u, into = standardize(x, axes, self.epsilon)
        shape = tuple(size if i in axes else 1 for i, size in enumerate(x.shape))
        y, into_u = self.affine(u, shape, tuple(i for i in range(x.ndim) if i not in axes))
        return y, lambda dy: into(into_u(dy))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"axis": list(self.axis)}


class GroupNormalization(Affine):
    """Each sample brought to mean 0 and variance 1 within groups of channels, then gamma and beta a channel.

    Wu and He, "Group normalization", 2018.

    Args:
        groups: Number of groups; -1 for one a channel (instance normalization).
        axis: The channels.
        epsilon: Added to the variance.
        center: Whether there is a beta.
        scale: Whether there is a gamma.
        **options: Initializers, regularizers and constraints of beta and gamma, and those of `Layer`.

    Examples:
        >>> layer = GroupNormalization(2, epsilon=0.0).initialize((None, 4))
        >>> layer.forward(np.array([[1, 3, 10, 30]], np.float32))[0].tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(epsilon=epsilon, center=center, scale=scale, **options)
        self.groups = groups if groups == -1 else positive("GroupNormalization", "groups", groups)
        self.axis = int(axis)

    def build(self, input_shape: Shape) -> None:
        """Declare gamma and beta, one value a channel."""
        axis = own_axes(self, (self.axis,), input_shape)[0]
        channels = known_size(self, input_shape, axis)
        if self.groups != -1 and channels % self.groups:
            raise ShapeError(
                f"layer {self.name!r} (GroupNormalization): expected a multiple of groups={self.groups} channels on "
                f"axis {self.axis}, received shape {input_shape}. Choose groups that divide the channels."
            )
        self.declare_affine((channels,))

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """Standardize over all axes but the batch and the groups, then gamma and beta."""
        axis = self.axis % x.ndim
        channels = x.shape[axis]
        groups = channels if self.groups == -1 else self.groups
        grouped = x.reshape(*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :])
        u, into = standardize(grouped, tuple(i for i in range(1, grouped.ndim) if i != axis), self.epsilon)
        shape = tuple(size if i == axis else 1 for i, size in enumerate(x.shape))
        y, into_u = self.affine(u.reshape(x.shape), shape, tuple(i for i in range(x.ndim) if i != axis))
        return y, lambda dy: into(into_u(dy).reshape(u.shape)).reshape(x.shape)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"groups": self.groups, "axis": self.axis}


class RMSNormalization(Layer):
    """x / sqrt(mean(x^2) + epsilon) over `axis`, times a learned scale.

    Zhang and Sennrich, "Root mean square layer normalization", 2019.

    Args:
        axis: An axis or a list of them.
        epsilon: Added to the mean square.
        **options: Those of `Layer`.

    Examples:
        >>> layer = RMSNormalization(epsilon=0.0).initialize((None, 2))
        >>> layer.forward(np.array([[3.0, 3.0]], np.float32))[0].tolist()
        [[1.0, 1.0]]
    """

    passes_mask = False  # as in Keras

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis_tuple("RMSNormalization", axis)
        self.epsilon = float(epsilon)

    def build(self, input_shape: Shape) -> None:
        """Declare the scale, with the sizes of the normalized axes."""
        axes = own_axes(self, self.axis, input_shape)
        self.scale = self.add_weight(
            "scale", tuple(known_size(self, input_shape, axis) for axis in axes), "ones"
        )

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """With u = x s, s = 1 / sqrt(mean(x^2) + epsilon): dx = s (du - u mean(du u))."""
        axes = own_axes(self, self.axis, x.shape)
        others = tuple(i for i in range(x.ndim) if i not in axes)
        share = x.dtype.type(1 / max(1, math.prod(x.shape[axis] for axis in axes)))
        scale = self.scale.value.reshape([size if i in axes else 1 for i, size in enumerate(x.shape)])
        s = 1 / np.sqrt(sum_over(x * x, axes) * share + x.dtype.type(self.epsilon))
        u = x * s

        def backward(dy: Array) -> Array:
            self.scale.grad[...] = sum_over(dy * u, others).reshape(self.scale.shape)
            du = dy * scale
            return s * (du - u * (sum_over(du * u, axes) * share))

        return u * scale, backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"axis": list(self.axis), "epsilon": self.epsilon}


class UnitNormalization(Layer):
    """x / |x|, the Euclidean norm taken over `axis`.

    Args:
        axis: An axis or a list of them.
        **options: Those of `Layer`.

    Examples:
        >>> UnitNormalization().forward(np.array([[0.0, 4.0]]))[0].tolist()
        [[0.0, 1.0]]
    """

    def __init__(self, axis: Any = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis_tuple("UnitNormalization", axis)

    def build(self, input_shape: Shape) -> None:
        """Check the axes."""
        own_axes(self, self.axis, input_shape)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """With u = x / |x|: dx = (dy - u sum(dy u)) / |x|."""
        axes = own_axes(self, self.axis, x.shape)
        s = 1 / np.maximum(np.sqrt(sum_over(x * x, axes)), x.dtype.type(1e-12))
        u = x * s
        return u, lambda dy: s * (dy - u * sum_over(dy * u, axes))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"axis": list(self.axis)}
