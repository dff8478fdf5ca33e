"""Losses of distributions besides the crossentropies: focal forms, divergence, counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aseq import activations
from aseq.errors import ConfigError
from aseq.losses._crossentropy import binary_terms, check_axis, logit_terms, normalized, smoothed
from aseq.losses._loss import EPSILON, ClassIndexLoss, Loss
from aseq.losses._targets import mean_last, over_last

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aseq.losses._targets import Scale
    from aseq.types import Array, Config

__all__ = [
    "BinaryFocalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "KLDivergence",
    "Poisson",
]


class BinaryFocalCrossentropy(Loss):
    """(1 - p_t)^gamma times the binary crossentropy: easy samples count less (Lin et al., 2017).

    p_t = t p + (1 - t)(1 - p) is the probability given to the truth; averaged over the last axis.

    Args:
        apply_class_balancing: Weigh ones with alpha and zeros with 1 - alpha.
        alpha: See there.
        gamma: 0 gives the plain crossentropy.
        from_logits: The model's output is what would go into a sigmoid.
        label_smoothing: s in y (1 - s) + s / 2.
        axis: Averaged over; only the last is supported.
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> round(BinaryFocalCrossentropy()(np.array([[1.0]]), np.array([[0.5]])), 4)
        0.1733
    """

    fuses = frozenset({"softmax", "sigmoid"})
    own_activation = "sigmoid"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        check_axis(axis, self.name)
        self.apply_class_balancing = apply_class_balancing
        self.alpha, self.gamma = alpha, gamma
        self.from_logits = from_logits
        if from_logits:  # as in Keras, which then takes outputs for logits even behind a sigmoid
            self.fuses = frozenset()
        self.label_smoothing = label_smoothing

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Gradient (1 - p_t)^gamma bce' - gamma (1 - p_t)^(gamma - 1) (2 t - 1) bce."""
        if self.from_logits:
            return self.forward_logits(y_true, y_pred, None)
        t = smoothed(y_true, self.label_smoothing, 2)
        terms, slope = binary_terms(t, y_pred)
        return self._focused(t, y_pred, terms, slope, lambda d: d)

    def forward_logits(
        self, y_true: Array, z: Array, y_pred: Array | None
    ) -> tuple[Array, Callable[[Scale], Array]]:
        """The same with bce' = p - t, and the second term times p (1 - p)."""
        t = smoothed(y_true, self.label_smoothing, 2)
        p = activations.sigmoid(z) if y_pred is None else y_pred
        return self._focused(t, p, logit_terms(t, z), lambda: p - t, lambda d: d * (p * (1 - p)))

    def forward_foreign(
        self, y_true: Array, z: Array, y_pred: Array
    ) -> tuple[Array, Callable[[Scale], Array]]:
        """As in Keras: p_t from the softmax, the crossentropy from the sigmoid of its logits."""
        t = smoothed(y_true, self.label_smoothing, 2)

        def into_logits(d: Array) -> Array:
            return y_pred * (d - np.add.reduce(d * y_pred, -1, keepdims=True))

        return self._focused(t, y_pred, logit_terms(t, z), lambda: activations.sigmoid(z) - t, into_logits)

    def _focused(
        self,
        t: Array,
        p: Array,
        terms: Array,
        slope: Callable[[], Array],
        into_input: Callable[[Array], Array],
    ) -> tuple[Array, Callable[[Scale], Array]]:
        missing = 1 - (t * p + (1 - t) * (1 - p))
        focus = _power(missing, self.gamma)
        balance = t * self.alpha + (1 - t) * (1 - self.alpha) if self.apply_class_balancing else 1.0
        width = p.shape[-1]

        def backward(scale: Scale) -> Array:
            factor = balance * over_last(scale, 1 / width)
            d = self.gamma * _power(missing, self.gamma - 1) * (1 - 2 * t) * terms * factor
            return into_input(d) + focus * slope() * factor

        return mean_last(balance * focus * terms), backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "apply_class_balancing": self.apply_class_balancing,
            "alpha": self.alpha,
            "gamma": self.gamma,
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": -1,
        }


