"""Layers that move, repeat, pad or crop what they get: Permute, RepeatVector, ZeroPadding, Cropping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError, ShapeError
from aseq.layers._layer import Layer, check_rank, positive
from aseq.layers._spatial import Spatial

if TYPE_CHECKING:
    from aseq.types import Array, Backward, Config, Shape

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Permute",
    "RepeatVector",
    "ZeroPadding1D",
    "ZeroPadding2D",
]


class Permute(Layer):
    """Puts the axes of each sample in another order.

    Args:
        dims: For each axis of the output, counted from 1, the axis of the input that it is.
        **options: Those of `Layer`.

    Examples:
        >>> Permute((2, 1)).forward(np.zeros((5, 10, 64)))[0].shape
        (5, 64, 10)
    """

    passes_mask = False

    def __init__(self, dims: Any, **options: Any) -> None:
        super().__init__(**options)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ConfigError(f"Permute: expected dims to be an order of 1 to n, received {dims!r}.")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The sizes in the new order."""
        check_rank(self, input_shape, len(self.dims) + 1)
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """A transpose there and back."""
        back = tuple(int(axis) for axis in np.argsort((0, *self.dims)))
        return x.transpose(0, *self.dims), lambda dy: dy.transpose(back)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"dims": list(self.dims)}


