"""The optimizers of tf.js, by its own names and config keys, where its rules differ from Keras's.

Reached by configs with `"flavor": "tfjs"`; `aseq.optimizers.get("adam")` means Keras's Adam. Classes
have tf.js's names; those of the Keras optimizers that they derive from are qualified.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aseq.optimizers import _adam, _adaptive, _sgd
from aseq.optimizers._optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.types import Array, Config

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Momentum", "RMSProp"]

EPSILON = 1e-7


class SGD(_sgd.SGD):
    """w = w - lr g.

    Args:
        learning_rate: A number.

    Examples:
        >>> SGD(0.1).get_config()
        {'learning_rate': 0.1}
    """

    flavor = "tfjs"

    def __init__(self, learning_rate: float = 0.01) -> None:
        super().__init__(learning_rate)

    def get_config(self) -> Config:
        """The arguments of tf.js."""
        return {"learning_rate": self._learning_rate}


class Momentum(Optimizer):
    """a = momentum a + g; w = w - lr a, or with Nesterov w = w - lr (g + momentum a).

    The rate stands outside the velocity, as in PyTorch; Keras has it inside.

    Args:
        learning_rate: A number.
        momentum: Decay of a.
        use_nesterov: Look ahead along a.

    Examples:
        >>> w = np.array([1.0])
        >>> Momentum(0.5, 0.9).step(w, np.array([1.0]), [(0, 1)])
        >>> w.tolist()
        [0.5]
    """

    flavor = "tfjs"
    slot_names = ("accumulation",)

    def __init__(
        self, learning_rate: float = 0.01, momentum: float = 0.9, use_nesterov: bool = False
    ) -> None:
        super().__init__(learning_rate)
        self.momentum, self.use_nesterov = momentum, use_nesterov

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """Learning rate and momentum."""
        return lr, self.momentum

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula."""
        lr, momentum = c
        (a,) = slots
        a *= momentum
        a += g
        if self.use_nesterov:
            np.multiply(a, momentum, scratch)
            scratch += g
            scratch *= lr
        else:
            np.multiply(a, lr, scratch)
        w -= scratch

    def get_config(self) -> Config:
        """The arguments of tf.js."""
        return {
            "learning_rate": self._learning_rate,
            "momentum": self.momentum,
            "use_nesterov": self.use_nesterov,
        }


class Adagrad(_adaptive.Adagrad):
    """As Keras's, with epsilon fixed at 1e-7 inside the root.

    Args:
        learning_rate: A number.
        initial_accumulator_value: First value of the sum of squares.

    Examples:
        >>> Adagrad(0.1).epsilon
        1e-07
    """

    flavor = "tfjs"

    def __init__(self, learning_rate: float = 0.01, initial_accumulator_value: float = 0.1) -> None:
        super().__init__(learning_rate, initial_accumulator_value, EPSILON)

    def get_config(self) -> Config:
        """The arguments of tf.js."""
        return {
            "learning_rate": self._learning_rate,
            "initial_accumulator_value": self.initial_accumulator_value,
        }


class Adadelta(_adaptive.Adadelta):
    """d = sqrt(U + epsilon) / sqrt(G + epsilon) g with both means from before this step; then as Keras's.

    Args:
        learning_rate: A number; 1 behind the string "adadelta", 0.001 from `tf.train.adadelta()`.
        rho: Decay of both means.
        epsilon: Inside both roots.

    Examples:
        >>> w = np.array([1.0])
        >>> Adadelta(0.5).step(w, np.array([1.0]), [(0, 1)])  # both means are 0: plain descent
        >>> w.tolist()
        [0.5]
    """

    flavor = "tfjs"

    def __init__(self, learning_rate: float = 0.001, rho: float = 0.95, epsilon: float | None = None) -> None:
        super().__init__(learning_rate, rho, EPSILON if epsilon is None else epsilon)

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula."""
        lr, rho, rest, epsilon = c
        gradients, steps = slots
        step = np.sqrt((steps + epsilon) / (gradients + epsilon))
        step *= g
        w -= lr * step
        for mean, x in ((gradients, g), (steps, step)):
            np.multiply(x, x, scratch)
            scratch *= rest
            mean *= rho
            mean += scratch

    def get_config(self) -> Config:
        """The arguments of tf.js."""
        return {"learning_rate": self._learning_rate, "rho": self.rho, "epsilon": self.epsilon}


class Adam(_adam.Adam):
    """w = w - lr m_hat / (sqrt(v_hat) + epsilon): epsilon inside the bias correction.

    Args:
        learning_rate: A number.
        beta1: Decay of m.
        beta2: Decay of v.
        epsilon: Added to the root.

    Examples:
        >>> w = np.array([1.0])
        >>> Adam(0.5, epsilon=1.0).step(w, np.array([1.0]), [(0, 1)])
        >>> w.tolist()
        [0.75]
    """

    flavor = "tfjs"

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float | None = None,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, EPSILON if epsilon is None else epsilon)

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """As Keras's, with epsilon taken down by what the correction takes v up."""
        b1, b2, epsilon, alpha = super().coefficients(lr, t)
        return b1, b2, epsilon * math.sqrt(1 - b2**t), alpha

    def get_config(self) -> Config:
        """The arguments of tf.js."""
        return {
            "learning_rate": self._learning_rate,
            "beta1": self.beta_1,
            "beta2": self.beta_2,
            "epsilon": self.epsilon,
        }


