"""Metrics as Keras 3.15 computes them over two batches, without weights and with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aseq import metrics


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values)


BITS = rows([1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]).astype(float)
P = rows([0.9, 0.2, 0.4], [0.3, 0.1, 0.75], [0.35, 0.8, 0.6], [0.05, 0.55, 0.5])
P32 = P.astype(np.float32)
"""As Keras has it: whether an output exceeds a threshold equal to it depends on the digits."""
ONE_HOT = rows([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]).astype(float)
Q = rows([0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.4, 0.3], [0.25, 0.25, 0.5])
T = rows([1.5, -2, 0.25], [0.5, 3, -1], [2, -0.5, 1], [0, 1, -4])
Y = rows([1, -1.5, 0.5], [-0.5, 2, 1], [2.5, 0.5, -1], [0.25, 2, -3])
INDEX = np.array([0, 2, 1, 1])
WEIGHTS = np.array([2, 0.5, 1, 0])

KNOWN: list[tuple[str, dict[str, Any], np.ndarray, np.ndarray, Any, Any]] = [
    ("BinaryAccuracy", {"threshold": 0.4}, BITS, P32, 0.666667, 0.619048),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT, Q, 1.0, 1.0),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, INDEX, Q, 1.0, 1.0),
    ("Precision", {"thresholds": [0.3, 0.6]}, BITS, P32, [0.75, 1.0], [0.866667, 1.0]),
    ("Recall", {"top_k": 2}, BITS, P, 0.833333, 0.846154),
    ("Recall", {"class_id": 1}, BITS, P, 1.0, 1.0),
    ("AUC", {}, BITS, P, 0.861111, 0.884615),
    ("AUC", {"curve": "PR"}, BITS, P, 0.866915, 0.921411),
    ("AUC", {"curve": "PRGAIN", "summation_method": "majoring"}, BITS, P, 0.688333, 0.717975),
    ("AUC", {"multi_label": True, "label_weights": [0.2, 0.3, 0.5]}, BITS, P, 0.75, 0.6),
    ("AUC", {"thresholds": [0.2, 0.45, 0.7], "summation_method": "minoring"}, BITS, P, 0.777778, 0.826923),
    ("AUC", {"from_logits": True, "num_thresholds": 20}, BITS, Y, 0.875, 0.894231),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, BITS, P, 1.0, 1.0),
    ("PrecisionAtRecall", {"recall": 0.5, "num_thresholds": 10}, BITS, P, 1.0, 1.0),
    ("F1Score", {}, ONE_HOT, Q, [1.0, 0.5, 0.0], [1.0, 0.5, 0.0]),
    ("FBetaScore", {"beta": 2.0, "average": "weighted", "threshold": 0.35}, BITS, P32, 0.796296, 0.839642),
    ("FBetaScore", {"beta": 0.5, "average": "micro"}, ONE_HOT, Q, 0.5, 0.714286),
    ("MeanIoU", {"num_classes": 3, "sparse_y_pred": False}, INDEX, Q, 0.444444, None),
    ("OneHotIoU", {"num_classes": 3, "target_class_ids": [1], "ignore_class": 0}, np.eye(3)[INDEX], Q, 0.333333, None),
    ("R2Score", {"num_regressors": 1}, T, Y, 0.455343, -1.360047),
    ("R2Score", {"class_aggregation": None}, T, Y, [0.375, 0.762557, 0.377014], [-0.666667, 0.803509, -3.573333]),
    ("CosineSimilarity", {}, T, Y, 0.792144, 0.825512),
    ("PearsonCorrelation", {}, T, Y, 0.742081, 0.772803),
    ("ConcordanceCorrelation", {}, T, Y, 0.695883, 0.732321),
    ("RootMeanSquaredError", {}, T, Y, 1.075291, 0.944911),
    ("LogCoshError", {}, T, Y, 0.436759, 0.335),
]  # fmt: skip


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known[0]}-{known[1]}")
def test_two_batches(known: tuple[Any, ...]) -> None:
    name, arguments, y_true, y_pred, plain, weighted = known
    for weights, expected in ((None, plain), (WEIGHTS, weighted)):
        if expected is None:
            continue
        metric = getattr(metrics, name)(**arguments)
        for part in (slice(0, 1), slice(1, None)):
            metric.update(y_true[part], y_pred[part], None if weights is None else weights[part])
        received = metric.result()
        assert isinstance(received, float) == isinstance(expected, float)
        np.testing.assert_allclose(received, expected, rtol=1e-5, atol=2e-6)


def test_time_steps_of_a_sample_count_together() -> None:
    """A long sequence weighs as much as a short one, batch by batch, as in Keras."""
    metric = metrics.SparseCategoricalAccuracy()
    hit, miss = [0.1, 0.9], [0.9, 0.1]
    metric.update(np.array([[1, 1]]), np.array([[hit, hit]]))
    metric.update(np.array([[1, 1, 1, 1]]), np.array([[miss, miss, miss, miss]]))
    assert metric.result() == 0.5


def test_time_steps_may_have_weights() -> None:
    metric = metrics.SparseCategoricalAccuracy()
    y_pred = np.array([[[0.1, 0.9], [0.9, 0.1]], [[0.1, 0.9], [0.1, 0.9]]])
    metric.update(np.ones((2, 2), int), y_pred, np.array([[1.0, 3.0], [0.0, 1.0]]))
    assert metric.result() == pytest.approx(2 / 5)


def test_top_k_among_equals_and_beside_nan() -> None:
    metric = metrics.SparseTopKCategoricalAccuracy(k=1)
    assert metric(np.array([2]), np.array([[0.5, 0.1, 0.5]])) == 1.0
    metric.reset()
    assert metric(np.array([0]), np.array([[np.nan, 0.1, 0.5]])) == 0.0


def test_top_k_from_sorted_ids() -> None:
    metric = metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)
    assert metric(np.array([3, 3]), np.array([[1, 3, 2], [1, 2, 3]])) == 0.5


def test_crossentropies_from_the_logits_of_a_fused_activation() -> None:
    z = np.array([[0.0, 50.0]], np.float32)
    p = np.array([[0.0, 1.0]], np.float32)
    metric = metrics.SparseCategoricalCrossentropy()
    assert "softmax" in metric.fuses
    metric.update(np.array([0]), p, None, z=z)
    assert metric.result() == 50.0
    metric.reset()
    metric.update(np.array([0]), p)
    assert metric.result() == pytest.approx(-np.log(1e-7), rel=1e-6)


def test_auc_is_the_chance_to_rank_a_pair_right() -> None:
    rng = np.random.default_rng(0)
    y_true = rng.integers(2, size=500)
    y_pred = np.clip(0.3 * y_true + rng.uniform(0, 0.7, 500), 0, 1)
    pairs = y_pred[y_true == 1][:, None] - y_pred[y_true == 0]
    assert metrics.AUC(num_thresholds=2000)(y_true, y_pred) == pytest.approx((pairs > 0).mean(), abs=1e-3)
