"""Rates of their own for every parameter, from the squares of its gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError
from aseq.optimizers._optimizer import LearningRate, Optimizer, checked_epsilon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.types import Array, Config

__all__ = ["Adadelta", "Adagrad", "Ftrl", "RMSprop"]


class RMSprop(Optimizer):
    """Divides the gradient by a running root mean square of itself (Tieleman and Hinton, 2012).

    s = rho s + (1 - rho) g^2; d = lr g / sqrt(s + epsilon); w = w - d. Centered, s - a^2 stands for s,
    with a = rho a + (1 - rho) g. With momentum p = momentum p + d is subtracted in place of d.

    Args:
        learning_rate: Number or schedule.
        rho: Decay of the means, in [0, 1).
        momentum: Decay of the steps.
        epsilon: Inside the root.
        centered: Divide by the deviation from the mean gradient.
        **options: Those of `Optimizer`.

    Examples:
        >>> w = np.array([1.0])
        >>> RMSprop(0.1, rho=0.75).step(w, np.array([3.0]), [(0, 1)])
        >>> [round(x, 3) for x in w.tolist()]
        [0.8]
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        if not 0 <= rho < 1:
            raise ConfigError(f"RMSprop: expected rho in [0, 1), received {rho!r}.")
        self.rho, self.momentum, self.centered = rho, momentum, centered
        self.epsilon = checked_epsilon(epsilon, type(self).__name__)
        self.slot_names = (
            "velocity",
            *["momentum"] * (momentum > 0),
            *["average_gradient"] * centered,
        )

    def slot_scale(self, name: str) -> float:
        """The means are kept without their factor 1 - rho."""
        return 1 - self.rho if name in ("velocity", "average_gradient") else 1.0

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """rho, 1 - rho, momentum, and epsilon and rate for the means that are kept, s / (1 - rho)."""
        rest = 1 - self.rho
        return self.rho, rest, self.momentum, self.epsilon / rest, lr / math.sqrt(rest)

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula."""
        rho, rest, momentum, epsilon, alpha = c
        s = slots[0]
        np.multiply(g, g, scratch)
        np.multiply(s, rho, s)
        np.add(s, scratch, s)
        np.add(s, epsilon, scratch)
        if self.centered:
            a = slots[-1]
            np.multiply(a, rho, a)
            np.add(a, g, a)
            scratch -= rest * a * a
        np.sqrt(scratch, scratch)
        np.divide(g, scratch, scratch)
        np.multiply(scratch, alpha, scratch)
        if self.momentum > 0:
            p = slots[1]
            np.multiply(p, momentum, p)
            np.add(p, scratch, p)
            np.subtract(w, p, w)
        else:
            np.subtract(w, scratch, w)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }


class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of all its squares so far.

    a = a + g^2; w = w - lr g / sqrt(a + epsilon)
    (Duchi et al., "Adaptive subgradient methods for online learning", 2011).

    Args:
        learning_rate: Number or schedule.
        initial_accumulator_value: First value of a.
        epsilon: Inside the root.
        **options: Those of `Optimizer`.

    Examples:
        >>> w = np.array([1.0])
        >>> Adagrad(0.5, initial_accumulator_value=0.0).step(w, np.array([3.0]), [(0, 1)])
        >>> [round(x, 3) for x in w.tolist()]
        [0.5]
    """

    slot_names = ("accumulator",)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = checked_epsilon(epsilon, type(self).__name__)

    def slot_start(self, name: str) -> float:
        """`initial_accumulator_value` for the sum of squares."""
        return self.initial_accumulator_value if name == "accumulator" else 0.0

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """Learning rate and epsilon."""
        return lr, self.epsilon

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula."""
        lr, epsilon = c
        (a,) = slots
        np.multiply(g, g, scratch)
        np.add(a, scratch, a)
        np.add(a, epsilon, scratch)
        np.sqrt(scratch, scratch)
        np.divide(g, scratch, scratch)
        np.multiply(scratch, lr, scratch)
        np.subtract(w, scratch, w)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


class Adadelta(Optimizer):
    """Steps in the units of the parameters: the running size of past steps over that of gradients.

    G = rho G + (1 - rho) g^2; d = sqrt(U + epsilon) / sqrt(G + epsilon) g;
    U = rho U + (1 - rho) d^2; w = w - lr d
    (Zeiler, "ADADELTA: An adaptive learning rate method", 2012, where lr is 1).

    Args:
        learning_rate: Number or schedule.
        rho: Decay of both means.
        epsilon: Inside both roots.
        **options: Those of `Optimizer`.

    Examples:
        >>> w = np.array([1.0])
        >>> Adadelta(1.0, rho=0.0, epsilon=0.5).step(w, np.array([1.0]), [(0, 1)])
        >>> [round(x, 3) for x in w.tolist()]
        [0.423]
    """

    slot_names = ("accumulated_grad", "accumulated_delta_var")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho = rho
        self.epsilon = checked_epsilon(epsilon, type(self).__name__)

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """Learning rate, rho, 1 - rho and epsilon."""
        return lr, self.rho, 1 - self.rho, self.epsilon

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula."""
        lr, rho, rest, epsilon = c
        gradients, steps = slots
        _mix(gradients, np.multiply(g, g, scratch), rho, rest)
        np.add(gradients, epsilon, scratch)
        np.divide(steps + epsilon, scratch, scratch)
        np.sqrt(scratch, scratch)
        np.multiply(scratch, g, scratch)
        w -= lr * scratch
        _mix(steps, np.multiply(scratch, scratch, scratch), rho, rest)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"rho": self.rho, "epsilon": self.epsilon}


