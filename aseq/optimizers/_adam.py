"""Adam and its family: steps along a running mean of gradients, over a running size of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError
from aseq.optimizers._optimizer import LearningRate, Optimizer, checked_epsilon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.types import Array, Config

__all__ = ["Adam", "AdamW", "Adamax", "Moments", "Nadam"]


class Moments(Optimizer):
    """What the family shares: both decays and the epsilon that is added to the root.

    Args:
        learning_rate: Number or schedule.
        beta_1: Decay of the mean of gradients, in [0, 1).
        beta_2: Decay of their size, in [0, 1).
        epsilon: Added to the divisor.
        **options: Those of `Optimizer`.
    """

    slot_names: tuple[str, ...] = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        if not (0 <= beta_1 < 1 and 0 <= beta_2 < 1):
            raise ConfigError(
                f"{type(self).__name__}: expected beta_1 and beta_2 in [0, 1), received "
                f"{beta_1!r} and {beta_2!r}."
            )
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.epsilon = checked_epsilon(epsilon, type(self).__name__)

    def slot_scale(self, name: str) -> float:
        """The means are kept without their factors 1 - beta."""
        scales = {"momentum": 1 - self.beta_1, "velocity": 1 - self.beta_2, "velocity_hat": 1 - self.beta_2}
        return scales.get(name, 1.0)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }


class Adam(Moments):
    """Steps of the size of the learning rate, along a running mean of gradients.

    m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; alpha = lr sqrt(1 - b2^t) / (1 - b1^t);
    w = w - alpha m / (sqrt(v) + epsilon): epsilon outside the bias correction, as in Keras
    (Kingma and Ba, "Adam: A method for stochastic optimization", 2014, the efficient form of
    section 2). With amsgrad the largest v so far takes the place of v (Reddi et al., 2018).

    Args:
        learning_rate: Number or schedule.
        beta_1: Decay of m.
        beta_2: Decay of v.
        epsilon: Added to the root.
        amsgrad: Never let the divisor shrink.
        **options: Those of `Optimizer`.

    Examples:
        >>> w = np.array([1.0, 1.0])
        >>> Adam(0.1).step(w, np.array([0.001, -7.0]), [(0, 2)])
        >>> [round(x, 3) for x in w.tolist()]
        [0.9, 1.1]
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.amsgrad = amsgrad
        if amsgrad:
            self.slot_names = ("momentum", "velocity", "velocity_hat")

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """b1, b2, and epsilon and alpha for the means that are kept: m / (1 - b1), v / (1 - b2)."""
        b1, b2 = self.beta_1, self.beta_2
        alpha = lr * math.sqrt(1 - b2**t) / (1 - b1**t)
        root = math.sqrt(1 - b2)
        return b1, b2, self.epsilon / root, alpha * (1 - b1) / root

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula: ten passes over memory."""
        b1, b2, epsilon, alpha = c
        m, v, *largest = slots
        np.multiply(m, b1, m)
        np.add(m, g, m)
        np.multiply(g, g, scratch)
        np.multiply(v, b2, v)
        np.add(v, scratch, v)
        if largest:
            v = np.maximum(largest[0], v, out=largest[0])
        np.sqrt(v, scratch)
        np.add(scratch, epsilon, scratch)
        np.divide(m, scratch, scratch)
        np.multiply(scratch, alpha, scratch)
        np.subtract(w, scratch, w)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"amsgrad": self.amsgrad}


class AdamW(Adam):
    """Adam with decoupled weight decay: every w first becomes w (1 - lr weight_decay).

    Loshchilov and Hutter, "Decoupled weight decay regularization", 2017.

    Args:
        learning_rate: Number or schedule.
        weight_decay: The share, times the learning rate, that each parameter loses in a step.
        beta_1: As in `Adam`.
        beta_2: As in `Adam`.
        epsilon: As in `Adam`.
        amsgrad: As in `Adam`.
        **options: Those of `Optimizer`.

    Examples:
        >>> w = np.array([1.0])
        >>> AdamW(0.1, weight_decay=0.5).step(w, np.array([0.0]), [(0, 1)])
        >>> w.tolist()
        [0.95]
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **options
        )
        if weight_decay is None:
            raise ConfigError("AdamW: expected weight_decay to be a number, received None. Adam has none.")


