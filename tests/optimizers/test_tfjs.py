"""tf.js's rules, each beside a transcription of its source's formula; its names and keys."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from aseq import optimizers
from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

GRADIENTS = list(np.random.default_rng(0).normal(size=(6, 5)))


def walk(config: dict[str, Any]) -> np.ndarray:
    optimizer = optimizers.get(config | {"flavor": "tfjs"})
    w, g = np.ones(5), np.empty(5)
    for gradient in GRADIENTS:
        g[...] = gradient
        optimizer.step(w, g, [(0, 5)])
    return w


def momentum(lr: float, m: float, nesterov: bool) -> np.ndarray:
    w, a = np.ones(5), np.zeros(5)
    for g in GRADIENTS:
        a = m * a + g
        w = w - lr * (g + m * a if nesterov else a)
    return w


def adagrad(lr: float) -> np.ndarray:
    w, a = np.ones(5), np.full(5, 0.1)
    for g in GRADIENTS:
        a = a + g * g
        w = w - lr * g / np.sqrt(a + 1e-7)
    return w


def adadelta(lr: float, rho: float, eps: float) -> np.ndarray:
    w, grads, updates = np.ones(5), np.zeros(5), np.zeros(5)
    for g in GRADIENTS:
        update = np.sqrt(updates + eps) / np.sqrt(grads + eps) * g
        grads = rho * grads + (1 - rho) * g * g
        updates = rho * updates + (1 - rho) * update**2
        w = w - lr * update
    return w


def adam(lr: float, b1: float, b2: float, eps: float) -> np.ndarray:
    w, m, v = np.ones(5), np.zeros(5), np.zeros(5)
    for t, g in enumerate(GRADIENTS, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        w = w - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    return w


def adamax(lr: float, b1: float, b2: float, eps: float, decay: float) -> np.ndarray:
    w, m, u = np.ones(5), np.zeros(5), np.zeros(5)
    for t, g in enumerate(GRADIENTS, 1):
        m, u = b1 * m + (1 - b1) * g, np.maximum(b2 * u, abs(g))
        w = w - lr / (1 + decay * (t - 1)) / (1 - b1**t) * m / (u + eps)
    return w


def rmsprop(lr: float, decay: float, mu: float, eps: float, centered: bool) -> np.ndarray:
    w, s, a, p = np.ones(5), np.zeros(5), np.zeros(5), np.zeros(5)
    for g in GRADIENTS:
        s = decay * s + (1 - decay) * g * g
        a = decay * a + (1 - decay) * g
        p = mu * p + lr * g / (np.sqrt(s - (a * a + eps)) if centered else np.sqrt(s + eps))
        w = w - p
    return w


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("SGD", {"learning_rate": 0.1}, lambda: 1 - 0.1 * np.sum(GRADIENTS, 0)),
        ("Momentum", {"learningRate": 0.1, "momentum": 0.8}, lambda: momentum(0.1, 0.8, False)),
        (
            "Momentum",
            {"learning_rate": 0.1, "momentum": 0.8, "useNesterov": True},
            lambda: momentum(0.1, 0.8, True),
        ),
        ("Adagrad", {"learning_rate": 0.1}, lambda: adagrad(0.1)),
        ("Adadelta", {"learning_rate": 0.9, "rho": 0.8, "epsilon": 0.01}, lambda: adadelta(0.9, 0.8, 0.01)),
        ("Adam", {"beta1": 0.8, "beta2": 0.95, "epsilon": 0.01}, lambda: adam(0.001, 0.8, 0.95, 0.01)),
        ("Adam", {"epsilon": None}, lambda: adam(0.001, 0.9, 0.999, 1e-7)),
        ("Adamax", {"decay": 0.1}, lambda: adamax(0.002, 0.9, 0.999, 1e-7, 0.1)),
        ("RMSProp", {"decay": 0.8, "momentum": 0.5}, lambda: rmsprop(0.001, 0.8, 0.5, 1e-7, False)),
        ("RMSProp", {"centered": True, "epsilon": 1e-5}, lambda: rmsprop(0.001, 0.9, 0.0, 1e-5, True)),
    ],
)
def test_trajectory(name: str, config: dict[str, Any], expected: Callable[[], np.ndarray]) -> None:
    received = walk({"class_name": name, "config": config})
    np.testing.assert_allclose(received, expected(), rtol=1e-9)


def test_epsilon_makes_the_difference() -> None:
    tfjs = optimizers.get({"class_name": "Adam", "flavor": "tfjs", "config": {"epsilon": 1.0}})
    keras = optimizers.Adam(epsilon=1.0)
    for optimizer, expected in ((tfjs, 0.001 / 2), (keras, 0.001 * math.sqrt(1e-3) / (math.sqrt(1e-3) + 1))):
        w = np.zeros(1)
        optimizer.step(w, np.ones(1), [(0, 1)])
        assert w[0] == pytest.approx(-expected, rel=1e-6)


def test_centered_rmsprop_gives_nan_for_tiny_gradients_as_there() -> None:
    optimizer = optimizers.get({"class_name": "RMSProp", "flavor": "tfjs", "config": {"centered": True}})
    w = np.zeros(1)
    optimizer.step(w, np.full(1, 1e-5), [(0, 1)])
    assert np.isnan(w[0])


@pytest.mark.parametrize("name", ["SGD", "Momentum", "Adagrad", "Adadelta", "Adam", "Adamax", "RMSProp"])
def test_round_trip(name: str) -> None:
    config = optimizers.serialize(optimizers.get({"class_name": name, "flavor": "tfjs", "config": {}}))
    assert config["class_name"] == name
    assert config["flavor"] == "tfjs"
    again = optimizers.get(config)
    assert again.flavor == "tfjs"
    assert optimizers.serialize(again) == config


def test_keras_spelling_of_rmsprop() -> None:
    assert optimizers.get({"class_name": "RMSprop", "flavor": "tfjs"}).get_config()["decay"] == 0.9


def test_a_bare_name_means_keras() -> None:
    assert optimizers.get("adadelta").flavor == "keras"
    with pytest.raises(ConfigError, match=r"tf.js optimizer: expected one of"):
        optimizers.get({"class_name": "Lion", "flavor": "tfjs"})