def _mix(mean: Array, x: Array, rho: Array, rest: Array) -> None:
    """Let mean = rho mean + (1 - rho) x, in place; x becomes scratch."""
    mean *= rho
    x *= rest
    mean += x


class Ftrl(Optimizer):
    """Follow the regularized leader: large sparse linear models with true zeros.

    n' = n + g^2; s = (n'^-p - n^-p) / lr; z = z + g + 2 shrinkage w - s w;
    w = (clip(z, -l1, l1) - z) / (n'^-p / lr + 2 (l2 + beta / (2 lr))), with p the (negative) power
    (McMahan et al., "Ad click prediction: a view from the trenches", 2013).

    Args:
        learning_rate: Number or schedule.
        learning_rate_power: p, at most 0.
        initial_accumulator_value: First value of n.
        l1_regularization_strength: l1; weights below it become 0.
        l2_regularization_strength: l2.
        l2_shrinkage_regularization_strength: Shrinkage, a penalty on the gradient's side only.
        beta: Added, over 2 lr, to l2.
        **options: Those of `Optimizer`.

    Examples:
        >>> w = np.array([1.0])
        >>> Ftrl(0.1, l1_regularization_strength=100.0).step(w, np.array([1.0]), [(0, 1)])
        >>> w.tolist()
        [0.0]
    """

    slot_names = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        if learning_rate_power > 0:
            raise ConfigError(f"Ftrl: expected learning_rate_power <= 0, received {learning_rate_power!r}.")
        strengths = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for key, value in strengths.items():
            if value < 0:
                raise ConfigError(f"Ftrl: expected {key} >= 0, received {value!r}.")
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def slot_start(self, name: str) -> float:
        """`initial_accumulator_value` for the sum of squares."""
        return self.initial_accumulator_value if name == "accumulator" else 0.0

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """1 / lr, -p, l1, 2 l2 with beta, and 2 shrinkage."""
        inverse = 1 / lr if lr else 0.0
        l2 = self.l2_regularization_strength + self.beta * inverse / 2
        shrinkage = self.l2_shrinkage_regularization_strength
        return inverse, -self.learning_rate_power, self.l1_regularization_strength, 2 * l2, 2 * shrinkage

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula."""
        inverse, power, l1, l2, shrinkage = c
        n, z = slots
        if not inverse:  # a schedule at 0
            return
        before = n**power
        n += g * g
        after = n**power
        np.subtract(after, before, scratch)
        scratch *= inverse * w
        z -= scratch
        z += g + shrinkage * w
        after *= inverse
        after += l2
        np.clip(z, -l1, l1, scratch)
        scratch -= z
        np.divide(scratch, after, w)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
