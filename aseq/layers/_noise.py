"""Noise that is only there while training: Dropout, SpatialDropout, GaussianNoise, GaussianDropout, AlphaDropout."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError
from aseq.layers._data_format import known_format
from aseq.layers._layer import Layer, check_rank

if TYPE_CHECKING:
    from aseq.types import Array, Backward, Config, Shape

__all__ = [
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
]


SELU_LIMIT = -1.6732632423543772 * 1.0507009873554805
"""What selu tends to for very negative inputs: -alpha * scale."""


class _Noise(Layer):
    """Random numbers under the layer's own seed, if it was given one."""

    def __init__(self, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.seed_argument = seed

    def seed(self, sequence: np.random.SeedSequence) -> None:
        """Take the layer's own seed where it was given one."""
        super().seed(sequence if self.seed_argument is None else np.random.SeedSequence(self.seed_argument))

    def normal(self, x: Array) -> Array:
        """Standard normal numbers in the shape and dtype of `x`."""
        return np.asarray(self.rng.standard_normal(x.shape, np.float32), x.dtype)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"seed": self.seed_argument}


class _Dropping(_Noise):
    """Zeros with probability `rate` while training; the others are scaled by 1 / (1 - rate)."""

    def __init__(self, rate: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(seed, **options)
        self.rate = _within_one(type(self).__name__, "rate", rate)

    def mask_shape(self, x: Array) -> tuple[int, ...]:
        """The shape of the mask for `x`."""
        return x.shape

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """X times mask / (1 - rate) while training, else x."""
        if not training or self.rate == 0:
            return x, lambda dy: dy
        if self.rate == 1:
            return np.zeros_like(x), np.zeros_like
        random = self.rng.random(self.mask_shape(x), dtype=np.float32)
        mask = (random >= self.rate).astype(x.dtype)
        mask *= x.dtype.type(1 / (1 - self.rate))
        return x * mask, lambda dy: dy * mask

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"rate": self.rate}


