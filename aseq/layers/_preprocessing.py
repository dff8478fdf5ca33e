"""Layers that bring raw numbers into a range for training: Normalization and Rescaling."""

from __future__ import annotations

import math
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError, DataError, ShapeError
from aseq.initializers import Initializer
from aseq.layers._layer import Layer, known_size
from aseq.layers._normalization import own_axes
from aseq.registry import unwrapped

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from aseq.types import Array, Backward, Config, Shape

__all__ = ["Normalization", "Rescaling"]

SLICE = 1 << 20
"""Numbers that `adapt` works through before it lets the event loop run: about 5 ms."""


class Normalization(Layer):
    """(x - mean) / sqrt(variance), with mean and variance of the data seen by `adapt`, or given.

    Args:
        axis: Axes that keep a mean and a variance for each of their entries; None for one of each in all.
        mean: Given mean, a number or one for each entry of `axis`; `adapt` is then not needed.
        variance: Given variance.
        invert: Go the other way: x * sqrt(variance) + mean.
        **options: Those of `Layer`.

    Examples:
        >>> import asyncio
        >>> layer = Normalization()
        >>> asyncio.run(layer.adapt(np.array([[0.0, 7.0], [2.0, 9.0]])))
        >>> layer.forward(np.array([[1.0, 9.0]], np.float32))[0].tolist()
        [[0.0, 1.0]]
        >>> Normalization(mean=3.0, variance=4.0).initialize((None, 1)).forward(np.ones((1, 1)))[0].tolist()
        [[-1.0]]
    """

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.axis = () if axis is None else tuple(axis) if isinstance(axis, (list, tuple)) else (int(axis),)
        if (mean is None) != (variance is None):
            raise ConfigError(
                f"Normalization: expected both mean and variance or neither, received mean={mean!r} and "
                f"variance={variance!r}."
            )
        self.given = (
            None if mean is None else (np.asarray(mean, np.float64), np.asarray(variance, np.float64))
        )
        self.invert = bool(invert)
        self._moments = _Moments()

    def build(self, input_shape: Shape) -> None:
        """Declare mean, variance and count, which `adapt` fills, unless mean and variance were given."""
        self._keep = own_axes(self, self.axis, input_shape)
        shape = tuple(known_size(self, input_shape, axis) for axis in self._keep)
        self._broadcast = tuple(
            shape[self._keep.index(i)] if i in self._keep else 1 for i in range(len(input_shape))
        )
        if self.given is None:
            self.mean = self.add_weight("mean", shape, "zeros", trainable=False)
            self.variance = self.add_weight("variance", shape, "ones", trainable=False)
            self.count = self.add_weight("count", (), "zeros", trainable=False)
            return
        try:
            self._given = tuple(np.broadcast_to(given, shape) for given in self.given)
        except ValueError:
            raise ShapeError(
                f"layer {self.name!r} (Normalization): expected mean and variance that fit shape {shape} of "
                f"axis={self.axis}, received shapes {self.given[0].shape} and {self.given[1].shape}."
            ) from None

    def statistics(self, dtype: Any) -> tuple[Array, Array]:
        """Mean and standard deviation (at least 1e-7), as `dtype`, broadcast to an input."""
        mean, variance = (self.mean.value, self.variance.value) if self.given is None else self._given
        deviation = np.maximum(np.sqrt(variance), 1e-7)
        return mean.reshape(self._broadcast).astype(dtype), deviation.reshape(self._broadcast).astype(dtype)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The formula; backward divides (or multiplies) by the deviation."""
        x = _as_floats(x)
        mean, deviation = self.statistics(x.dtype)
        if self.invert:
            return x * deviation + mean, lambda dy: dy * deviation
        y = x - mean
        y /= deviation
        return y, lambda dy: dy / deviation

    # Learning the statistics ---------------------------------------------------------------------

    async def adapt(self, data: Any) -> None:
        """Take mean and variance from data, in one pass over a stream that need not fit in memory.

        Args:
            data: An array, or a dataset or (async) iterable of batches. Of batches that are tuples or dicts
                with "xs" only the inputs count.

        Raises:
            DataError: There is no data.
            ShapeError: The layer was built for another shape.
        """
        self._moments = _Moments()
        if hasattr(data, "__aiter__"):
            iterator = aiter(data)
            try:
                async for batch in iterator:
                    await self._take(batch)
            finally:
                if hasattr(iterator, "aclose"):
                    await iterator.aclose()
        else:
            for batch in _batches(data):
                await self._take(batch)
        self.finish()

    async def _take(self, batch: Any) -> None:
        inputs = _inputs(batch)
        rows = max(1, SLICE // max(1, inputs[:1].size))
        for start in range(0, len(inputs), rows):
            self.update_statistics(inputs[start : start + rows])
            await _turn()

    def update_statistics(self, batch: Array) -> None:
        """Count one batch in; `finish` puts the result to use.

        Args:
            batch: (B, ...), as `forward` takes it.
        """
        batch = np.asarray(batch)
        if not self.built or not all(weight.bound for weight in self.weights):
            self.initialize(self.input_shape if self.built else (None, *batch.shape[1:]))
        if self.given is not None:
            raise ConfigError(f"layer {self.name!r} (Normalization): has a given mean, and nothing to adapt.")
        fits = batch.ndim == len(self.input_shape) and all(
            want in (None, got) for want, got in zip(self.input_shape[1:], batch.shape[1:], strict=True)
        )
        if not fits:
            raise ShapeError(
                f"layer {self.name!r} (Normalization): expected batches of shape {self.input_shape}, received "
                f"{batch.shape}."
            )
        self._moments.add(batch, tuple(i for i in range(batch.ndim) if i not in self._keep))

    def finish(self) -> None:
        """Make the statistics of all batches since the last `finish` the layer's own.

        Raises:
            DataError: There were none.
        """
        moments, self._moments = self._moments, _Moments()
        if not moments.count:
            raise DataError(f"layer {self.name!r} (Normalization): expected data to adapt to, received none.")
        values = (moments.mean, moments.squares / moments.count, np.float64(moments.count))
        for weight, value in zip((self.mean, self.variance, self.count), values, strict=True):
            weight.value[...] = value
            weight.initializer = _Known(value)  # a model built later starts from it

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "axis": list(self.axis),
            "invert": self.invert,
            "mean": None if self.given is None else self.given[0].tolist(),
            "variance": None if self.given is None else self.given[1].tolist(),
        }


class _Moments:
    """Mean and sum of squared deviations, merged batch by batch in float64 without loss of digits.

    Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Any = 0.0
        self.squares: Any = 0.0

    def add(self, batch: Array, axes: tuple[int, ...]) -> None:
        """Count in a batch, whose `axes` are to be averaged over."""
        count = math.prod(batch.shape[axis] for axis in axes)
        if not count:
            return
        batch = batch.astype(np.float64)
        mean = batch.mean(axes, keepdims=True)
        batch -= mean
        squares = np.square(batch, out=batch).sum(axes)
        step = mean.reshape(squares.shape) - self.mean
        total = self.count + count
        self.mean = self.mean + step * (count / total)
        self.squares = self.squares + squares + step * step * (self.count * count / total)
        self.count = total


