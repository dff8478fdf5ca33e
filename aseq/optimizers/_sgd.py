"""Gradient descent and its momentum forms; steps by sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError
from aseq.optimizers._optimizer import LearningRate, Optimizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.types import Array, Config

__all__ = ["SGD", "Lion"]


class SGD(Optimizer):
    """Gradient descent, with momentum and Nesterov's form of it if asked.

    v = momentum v - lr g; w = w + v, or with Nesterov w = w + momentum v - lr g
    (Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013).

    Args:
        learning_rate: Number or schedule.
        momentum: In [0, 1].
        nesterov: Look ahead along the velocity.
        **options: Those of `Optimizer`.

    Examples:
        >>> w = np.array([1.0], np.float32)
        >>> SGD(0.5).step(w, np.array([1.0], np.float32), [(0, 1)])
        >>> w.tolist()
        [0.5]
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        if not 0 <= momentum <= 1:
            raise ConfigError(f"SGD: expected momentum in [0, 1], received {momentum!r}.")
        self.momentum = momentum
        self.nesterov = nesterov
        if momentum:
            self.slot_names = ("momentum",)

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """Learning rate and momentum."""
        return lr, self.momentum

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula."""
        lr, momentum = c
        np.multiply(g, lr, scratch)
        if not slots:
            np.subtract(w, scratch, w)
            return
        (v,) = slots
        np.multiply(v, momentum, v)
        np.subtract(v, scratch, v)
        if self.nesterov:
            np.subtract(w, scratch, w)
            np.multiply(v, momentum, scratch)
            np.add(w, scratch, w)
        else:
            np.add(w, v, w)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}


class Lion(Optimizer):
    """Steps of one size along the sign of a blend of gradient and momentum.

    w = w - lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g
    (Chen et al., "Symbolic discovery of optimization algorithms", 2023).

    Args:
        learning_rate: Number or schedule; 3 to 10 times smaller than for Adam.
        beta_1: Share of the momentum in the step, in (0, 1].
        beta_2: Decay of the momentum.
        **options: Those of `Optimizer`.

    Examples:
        >>> w = np.array([1.0, 1.0])
        >>> Lion(0.25).step(w, np.array([0.001, -7.0]), [(0, 2)])
        >>> w.tolist()
        [0.75, 1.25]
    """

    slot_names = ("momentum",)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        if not 0 < beta_1 <= 1:
            raise ConfigError(f"Lion: expected beta_1 in (0, 1], received {beta_1!r}.")
        self.beta_1, self.beta_2 = beta_1, beta_2

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """Learning rate and both decays."""
        return lr, self.beta_1, self.beta_2

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula, with b m + (1 - b) g = g + b (m - g)."""
        lr, b1, b2 = c
        (m,) = slots
        np.subtract(m, g, m)
        np.multiply(m, b1, scratch)
        np.add(scratch, g, scratch)
        np.sign(scratch, scratch)
        np.multiply(scratch, lr, scratch)
        np.subtract(w, scratch, w)
        np.multiply(m, b2, m)
        np.add(m, g, m)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}
