"""Losses at fault: variations of the squared error and of the crossentropy with class indices."""

from __future__ import annotations

import numpy as np

from aseq import losses
from aseq.losses import CategoricalCrossentropy, Loss, SparseCategoricalCrossentropy
from aseq.testing import LossCase


def numbers(rng):
    return rng.normal(size=(5, 4)), rng.normal(size=(5, 4))


def one_hot(rng):
    return np.eye(4)[rng.integers(4, size=5)], rng.dirichlet(np.full(4, 5.0), 5)


def indices(rng):
    return rng.integers(4, size=5), rng.dirichlet(np.full(4, 5.0), 5)


class Squared(Loss):
    """mean d^2, without a defect."""

    def forward(self, y_true, y_pred):
        d = y_pred - y_true

        def backward(scale):
            return 2 * d / d.shape[-1] * (scale[..., None] if isinstance(scale, np.ndarray) else scale)

        return (d * d).mean(-1), backward


class WrongValue(Squared):
    def forward(self, y_true, y_pred):
        values, backward = super().forward(y_true, y_pred)
        return values + 1e-3, backward


class WrongGradient(Squared):
    def forward(self, y_true, y_pred):
        values, backward = super().forward(y_true, y_pred)
        return values, lambda scale: 2 * backward(scale)


class NumPyFloat(Squared):
    def compute(self, *arguments, **options):
        value, backward = super().compute(*arguments, **options)
        return np.float32(value), backward


class Overwrites(Squared):
    def forward(self, y_true, y_pred):
        y_pred -= y_true
        return super().forward(0 * y_true, y_pred)


class WholeBatch(Squared):
    def _factor(self, count, weight):
        return 1.0


class IgnoresReduction(Squared):
    def _factor(self, count, weight):
        return 1.0 / count if count else 0.0


class SquaresWeights(Squared):
    def compute(self, y_true, y_pred, weights=None, z=None, own=True):
        return super().compute(y_true, y_pred, None if weights is None else weights**2, z, own)


class DividesByRows(Squared):
    def compute(self, y_true, y_pred, weights=None, z=None, own=True):
        value, backward = super().compute(y_true, y_pred, weights, z, own)
        return value + 0.0 * float(np.float64(1.0) / np.float64(len(y_pred))), backward


class AcceptsAll(Squared):
    def prepare(self, y, output_shape, dtype=np.float32, where="y"):
        return np.asarray(y, dtype)


class Broadcasts(AcceptsAll):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return float(((np.asarray(y_true) - np.asarray(y_pred)) ** 2).mean())


class Shifted(Squared):
    def forward(self, y_true, y_pred):
        return super().forward(y_true + 0.5, y_pred)


class Overflows(Squared):
    def forward(self, y_true, y_pred):
        values, backward = super().forward(y_true, y_pred)
        return values + 0 * np.exp(y_pred).sum(-1), backward


class Misquoted(Squared):
    def get_config(self):
        return {**super().get_config(), "reduction": "sum"}


class SharedList(Squared):
    def __init__(self, reduction="sum_over_batch_size", name=None, things=[]):
        super().__init__(reduction, name)


class WrongFusedValue(CategoricalCrossentropy):
    def forward_logits(self, y_true, z, y_pred):
        values, backward = super().forward_logits(y_true, z, y_pred)
        return 1.01 * values, backward


class WrongFusedGradient(CategoricalCrossentropy):
    def forward_logits(self, y_true, z, y_pred):
        values, backward = super().forward_logits(y_true, z, y_pred)
        return values, lambda scale: 1.01 * backward(scale)


class NaiveLogits(CategoricalCrossentropy):
    def forward_logits(self, y_true, z, y_pred):
        _, backward = super().forward_logits(y_true, z, y_pred)
        return np.log(np.exp(z).sum(-1)) - (y_true * z).sum(-1), backward


class AnyClass(SparseCategoricalCrossentropy):
    def prepare(self, y, output_shape, dtype=np.float32, where="y"):
        return np.asarray(y).astype(np.int64)


def row(factory, **options):
    defaults = {
        "draw": numbers,
        "perfect": lambda t: t,
        "reference": lambda t, p: ((t - p) ** 2).mean(-1),
    }
    return LossCase(id="Loss-defect", factory=factory, **(defaults | options))


def fused(factory):
    return row(factory, draw=one_hot, perfect=None, reference=lambda t, p: -(t * np.log(p)).sum(-1))


SOUND = [row(Squared), fused(losses.CategoricalCrossentropy)]

LOSSES = {
    "values": row(WrongValue),
    "gradient": row(WrongGradient),
    "dtypes": row(NumPyFloat),
    "reads_only": row(Overwrites),
    "parts_make_the_whole": row(WholeBatch),
    "reductions": row(IgnoresReduction),
    "linear_in_weights": row(SquaresWeights),
    "empty_batch": row(DividesByRows),
    "nan_refused": row(AcceptsAll),
    "broadcasting_refused": row(Broadcasts),
    "widths_refused": row(AcceptsAll),
    "nothing_beats_perfect": row(Shifted),
    "extreme_outputs": row(Overflows),
    "config_round_trip": row(Misquoted),
    "default_arguments": row(SharedList),
    "fused_value": fused(WrongFusedValue),
    "fused_gradient": fused(WrongFusedGradient),
    "extreme_logits": fused(NaiveLogits),
    "foreign_classes_refused": row(AnyClass, draw=indices, perfect=None),
}
