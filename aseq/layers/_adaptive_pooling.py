"""Pooling to a given number of outputs from inputs of any size: AdaptiveAveragePooling and AdaptiveMaxPooling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.layers._spatial import Spatial, product_along

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.types import Array, Backward, Config, Shape

    Stage = tuple[Array, Callable[[Array], Array]]

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
]


class _AdaptivePooling(Spatial):
    """Of n cells, output i of m sees those from floor(i n / m) up to, not including, ceil((i + 1) n / m).

    Args:
        output_size: Number of outputs: an int or one for each spatial axis.
        data_format: "channels_last" (the default) or "channels_first".
        **options: Those of `Layer`.
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format, **options)
        self.output_size = self.per_axis("output_size", output_size)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, *output_size, C)."""
        _, channels = self.split_shape(input_shape)
        return self.join_shape(input_shape[0], self.output_size, channels)

    def pool(self, x: Array, axis: int, windows: list[slice]) -> Stage:
        """One axis pooled, and the way back."""
        raise NotImplementedError

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """One axis after the other."""
        y, backs = self.inward(x), []
        for axis, count in enumerate(self.output_size, 1):
            y, back = self.pool(y, axis, _windows(y.shape[axis], count))
            backs.append(back)

        def backward(dy: Array) -> Array:
            d = self.inward(dy)
            for back in reversed(backs):
                d = back(d)
            return self.outward(d)

        return self.outward(y), backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"output_size": list(self.output_size)}


class _AdaptiveAverage(_AdaptivePooling):
    """The mean of each window."""

    def pool(self, x: Array, axis: int, windows: list[slice]) -> Stage:
        """A product with a matrix whose rows hold the shares of the cells."""
        shares = np.zeros((len(windows), x.shape[axis]), x.dtype)
        for row, window in zip(shares, windows, strict=True):
            row[window] = 1 / (window.stop - window.start)
        return product_along(shares, x, axis), lambda dy: product_along(shares.T, dy, axis)


class _AdaptiveMax(_AdaptivePooling):
    """The largest of each window; of equal ones the first takes the gradient."""

    def pool(self, x: Array, axis: int, windows: list[slice]) -> Stage:
        """The largest cells, and back to where they are."""
        at = (slice(None),) * axis
        wins = [x[(*at, window)].argmax(axis, keepdims=True) + window.start for window in windows]
        where = np.concatenate(wins, axis)

        def backward(dy: Array) -> Array:
            dx = np.zeros(x.shape, dy.dtype)
            for index in range(len(windows)):  # one window at a time: they may have cells in common
                one = slice(index, index + 1)
                there = where[(*at, one)]
                shared = np.take_along_axis(dx, there, axis) + dy[(*at, one)]
                np.put_along_axis(dx, there, shared, axis)
            return dx

        return np.take_along_axis(x, where, axis), backward


def _windows(size: int, count: int) -> list[slice]:
    return [slice(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


class AdaptiveMaxPooling1D(_AdaptiveMax):
    """The largest of each of `output_size` windows: (B, T, C) to (B, output_size, C).

    Of n steps, output i of m sees those from floor(i n / m) up to, not including, ceil((i + 1) n / m).

    Args:
        output_size: Number of outputs: an int or one for each spatial axis.
        data_format: "channels_last" (the default) or "channels_first".
        **options: Those of `Layer`.

    Examples:
        >>> AdaptiveMaxPooling1D(2).forward(np.array([1.0, 3.0, 2.0]).reshape(1, 3, 1))[0].ravel().tolist()
        [3.0, 3.0]
    """

    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMax):
    """The largest of each of `output_size` windows: (B, H, W, C) to (B, *output_size, C).

    The arguments are those of `AdaptiveMaxPooling1D`.

    Examples:
        >>> AdaptiveMaxPooling2D((1, 2)).forward(np.arange(4.0).reshape(1, 2, 2, 1))[0].ravel().tolist()
        [2.0, 3.0]
    """

    rank = 2


class AdaptiveAveragePooling1D(_AdaptiveAverage):
    """The mean of each of `output_size` windows: (B, T, C) to (B, output_size, C).

    The arguments are those of `AdaptiveMaxPooling1D`.

    Examples:
        >>> AdaptiveAveragePooling1D(2).forward(np.array([1.0, 3.0, 2.0]).reshape(1, 3, 1))[0].ravel().tolist()
        [2.0, 2.5]
    """

    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAverage):
    """The mean of each of `output_size` windows: (B, H, W, C) to (B, *output_size, C).

    The arguments are those of `AdaptiveMaxPooling1D`.

    Examples:
        >>> AdaptiveAveragePooling2D(1).forward(np.arange(4.0).reshape(1, 2, 2, 1))[0].item()
        1.5
    """

    rank = 2
