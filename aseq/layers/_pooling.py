"""Pooling over windows: MaxPooling and AveragePooling.

A window over several axes is worked off axis by axis: the maximum of 2 x 2 cells is the maximum of two maxima.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError, ShapeError
from aseq.layers._batch_parts import over_batch
from aseq.layers._grid import MOVE, Grid, copy_cells, output_size
from aseq.layers._spatial import Spatial

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.types import Array, Backward, Config, Shape

    Stage = Callable[[Array, Array], None]

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


class _Pooling(Spatial):
    """Windows over the spatial axes; a subclass says what becomes of each.

    Args:
        pool_size: Cells of a window: an int or one for each spatial axis.
        strides: Distance from one window to the next; `pool_size` if not given.
        padding: "valid" or "same".
        data_format: "channels_last" (the default) or "channels_first".
        **options: Those of `Layer`.
    """

    filler = 0.0
    """What padding cells hold."""

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(data_format, **options)
        self.pool_size = self.per_axis("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else self.per_axis("strides", strides)
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ConfigError(
                f"{type(self).__name__}: expected padding 'valid' or 'same', received {padding!r}."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, *outputs, C)."""
        sizes, channels = self.split_shape(input_shape)
        axes = zip(sizes, self.pool_size, self.strides, strict=True)
        outputs = tuple(output_size(n, k, s, 1, self.padding) for n, k, s in axes)
        if any(size is not None and size <= 0 for size in outputs):
            raise ShapeError(
                f"layer {self.name!r} ({type(self).__name__}): expected inputs at least as large as "
                f"pool_size={self.pool_size}, received shape {input_shape}. Use padding='same' or a smaller pool_size."
            )
        return self.join_shape(input_shape[0], outputs, channels)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """One value a window; each half of the batch is pooled, and its gradient spread, by itself."""
        x = self.inward(x)
        ones = (1,) * self.rank
        grid = Grid.over(x.shape[1:-1], self.pool_size, self.strides, ones, self.padding)
        padded = grid.pad(x, self.filler)
        y = np.empty((len(x), *grid.outputs, x.shape[-1]), x.dtype)
        stages: dict[int, Stage] = {}

        def pool(index: int, samples: slice) -> None:
            stages[index] = self.pool(padded[samples], grid, y[samples])

        over_batch(pool, len(x), 3 * MOVE * x.size)

        def backward(dy: Array) -> Array:
            dy = self.inward(dy)
            whole = np.empty(padded.shape, padded.dtype)

            def spread(index: int, samples: slice) -> None:
                stages[index](dy[samples], whole[samples])

            over_batch(spread, len(x), 3 * MOVE * x.size, parts=len(stages))
            return self.outward(whole if padded is x else whole[grid.inside])

        return self.outward(y), backward

    def pool(self, x: Array, grid: Grid, y: Array) -> Stage:
        """Write the pooled `x`, padding included, to `y`; return what writes dx, given dy and dx's place."""
        raise NotImplementedError

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": self.padding,
        }


class _MaxPooling(_Pooling):
    """The largest value of each window; of equal ones the first in row order takes the gradient, as in TensorFlow."""

    filler = -math.inf

    def pool(self, x: Array, grid: Grid, y: Array) -> Stage:
        """The last axis first: then the first row that holds the maximum wins, and in it the first column."""
        stages, shapes = [], []
        for axis in reversed(range(self.rank)):
            shapes.append(x.shape)
            out = y if axis == 0 else np.empty(_pooled(x, grid, axis), x.dtype)
            stages.append(_max_along(x, axis + 1, _places(grid, axis), out))
            x = out
        return _chain(stages, shapes)


class _AveragePooling(_Pooling):
    """The mean of each window; cells of padding do not count."""

    def pool(self, x: Array, grid: Grid, y: Array) -> Stage:
        """Sums along one axis after the other, divided by the number of real cells."""
        counts = _counts(grid).astype(x.dtype)
        stages, shapes = [], []
        for axis in range(self.rank):
            shapes.append(x.shape)
            out = y if axis == self.rank - 1 else np.empty(_pooled(x, grid, axis), x.dtype)
            stages.append(_sum_along(x, axis + 1, _places(grid, axis), out))
            x = out
        y /= counts
        back = _chain(stages, shapes)
        return lambda dy, dx: back(dy / counts, dx)


def _pooled(x: Array, grid: Grid, axis: int) -> tuple[int, ...]:
    """The shape of `x` once its spatial axis `axis` is pooled."""
    return (*x.shape[: axis + 1], grid.outputs[axis], *x.shape[axis + 2 :])


def _places(grid: Grid, axis: int) -> list[slice]:
    """For each place of the window along `axis` of the padded input, the cells that the windows see there."""
    reach = (grid.outputs[axis] - 1) * grid.strides[axis] + 1
    return [slice(t, t + max(reach, 0), grid.strides[axis]) for t in range(grid.kernel[axis])]


def _counts(grid: Grid) -> Array:
    """The number of real cells in each window, (*outputs, 1)."""
    counts = np.ones((*grid.outputs, 1))
    for axis in range(len(grid.outputs)):
        along = np.zeros(grid.outputs[axis])
        for _, windows in grid.axis_taps(axis):
            along[windows] += 1
        counts *= along.reshape(-1, *(1,) * (len(grid.outputs) - axis))
    return counts


