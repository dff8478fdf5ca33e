"""Larger sequences and images: UpSampling1D and UpSampling2D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError
from aseq.layers._spatial import Spatial, product_along

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.types import Array, Backward, Config, Shape

__all__ = ["UpSampling1D", "UpSampling2D"]


class _UpSampling(Spatial):
    """Each cell of the spatial axes `size` times, or values in between."""

    def __init__(
        self, size: Any = 2, data_format: str | None = None, interpolation: str = "nearest", **options: Any
    ) -> None:
        super().__init__(data_format, **options)
        self.size = self.per_axis("size", size)
        self.interpolation = str(interpolation).lower()
        if self.interpolation != "nearest" and self.interpolation not in _KERNELS:
            raise ConfigError(
                f"{type(self).__name__}: expected interpolation nearest, {', '.join(_KERNELS)}, received "
                f"{interpolation!r}."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Each spatial size times its factor."""
        sizes, channels = self.split_shape(input_shape)
        grown = tuple(n if n is None else n * times for n, times in zip(sizes, self.size, strict=True))
        return self.join_shape(input_shape[0], grown, channels)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """Along one axis after the other."""
        y, backs = self.inward(x), []
        for axis, times in enumerate(self.size, 1):
            if self.interpolation == "nearest":
                y, back = _repeat(y, axis, times)
            else:
                centre = 0.0 if self.flavor == "tfjs" else 0.5
                y, back = _blend(y, axis, times, _KERNELS[self.interpolation], centre)
            backs.append(back)

        def backward(dy: Array) -> Array:
            d = self.inward(dy)
            for back in reversed(backs):
                d = back(d)
            return self.outward(d)

        return self.outward(y), backward


def _repeat(x: Array, axis: int, times: int) -> tuple[Array, Any]:
    """Each cell of `axis` as often as `times` says; backward sums over the repeats."""

    def backward(dy: Array) -> Array:
        at = (slice(None),) * axis
        dx = dy[(*at, slice(0, None, times))].copy()
        for repeat in range(1, times):
            dx += dy[(*at, slice(repeat, None, times))]
        return dx

    return np.repeat(x, times, axis), backward


def _blend(
    x: Array, axis: int, times: int, kernel: Callable[[Array], Array], centre: float
) -> tuple[Array, Any]:
    """Interpolation along `axis`: a product with a matrix of weights that depend on distances.

    Output j lies at (j + centre) / times - centre of the input. Where cells beyond the edge would have a
    share, the others take it over.
    """
    n = x.shape[axis]
    at = (np.arange(n * times) + centre) / times - centre
    weights = kernel(np.abs(at[:, None] - np.arange(n)))
    weights /= weights.sum(1, keepdims=True)
    weights = weights.astype(x.dtype)
    return product_along(weights, x, axis), lambda dy: product_along(weights.T, dy, axis)


def _linear(d: Array) -> Array:
    return np.maximum(1 - d, 0)


def _cubic(d: Array) -> Array:
    """Keys, "Cubic convolution interpolation for digital image processing", 1981."""
    d = np.round(d * 1024) / 1024  # TensorFlow looks its weights up in a table
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((2.5 - 0.5 * d) * d - 4) * d + 2
    return np.where(d < 1, near, np.where(d < 2, far, 0))


def _lanczos(radius: int) -> Callable[[Array], Array]:
    return lambda d: np.where(d < radius, np.sinc(d) * np.sinc(d / radius), 0)


_KERNELS = {"bilinear": _linear, "bicubic": _cubic, "lanczos3": _lanczos(3), "lanczos5": _lanczos(5)}
"""The weight of a cell by its distance, for each interpolation but "nearest"."""


class UpSampling1D(_UpSampling):
    """Each step `size` times in a row: (B, T, C) to (B, T size, C).

    Args:
        size: How often.
        **options: Those of `Layer`.

    Examples:
        >>> UpSampling1D(2).forward(np.array([[[1.0], [2.0]]]))[0].ravel().tolist()
        [1.0, 1.0, 2.0, 2.0]
    """

    rank = 1

    def __init__(self, size: int = 2, **options: Any) -> None:
        super().__init__(size, **options)

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config() | {"size": self.size[0]}
        del config["data_format"]
        return config


class UpSampling2D(_UpSampling):
    """An image with `size` times the rows and columns: (B, H, W, C) to (B, H size, W size, C).

    Args:
        size: Factor, or a pair for rows and columns.
        data_format: "channels_last" (the default) or "channels_first".
        interpolation: "nearest" repeats pixels; "bilinear", "bicubic", "lanczos3" and "lanczos5" weigh those
            around by their distance (centres at half coordinates, as in TensorFlow; at whole ones in tf.js).
        **options: Those of `Layer`.

    Examples:
        >>> UpSampling2D((1, 2), interpolation="bilinear").forward(np.array([0.0, 4.0]).reshape(1, 1, 2, 1))[0].ravel()
        array([0., 1., 3., 4.])
    """

    rank = 2

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"size": list(self.size), "interpolation": self.interpolation}
