"""One checked batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.types import Array

__all__ = ["Batch"]


@dataclass(slots=True)
class Batch:
    """One checked batch: arrays that the network and its losses take as they are.

    Attributes:
        xs: One array an input.
        ys: One array of prepared targets an output; empty for predictions.
        weights: One array (or None) an output.
        rows: Number of samples.
    """

    xs: Sequence[Array]
    ys: Sequence[Array]
    weights: Sequence[Array | None]
    rows: int
