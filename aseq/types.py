"""The few array types that the numeric rooms share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

__all__ = ["Array", "Backward", "Config", "Shape"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Backward: TypeAlias = Callable[[Array], Array | None]
"""Takes the gradient of an output, returns the gradient of the input (None where nobody asked for it)."""
Shape: TypeAlias = tuple[int | None, ...]
"""A shape with its batch axis first; None where a size is open."""
Config: TypeAlias = dict[str, Any]
