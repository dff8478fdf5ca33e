"""Metrics, each beside its formula over all rows at once."""

from __future__ import annotations

import itertools
import math

import numpy as np

from aseq import metrics as m
from aseq.testing import MetricCase

WIDTH = 4
EPSILON = 1e-7


def numbers(rng, n):
    return rng.normal(size=(n, WIDTH)), rng.normal(size=(n, WIDTH))


def positive(rng, n):
    return rng.uniform(0.5, 2, (n, WIDTH)), rng.uniform(0.5, 2, (n, WIDTH))


def bits(rng, n):
    return rng.integers(2, size=(n, WIDTH)).astype(float), rng.uniform(0.01, 0.99, (n, WIDTH))


def signs(rng, n):
    return rng.choice([-1.0, 1.0], (n, WIDTH)), rng.normal(size=(n, WIDTH))


def one_hot(rng, n):
    return np.eye(WIDTH)[rng.integers(WIDTH, size=n)], rng.dirichlet(np.ones(WIDTH), n)


def distributions(rng, n):
    return rng.dirichlet(np.ones(WIDTH), n), rng.dirichlet(np.ones(WIDTH), n)


def indices(rng, n):
    return rng.integers(WIDTH, size=n), rng.dirichlet(np.ones(WIDTH), n)


def two_indices(rng, n):
    return rng.integers(WIDTH, size=n), rng.integers(WIDTH, size=n)


def mean_of(values):
    """A reference: the weighted mean of a value a row."""
    return lambda t, p, w: float((values(t, p) * w).sum() / w.sum())


def counts(t, p, w, above):
    """True and false positives, true and false negatives, weighted."""
    w = w[:, None] * np.ones_like(p)
    return tuple(
        float(w[mask].sum())
        for mask in ((t == 1) & above, (t == 0) & above, (t == 0) & ~above, (t == 1) & ~above)
    )


def decided(result, threshold=0.5):
    """A reference out of the four counts at a threshold."""
    return lambda t, p, w: result(*counts(t, p, w, p > threshold))


def at_thresholds(t, p, w, thresholds):
    """The four counts at each threshold."""
    p = p.astype(np.float32)
    return [counts(t, p, w, p > np.float32(threshold)) for threshold in thresholds]


def auc(curve, height):
    """Area of rectangles (or trapezoids) between 200 thresholds."""

    def reference(t, p, w):
        limits = [-EPSILON, *[i / 199 for i in range(1, 199)], 1 + EPSILON]
        points = [curve(*each) for each in at_thresholds(t, p, w, limits)]
        pairs = itertools.pairwise(points)
        return sum((x0 - x1) * height(y0, y1) for (x0, y0), (x1, y1) in pairs)

    return reference


def ratio(a, b):
    return a / b if b else 0.0


def roc(tp, fp, tn, fn):
    return ratio(fp, fp + tn), ratio(tp, tp + fn)


def precision_recall(tp, fp, tn, fn):
    return ratio(tp, tp + fn), ratio(tp, tp + fp)


def best(wanted, required, value):
    """The largest `wanted` at a threshold at which `required` reaches a value."""

    def reference(t, p, w):
        points = at_thresholds(t, p, w, [i / 199 for i in range(200)])
        return max(wanted(*each) for each in points if required(*each) >= value)

    return reference


def precision(tp, fp, tn, fn):
    return ratio(tp, tp + fp)


def recall(tp, fp, tn, fn):
    return ratio(tp, tp + fn)


def specificity(tp, fp, tn, fn):
    return ratio(tn, tn + fp)


def top(k):
    return lambda t, p: np.array([t_row in np.argsort(-p_row)[:k] for t_row, p_row in zip(t, p, strict=True)])


def f_beta(t, p, w, beta):
    """A score a class, for the largest output of each row."""
    taken = np.eye(WIDTH)[p.argmax(-1)]
    tp, fp, fn = ((w[:, None] * x).sum(0) for x in (taken * t, taken * (1 - t), (1 - taken) * t))
    return (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp)


def iou(true, taken, w, classes):
    """Mean over classes of the weight of their overlap over that of their union."""
    scores = []
    for c in classes:
        both, either = (true == c) & (taken == c), (true == c) | (taken == c)
        scores.append(w[both].sum() / w[either].sum())
    return float(np.mean(scores))


