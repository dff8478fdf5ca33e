"""Metrics over all thresholds at once: areas under curves, and the best of one share given another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import activations
from aseq.errors import ConfigError, ShapeError
from aseq.losses import match_rank
from aseq.metrics._confusion import flat, share
from aseq.metrics._metric import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.types import Array, Config

__all__ = [
    "AUC",
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
]

EPSILON = 1e-7


class _Histograms(Metric):
    """Ones and zeros, counted by how many of the thresholds lie below their output.

    From these follow the decisions at every threshold. Evenly spaced thresholds 0, ..., 1 need no
    search: output p in [0, 1] exceeds ceil(p (T - 1)) of them.
    """

    state_names = ("ones", "zeros")
    label_axis = False
    """Whether each output has its own histograms."""

    def reset(self) -> None:
        """Forget all batches."""
        self.ones: Any = np.zeros(())
        self.zeros: Any = np.zeros(())

    def _count(self, label: Array, below: Array, weights: Array | None, thresholds: int) -> None:
        labels = below.shape[-1] if self.label_axis else 1
        if self.label_axis:
            below = below * labels + np.arange(labels)
        shape = (thresholds + 1, labels) if self.label_axis else (thresholds + 1,)
        size = (thresholds + 1) * labels

        def histogram(mask: Array) -> Array:
            chosen = None if weights is None else weights[mask]
            return np.bincount(below[mask], chosen, size).astype(np.float64).reshape(shape)

        self.ones = self.ones + histogram(label)
        self.zeros = self.zeros + histogram(~label)

    def _decisions(self) -> tuple[Array, Array, Array, Array]:
        """True and false positives, true and false negatives at each threshold."""
        tp, fp = (np.cumsum(counts[::-1], 0)[::-1][1:] for counts in (self.ones, self.zeros))
        return tp, fp, self.zeros.sum(0) - fp, self.ones.sum(0) - tp


def _even_below(p: Array, thresholds: int) -> Array:
    """How many of `thresholds` numbers evenly spaced over [0, 1] lie below each p, in float32 as in Keras."""
    p = np.clip(p.astype(np.float32), 0, 1)
    return np.ceil(p * np.float32(thresholds - 1)).astype(np.int64)


class AUC(_Histograms):
    """Area under the curve of two shares as the threshold falls from 1 to 0.

    "ROC": share of ones found over share of false alarms; the probability that a one gets a larger
    output than a zero. "PR": precision over recall, interpolated as Davis and Goadrich (2006) show.
    "PRGAIN": both as gains over always saying yes (Flach and Kull, 2015).

    Args:
        num_thresholds: How finely outputs are told apart.
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: "interpolation" (trapezoids), "minoring" or "majoring" rectangles.
        name: As in `Metric`.
        thresholds: Numbers in [0, 1] of your own, to which 0 and 1 are added.
        multi_label: Take the area of each output alone, then their mean.
        num_labels: Number of outputs, where `multi_label`.
        label_weights: Weight of each output.
        from_logits: Outputs are what would go into a sigmoid.

    Examples:
        >>> AUC(num_thresholds=3)(np.array([0, 0, 1, 1]), np.array([0.0, 0.5, 0.3, 0.9]))
        0.75
    """

    direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        self.curve = _one_of("curve", curve.upper(), ("ROC", "PR", "PRGAIN"))
        methods = ("interpolation", "majoring", "minoring")
        self.summation_method = _one_of("summation_method", summation_method.lower(), methods)
        if thresholds is None and num_thresholds < 2:
            raise ConfigError(f"AUC: expected num_thresholds > 1, received {num_thresholds!r}.")
        if num_labels and not multi_label:
            raise ConfigError("AUC: expected num_labels with multi_label=True only.")
        self.thresholds = None if thresholds is None else sorted(thresholds)
        self.num_thresholds = num_thresholds if thresholds is None else len(thresholds) + 2
        self.multi_label = self.label_axis = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        self.from_logits = from_logits
        super().__init__(name)

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Count a batch."""
        if self.from_logits:
            y_pred = activations.sigmoid(y_pred)
        if self.label_weights is not None and not self.multi_label:
            weights = np.ones(len(y_pred)) if weights is None else weights
            weights = match_rank(weights, y_pred) * np.asarray(self.label_weights)
        label, p, w = flat(y_true, y_pred, weights)
        if self.multi_label:
            if y_pred.ndim != 2:
                raise ShapeError(
                    f"AUC: expected outputs of shape (batch, labels) for multi_label, received "
                    f"{y_pred.shape}."
                )
            label, p = label.reshape(y_pred.shape), p.reshape(y_pred.shape)
            w = None if w is None else w.reshape(y_pred.shape)
        self._count(label, self._below(p), w, self.num_thresholds)

    def _below(self, p: Array) -> Array:
        if self.thresholds is None:
            return np.maximum(_even_below(p, self.num_thresholds), 1)  # the first threshold is -1e-7
        limits = np.array([-EPSILON, *self.thresholds, 1 + EPSILON], np.float32)
        return np.searchsorted(limits, p.astype(np.float32), "left")

    def result(self) -> float:
        """The area, 0 before the first batch."""
        if not self.ones.ndim:
            return 0.0
        decisions = self._decisions()
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = _interpolated_precision(*decisions)
        else:
            areas = self._areas(*_CURVES[self.curve](*decisions))
        by_label = areas.sum(0)
        if not self.multi_label:
            return float(by_label)
        if self.label_weights is None:
            return float(by_label.mean())
        label_weights = np.asarray(self.label_weights)
        return float(share((by_label * label_weights).sum(), label_weights.sum()))

    def _areas(self, x: Array, y: Array) -> Array:
        """Areas between one threshold and the next."""
        a, b = y[:-1], y[1:]
        heights = {"interpolation": (a + b) / 2, "minoring": np.minimum(a, b), "majoring": np.maximum(a, b)}
        return (x[:-1] - x[1:]) * heights[self.summation_method]

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config() | {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        return config if self.thresholds is None else config | {"thresholds": self.thresholds}


def _roc(tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Array, Array]:
    return share(fp, fp + tn), share(tp, tp + fn)


def _precision_recall(tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Array, Array]:
    return share(tp, tp + fn), share(tp, tp + fp)


def _precision_recall_gain(tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Array, Array]:
    odds = share(tp + fn, tn + fp)
    recall = np.where(tp == 0, 0, 1 - odds * share(fn, tp))
    precision = np.where(tp == 0, 1, 1 - odds * share(fp, tp))
    return np.maximum(recall, 0), precision


_CURVES = {"ROC": _roc, "PR": _precision_recall, "PRGAIN": _precision_recall_gain}


def _interpolated_precision(tp: Array, fp: Array, tn: Array, fn: Array) -> Array:
    """Areas under precision over recall where both counts grow in proportion between two thresholds.

    Davis and Goadrich, "The relationship between precision-recall and ROC curves", 2006.
    """
    taken = tp + fp
    found, grown = tp[:-1] - tp[1:], taken[:-1] - taken[1:]
    slope = share(found, np.maximum(grown, 0))
    intercept = tp[1:] - slope * taken[1:]
    both = (taken[:-1] > 0) & (taken[1:] > 0)
    ratio = np.divide(taken[:-1], taken[1:], out=np.ones_like(found), where=both)
    return share(slope * (found + intercept * np.log(ratio)), np.maximum(tp[1:] + fn[1:], 0))


class _BestAt(_Histograms):
    """The largest of one share over all thresholds at which another is at least `value`.

    Args:
        value: In [0, 1].
        num_thresholds: How finely outputs are told apart.
        class_id: Look at this output alone.
        name: As in `Metric`.
    """

    direction = "up"
    argument: str

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None) -> None:
        if not 0 <= value <= 1:
            raise ConfigError(
                f"{type(self).__name__}: expected {self.argument} in [0, 1], received {value!r}."
            )
        if num_thresholds < 1:
            raise ConfigError(
                f"{type(self).__name__}: expected num_thresholds > 0, received {num_thresholds!r}."
            )
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        super().__init__(name)

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Count a batch."""
        label, p, w = flat(y_true, y_pred, weights, self.class_id)
        one = self.num_thresholds == 1
        below = (p > 0.5).astype(np.int64) if one else _even_below(p, self.num_thresholds)
        self._count(label, below, w, self.num_thresholds)

    def _shares(self, tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Array, Array]:
        """What must reach `value`, and what is to be largest."""
        raise NotImplementedError

    def result(self) -> float:
        """The largest share, 0 if no threshold will do."""
        if not self.ones.ndim:
            return 0.0
        required, wanted = self._shares(*self._decisions())
        return float(np.max(wanted[required >= self.value], initial=0))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            self.argument: self.value,
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
        }


class SensitivityAtSpecificity(_BestAt):
    """Largest share of ones found where at least `specificity` of the zeros raise no alarm.

    Args:
        specificity: In [0, 1].
        num_thresholds: How finely outputs are told apart.
        class_id: Look at this output alone.
        name: As in `Metric`.

    Examples:
        >>> SensitivityAtSpecificity(0.5)(np.array([0, 0, 0, 1, 1]), np.array([0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    argument = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name)

    def _shares(self, tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Array, Array]:
        return share(tn, tn + fp), share(tp, tp + fn)


class SpecificityAtSensitivity(_BestAt):
    """Largest share of zeros that raise no alarm where at least `sensitivity` of the ones are found.

    Args:
        sensitivity: In [0, 1].
        num_thresholds: How finely outputs are told apart.
        class_id: Look at this output alone.
        name: As in `Metric`.

    Examples:
        >>> targets, outputs = np.array([0, 0, 0, 1, 1]), np.array([0, 0.3, 0.8, 0.3, 0.8])
        >>> round(SpecificityAtSensitivity(0.5)(targets, outputs), 3)
        0.667
    """

    argument = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name)

    def _shares(self, tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Array, Array]:
        return share(tp, tp + fn), share(tn, tn + fp)


class PrecisionAtRecall(_BestAt):
    """Largest precision where at least `recall` of the ones are found.

    Args:
        recall: In [0, 1].
        num_thresholds: How finely outputs are told apart.
        class_id: Look at this output alone.
        name: As in `Metric`.

    Examples:
        >>> PrecisionAtRecall(0.5)(np.array([0, 0, 0, 1, 1]), np.array([0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    argument = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name)

    def _shares(self, tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Array, Array]:
        return share(tp, tp + fn), share(tp, tp + fp)


class RecallAtPrecision(_BestAt):
    """Largest share of ones found at a precision of at least `precision`.

    Args:
        precision: In [0, 1].
        num_thresholds: How finely outputs are told apart.
        class_id: Look at this output alone.
        name: As in `Metric`.

    Examples:
        >>> RecallAtPrecision(0.8)(np.array([0, 0, 1, 1]), np.array([0, 0.5, 0.3, 0.9]))
        0.5
    """

    argument = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name)

    def _shares(self, tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Array, Array]:
        return share(tp, tp + fp), share(tp, tp + fn)


def _one_of(argument: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ConfigError(f"AUC: expected {argument} to be one of {allowed}, received {value!r}.")
    return value
