"""Steps in proportion to the size of each variable."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aseq.optimizers._adam import Moments

if TYPE_CHECKING:
    from aseq.optimizers._plan import Plan
    from aseq.types import Array

__all__ = ["Lamb"]


class Lamb(Moments):
    """Adam's direction, in steps as long as each variable times the learning rate (You et al., 2019).

    m and v as in `Adam`; d = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon); for each variable
    w = w - lr |w| / |d| d, or without the norms where one of them is 0. For large batches.

    Args:
        learning_rate: Number or schedule.
        beta_1: Decay of m.
        beta_2: Decay of v.
        epsilon: Added to the root.
        **options: Those of `Optimizer`.

    Examples:
        >>> w = np.array([3.0, 4.0])
        >>> Lamb(0.1).step(w, np.array([0.5, 0.0]), [(0, 2)])
        >>> [round(x, 3) for x in w.tolist()]
        [2.5, 4.0]
    """

    def _update(self, plan: Plan, lr: float, t: int) -> None:
        """By variable rather than by chunk: the norms are those of whole variables."""
        if self.weight_decay is not None:
            for w, *_, decayed in plan.chunks:
                if decayed:
                    w *= 1 - lr * self.weight_decay
        for piece in plan.pieces:
            w = plan.params[piece]
            d = self._direction(plan.gradient[piece], piece, t)
            lengths = math.sqrt(np.dot(w, w)), math.sqrt(np.dot(d, d))
            d *= lr * (lengths[0] / lengths[1] if all(lengths) else 1.0)
            w -= d

    def _direction(self, g: Array, piece: slice, t: int) -> Array:
        """d of the formula, from the means that are kept, m / (1 - b1) and v / (1 - b2)."""
        b1, b2 = self.beta_1, self.beta_2
        m, v = self._slots["momentum"][piece], self._slots["velocity"][piece]
        m *= b1
        m += g
        v *= b2
        v += g * g
        d = v * ((1 - b2) / (1 - b2**t))
        np.sqrt(d, d)
        d += self.epsilon
        np.divide(m, d, d)
        d *= (1 - b1) / (1 - b1**t)
        return d
