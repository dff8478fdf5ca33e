"""What may stand in the place of an activation function, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import aseq
from aseq import activations, layers
from aseq.errors import ConfigError
from aseq.layers import GRU, Activation, Conv1D, Dense, Input, LeakyReLU, from_config

X = np.array([[1.0, -2.0], [-1.0, 3.0]], np.float32)


def test_a_layer_as_activation():
    layer = Dense(2, activation=LeakyReLU(0.3)).initialize((None, 2))
    layer.set_weights([[[1, -1], [2, 0.5]], [0.5, -0.5]])
    y, backward = layer.forward(X, True)
    np.testing.assert_allclose(y, [[-0.75, -0.75], [5.5, 2.0]])  # from Keras 3.15
    backward(np.ones_like(y))
    np.testing.assert_allclose(layer.bias.grad, [1.3, 1.3])


@pytest.mark.parametrize(
    "activation",
    [
        layers.ReLU(6.0),
        layers.LeakyReLU(0.1),
        layers.ELU(0.5),
        layers.Softmax(),
        layers.ThresholdedReLU(0.5),
        layers.Activation("softsign"),
    ],
    ids=lambda layer: type(layer).__name__,
)
@pytest.mark.parametrize("cls", [Dense, GRU, Activation, Conv1D], ids=lambda cls: cls.__name__)
def test_config(cls, activation):
    arguments = {Dense: (2,), GRU: (2,), Activation: (), Conv1D: (2, 2)}[cls]
    layer = cls(*arguments, activation=activation).initialize((None, 3, 2))
    config = json.loads(json.dumps(layer.get_config()))
    assert config["activation"]["class_name"] == type(activation).__name__
    again = from_config({"class_name": cls.__name__, "config": config})
    assert again.get_config() == layer.get_config()
    x = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)
    again.ensure_built((None, 3, 2))
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again.forward(x)[0], layer.forward(x)[0])


def test_the_form_of_keras():
    entry = {
        "module": "keras.layers",
        "class_name": "LeakyReLU",
        "config": {"name": "leaky_re_lu", "trainable": True, "dtype": "float32", "negative_slope": 0.3},
        "registered_name": None,
    }
    layer = from_config({"class_name": "Dense", "config": {"units": 2, "activation": entry}})
    np.testing.assert_allclose(layer.activation(np.array([-1.0, 1.0])), [-0.3, 1.0])


@pytest.mark.parametrize(
    "identifier", ["relu", {"class_name": "function", "config": "relu"}, {"class_name": "relu", "config": {}}]
)
def test_functions_by_name(identifier):
    assert Dense(2, identifier).activation is activations.relu


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        (layers.PReLU(), "such as LeakyReLU.*Put this layer behind"),
        (layers.Dropout(0.5), "Put this layer behind"),
        ({"class_name": "BatchNormalization", "config": {}}, "Put this layer behind"),
        (np.tanh, "received the function.*forward"),
        (lambda x: x, "received the function.*backward"),
        ({"class_name": "Nonsense", "config": {"a": 1}}, "expected an Activation or one of"),
        ({"config": {"a": 1}}, "expected an Activation or one of"),
        ({"class_name": "function", "config": "nonsense"}, "expected an Activation or one of"),
        (3, "expected an Activation or one of"),
    ],
)
def test_refusals(identifier, message):
    for make in (lambda: Dense(2, identifier), lambda: GRU(2, recurrent_activation=identifier)):
        with pytest.raises(ConfigError, match=message):
            make()


async def test_one_of_a_users_own():
    def square(x, out):
        return x * x, lambda dy: 2 * x * dy

    model = aseq.Sequential([Input((2,)), Dense(2, activations.Activation("square", square))], seed=0)
    model.compile(aseq.optimizers.SGD(0.001), "mse")
    losses = [await model.train_on_batch(X, np.ones((2, 2))) for _ in range(5)]
    assert losses[-1] < losses[0]
