"""From what `compile` was given to metrics, chosen and named as the peer chooses and names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aseq import losses
from aseq.metrics._accuracy import BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy
from aseq.metrics._confusion import Precision
from aseq.metrics._metric import Mean
from aseq.metrics._of_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    LossMetric,
    SparseCategoricalCrossentropy,
)
from aseq.metrics._regression import CosineSimilarity

if TYPE_CHECKING:
    from aseq.losses import Loss
    from aseq.metrics._metric import Metric
    from aseq.types import Array, Shape

__all__ = ["CHOSEN", "chosen", "use_tfjs"]

CHOSEN = {"accuracy": "acc", "acc": "acc", "crossentropy": "ce", "ce": "ce"}
"""Names, in lower case, that mean one metric or another, with tf.js's log key for them."""

_KINDS = {
    "acc": (BinaryAccuracy, SparseCategoricalAccuracy, CategoricalAccuracy),
    "ce": (BinaryCrossentropy, SparseCategoricalCrossentropy, CategoricalCrossentropy),
}


def chosen(name: str, target_shape: Shape, output_shape: Shape, loss: Loss, flavor: str) -> Metric:
    """The metric that "accuracy" or "crossentropy" means.

    Keras decides by shapes: one output unit is binary; a target with fewer axes than the output,
    or a last axis of 1, is sparse; anything else categorical. tf.js decides by the loss.
    """
    one_unit = output_shape[-1] == 1
    if flavor == "tfjs":
        binary = one_unit or loss.name == "binary_crossentropy"
        sparse = loss.sparse_target
    else:
        binary = one_unit
        sparse = len(target_shape) < len(output_shape) or target_shape[-1] == 1
    key = CHOSEN[name.lower()]
    kind = _KINDS[key][0 if binary else 1 if sparse else 2]
    return kind(name=key if flavor == "tfjs" else name)


class _CosineProximity(LossMetric):
    """tf.js's metric "cosine": the negative similarity."""

    loss_class = losses.CosineSimilarity


class _ExactPrecision(Mean):
    """tf.js's metric "precision": no threshold, outputs of exactly 1 are the ones; a mean of batches."""

    direction = "up"

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Count a batch."""
        taken = y_pred == 1
        right = int(np.count_nonzero(taken & (y_true == 1)))
        wrong = int(np.count_nonzero(taken & (y_true == 0)))
        self.add(right / (right + wrong or 1), len(y_pred))


def use_tfjs(metric: Metric) -> Metric:
    """The metric with tf.js's arithmetic and log key where those differ."""
    if type(metric) is Precision:
        metric = _ExactPrecision(metric.name)
    if isinstance(metric, CosineSimilarity):
        metric = _CosineProximity("cosine")
    if isinstance(metric, LossMetric):
        metric.loss = losses.get(losses.serialize(metric.loss), flavor="tfjs")
    return metric
