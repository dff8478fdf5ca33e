"""The contract of an initializer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.registry import Configurable

if TYPE_CHECKING:
    from aseq.types import Array, Config

__all__ = ["Initializer"]


class Initializer(Configurable):
    """Makes the first value of a weight.

    Args:
        seed: Makes the values the same for every model; the model's seed decides if not given.

    Examples:
        >>> class Ramp(Initializer):
        ...     def draw(self, shape, rng):
        ...         return np.arange(shape[0])
        >>> Ramp()((3,)).tolist()
        [0.0, 1.0, 2.0]
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed if isinstance(seed, int) else None  # Keras may write a SeedGenerator here

    def __call__(self, shape: tuple[int, ...], dtype: Any = np.float32, rng: Any = None) -> Array:
        """The values.

        Args:
            shape: Of the weight.
            dtype: Of the weight.
            rng: Random numbers to draw from; `seed`, where given, wins.
        """
        if self.seed is not None or rng is None:
            rng = np.random.default_rng(self.seed)
        return self.draw(tuple(shape), rng).astype(dtype, copy=False)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """The values in any dtype."""
        raise NotImplementedError

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"seed": self.seed}
