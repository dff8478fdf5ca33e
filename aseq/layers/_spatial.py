"""What layers over sequences and images share: the order of their axes and arguments with one value an axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError
from aseq.layers._data_format import known_format
from aseq.layers._layer import Layer, check_rank, positive

if TYPE_CHECKING:
    from aseq.types import Array, Config, Shape

__all__ = ["Spatial", "product_along"]


class Spatial(Layer):
    """A layer over inputs of shape (B, *sizes, C), or (B, C, *sizes) with `data_format="channels_first"`.

    Subclasses compute with channels last: `inward` and `outward` move the channels where needed.

    Args:
        data_format: "channels_last" (the default) or "channels_first".
        **options: Those of `Layer`.

    Attributes:
        rank: Number of spatial axes.
    """

    rank = 2
    passes_mask = False

    def __init__(self, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.data_format = known_format(type(self).__name__, data_format)

    def per_axis(self, argument: str, value: Any) -> tuple[int, ...]:
        """`value`, one positive int or one for each spatial axis, as a tuple.

        Raises:
            ConfigError: It is something else.
        """
        values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * self.rank
        if len(values) != self.rank:
            raise ConfigError(
                f"{type(self).__name__}: expected {argument} to be an int or {self.rank} of them, received {value!r}."
            )
        return tuple(positive(type(self).__name__, argument, each) for each in values)

    def split_shape(self, shape: Shape) -> tuple[Shape, int | None]:
        """The spatial sizes and the number of channels in `shape`.

        Raises:
            ShapeError: `shape` has another number of axes.
        """
        check_rank(self, shape, self.rank + 2)
        if self.data_format == "channels_first":
            return shape[2:], shape[1]
        return shape[1:-1], shape[-1]

    def join_shape(self, batch: int | None, sizes: Shape, channels: int | None) -> Shape:
        """The shape with these spatial sizes and channels in the layer's data format."""
        if self.data_format == "channels_first":
            return (batch, channels, *sizes)
        return (batch, *sizes, channels)

    def inward(self, x: Array) -> Array:
        """`x` with channels last."""
        return np.moveaxis(x, 1, -1) if self.data_format == "channels_first" else x

    def outward(self, y: Array) -> Array:
        """`y`, which has channels last, in the layer's data format."""
        return np.moveaxis(y, -1, 1) if self.data_format == "channels_first" else y

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"data_format": self.data_format}


def product_along(matrix: Array, x: Array, axis: int) -> Array:
    """The cells along `axis` as a vector, times `matrix`, (outputs, cells).

    Examples:
        >>> product_along(np.array([[1.0, 10.0]]), np.array([[[1.0], [2.0]]]), 1).tolist()
        [[[21.0]]]
    """
    flat = x.reshape(*x.shape[: axis + 1], math.prod(x.shape[axis + 1 :]))
    return np.matmul(matrix, flat).reshape(*x.shape[:axis], len(matrix), *x.shape[axis + 1 :])
