"""Random first values: uniform, normal, orthogonal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aseq.errors import ShapeError
from aseq.initializers._initializer import Initializer

if TYPE_CHECKING:
    from aseq.types import Array, Config

__all__ = ["Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "truncated"]


class RandomUniform(Initializer):
    """Uniform in [minval, maxval).

    Args:
        minval: Lower end.
        maxval: Upper end.
        seed: As in `Initializer`.

    Examples:
        >>> bool((abs(RandomUniform(-0.5, 0.5)((100,))) <= 0.5).all())
        True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Uniform values."""
        return rng.uniform(self.minval, self.maxval, shape)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class RandomNormal(Initializer):
    """Normal with a mean and a standard deviation.

    Args:
        mean: Of the distribution.
        stddev: Of the distribution.
        seed: As in `Initializer`.

    Examples:
        >>> RandomNormal(mean=3.0, stddev=0.0)((2,)).tolist()
        [3.0, 3.0]
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Normal values."""
        return rng.normal(self.mean, self.stddev, shape)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class TruncatedNormal(RandomNormal):
    """Normal, drawn again where it lies more than two standard deviations from the mean.

    Args:
        mean: Of the distribution before the cut.
        stddev: Of the distribution before the cut; 0.88 times that after it.
        seed: As in `Initializer`.

    Examples:
        >>> bool((abs(TruncatedNormal(stddev=0.5)((100,))) <= 1.0).all())
        True
    """

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Normal values within two standard deviations."""
        return self.mean + self.stddev * truncated(shape, rng)


class Orthogonal(Initializer):
    """Rows or columns (the fewer) at right angles to one another, each of length `gain`.

    The Q of a random normal matrix, with signs that make it uniform over all orthogonal matrices
    (Saxe et al., 2014; Mezzadri, 2007). Axes before the last count as one.

    Args:
        gain: Length of the rows or columns.
        seed: As in `Initializer`.

    Examples:
        >>> q = Orthogonal()((3, 3), np.float64)
        >>> bool(np.allclose(q @ q.T, np.eye(3)))
        True
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """An orthogonal matrix in the weight's shape.

        Raises:
            ShapeError: The weight has fewer than two axes.
        """
        if len(shape) < 2:
            raise ShapeError(f"Orthogonal: expected at least two axes, received shape {shape}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diagonal(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"gain": self.gain, "seed": self.seed}


def truncated(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Standard normal values in [-2, 2]: those outside are drawn again."""
    values = rng.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = rng.standard_normal(np.count_nonzero(outside))
        outside = np.abs(values) > 2
    return values