def pearson(t, p):
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(t, p, strict=True)])


def concordance(t, p):
    distance = (t.mean(-1) - p.mean(-1)) ** 2
    covariance = ((t - t.mean(-1, keepdims=True)) * (p - p.mean(-1, keepdims=True))).mean(-1)
    return 2 * covariance / (t.var(-1) + p.var(-1) + distance + EPSILON)


def r2(t, p, w):
    """One score an output."""
    w = w[:, None]
    mean = (w * t).sum(0) / w.sum()
    return 1 - (w * (t - p) ** 2).sum(0) / (w * (t - mean) ** 2).sum(0)


def crossentropy(t, p):
    return -(t * np.log(p / p.sum(-1, keepdims=True))).sum(-1)


class MaxError(m.Metric):
    """A metric of a user's own."""

    state_names = ("largest",)

    def reset(self):
        self.largest = 0.0

    def update(self, y_true, y_pred, weights=None):
        if len(y_true):
            self.largest = max(self.largest, float(np.abs(y_true - y_pred).max()))

    def result(self):
        return self.largest


class MeanCube(m.MeanMetric):
    """Another one, a mean of values."""

    def values(self, y_true, y_pred):
        return (np.abs(y_true - y_pred) ** 3).mean(-1)


class MeanOutput(m.Mean):
    """One that counts values itself."""

    def update(self, y_true, y_pred, weights=None):
        self.add_values(y_pred, weights)


class SumOfOutputs(m.Sum):
    """One that adds up."""

    def update(self, y_true, y_pred, weights=None):
        for row, value in enumerate(y_pred.sum(-1)):
            self.add(float(value), 1.0 if weights is None else float(weights[row]))


def far_off(y_true, y_pred, limit=1.0):
    return (np.abs(y_true - y_pred) > limit).mean(-1)


NO_CODE = {"config_round_trip": "a config holds no code, and says so"}

# fmt: off
OWN = [
    MetricCase(id="Metric-own", covers=("check_known", "resolve"), factory=MaxError, draw=numbers, weighted=False, reference=lambda t, p, w: np.abs(t - p).max()),
    MetricCase(id="Mean-own", factory=MeanOutput, draw=numbers, reference=mean_of(lambda t, p: p.mean(-1))),
    MetricCase(id="Sum-own", factory=SumOfOutputs, draw=numbers, reference=lambda t, p, w: float((p.sum(-1) * w).sum())),
    MetricCase(id="MeanMetric-own", factory=MeanCube, draw=numbers, reference=mean_of(lambda t, p: (np.abs(t - p) ** 3).mean(-1))),
    MetricCase(id="MeanMetricWrapper", factory=lambda: m.MeanMetricWrapper(far_off, limit=0.5), draw=numbers, reference=mean_of(lambda t, p: (np.abs(t - p) > 0.5).mean(-1)), exempt=NO_CODE),
]

ACCURACIES = [
    MetricCase(id="Accuracy", factory=m.Accuracy, draw=two_indices, reference=mean_of(lambda t, p: t == p)),
    MetricCase(id="BinaryAccuracy", factory=m.BinaryAccuracy, draw=bits, reference=mean_of(lambda t, p: ((p > 0.5) == t).mean(-1))),
    MetricCase(id="BinaryAccuracy-threshold", factory=lambda: m.BinaryAccuracy(0.3), draw=bits, reference=mean_of(lambda t, p: ((p > 0.3) == t).mean(-1))),
    MetricCase(id="CategoricalAccuracy", factory=m.CategoricalAccuracy, draw=one_hot, reference=mean_of(lambda t, p: t.argmax(-1) == p.argmax(-1))),
    MetricCase(id="SparseCategoricalAccuracy", factory=m.SparseCategoricalAccuracy, draw=indices, reference=mean_of(lambda t, p: t == p.argmax(-1))),
    MetricCase(id="TopKCategoricalAccuracy", factory=lambda: m.TopKCategoricalAccuracy(2), draw=one_hot, reference=mean_of(lambda t, p: top(2)(t.argmax(-1), p))),
    MetricCase(id="SparseTopKCategoricalAccuracy", factory=lambda: m.SparseTopKCategoricalAccuracy(2), draw=indices, reference=mean_of(top(2))),
]

