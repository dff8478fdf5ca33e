"""Random first values whose variance fits the number of a weight's inputs and outputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aseq.errors import ConfigError
from aseq.initializers._initializer import Initializer
from aseq.initializers._random import truncated
from aseq.registry import snake_case

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from aseq.types import Array, Config

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "VarianceScaling",
]


class VarianceScaling(Initializer):
    """Random values whose variance is scale / n, with n the fan named by `mode`.

    A weight's fan in is the number of inputs of one of its units, its fan out the number of outputs
    that one input reaches: the last two axes, times all axes before them (of a convolution's window).

    Args:
        scale: Positive factor.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal" (or "normal"), "untruncated_normal" or "uniform".
        seed: As in `Initializer`.
        input_axes: Axes whose sizes multiply to the fan in; given together with `output_axes`.
        output_axes: Axes whose sizes multiply to the fan out.
        corrected: Whether "truncated_normal" makes up for the variance that the cut takes away, as
            Keras does. tf.js does not: its values are 12 % smaller.

    Examples:
        >>> kernel = VarianceScaling(2.0, "fan_in", "uniform")((50, 10))
        >>> bool((abs(kernel) <= math.sqrt(3 * 2.0 / 50)).all())
        True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        corrected: bool = True,
    ) -> None:
        super().__init__(seed)
        mode, distribution = snake_case(mode), snake_case(distribution)  # tf.js writes fanIn
        distribution = "truncated_normal" if distribution == "normal" else distribution
        _check_one_of("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        _check_one_of("distribution", distribution, ("truncated_normal", "untruncated_normal", "uniform"))
        if scale <= 0:
            raise ConfigError(f"VarianceScaling: expected scale > 0, received {scale!r}.")
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes
        self.corrected = corrected

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Values of variance scale / n."""
        deviation = math.sqrt(self.scale / max(1.0, self._fan(shape)))
        if self.distribution == "uniform":
            limit = math.sqrt(3) * deviation
            return rng.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return rng.normal(0.0, deviation, shape)
        return (deviation / TRUNCATED_DEVIATION if self.corrected else deviation) * truncated(shape, rng)

    def _fan(self, shape: tuple[int, ...]) -> float:
        fan_in, fan_out = self._fans(shape)
        return {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]

    def _fans(self, shape: tuple[int, ...]) -> tuple[int, int]:
        if self.input_axes is not None and self.output_axes is not None:
            return (
                math.prod(shape[axis] for axis in self.input_axes),
                math.prod(shape[axis] for axis in self.output_axes),
            )
        if len(shape) < 2:
            return math.prod(shape), math.prod(shape)
        window = math.prod(shape[:-2])
        return shape[-2] * window, shape[-1] * window

    def get_config(self) -> Config:
        """Keras's arguments; `corrected` where it is not Keras's way."""
        config = {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": self.seed,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }
        return config if self.corrected else config | {"corrected": False}


TRUNCATED_DEVIATION = 0.87962566103423978
"""Standard deviation of a standard normal distribution cut at two of them."""


class _Scaled(VarianceScaling):
    """A VarianceScaling of fixed scale, mode and distribution."""

    fixed: tuple[float, str, str]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        corrected: bool = True,
    ) -> None:
        super().__init__(*self.fixed, seed, input_axes, output_axes, corrected)

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config()
        return {key: value for key, value in config.items() if key not in ("scale", "mode", "distribution")}


class GlorotUniform(_Scaled):
    """Uniform of variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010).

    Args:
        seed: As in `Initializer`.

    Examples:
        >>> GlorotUniform(seed=1)((2, 3)).shape
        (2, 3)
    """

    fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal of variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010).

    Args:
        seed: As in `Initializer`.
        corrected: As in `VarianceScaling`; `GlorotNormal(corrected=False)` is tf.js's default kernel.

    Examples:
        >>> GlorotNormal(corrected=False).get_config()["corrected"]
        False
    """

    fixed = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform of variance 2 / fan_in, for relu (He et al., 2015).

    Args:
        seed: As in `Initializer`.

    Examples:
        >>> HeUniform(seed=1)((2, 3)).shape
        (2, 3)
    """

    fixed = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal of variance 2 / fan_in, for relu (He et al., 2015).

    Args:
        seed: As in `Initializer`.

    Examples:
        >>> HeNormal(seed=1)((2, 3)).shape
        (2, 3)
    """

    fixed = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform of variance 1 / fan_in, for selu (LeCun et al., 1998).

    Args:
        seed: As in `Initializer`.

    Examples:
        >>> LecunUniform(seed=1)((2, 3)).shape
        (2, 3)
    """

    fixed = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal of variance 1 / fan_in, for selu (LeCun et al., 1998).

    Args:
        seed: As in `Initializer`.

    Examples:
        >>> LecunNormal(seed=1)((2, 3)).shape
        (2, 3)
    """

    fixed = (1.0, "fan_in", "truncated_normal")


def _check_one_of(argument: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"VarianceScaling: expected {argument} to be one of {allowed}, received {value!r}.")