class _Known(Initializer):
    """The statistics that `adapt` found."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = np.asarray(value)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Those values."""
        return np.broadcast_to(self.value, shape).copy()


class Rescaling(Layer):
    """x * scale + offset, such as `Rescaling(1 / 255)` for pixels.

    Args:
        scale: A number, or one for each channel.
        offset: A number, or one for each channel.
        **options: Those of `Layer`.

    Examples:
        >>> Rescaling(1 / 127.5, offset=-1).forward(np.array([[0, 255]], np.uint8))[0].tolist()
        [[-1.0, 1.0]]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.scale, self.offset = (np.asarray(unwrapped(value), np.float64) for value in (scale, offset))

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The formula; backward multiplies by the scale."""
        x = _as_floats(x)
        scale = self.scale.astype(x.dtype)
        y = x * scale
        y += self.offset.astype(x.dtype)
        return y, lambda dy: dy * scale

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"scale": self.scale.tolist(), "offset": self.offset.tolist()}


def _as_floats(x: Array) -> Array:
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def _batches(data: Any) -> Iterator[Any]:
    """The batches of an array (all of it) or of an iterable."""
    if isinstance(data, np.ndarray) or not hasattr(data, "__iter__") or _is_nested_numbers(data):
        yield np.asarray(data)
    else:
        yield from data


def _is_nested_numbers(data: Any) -> bool:
    """Lists of lists of numbers are one array; lists of arrays are batches."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (int, float))


def _inputs(batch: Any) -> Array:
    """The inputs of a batch: x of (x, y, ...), "xs" of {"xs": ..., "ys": ...}, or the batch itself."""
    if isinstance(batch, tuple):
        batch = batch[0]
    if isinstance(batch, dict):
        batch = batch["xs"]
    return np.asarray(batch)


@types.coroutine
def _turn() -> Generator[None, None, None]:
    """Let the event loop run once; a bare yield is what asyncio.sleep(0) does, and needs no import of it."""
    yield