class RepeatVector(Layer):
    """Each vector n times in a row: (B, I) to (B, n, I).

    Args:
        n: How often.
        **options: Those of `Layer`.

    Examples:
        >>> RepeatVector(2).forward(np.array([[1.0, 2.0]]))[0].tolist()
        [[[1.0, 2.0], [1.0, 2.0]]]
    """

    passes_mask = False

    def __init__(self, n: int, **options: Any) -> None:
        super().__init__(**options)
        self.n = positive("RepeatVector", "n", n)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, n, I)."""
        check_rank(self, input_shape, 2)
        return (input_shape[0], self.n, input_shape[1])

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """Repeat; backward sums over the repeats."""
        return np.repeat(x[:, None], self.n, 1), lambda dy: np.add.reduce(dy, 1)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"n": self.n}


def _margins(owner: Spatial, argument: str, value: Any) -> tuple[tuple[int, int], ...]:
    """Cells before and after each spatial axis: from one int, one int an axis, or one pair an axis."""
    values = value if isinstance(value, (tuple, list)) else (value,) * owner.rank
    if owner.rank == 1 and len(values) == 2:
        values = (values,)  # for sequences Keras writes the pair itself
    margins = tuple(tuple(each) if isinstance(each, (tuple, list)) else (each, each) for each in values)
    numbers = [number for margin in margins for number in margin]
    valid = all(isinstance(number, (int, np.integer)) and number >= 0 for number in numbers)
    if len(margins) != owner.rank or any(len(margin) != 2 for margin in margins) or not valid:
        raise ConfigError(
            f"{type(owner).__name__}: expected {argument} to be an int, one for each of {owner.rank} axes, or a pair "
            f"(before, after) for each, none negative, received {value!r}."
        )
    return tuple((int(before), int(after)) for before, after in margins)


class _ZeroPadding(Spatial):
    """Zeros around the spatial axes."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format, **options)
        self.padding = _margins(self, "padding", padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Each spatial size plus its padding."""
        sizes, channels = self.split_shape(input_shape)
        grown = (
            n if n is None else before + n + after
            for n, (before, after) in zip(sizes, self.padding, strict=True)
        )
        return self.join_shape(input_shape[0], tuple(grown), channels)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """Pad; backward crops."""
        shape = tuple(int(size) for size in self.compute_output_shape(x.shape) if size is not None)
        first = 2 if self.data_format == "channels_first" else 1
        places = enumerate(self.padding, first)
        at: list[slice] = [slice(None)] * x.ndim
        for axis, (before, _) in places:
            at[axis] = slice(before, before + x.shape[axis])
        inside = tuple(at)
        y = np.zeros(shape, x.dtype)
        y[inside] = x
        return y, lambda dy: dy[inside]

    def get_config(self) -> Config:
        """Keras's arguments."""
        pairs = [list(pair) for pair in self.padding]
        return super().get_config() | {"padding": pairs[0] if self.rank == 1 else pairs}


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after a sequence: (B, T, C) to (B, before + T + after, C).

    Args:
        padding: How many on each side, or a pair (before, after).
        data_format: "channels_last" (the default) or "channels_first".
        **options: Those of `Layer`.

    Examples:
        >>> ZeroPadding1D((1, 0)).forward(np.ones((1, 2, 1)))[0].ravel().tolist()
        [0.0, 1.0, 1.0]
    """

    rank = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around an image: (B, H, W, C) to (B, top + H + bottom, left + W + right, C).

    Args:
        padding: How many on every side, a pair (rows, columns), or ((top, bottom), (left, right)).
        data_format: "channels_last" (the default) or "channels_first".
        **options: Those of `Layer`.

    Examples:
        >>> ZeroPadding2D(((1, 0), (2, 0))).forward(np.ones((1, 1, 1, 1)))[0][0, :, :, 0].tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    rank = 2


class _Cropping(Spatial):
    """Cells cut off the spatial axes."""

    def __init__(self, cropping: Any, data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format, **options)
        self.cropping = _margins(self, "cropping", cropping)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Each spatial size less what is cut off.

        Raises:
            ShapeError: Nothing would be left.
        """
        sizes, channels = self.split_shape(input_shape)
        cuts = zip(sizes, self.cropping, strict=True)
        left = tuple(n if n is None else n - before - after for n, (before, after) in cuts)
        if any(size is not None and size <= 0 for size in left):
            raise ShapeError(
                f"layer {self.name!r} ({type(self).__name__}): expected inputs larger than cropping={self.cropping}, "
                f"received shape {input_shape}. Crop less."
            )
        return self.join_shape(input_shape[0], left, channels)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """Crop; backward pads with zeros."""
        first = 2 if self.data_format == "channels_first" else 1
        at: list[slice] = [slice(None)] * x.ndim
        for axis, (before, after) in enumerate(self.cropping, first):
            at[axis] = slice(before, x.shape[axis] - after)
        inside = tuple(at)

        def backward(dy: Array) -> Array:
            dx = np.zeros(x.shape, dy.dtype)
            dx[inside] = dy
            return dx

        return x[inside], backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        pairs = [list(pair) for pair in self.cropping]
        return super().get_config() | {"cropping": pairs[0] if self.rank == 1 else pairs}


class Cropping1D(_Cropping):
    """Cuts steps off both ends of a sequence: (B, T, C) to (B, T - before - after, C).

    Args:
        cropping: How many on each side, or a pair (before, after).
        data_format: "channels_last" (the default) or "channels_first".
        **options: Those of `Layer`.

    Examples:
        >>> Cropping1D((0, 1)).forward(np.arange(3.0).reshape(1, 3, 1))[0].ravel().tolist()
        [0.0, 1.0]
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), data_format: str | None = None, **options: Any) -> None:
        super().__init__(cropping, data_format, **options)

    def get_config(self) -> Config:
        """Keras's arguments, which know no other format than the default."""
        config = super().get_config()
        if self.data_format == "channels_last":
            del config["data_format"]
        return config


class Cropping2D(_Cropping):
    """Cuts rows and columns off an image: (B, H, W, C) to (B, H - top - bottom, W - left - right, C).

    Args:
        cropping: How many on every side, a pair (rows, columns), or ((top, bottom), (left, right)).
        data_format: "channels_last" (the default) or "channels_first".
        **options: Those of `Layer`.

    Examples:
        >>> Cropping2D(((1, 0), (0, 1))).forward(np.arange(4.0).reshape(1, 2, 2, 1))[0].ravel().tolist()
        [2.0]
    """

    rank = 2

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **options: Any
    ) -> None:
        super().__init__(cropping, data_format, **options)
