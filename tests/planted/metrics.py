"""Metrics at fault: variations of the mean absolute error."""

from __future__ import annotations

import numpy as np

from aseq.metrics import Metric
from aseq.testing import MetricCase


class Error(Metric):
    """mean |d|, without a defect."""

    state_names = ("total", "count")

    def reset(self):
        self.total = self.count = 0.0

    def update(self, y_true, y_pred, weights=None):
        values = np.abs(y_pred - y_true).mean(-1)
        weights = np.ones(len(values)) if weights is None else weights
        self.total += float((values * weights).sum())
        self.count += float(weights.sum())

    def result(self):
        return self.total / self.count if self.count else 0.0


class NumPyResult(Error):
    def result(self):
        return np.float64(super().result())


class MeanOfBatches(Error):
    def update(self, y_true, y_pred, weights=None):
        if len(y_true):
            self.total += float(np.abs(y_pred - y_true).mean())
            self.count += 1


class DividesByNothing(Error):
    def result(self):
        return float(np.float64(self.total) / np.float64(self.count))


class Remembers(Error):
    def reset(self):
        self.count = 0.0
        self.total = getattr(self, "total", 0.0)


class ResetsOnResult(Error):
    def result(self):
        value = super().result()
        self.reset()
        return value


class Overwrites(Error):
    def update(self, y_true, y_pred, weights=None):
        y_pred -= y_true
        super().update(0 * y_true, y_pred, weights)


class HalfState(Error):
    state_names = ("total",)


class SharedState(Error):
    sums = np.zeros(2)

    def reset(self):
        pass

    def update(self, y_true, y_pred, weights=None):
        self.sums += [np.abs(y_pred - y_true).mean(-1).sum(), len(y_true)]

    def result(self):
        return float(self.sums[0] / max(self.sums[1], 1))


class Coarse(Error):
    def update(self, y_true, y_pred, weights=None):
        if y_pred.dtype == np.float32:
            y_pred = y_pred.astype(np.float16)
        super().update(y_true, y_pred, weights)


class IgnoresWeights(Error):
    def update(self, y_true, y_pred, weights=None):
        super().update(y_true, y_pred)


class CountsWeightsTwice(Error):
    def update(self, y_true, y_pred, weights=None):
        super().update(y_true, y_pred, weights)
        self.count += 0 if weights is None else 1


class Misquoted(Error):
    def __init__(self, power=1, name=None):
        self.power = power
        super().__init__(name)

    def get_config(self):
        return {"power": self.power + 1, "name": self.name}


class SharedList(Error):
    def __init__(self, name=None, things=[]):
        super().__init__(name)


def row(factory):
    return MetricCase(
        id="Metric-defect",
        factory=factory,
        draw=lambda rng, n: (rng.normal(size=(n, 2)), rng.normal(size=(n, 2))),
        reference=lambda t, p, w: float(np.average(np.abs(t - p).mean(-1), weights=w)),
    )


SOUND = [row(Error)]

METRICS = {
    "value": row(NumPyResult),
    "batches_make_the_whole": row(MeanOfBatches),
    "begins_empty": row(DividesByNothing),
    "reset_forgets": row(Remembers),
    "asks_are_free": row(ResetsOnResult),
    "reads_only": row(Overwrites),
    "state_round_trip": row(HalfState),
    "instances_are_apart": row(SharedState),
    "single_precision": row(Coarse),
    "weights_count": row(IgnoresWeights),
    "weights_of_one": row(CountsWeightsTwice),
    "config_round_trip": row(Misquoted),
    "default_arguments": row(SharedList),
}