def _max_along(x: Array, axis: int, places: list[slice], y: Array) -> Stage:
    """Write the maximum over the places of `axis` to `y`.

    A later place wins only where it is larger than all before it, so going back from the last place,
    each takes the gradient where it won and leaves the rest to the earlier ones.
    """
    at = (slice(None),) * axis
    copy_cells(y, x[(*at, places[0])])
    wins = []
    candidate = np.empty_like(y)
    for place in places[1:]:
        copy_cells(candidate, x[(*at, place)])  # one strided pass, the others are contiguous
        wins.append(candidate > y)
        np.maximum(y, candidate, out=y)

    def backward(dy: Array, dx: Array) -> None:
        clear = _clear(dx, axis, places)
        for place, won in zip(reversed(places[1:]), reversed(wins), strict=True):
            share = won.astype(dy.dtype)
            share *= dy
            dy = dy - share
            _give(dx[(*at, place)], share, clear)
        _give(dx[(*at, places[0])], dy, clear)

    return backward


def then_relu(forward: Callable[..., tuple[Array, Backward]]) -> Callable[..., tuple[Array, Backward]]:
    """The `forward` of a pooling with a ReLU behind it."""

    def run(x: Array, training: bool = False) -> tuple[Array, Backward]:
        y, way = forward(x, training)
        zero = y.dtype.type(0)
        over_batch(lambda _, part: np.maximum(y[part], zero, out=y[part]), len(y), MOVE * y.size)

        def backward(dy: Array) -> Array | None:
            dx = np.empty_like(y)

            def gate(_: int, part: slice) -> None:
                np.multiply((y[part] > zero).astype(y.dtype), dy[part], out=dx[part])

            over_batch(gate, len(y), 2 * MOVE * y.size)
            return way(dx)

        return y, backward

    return run


def _sum_along(x: Array, axis: int, places: list[slice], y: Array) -> Stage:
    """Write the sum over the places of `axis` to `y`."""
    at = (slice(None),) * axis
    copy_cells(y, x[(*at, places[0])])
    for place in places[1:]:
        y += x[(*at, place)]

    def backward(dy: Array, dx: Array) -> None:
        clear = _clear(dx, axis, places)
        for place in places:
            _give(dx[(*at, place)], dy, clear)

    return backward


def _clear(dx: Array, axis: int, places: list[slice]) -> bool:
    """Zero `dx` unless every cell of it is seen exactly once; say whether it was zeroed."""
    seen = sum(len(range(*place.indices(dx.shape[axis]))) for place in places)
    apart = len(places) <= (places[0].step or 1)
    clear = not apart or seen != dx.shape[axis]
    if clear:
        dx.fill(0)
    return clear


def _give(target: Array, share: Array, add: bool) -> None:
    if add:
        target += share
    else:
        copy_cells(target, share)


def _chain(stages: list[Stage], shapes: list[tuple[int, ...]]) -> Stage:
    """The backward of stages that ran one after the other on arrays of these shapes."""

    def backward(dy: Array, dx: Array) -> None:
        for stage, shape in zip(stages[:0:-1], shapes[:0:-1], strict=True):
            inner = np.empty(shape, dx.dtype)
            stage(dy, inner)
            dy = inner
        stages[0](dy, dx)

    return backward


class MaxPooling1D(_MaxPooling):
    """The largest of each `pool_size` steps: (B, T, C) to (B, T', C).

    Args:
        pool_size: Cells of a window: an int or one for each spatial axis.
        strides: Distance from one window to the next; `pool_size` if not given.
        padding: "valid" or "same"; padding cells never win.
        data_format: "channels_last" (the default) or "channels_first".
        **options: Those of `Layer`.

    Examples:
        >>> MaxPooling1D(2).forward(np.array([1.0, 3.0, 2.0, 0.0]).reshape(1, 4, 1))[0].ravel().tolist()
        [3.0, 2.0]
    """

    rank = 1
    by_sample = True
    takes_largest = True


class MaxPooling2D(_MaxPooling):
    """The largest of each `pool_size` window: (B, H, W, C) to (B, H', W', C).

    The arguments are those of `MaxPooling1D`.

    Examples:
        >>> y, backward = MaxPooling2D().forward(np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1))
        >>> y.item(), backward(np.ones((1, 1, 1, 1))).ravel().tolist()
        (4.0, [0.0, 0.0, 0.0, 1.0])
    """

    rank = 2
    by_sample = True
    takes_largest = True


class AveragePooling1D(_AveragePooling):
    """The mean of each `pool_size` steps: (B, T, C) to (B, T', C).

    The arguments are those of `MaxPooling1D`; with padding "same" the mean is over the real cells only.

    Examples:
        >>> x = np.array([1.0, 3.0, 5.0]).reshape(1, 3, 1)
        >>> AveragePooling1D(2, padding="same").forward(x)[0].ravel().tolist()
        [2.0, 5.0]
    """

    rank = 1
    by_sample = True


class AveragePooling2D(_AveragePooling):
    """The mean of each `pool_size` window: (B, H, W, C) to (B, H', W', C).

    The arguments are those of `MaxPooling1D`; with padding "same" the mean is over the real cells only.

    Examples:
        >>> AveragePooling2D().forward(np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1))[0].item()
        2.5
    """

    rank = 2
    by_sample = True


class MaxPooling3D(_MaxPooling):
    """The largest of each `pool_size` window: (B, D, H, W, C) to (B, D', H', W', C).

    The arguments are those of `MaxPooling1D`.

    Examples:
        >>> MaxPooling3D().forward(np.arange(8.0).reshape(1, 2, 2, 2, 1))[0].item()
        7.0
    """

    rank = 3
    by_sample = True
    takes_largest = True


class AveragePooling3D(_AveragePooling):
    """The mean of each `pool_size` window: (B, D, H, W, C) to (B, D', H', W', C).

    The arguments are those of `MaxPooling1D`; with padding "same" the mean is over the real cells only.

    Examples:
        >>> AveragePooling3D().forward(np.arange(8.0).reshape(1, 2, 2, 2, 1))[0].item()
        3.5
    """

    rank = 3
    by_sample = True
