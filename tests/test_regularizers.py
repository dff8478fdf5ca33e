"""Penalties: known values, gradients, names."""

from __future__ import annotations

import numpy as np
import pytest

from aseq import regularizers as r
from aseq.errors import ConfigError, ShapeError

W = np.array([[1.5, -2.0, 0.25], [0.5, 3.0, -1.0], [2.0, -0.5, 1.0], [0.1, 1.0, -4.0]])


@pytest.mark.parametrize(
    ("regularizer", "penalty"),
    [
        (r.L1(0.5), 0.5 * np.abs(W).sum()),
        (r.L1(), 0.01 * np.abs(W).sum()),
        (r.L2(0.5), 0.5 * (W**2).sum()),
        (r.L1L2(0.1, 0.2), 0.1 * np.abs(W).sum() + 0.2 * (W**2).sum()),
        (r.L1L2(), 0.0),
        (r.OrthogonalRegularizer(), 0.00481746),  # Keras 3.15
        (r.OrthogonalRegularizer(0.5, "columns"), 0.14730842),
    ],
    ids=repr,
)
def test_penalty(regularizer: r.Regularizer, penalty: float) -> None:
    received = regularizer.penalty(W)
    assert type(received) is float
    assert received == pytest.approx(penalty, rel=1e-4)


@pytest.mark.parametrize(
    "regularizer",
    [
        r.L1(0.3),
        r.L2(0.3),
        r.L1L2(0.1, 0.2),
        r.OrthogonalRegularizer(2.0),
        r.OrthogonalRegularizer(1.0, "columns"),
    ],
    ids=repr,
)
def test_gradient_against_central_differences(regularizer: r.Regularizer) -> None:
    numeric = np.empty_like(W)
    for index in np.ndindex(W.shape):
        step = np.zeros_like(W)
        step[index] = 1e-6
        numeric[index] = (regularizer.penalty(W + step) - regularizer.penalty(W - step)) / 2e-6
    np.testing.assert_allclose(regularizer.gradient(W), numeric, rtol=1e-6, atol=1e-8)
    assert regularizer.gradient(W.astype(np.float32)).dtype == np.float32


def test_orthogonal_extremes() -> None:
    assert r.OrthogonalRegularizer().penalty(np.ones((1, 4))) == 0
    np.testing.assert_array_equal(r.OrthogonalRegularizer().gradient(np.zeros((2, 2))), 0)
    with pytest.raises(ShapeError, match="expected a matrix"):
        r.OrthogonalRegularizer().penalty(np.ones(3))


def test_names_of_both_peers() -> None:
    assert r.get(None) is None
    assert r.get("l1_l2") == r.L1L2() == r.get("l1l2")
    assert r.get("L2") == r.get("l2") == r.L2(0.01)
    assert r.get({"class_name": "L1L2", "config": {"l1": 0.1, "l2": None}}) == r.L1L2(0.1)


@pytest.mark.parametrize(
    "make", [lambda: r.L1(-1), lambda: r.L2(float("inf")), lambda: r.OrthogonalRegularizer(mode="all")]
)
def test_bad_arguments(make: object) -> None:
    with pytest.raises(ConfigError, match="expected"):
        make()  # type: ignore[operator]
