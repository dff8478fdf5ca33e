"""First values that are the same every time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ShapeError
from aseq.initializers._initializer import Initializer

if TYPE_CHECKING:
    from aseq.types import Array, Config

__all__ = ["Constant", "Identity", "Ones", "Zeros"]


class Constant(Initializer):
    """One value everywhere, or an array that broadcasts to the weight's shape.

    Args:
        value: A number, or (nested lists of) numbers.

    Examples:
        >>> Constant(2.5)((2,)).tolist()
        [2.5, 2.5]
    """

    def __init__(self, value: Any = 0.0) -> None:
        super().__init__()
        self.value = value

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """`value` everywhere."""
        try:
            return np.array(np.broadcast_to(np.asarray(self.value), shape))
        except ValueError:
            raise ShapeError(
                f"Constant: expected a value that fits shape {shape}, received one of shape "
                f"{np.shape(self.value)}."
            ) from None

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"value": self.value.tolist() if isinstance(self.value, np.ndarray) else self.value}


class Zeros(Constant):
    """All 0.

    Examples:
        >>> Zeros()((2,)).tolist()
        [0.0, 0.0]
    """

    def __init__(self) -> None:
        super().__init__(0.0)

    def get_config(self) -> Config:
        """No arguments."""
        return {}


class Ones(Constant):
    """All 1.

    Examples:
        >>> Ones()((2,)).tolist()
        [1.0, 1.0]
    """

    def __init__(self) -> None:
        super().__init__(1.0)

    def get_config(self) -> Config:
        """No arguments."""
        return {}


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere.

    Args:
        gain: The value on the diagonal.

    Examples:
        >>> Identity(3.0)((2, 2)).tolist()
        [[3.0, 0.0], [0.0, 3.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """`gain` times the identity.

        Raises:
            ShapeError: The weight is not a matrix.
        """
        if len(shape) != 2:
            raise ShapeError(f"Identity: expected a matrix, received shape {shape}.")
        return self.gain * np.eye(*shape)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"gain": self.gain}
