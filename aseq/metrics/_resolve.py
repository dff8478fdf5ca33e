"""From what `compile` was given to metrics, chosen and named as the peer chooses and names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aseq import losses
from aseq.metrics._accuracy import BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy
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
    from aseq.types import Shape

__all__ = ["CHOSEN", "chosen", "use_tfjs"]

CHOSEN = {"accuracy": "acc", "acc": "acc", "crossentropy": "ce", "ce": "ce"}
"""Names that mean one metric or another, with tf.js's log key for them."""

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
    kind = _KINDS[CHOSEN[name]][0 if binary else 1 if sparse else 2]
    return kind(name=CHOSEN[name] if flavor == "tfjs" else name)


class _CosineProximity(LossMetric):
    """tf.js's metric "cosine": the negative similarity."""

    loss_class = losses.CosineSimilarity


def use_tfjs(metric: Metric) -> Metric:
    """The metric with tf.js's arithmetic and log key where those differ."""
    if isinstance(metric, CosineSimilarity):
        metric = _CosineProximity("cosine")
    if isinstance(metric, LossMetric):
        metric.loss = losses.get(losses.serialize(metric.loss), flavor="tfjs")
    return metric