OF_LOSSES = [
    MetricCase(id="MeanSquaredError", factory=m.MeanSquaredError, draw=numbers, reference=mean_of(lambda t, p: ((t - p) ** 2).mean(-1))),
    MetricCase(id="MeanAbsoluteError", factory=m.MeanAbsoluteError, draw=numbers, reference=mean_of(lambda t, p: np.abs(t - p).mean(-1))),
    MetricCase(id="MeanAbsolutePercentageError", factory=m.MeanAbsolutePercentageError, draw=positive, reference=mean_of(lambda t, p: (100 * np.abs(t - p) / t).mean(-1))),
    MetricCase(id="MeanSquaredLogarithmicError", factory=m.MeanSquaredLogarithmicError, draw=positive, reference=mean_of(lambda t, p: (np.log((1 + t) / (1 + p)) ** 2).mean(-1))),
    MetricCase(id="LogCoshError", factory=m.LogCoshError, draw=numbers, reference=mean_of(lambda t, p: np.log(np.cosh(t - p)).mean(-1))),
    MetricCase(id="Hinge", factory=m.Hinge, draw=signs, reference=mean_of(lambda t, p: np.maximum(0, 1 - t * p).mean(-1))),
    MetricCase(id="SquaredHinge", factory=m.SquaredHinge, draw=signs, reference=mean_of(lambda t, p: (np.maximum(0, 1 - t * p) ** 2).mean(-1))),
    MetricCase(id="CategoricalHinge", factory=m.CategoricalHinge, draw=one_hot, reference=mean_of(lambda t, p: np.maximum(0, 1 + ((1 - t) * p).max(-1) - (t * p).sum(-1)))),
    MetricCase(id="KLDivergence", factory=m.KLDivergence, draw=distributions, reference=mean_of(lambda t, p: (t * np.log(t / p)).sum(-1))),
    MetricCase(id="Poisson", factory=m.Poisson, draw=positive, reference=mean_of(lambda t, p: (p - t * np.log(p)).mean(-1))),
    MetricCase(id="BinaryCrossentropy", factory=m.BinaryCrossentropy, draw=bits, reference=mean_of(lambda t, p: -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1))),
    MetricCase(id="CategoricalCrossentropy", factory=m.CategoricalCrossentropy, draw=one_hot, reference=mean_of(crossentropy)),
    MetricCase(id="SparseCategoricalCrossentropy", factory=m.SparseCategoricalCrossentropy, draw=indices, reference=mean_of(lambda t, p: crossentropy(np.eye(WIDTH)[t], p))),
]