class Dropout(_Dropping):
    """Sets inputs to 0 with probability `rate` while training and scales the others by 1 / (1 - rate).

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Args:
        rate: Share of inputs to drop, in [0, 1].
        noise_shape: Shape of the mask, broadcast over the input; None stands for the input's own size.
        seed: Of the mask; the model's seed decides if not given.
        **options: Those of `Layer`.

    Examples:
        >>> y, _ = Dropout(0.5).forward(np.ones((1, 1000)), training=True)
        >>> sorted(set(y.ravel().tolist())), 400 < int(np.count_nonzero(y)) < 600
        ([0.0, 2.0], True)
    """

    def __init__(
        self, rate: float, noise_shape: Shape | None = None, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(rate, seed, **options)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def mask_shape(self, x: Array) -> tuple[int, ...]:
        """That of `x`, or what `noise_shape` says."""
        return x.shape if self.noise_shape is None else _sizes(self.noise_shape, x)

    def get_config(self) -> Config:
        """Keras's arguments."""
        noise_shape = None if self.noise_shape is None else list(self.noise_shape)
        return super().get_config() | {"noise_shape": noise_shape}


class _SpatialDropping(_Dropping):
    """One decision for all cells of a channel."""

    def get_config(self) -> Config:
        """Keras's arguments: these layers have no `trainable` there."""
        config = super().get_config()
        del config["trainable"]
        return config


class SpatialDropout1D(_SpatialDropping):
    """Dropout of whole channels of a sequence: (B, T, C), one decision for all steps.

    Tompson et al., "Efficient object localization using convolutional networks", 2014.

    Args:
        rate: Share of channels to drop.
        seed: Of the mask; the model's seed decides if not given.
        **options: Those of `Layer`.

    Examples:
        >>> y, _ = SpatialDropout1D(0.5).forward(np.ones((1, 3, 64)), training=True)
        >>> bool((y[:, 0] == y[:, 1]).all()), sorted(set(y.ravel().tolist()))
        (True, [0.0, 2.0])
    """

    def build(self, input_shape: Shape) -> None:
        """Check that these are sequences."""
        check_rank(self, input_shape, 3)

    def mask_shape(self, x: Array) -> tuple[int, ...]:
        """(B, 1, C)."""
        return (len(x), 1, x.shape[2])


class SpatialDropout2D(_SpatialDropping):
    """Dropout of whole channels of an image: (B, H, W, C), one decision for all pixels.

    Args:
        rate: Share of channels to drop.
        data_format: "channels_last" (the default) or "channels_first".
        seed: Of the mask; the model's seed decides if not given.
        **options: Those of `Layer`.

    Examples:
        >>> y, _ = SpatialDropout2D(0.5).forward(np.ones((1, 2, 2, 64)), training=True)
        >>> bool((y == y[:, :1, :1]).all())
        True
    """

    def __init__(
        self, rate: float, data_format: str | None = None, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(rate, seed, **options)
        self.data_format = known_format("SpatialDropout2D", data_format)

    def build(self, input_shape: Shape) -> None:
        """Check that these are images."""
        check_rank(self, input_shape, 4)

    def mask_shape(self, x: Array) -> tuple[int, ...]:
        """One cell a sample and channel."""
        first = self.data_format == "channels_first"
        return (len(x), x.shape[1], 1, 1) if first else (len(x), 1, 1, x.shape[3])

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"data_format": self.data_format}


class GaussianNoise(_Noise):
    """x + stddev * n while training, with standard normal n.

    Args:
        stddev: Standard deviation of the noise, in [0, 1] as in Keras.
        seed: Of the noise; the model's seed decides if not given.
        **options: Those of `Layer`.

    Examples:
        >>> GaussianNoise(0.1).forward(np.ones((1, 2)))[0].tolist()
        [[1.0, 1.0]]
    """

    def __init__(self, stddev: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(seed, **options)
        self.stddev = _within_one("GaussianNoise", "stddev", stddev)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """Noise while training; its gradient is 1 either way."""
        if not training or self.stddev == 0:
            return x, lambda dy: dy
        noise = self.normal(x)
        noise *= noise.dtype.type(self.stddev)
        noise += x
        return noise, lambda dy: dy

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"stddev": self.stddev}


class GaussianDropout(_Noise):
    """x times normal noise of mean 1 and standard deviation sqrt(rate / (1 - rate)) while training.

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Args:
        rate: The rate of the Dropout with the same variance, in [0, 1).
        seed: Of the noise; the model's seed decides if not given.
        **options: Those of `Layer`.

    Examples:
        >>> y, backward = GaussianDropout(0.5).forward(np.ones((1, 1000)), training=True)
        >>> bool(abs(y.mean() - 1) < 0.2), bool((backward(np.ones((1, 1000))) == y).all())
        (True, True)
    """

    def __init__(self, rate: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(seed, **options)
        self.rate = _within_one("GaussianDropout", "rate", rate)
        if self.rate == 1:
            raise ConfigError(
                "GaussianDropout: expected rate below 1, received 1: its noise would be infinite."
            )

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """X times noise while training; the gradient is the noise."""
        if not training or self.rate == 0:
            return x, lambda dy: dy
        noise = self.normal(x)
        noise *= noise.dtype.type(math.sqrt(self.rate / (1 - self.rate)))
        noise += 1
        return x * noise, lambda dy: dy * noise

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"rate": self.rate}


class AlphaDropout(_Noise):
    """Dropout that keeps the mean and variance of selu's outputs: dropped inputs become selu's lower limit.

    y = a (x where kept, else p) + b, with p = -scale * alpha of selu, a = ((1 - rate) (1 + rate p^2))^(-1/2)
    and b = -a p rate. Klambauer et al., "Self-normalizing neural networks", 2017.

    Args:
        rate: Share of inputs to drop, in [0, 1).
        noise_shape: Shape of the mask, broadcast over the input; None stands for the input's own size.
        seed: Of the mask; the model's seed decides if not given.
        **options: Those of `Layer`.

    Examples:
        >>> x = np.random.default_rng(0).standard_normal((1, 10000))
        >>> y, _ = AlphaDropout(0.3).forward(x, training=True)
        >>> bool(abs(y.mean()) < 0.05), bool(abs(y.std() - 1) < 0.05)
        (True, True)
    """

    def __init__(
        self, rate: float, noise_shape: Shape | None = None, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(seed, **options)
        self.rate = _within_one("AlphaDropout", "rate", rate)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if self.rate == 1:
            raise ConfigError(
                "AlphaDropout: expected rate below 1, received 1: nothing would be left to scale."
            )

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The formula above while training; the gradient is a where kept."""
        if not training or self.rate == 0:
            return x, lambda dy: dy
        shape = x.shape if self.noise_shape is None else _sizes(self.noise_shape, x)
        low = SELU_LIMIT
        a = ((1 - self.rate) * (1 + self.rate * low**2)) ** -0.5
        kept = self.rng.random(shape, dtype=np.float32) >= self.rate
        slope = kept * x.dtype.type(a)
        dropped = ~kept * x.dtype.type(a * low)
        y = x * slope
        y += dropped
        y -= x.dtype.type(a * low * self.rate)
        return y, lambda dy: dy * slope

    def get_config(self) -> Config:
        """Keras's arguments."""
        noise_shape = None if self.noise_shape is None else list(self.noise_shape)
        return super().get_config() | {"rate": self.rate, "noise_shape": noise_shape}


def _sizes(noise_shape: Shape, x: Array) -> tuple[int, ...]:
    """`noise_shape` with the sizes of `x` where it has none."""
    return tuple(size if size is not None else x.shape[i] for i, size in enumerate(noise_shape))


def _within_one(owner: str, argument: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ConfigError(f"{owner}: expected {argument} in [0, 1], received {value!r}.")
    return float(value)
