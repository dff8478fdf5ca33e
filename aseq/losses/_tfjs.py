"""The losses of tf.js where its arithmetic differs from Keras's: all from clipped probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aseq.losses import _crossentropy, _hinge, _regression
from aseq.losses._loss import EPSILON
from aseq.losses._targets import mean_last, over_last

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.losses._targets import Scale
    from aseq.types import Array

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CosineSimilarity",
    "Hinge",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
]


class CategoricalCrossentropy(_crossentropy.CategoricalCrossentropy):
    """As Keras's, from probabilities even behind a softmax: saturates at -log(1e-7).

    Examples:
        >>> round(CategoricalCrossentropy()(np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])), 3)
        16.118
    """

    flavor = "tfjs"
    fuses = frozenset()


class SparseCategoricalCrossentropy(_crossentropy.SparseCategoricalCrossentropy):
    """As Keras's, from probabilities even behind a softmax: saturates at -log(1e-7).

    Examples:
        >>> round(SparseCategoricalCrossentropy()(np.array([1]), np.array([[1.0, 0.0]])), 3)
        16.118
    """

    flavor = "tfjs"
    fuses = frozenset()


class BinaryCrossentropy(_crossentropy.BinaryCrossentropy):
    """From logits log(q / (1 - q)) of the clipped probabilities q, even behind a sigmoid.

    Near 1 a float32 probability has few digits left and the loss shows which, so behind a sigmoid
    the probabilities are worked out anew, exact on both sides as tf.js has them.

    Examples:
        >>> round(BinaryCrossentropy()(np.array([[0.0]]), np.array([[1.0]])), 3)
        16.118
        >>> round(BinaryCrossentropy()(np.array([[0.0]]), np.array([[1.0]], np.float32)), 3)
        15.942
    """

    flavor = "tfjs"
    fuses = frozenset({"sigmoid"})

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Gradient (q - t) / (q (1 - q)) where not clipped."""
        if self.from_logits:
            return super().forward_logits(y_true, y_pred, None)
        t = _crossentropy.smoothed(y_true, self.label_smoothing, 2)
        q = np.clip(y_pred, EPSILON, 1 - EPSILON)
        width = q.shape[-1]

        def backward(scale: Scale) -> Array:
            d = (q - t) / (q * (1 - q))
            d *= y_pred == q
            return d * over_last(scale, 1 / width)

        return mean_last(_crossentropy.logit_terms(t, np.log(q / (1 - q)))), backward

    def forward_logits(
        self, y_true: Array, z: Array, y_pred: Array | None
    ) -> tuple[Array, Callable[[Scale], Array]]:
        """The same, and p (1 - p) times the gradient."""
        small = np.exp(-np.abs(z))
        small /= 1 + small
        p = np.where(z < 0, small, 1 - small)
        values, backward = self.forward(y_true, p)
        return values, lambda scale: backward(scale) * (p * (1 - p))


class Hinge(_hinge.Hinge):
    """As Keras's, but targets of 0 stay 0.

    Examples:
        >>> Hinge()(np.array([[0.0]]), np.array([[-5.0]]))
        1.0
    """

    flavor = "tfjs"

    def _signs(self, y_true: Array) -> Array:
        return y_true


class SquaredHinge(_hinge.SquaredHinge):
    """As Keras's, but targets of 0 stay 0.

    Examples:
        >>> SquaredHinge()(np.array([[0.0]]), np.array([[-5.0]]))
        1.0
    """

    flavor = "tfjs"

    def _signs(self, y_true: Array) -> Array:
        return y_true


class CosineSimilarity(_regression.CosineSimilarity):
    """tf.js's cosineProximity: as Keras's, with squared lengths from 1e-7.

    Examples:
        >>> round(CosineSimilarity()(np.array([[1.0, 1.0]]), np.array([[0.0, 2.0]])), 4)
        -0.7071
    """

    flavor = "tfjs"
    shortest = EPSILON**0.5
