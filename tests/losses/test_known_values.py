"""Losses and their gradients as Keras 3.15 on TensorFlow computes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aseq import losses
from aseq.errors import DataError, ShapeError


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values)


BITS = rows([1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]).astype(float)
P = rows([0.9, 0.2, 0.4], [0.3, 0.1, 0.75], [0.35, 0.8, 0.6], [0.05, 0.55, 0.5])
ONE_HOT = rows([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]).astype(float)
Q = rows([0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.4, 0.3], [0.25, 0.25, 0.5])
T = rows([1.5, -2, 0.25], [0.5, 3, -1], [2, -0.5, 1], [0, 1, -4])
Y = rows([1, -1.5, 0.5], [-0.5, 2, 1], [2.5, 0.5, -1], [0.25, 2, -3])
INDEX = np.array([0, 2, 1, 1])
WEIGHTS = np.array([2, 0.5, 1, 0])

# name, arguments, targets, outputs, weighted, loss, sum of the gradient's absolute values, gradient[0, 1]
KNOWN: list[tuple[str, dict[str, Any], np.ndarray, np.ndarray, bool, float, float, float]] = [
    ("MeanAbsolutePercentageError", {}, T + 0.125, Y, True, 69.883484, 109.902847, 8.888888),
    ("MeanSquaredLogarithmicError", {}, abs(T), abs(Y), True, 0.024808, 0.117348, -0.02431),
    ("Huber", {"delta": 0.75}, T, Y, True, 0.28776, 0.46875, 0.083333),
    ("LogCosh", {}, T, Y, True, 0.293125, 0.480804, 0.07702),
    ("CosineSimilarity", {}, T, Y, True, -0.722323, 0.253078, 0.0019),
    ("CosineSimilarity", {"axis": 0}, T, Y, False, -0.82685, 0.307069, 0.012652),
    ("Hinge", {}, BITS, Y, True, 0.270833, 0.625, 0.0),
    ("SquaredHinge", {}, BITS, Y, True, 0.447917, 0.541667, 0.0),
    ("CategoricalHinge", {}, ONE_HOT, Y, True, 1.375, 1.75, 0.0),
    ("KLDivergence", {}, ONE_HOT, Q, True, 0.565972, 1.79762, 0.0),
    ("Poisson", {}, abs(T), abs(Y), True, 0.676856, 0.259722, -0.055556),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, BITS, P, True, 0.494388, 0.951565, 0.104167),
    ("BinaryCrossentropy", {"from_logits": True}, BITS, Y, True, 0.358405, 0.261983, 0.030404),
    ("CategoricalCrossentropy", {"label_smoothing": 0.2}, ONE_HOT, Q, True, 0.683073, 1.731548, 0.333333),
    ("CategoricalCrossentropy", {}, ONE_HOT, P, True, 0.828317, 2.807108, 0.333333),
    ("SparseCategoricalCrossentropy", {}, INDEX, Q, True, 0.521947, 2.526786, 0.5),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, INDEX, Q, True, 0.585748, 3.303571, 1.0),
    ("SparseCategoricalCrossentropy", {}, INDEX, P, True, 0.504533, 1.619608, 0.333333),
    (
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5},
        BITS, P, True, 0.065138, 0.374336, 0.030507,
    ),
    ("BinaryFocalCrossentropy", {"from_logits": True}, BITS, Y, True, 0.096226, 0.103376, 0.002839),
    ("CategoricalFocalCrossentropy", {"alpha": 0.4, "gamma": 1.0}, ONE_HOT, Q, True, 0.123007, 0.85382, 0.109934),
    ("CategoricalFocalCrossentropy", {"from_logits": True}, ONE_HOT, Y, True, 0.228655, 0.185691, 0.002548),
    ("Dice", {}, BITS, P, False, 0.347826, 1.043478, 0.056711),
    ("Dice", {"axis": -1}, BITS, P, True, 0.263029, 0.847925, 0.106122),
    ("Tversky", {"alpha": 0.3, "beta": 0.6, "axis": -1}, BITS, P, True, 0.225309, 0.785934, 0.146788),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.3}, INDEX, Q, True, 0.469555, 1.353982, 0.0),
]  # fmt: skip


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known[0]}-{known[1]}")
def test_value_and_gradient(known: tuple[Any, ...]) -> None:
    name, arguments, y_true, y_pred, weighted, value, total, entry = known
    loss = getattr(losses, name)(**arguments)
    y_true = loss.prepare(y_true, (None, *y_pred.shape[1:]), np.float64)
    received, backward = loss.compute(y_true, y_pred, WEIGHTS if weighted else None)
    gradient = backward()
    assert received == pytest.approx(value, rel=1e-5, abs=1e-6)
    assert np.abs(gradient).sum() == pytest.approx(total, rel=1e-5, abs=1e-6)
    assert gradient[0, 1] == pytest.approx(entry, rel=1e-4, abs=1e-6)


def test_the_largest_wrong_class_shares_its_slope_among_equals() -> None:
    loss = losses.CategoricalHinge()
    _, backward = loss.compute(rows([1, 0, 0]).astype(float), rows([0.0, 2.0, 2.0]))
    np.testing.assert_allclose(backward(), [[-1, 0.5, 0.5]])


def test_hinge_takes_signs_as_they_are() -> None:
    assert losses.Hinge()(np.array([[-1.0, 1.0]]), np.array([[-0.5, 3.0]])) == 0.25


def test_a_vector_without_direction_has_no_slope() -> None:
    value, backward = losses.CosineSimilarity().compute(np.ones((1, 3)), np.zeros((1, 3)))
    assert value == 0
    np.testing.assert_array_equal(backward(), 0)


def test_small_probabilities_fall_back_on_the_logits() -> None:
    z = np.array([[0.0, 100.0, -50.0]], np.float32)
    for loss, target in (
        (losses.CategoricalCrossentropy(), np.array([[1, 0, 0]], np.float32)),
        (losses.SparseCategoricalCrossentropy(), np.array([0])),
    ):
        value, backward = loss.compute(target, np.array([[0, 1, 0]], np.float32), None, z)
        assert value == 100.0
        np.testing.assert_allclose(backward(), [[-1, 1, 0]])


def test_ignored_samples_leave_the_mean() -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    y = loss.prepare([0, -1, 1], (None, 3))
    value, backward = loss.compute(y, Q[:3])
    assert value == pytest.approx(-(np.log(0.7) + np.log(0.4)) / 2)
    np.testing.assert_array_equal(backward()[1], 0)


def test_circle_beside_keras() -> None:
    embeddings, classes = np.array([[1, 0], [0.6, 0.8], [0, 1], [-0.8, 0.6], [0.8, -0.6]]), [0, 0, 1, 1, 2]
    each = losses.Circle(reduction="none")(classes, embeddings)
    np.testing.assert_allclose(each, [38.4, 38.4, 38.4, 1.098612, 0], rtol=2e-6)
    assert losses.Circle()(classes, embeddings) == pytest.approx(29.074652)  # the last has none of its class
    assert losses.Circle(gamma=2.0)(classes, embeddings, np.arange(5) + 1) == pytest.approx(3.8012757)
    whole = losses.Circle(gamma=2.0, margin=0.25, remove_diagonal=False, reduction="none")
    expected = [2.4516606, 2.4301958, 2.4516606, 1.9525913, 1.8476449]
    np.testing.assert_allclose(whole(classes, embeddings), expected, rtol=1e-6)


def test_circle_refuses_other_targets() -> None:
    with pytest.raises(ShapeError, match="one class a sample"):
        losses.Circle().prepare(np.zeros((3, 2)), (None, 2))
    with pytest.raises(DataError, match=r"whole numbers for classes, received 0\.5"):
        losses.Circle().prepare(np.array([1, 0.5]), (None, 2))