class Adamax(_adam.Adamax):
    """As Keras's, with the rate lr / (1 + decay (t - 1)).

    Args:
        learning_rate: A number.
        beta1: Decay of m.
        beta2: Decay of u.
        epsilon: Added to u.
        decay: Of the rate, in each step.

    Examples:
        >>> Adamax().current_learning_rate()
        0.002
    """

    flavor = "tfjs"

    def __init__(
        self,
        learning_rate: float = 0.002,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float | None = None,
        decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, EPSILON if epsilon is None else epsilon)
        self.decay = decay

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """As Keras's, at the decayed rate."""
        return super().coefficients(lr / (1 + self.decay * (t - 1)), t)

    def get_config(self) -> Config:
        """The arguments of tf.js."""
        return {
            "learning_rate": self._learning_rate,
            "beta1": self.beta_1,
            "beta2": self.beta_2,
            "epsilon": self.epsilon,
            "decay": self.decay,
        }


class RMSProp(Optimizer):
    """s = decay s + (1 - decay) g^2; p = momentum p + lr g / sqrt(s + epsilon); w = w - p.

    Centered, the divisor is sqrt(s - (a^2 + epsilon)) with a = decay a + (1 - decay) g: epsilon makes
    it smaller, so that gradients below about sqrt(epsilon) give NaN, in tf.js as here.

    Args:
        learning_rate: A number.
        decay: Of the means (Keras's rho).
        momentum: Decay of the steps.
        epsilon: Inside the root.
        centered: Divide by the deviation from the mean gradient.

    Examples:
        >>> w = np.array([1.0])
        >>> RMSProp(0.1, decay=0.75).step(w, np.array([3.0]), [(0, 1)])
        >>> [round(x, 3) for x in w.tolist()]
        [0.8]
    """

    flavor = "tfjs"

    def __init__(
        self,
        learning_rate: float = 0.001,
        decay: float = 0.9,
        momentum: float = 0.0,
        epsilon: float | None = None,
        centered: bool = False,
    ) -> None:
        super().__init__(learning_rate)
        self.decay, self.momentum, self.centered = decay, momentum, centered
        self.epsilon = EPSILON if epsilon is None else epsilon
        self.slot_names = ("rms", "momentum", *["mg"] * centered)

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """Learning rate, decay, 1 - decay, momentum and epsilon."""
        return lr, self.decay, 1 - self.decay, self.momentum, self.epsilon

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """As in the class's formula."""
        lr, decay, rest, momentum, epsilon = c
        s, p, *mean = slots
        np.multiply(g, g, scratch)
        scratch *= rest
        s *= decay
        s += scratch
        if mean:
            (a,) = mean
            a *= decay
            a += rest * g
            np.subtract(s, a * a + epsilon, scratch)
        else:
            np.add(s, epsilon, scratch)
        with np.errstate(invalid="ignore"):
            np.sqrt(scratch, scratch)
        np.divide(g, scratch, scratch)
        scratch *= lr
        p *= momentum
        p += scratch
        w -= p

    def get_config(self) -> Config:
        """The arguments of tf.js."""
        return {
            "learning_rate": self._learning_rate,
            "decay": self.decay,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