class Adamax(Moments):
    """Adam with the largest gradient, slowly forgotten, in place of the root mean square.

    m = b1 m + (1 - b1) g; u = max(b2 u, |g|); w = w - lr / (1 - b1^t) m / (u + epsilon)
    (Kingma and Ba, "Adam: A method for stochastic optimization", 2014, section 7.1).

    Args:
        learning_rate: Number or schedule.
        beta_1: Decay of m.
        beta_2: Decay of u.
        epsilon: Added to u.
        **options: Those of `Optimizer`.

    Examples:
        >>> w = np.array([1.0])
        >>> Adamax(0.5).step(w, np.array([3.0]), [(0, 1)])
        >>> [round(x, 3) for x in w.tolist()]
        [0.5]
    """

    slot_names = ("momentum", "norm")

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """b1, b2, epsilon, and the rate for the mean that is kept, m / (1 - b1)."""
        return self.beta_1, self.beta_2, self.epsilon, lr * (1 - self.beta_1) / (1 - self.beta_1**t)

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula."""
        b1, b2, epsilon, alpha = c
        m, u = slots
        np.multiply(m, b1, m)
        np.add(m, g, m)
        np.multiply(u, b2, u)
        np.maximum(u, np.abs(g, scratch), out=u)
        np.add(u, epsilon, scratch)
        np.divide(m, scratch, scratch)
        np.multiply(scratch, alpha, scratch)
        np.subtract(w, scratch, w)


class Nadam(Moments):
    """Adam that looks one step ahead along its momentum, as Nesterov's method does.

    u_t = b1 (1 - 0.96^t / 2); P_t = u_1 ... u_t; m and v as in Adam;
    w = w - lr (u_{t+1} m / (1 - P_{t+1}) + (1 - u_t) g / (1 - P_t)) / (sqrt(v / (1 - b2^t)) + epsilon)
    (Dozat, "Incorporating Nesterov momentum into Adam", 2016).

    Args:
        learning_rate: Number or schedule.
        beta_1: Decay of m.
        beta_2: Decay of v.
        epsilon: Added to the root.
        **options: Those of `Optimizer`.

    Examples:
        >>> w = np.array([1.0])
        >>> Nadam(0.1).step(w, np.array([3.0]), [(0, 1)])
        >>> bool(0.8 < w[0] < 0.95)
        True
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self._product = (0, 1.0)

    def _decay(self, t: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def _product_at(self, t: int) -> float:
        """P_t, continued from the last one asked for."""
        done, product = self._product if self._product[0] <= t else (0, 1.0)
        for i in range(done + 1, t + 1):
            product *= self._decay(i)
        self._product = (t, product)
        return product

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """b1, b2, epsilon, and the rates of m and g, for the means that are kept."""
        now, ahead = self._decay(t), self._decay(t + 1)
        product = self._product_at(t)
        root = math.sqrt((1 - self.beta_2) / (1 - self.beta_2**t))
        of_m = lr * ahead / (1 - product * ahead) * (1 - self.beta_1) / root
        of_g = lr * (1 - now) / (1 - product) / root
        return self.beta_1, self.beta_2, self.epsilon / root, of_m, of_g

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula."""
        b1, b2, epsilon, of_m, of_g = c
        m, v = slots
        np.multiply(m, b1, m)
        np.add(m, g, m)
        np.multiply(g, g, scratch)
        np.multiply(v, b2, v)
        np.add(v, scratch, v)
        np.sqrt(v, scratch)
        np.add(scratch, epsilon, scratch)
        step = m * of_m
        step += g * of_g
        np.divide(step, scratch, scratch)
        np.subtract(w, scratch, w)
