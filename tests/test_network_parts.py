"""Layers that treat each sample by itself are run together, part by part: the numbers are those of one by one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from aseq import linalg
from aseq.compute import session
from aseq.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    Input,
    Layer,
    MaxPooling2D,
)
from aseq.network import Network, chain

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 64


class Shifted(MaxPooling2D):
    """A pooling of a user's own, which is negative at times and looks at its data at once."""

    def forward(self, x, training=False):
        y, way = super().forward(x, training)
        return y - 1, way


class Doubled(Conv2D):
    """A convolution of a user's own, which does something behind its activation."""

    def forward(self, x, training=False):
        y, way = super().forward(x, training)
        return 2 * y - 1, lambda dy: way(2 * dy)


NETWORKS: dict[str, Callable[[], list[Layer]]] = {
    "relu before pooling": lambda: [
        Conv2D(16, 3, activation="relu"),
        MaxPooling2D(2),
        Conv2D(32, 3, activation="relu"),
        MaxPooling2D(2),
    ],
    "padding": lambda: [
        Conv2D(16, 3, padding="same", activation="relu"),
        MaxPooling2D(3, 2, padding="same"),
        Conv2D(16, 3, padding="same"),
    ],
    "channels first": lambda: [
        Conv2D(16, 3, data_format="channels_first", activation="relu"),
        MaxPooling2D(2, data_format="channels_first"),
        Conv2D(8, 3, data_format="channels_first"),
    ],
    "other activations": lambda: [
        Conv2D(16, 3, activation="tanh"),
        MaxPooling2D(2),
        Conv2D(16, 3, activation="relu"),
        AveragePooling2D(2),
        Conv2D(8, 3),
        Conv2D(8, 1, activation="sigmoid"),
    ],
    "a penalty on what pooling sees": lambda: [
        Conv2D(16, 3, activation="relu", activity_regularizer="l2"),
        MaxPooling2D(2),
    ],
    "layers between": lambda: [
        Conv2D(16, 3),
        BatchNormalization(),
        Conv2D(16, 3, activation="relu"),
        MaxPooling2D(2),
        BatchNormalization(),
    ],
    "an activation by itself": lambda: [Conv2D(16, 3), Activation("relu"), MaxPooling2D(2)],
    "a convolution of one's own": lambda: [Doubled(16, 3, activation="relu"), MaxPooling2D(2)],
    "a pooling of one's own": lambda: [Conv2D(16, 3, activation="relu"), Shifted(2), Conv2D(8, 3)],
}


def network_of(make, shape=(28, 28, 1), dtype=np.float32):
    layers = [Input(shape), *make(), Flatten(), Dense(3)]
    for index, layer in enumerate(layers):
        layer.name = f"layer_{index}"
    return Network(chain(layers), seed=0, dtype=dtype)


def with_slope(way, slope, dy):
    return way(dy + slope)


def one_by_one(network, x, dy):
    """Outputs, gradients of all weights and of the input, each layer called by itself."""
    ways = []
    for layer in network.layers[1:]:
        x, way = layer.forward(x, True)
        if layer.activity_regularizer is not None:
            way = partial(with_slope, way, layer.activity_regularizer.gradient(x) / len(x))
        ways.append(way)
    for way in reversed(ways):
        dy = way(dy)
    return x, network.grads.copy()


def together(network, x, dy):
    done = network.forward([x], True)
    done.backward([dy])
    return done.outputs[0], network.grads.copy()


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("batch", [BATCH, 2])
def test_together_as_one_by_one(make, batch):
    shape = (1, 28, 28) if make()[0].data_format == "channels_first" else (28, 28, 1)
    network = network_of(make, shape, np.float64)
    rng = np.random.default_rng(1)
    x, dy = rng.standard_normal((batch, *shape)), rng.standard_normal((batch, 3))
    for a, b in zip(together(network, x, dy), one_by_one(network, x, dy), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_the_work_is_handed_in_and_done_at_once():
    network = network_of(NETWORKS["relu before pooling"])
    x = np.zeros((BATCH, 28, 28, 1), np.float32)
    calls = []

    class Counting(linalg.Team):
        def run(self, function, parts):
            calls.append(len(parts))
            for part in parts:
                function(*part)

    token = linalg.team.set(Counting())
    done = network.forward([x], True)
    forward = calls.count(2)
    done.backward([np.zeros((BATCH, 3), np.float32)])
    linalg.team.reset(token)
    assert (forward, calls.count(2) - forward) == (1, 1)


def test_threads_change_no_bit():
    network = network_of(NETWORKS["relu before pooling"])
    rng = np.random.default_rng(1)
    x, dy = rng.standard_normal((BATCH, 28, 28, 1)).astype("f"), rng.standard_normal((BATCH, 3)).astype("f")
    with session() as team:
        alone = together(network, x, dy)
        token = linalg.team.set(team)
        shared = together(network, x, dy)
        linalg.team.reset(token)
    assert all(np.array_equal(a, b) for a, b in zip(alone, shared, strict=True))


def test_a_failing_layer_leaves_nothing_waiting():
    class Failing(Layer):
        def forward(self, x, training=False):
            raise ZeroDivisionError

    network = network_of(lambda: [Conv2D(16, 3), Failing()])
    x = np.zeros((BATCH, 28, 28, 1), np.float32)
    with pytest.raises(ZeroDivisionError):
        network.forward([x], True)
    layer = network.layers[1]
    assert np.array_equal(layer.forward(x)[0], np.zeros((BATCH, 26, 26, 16), np.float32))
