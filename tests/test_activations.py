"""Every activation: gradient, extremes, dtype, the peers' names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from aseq import activations
from aseq.errors import ConfigError

if TYPE_CHECKING:
    from aseq.activations import Activation

ALL = [getattr(activations, name) for name in activations.__all__ if name not in ("Activation", "get")]
KINKS = {"relu": [0], "relu6": [0, 6], "leaky_relu": [0], "hard_tanh": [-1, 1], "hard_sigmoid": [-3, 3]}
KINKS |= {"hard_sigmoid_tfjs": [-2.5, 2.5], "hard_silu": [-3, 3], "hard_shrink": [-0.5, 0.5]}
KINKS |= {"soft_shrink": [-0.5, 0.5], "sparse_plus": [-1, 1], "sparse_sigmoid": [-1, 1], "selu": [0]}


def away_from_kinks(name: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(0, 3, shape)
    for kink in KINKS.get(name, []):
        x = np.where(np.abs(x - kink) < 1e-3, kink + 0.1, x)
    return x


@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_gradient_against_central_differences(activation: Activation) -> None:
    x = away_from_kinks(activation.name, (5, 6))
    y, backward = activation.forward(x.copy())
    projection = np.random.default_rng(1).normal(size=y.shape)
    dx = backward(projection)
    numeric = np.empty_like(x)
    eps = 1e-6
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = eps
        numeric[index] = ((activation(x + step) - activation(x - step)) * projection).sum() / (2 * eps)
    np.testing.assert_allclose(dx, numeric, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_stays_and_extremes_are_finite(activation: Activation, dtype: type) -> None:
    x = np.array([[-1e4, -30.0, -1.0, 0.0], [1.0, 30.0, 1e4, 0.25]], dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):  # underflow to 0 is the right value
        y, backward = activation.forward(x.copy())
        dx = backward(np.full_like(y, 1e-3))
    assert y.dtype == dx.dtype == dtype
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()
    assert dx.shape == x.shape


@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_input_and_incoming_gradient_are_left_alone(activation: Activation) -> None:
    x = away_from_kinks(activation.name, (3, 4))
    x.flags.writeable = False
    y, backward = activation.forward(x)
    dy = np.ones_like(y)
    dy.flags.writeable = False
    first = np.array(backward(dy))
    np.testing.assert_array_equal(backward(dy), first)


@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_writing_into_the_input_changes_no_number(activation: Activation) -> None:
    x = away_from_kinks(activation.name, (3, 4)).astype(np.float32)
    y, backward = activation.forward(x.copy())
    own = x.copy()
    y_in_place, backward_in_place = activation.forward(own, out=own)
    np.testing.assert_array_equal(y, y_in_place)
    dy = np.ones_like(y)
    np.testing.assert_array_equal(backward(dy), backward_in_place(dy))


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("gelu", 1.0, 0.5 * (1 + math.erf(math.sqrt(0.5)))),
        ("gelu", -3.0, -1.5 * (1 + math.erf(-3 * math.sqrt(0.5)))),
        ("gelu_new", 1.0, 0.8411919906082768),
        ("leaky_relu", -1.0, -0.2),
        ("selu", -1.0, -1.1113307378125625),
        ("mish", 1.0, math.tanh(math.log1p(math.e))),
        ("hard_sigmoid", 1.0, 4 / 6),
        ("hard_sigmoid_tfjs", 1.0, 0.7),
        ("softsign", -3.0, -0.75),
    ],
)
def test_known_values(name: str, x: float, expected: float) -> None:
    assert activations.get(name)(np.array([x]))[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("x", [-30.0, -5.0, -3.9, -0.5, -0.4, -1e-9, 0.0, 0.3, 0.47, 2.0, 4.5, 7.0])
def test_gelu_is_exact_to_float64(x: float) -> None:
    expected = 0.5 * x * (1 + math.erf(x * math.sqrt(0.5)))
    assert activations.gelu(np.array([x]))[0] == pytest.approx(expected, rel=1e-13, abs=1e-15)


def test_softmax_and_sparsemax_lie_on_the_simplex() -> None:
    x = np.random.default_rng(0).normal(0, 2, (4, 3, 7))
    for activation in (activations.softmax, activations.sparsemax):
        y = activation(x)
        assert (y >= 0).all()
        np.testing.assert_allclose(y.sum(-1), 1)
    np.testing.assert_allclose(activations.log_softmax(x), np.log(activations.softmax(x)))


def test_names_of_both_peers() -> None:
    assert activations.get("hardSigmoid") is activations.hard_sigmoid_tfjs
    assert activations.get("hard_sigmoid") is activations.hard_sigmoid
    assert activations.get("swish") is activations.silu
    assert activations.get("logSoftmax") is activations.log_softmax
    assert activations.get(None) is activations.linear
    assert activations.get(activations.relu) is activations.relu
    assert activations.get({"class_name": "function", "config": "relu"}) is activations.relu


@pytest.mark.parametrize("identifier", ["rellu", 3, {"config": "rellu"}])
def test_unknown_names_list_the_known_ones(identifier: object) -> None:
    with pytest.raises(ConfigError, match="expected an Activation or one of"):
        activations.get(identifier)