DECISIONS = [
    MetricCase(id="TruePositives", factory=m.TruePositives, draw=bits, reference=decided(lambda tp, fp, tn, fn: tp)),
    MetricCase(id="FalsePositives", factory=m.FalsePositives, draw=bits, reference=decided(lambda tp, fp, tn, fn: fp)),
    MetricCase(id="TrueNegatives", factory=lambda: m.TrueNegatives(0.3), draw=bits, reference=decided(lambda tp, fp, tn, fn: tn, 0.3)),
    MetricCase(id="FalseNegatives", factory=m.FalseNegatives, draw=bits, reference=decided(lambda tp, fp, tn, fn: fn)),
    MetricCase(id="Precision", factory=m.Precision, draw=bits, reference=decided(precision)),
    MetricCase(id="Precision-class", factory=lambda: m.Precision(class_id=1), draw=bits, reference=lambda t, p, w: decided(precision)(t[:, 1:2], p[:, 1:2], w)),
    MetricCase(id="Precision-thresholds", factory=lambda: m.Precision([0.2, 0.7]), draw=bits, reference=lambda t, p, w: np.array([decided(precision, limit)(t, p, w) for limit in (0.2, 0.7)])),
    MetricCase(id="Precision-top_k", factory=lambda: m.Precision(top_k=2), draw=bits, reference=lambda t, p, w: precision(*counts(t, p, w, p >= np.sort(p)[:, -2:-1]))),
    MetricCase(id="Recall", factory=m.Recall, draw=bits, reference=decided(recall)),
    MetricCase(id="F1Score", factory=m.F1Score, draw=one_hot, reference=lambda t, p, w: f_beta(t, p, w, 1)),
    MetricCase(id="F1Score-macro", factory=lambda: m.F1Score("macro"), draw=one_hot, reference=lambda t, p, w: float(f_beta(t, p, w, 1).mean())),
    MetricCase(id="FBetaScore", factory=lambda: m.FBetaScore("weighted", 2.0), draw=one_hot, reference=lambda t, p, w: float(np.average(f_beta(t, p, w, 2), weights=w @ t))),
    MetricCase(id="AUC", factory=m.AUC, draw=bits, reference=auc(roc, lambda a, b: (a + b) / 2)),
    MetricCase(id="AUC-pr", factory=lambda: m.AUC(curve="PR", summation_method="minoring"), draw=bits, reference=auc(precision_recall, min)),
    MetricCase(id="AUC-labels", factory=lambda: m.AUC(multi_label=True, summation_method="majoring"), draw=bits, reference=lambda t, p, w: np.mean([auc(roc, max)(t[:, i : i + 1], p[:, i : i + 1], w) for i in range(WIDTH)])),
    MetricCase(id="PrecisionAtRecall", factory=lambda: m.PrecisionAtRecall(0.6), draw=bits, reference=best(precision, recall, 0.6)),
    MetricCase(id="RecallAtPrecision", factory=lambda: m.RecallAtPrecision(0.4), draw=bits, reference=best(recall, precision, 0.4)),
    MetricCase(id="SensitivityAtSpecificity", factory=lambda: m.SensitivityAtSpecificity(0.6), draw=bits, reference=best(recall, specificity, 0.6)),
    MetricCase(id="SpecificityAtSensitivity", factory=lambda: m.SpecificityAtSensitivity(0.6), draw=bits, reference=best(specificity, recall, 0.6)),
    MetricCase(id="IoU", factory=lambda: m.IoU(WIDTH, [0, 2]), draw=two_indices, reference=lambda t, p, w: iou(t, p, w, [0, 2])),
    MetricCase(id="MeanIoU", factory=lambda: m.MeanIoU(WIDTH), draw=two_indices, reference=lambda t, p, w: iou(t, p, w, range(WIDTH))),
    MetricCase(id="OneHotIoU", factory=lambda: m.OneHotIoU(WIDTH, [1]), draw=one_hot, reference=lambda t, p, w: iou(t.argmax(-1), p.argmax(-1), w, [1])),
    MetricCase(id="OneHotMeanIoU", factory=lambda: m.OneHotMeanIoU(WIDTH), draw=one_hot, reference=lambda t, p, w: iou(t.argmax(-1), p.argmax(-1), w, range(WIDTH))),
    MetricCase(id="BinaryIoU", factory=lambda: m.BinaryIoU(threshold=0.4), draw=bits, reference=lambda t, p, w: iou(t, (p >= 0.4).astype(float), np.repeat(w[:, None], WIDTH, 1), [0, 1])),
]

REGRESSION = [
    MetricCase(id="RootMeanSquaredError", factory=m.RootMeanSquaredError, draw=numbers, reference=lambda t, p, w: math.sqrt(mean_of(lambda t, p: ((t - p) ** 2).mean(-1))(t, p, w))),
    MetricCase(id="CosineSimilarity", factory=m.CosineSimilarity, draw=numbers, reference=mean_of(lambda t, p: (t * p).sum(-1) / np.linalg.norm(t, axis=-1) / np.linalg.norm(p, axis=-1))),
    MetricCase(id="PearsonCorrelation", factory=m.PearsonCorrelation, draw=numbers, reference=mean_of(pearson)),
    MetricCase(id="ConcordanceCorrelation", factory=m.ConcordanceCorrelation, draw=numbers, reference=mean_of(concordance)),
    MetricCase(id="R2Score", factory=m.R2Score, draw=numbers, reference=lambda t, p, w: float(r2(t, p, w).mean())),
    MetricCase(id="R2Score-outputs", factory=lambda: m.R2Score(None), draw=numbers, reference=r2),
]
# fmt: on

CASES = [*OWN, *ACCURACIES, *OF_LOSSES, *DECISIONS, *REGRESSION]
