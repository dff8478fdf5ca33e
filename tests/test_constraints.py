"""Projections: where they lead, and that they stay there."""

from __future__ import annotations

import numpy as np
import pytest

from aseq import constraints as c
from aseq.errors import ConfigError

W = np.array([[3.0, 0.3, -0.6], [4.0, -0.4, 0.0]])
"""Columns of length 5, 0.5 and 0.6."""


def lengths(w: np.ndarray) -> np.ndarray:
    return np.sqrt((w * w).sum(0))


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        (c.MaxNorm(2), [2, 0.5, 0.6]),
        (c.UnitNorm(), [1, 1, 1]),
        (c.MinMaxNorm(0.55, 1.0), [1, 0.55, 0.6]),
        (c.MinMaxNorm(0.0, 1.0, rate=0.5), [3, 0.5, 0.6]),
    ],
    ids=repr,
)
def test_lengths(constraint: c.Constraint, expected: list[float]) -> None:
    before = W.copy()
    np.testing.assert_allclose(lengths(constraint(W)), expected, rtol=1e-5)
    np.testing.assert_array_equal(W, before)
    assert constraint(W.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    "constraint", [c.MaxNorm(2), c.UnitNorm(), c.NonNeg(), c.MinMaxNorm(0.55, 1)], ids=repr
)
def test_what_is_allowed_stays(constraint: c.Constraint) -> None:
    once = constraint(W)
    np.testing.assert_allclose(constraint(once), once, rtol=1e-6)


def test_axes() -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
    short = c.MaxNorm(0.5, axis=[0, 1, 2])(kernel)
    np.testing.assert_allclose(np.sqrt((short**2).sum((0, 1, 2))), 0.5, rtol=1e-5)
    rows = c.UnitNorm(axis=1)(W)
    np.testing.assert_allclose(np.sqrt((rows**2).sum(1)), 1, rtol=1e-5)
    assert c.MaxNorm(axis=(0, 1)).get_config() == {"max_value": 2, "axis": [0, 1]}


def test_zeros_stay_zeros() -> None:
    for constraint in (c.MaxNorm(), c.UnitNorm(), c.MinMaxNorm(0.5)):
        np.testing.assert_array_equal(constraint(np.zeros((2, 2))), 0)


def test_names_of_both_peers() -> None:
    assert c.get(None) is None
    assert c.get("max_norm") == c.get("maxNorm") == c.MaxNorm()
    assert c.get({"class_name": "MinMaxNorm", "config": {"rate": 0.5}}) == c.MinMaxNorm(rate=0.5)
    with pytest.raises(ConfigError, match="constraint: expected one of"):
        c.get("norm")
