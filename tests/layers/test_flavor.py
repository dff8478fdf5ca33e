"""The rules of tf.js where they are not Keras's: they hold while a model is compiled so, and stand in no config."""

from __future__ import annotations

import json

import numpy as np
import pytest

import aseq
from aseq import layers
from aseq.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Dense,
    Input,
    SimpleRNN,
    TimeDistributed,
    UpSampling2D,
)

TFJS = {"class_name": "SGD", "flavor": "tfjs", "config": {}}
X = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)


def under(flavor, layer, shape):
    """The layer, built, keeping to the rules of a flavor."""
    layer.initialize((None, *shape))
    layer.follow(flavor)
    return layer


def rnn(**options):
    return SimpleRNN(1, "linear", False, "ones", recurrent_initializer="ones", **options)


STEPS = np.array([[1, 2, 0, 4], [0, 3, 0, 0]], np.float32)[..., None]


@pytest.mark.parametrize(
    ("flavor", "expected"),
    [
        ("keras", [[[1, 3], [2.5, 4], [0, 0], [5.25, 4]], [[0, 0], [3, 3], [0, 0], [0, 0]]]),
        (
            "tfjs",
            [[[1, 3], [2.5, 4], [2.5, 4], [5.25, 4]], [[0, 3], [3, 3], [3, 0], [3, 0]]],
        ),  # from tf.js 4.22
    ],
)
def test_masked_steps_of_bidirectional_sequences(flavor, expected):
    layer = under(flavor, Bidirectional(rnn(return_sequences=True)), (4, 1))
    for weight in layer.weights:
        weight.value[...] = 1 if weight.name == "kernel" else 0.5
    y = layer.forward(STEPS, False, STEPS[..., 0] != 0)[0]
    np.testing.assert_allclose(y, expected)


def test_a_sequence_not_yet_begun_shows_the_carried_state_in_tfjs():
    shown = {}
    for flavor in ("keras", "tfjs"):
        layer = rnn(return_sequences=True, stateful=True).initialize((1, 2, 1))
        layer.follow(flavor)
        layer.reset_states([np.full((1, 1), 7.0)])
        mask = np.array([[False, True]])
        shown[flavor] = layer.forward(np.ones((1, 2, 1), np.float32), False, mask)[0].ravel().tolist()
    assert shown == {"keras": [0.0, 8.0], "tfjs": [7.0, 8.0]}


def test_frozen_batch_normalization_uses_the_batch_in_tfjs():
    for flavor, moved in (("keras", False), ("tfjs", True)):
        layer = under(flavor, BatchNormalization(trainable=False), (3,))
        y = layer.forward(X[:, 0], True)[0]
        assert (abs(y.mean(0)) < 1e-6).all() == moved
        assert layer.moving_mean.value.any() == moved


def test_batch_normalization_counts_masked_steps_in_tfjs():
    mask = np.ones(X.shape[:2], bool)
    mask[:, 2:] = False
    for flavor, counted in (("keras", X[:, :2]), ("tfjs", X)):
        layer = under(flavor, BatchNormalization(momentum=0.0), (4, 3))
        layer.forward(X, True, mask)
        np.testing.assert_allclose(layer.moving_mean.value, counted.mean((0, 1)), rtol=1e-4, atol=1e-6)


def test_time_distributed_keeps_masks_to_itself_in_tfjs():
    mask = np.ones(X.shape[:2], bool)
    mask[:, 2:] = False
    layer = under("tfjs", TimeDistributed(BatchNormalization(momentum=0.0)), (4, 3))
    layer.forward(X, True, mask)
    np.testing.assert_allclose(layer.layer.moving_mean.value, X[:, -1].mean(0), rtol=1e-4, atol=1e-6)


def test_bilinear_upsampling_has_no_half_pixels_in_tfjs():
    x = np.array([0.0, 4.0, 2.0]).reshape(1, 1, 3, 1)
    for flavor, expected in (("keras", [0, 1, 3, 3.5, 2.5, 2]), ("tfjs", [0, 2, 4, 3, 2, 2])):
        layer = under(flavor, UpSampling2D((1, 2), interpolation="bilinear"), (1, 3, 1))
        y, backward = layer.forward(x)
        np.testing.assert_allclose(y.ravel(), expected)
        np.testing.assert_allclose((backward(y) * x).sum(), (y * y).sum())


@pytest.mark.parametrize(
    "make",
    [
        lambda: Dense(2, "hard_sigmoid"),
        lambda: layers.Activation("hard_sigmoid"),
        lambda: GRU(2, recurrent_activation="hard_sigmoid", return_sequences=True),
        lambda: LSTM(2, recurrent_activation="hard_sigmoid", return_sequences=True),
        lambda: SimpleRNN(2, "hard_sigmoid", return_sequences=True),
        lambda: Bidirectional(GRU(2, recurrent_activation="hard_sigmoid", return_sequences=True)),
        lambda: TimeDistributed(Dense(2, "hard_sigmoid")),
        lambda: TimeDistributed(BatchNormalization()),
    ],
)
async def test_compiling_again_brings_back_the_rules_of_keras(make):
    model = aseq.Sequential([Input((4, 3)), make()], seed=0)
    config, before = json.dumps(model.get_config()), await model.predict(X)
    model.compile(TFJS, "meanSquaredError")
    tfjs = await model.predict(X)
    assert json.dumps(model.get_config()["layers"]) == json.dumps(json.loads(config)["layers"])
    model.compile("sgd", "mse")
    np.testing.assert_array_equal(await model.predict(X), before)
    assert (tfjs != before).any() == ("hard_sigmoid" in config)


async def test_a_layer_takes_no_rules_along_into_another_model():
    dense = Dense(2, "hard_sigmoid")
    model = aseq.Sequential([Input((3,)), dense], seed=0)
    keras = await model.predict(X[:, 0])
    model.compile(TFJS, "meanSquaredError")
    assert (await model.predict(X[:, 0]) != keras).any()
    model.pop()
    other = aseq.Sequential([Input((3,)), dense])
    np.testing.assert_array_equal(await other.predict(X[:, 0]), keras)