class CategoricalFocalCrossentropy(Loss):
    """-alpha sum(t (1 - q)^gamma log q) over the classes: easy samples count less (Lin et al., 2017).

    q are the probabilities, normalised and clipped to [1e-7, 1 - 1e-7].

    Args:
        alpha: Factor of the whole, or one a class.
        gamma: 0 gives alpha times the plain crossentropy.
        from_logits: The model's output is what would go into a softmax.
        label_smoothing: s in y (1 - s) + s / classes.
        axis: Of the classes; only the last is supported.
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> round(CategoricalFocalCrossentropy()(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])), 4)
        0.0433
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        check_axis(axis, self.name)
        self.alpha = np.asarray(alpha).tolist()
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Slope by q: alpha t (gamma (1 - q)^(gamma - 1) log q - (1 - q)^gamma / q) where not clipped."""
        into_logits = None
        if self.from_logits:
            y_pred, into_logits = activations.softmax.forward(y_pred)
        t = smoothed(y_true, self.label_smoothing, y_true.shape[-1])
        p, total = normalized(y_pred)
        q = np.clip(p, EPSILON, 1 - EPSILON)
        alpha = np.asarray(self.alpha, q.dtype)
        logs, focus = np.log(q), alpha * (1 - q) ** self.gamma

        def backward(scale: Scale) -> Array:
            d = alpha * self.gamma * (1 - q) ** (self.gamma - 1) * logs - focus / q
            d *= t
            d *= p == q
            d -= np.add.reduce(d * p, -1, keepdims=True)
            d = d / total * over_last(scale)
            return d if into_logits is None else into_logits(d)

        return -np.add.reduce(t * focus * logs, -1), backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "alpha": self.alpha,
            "gamma": self.gamma,
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": -1,
        }


class CategoricalGeneralizedCrossEntropy(ClassIndexLoss):
    """(1 - p^q) / q with p = y_pred[y_true]: bears wrong labels (Zhang and Sabuncu, 2018).

    Args:
        q: In (0, 1): near 0 the crossentropy, near 1 the mean absolute error.
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> CategoricalGeneralizedCrossEntropy()(np.array([0]), np.array([[0.25, 0.75]]))
        1.0
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
    ) -> None:
        super().__init__(reduction, name)
        if not 0 < q < 1:
            raise ConfigError(f"{self.name}: expected q in (0, 1), received {q!r}.")
        self.q = q

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Gradient -p^(q - 1) at the target, with p from 1e-7."""
        index = y_true[..., None]
        p = np.take_along_axis(y_pred, index, -1)
        values = (1 - np.maximum(p, 0) ** self.q) / self.q

        def backward(scale: Scale) -> Array:
            d = np.zeros_like(y_pred)
            slope = -(np.maximum(p, EPSILON) ** (self.q - 1)) * (p >= 0)
            np.put_along_axis(d, index, slope * over_last(scale), -1)
            return d

        return values[..., 0], backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"q": self.q}


class KLDivergence(Loss):
    """sum(t log(t / p)), both clipped to [1e-7, 1] (Kullback and Leibler, 1951).

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> round(KLDivergence()(np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])), 4)
        0.1438
    """

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Gradient -t / p where not clipped."""
        t = np.clip(y_true, EPSILON, 1)
        q = np.clip(y_pred, EPSILON, 1)

        def backward(scale: Scale) -> Array:
            return np.where(y_pred == q, -t / q, 0) * over_last(scale)

        return np.add.reduce(t * np.log(t / q), -1), backward


class Poisson(Loss):
    """mean(p - t log(p + 1e-7)): the likelihood of counts t for rates p.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> round(Poisson()(np.array([[2.0]]), np.array([[2.0]])), 4)
        0.6137
    """

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Gradient (1 - t / (p + 1e-7)) / D; negative rates give NaN, as in Keras."""
        width = y_pred.shape[-1]
        shifted = y_pred + y_pred.dtype.type(EPSILON)
        with np.errstate(invalid="ignore"):
            values = mean_last(y_pred - y_true * np.log(shifted))
        return values, lambda scale: (1 - y_true / shifted) * over_last(scale, 1 / width)


def _power(x: Array, exponent: float) -> Array:
    """x^exponent; a negative exponent meets no 0, and a fraction makes NaN of negative x, as in Keras."""
    with np.errstate(invalid="ignore"):
        return np.maximum(x, EPSILON) ** exponent if exponent < 0 else x**exponent
