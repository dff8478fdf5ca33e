"""What the arguments of recurrent layers set: weights, first values, penalties, configs, errors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aseq import initializers
from aseq.errors import ConfigError, ShapeError
from aseq.layers import GRU, LSTM, SimpleRNN, from_config

T, F, U = 6, 3, 5


@pytest.mark.parametrize(
    ("layer", "bias"),
    [(SimpleRNN(U), (U,)), (GRU(U), (2, 3 * U)), (GRU(U, reset_after=False), (3 * U,)), (LSTM(U), (4 * U,))],
)
def test_weights_in_keras_order(layer, bias):
    layer.initialize((None, T, F))
    width = bias[-1]
    expected = [("kernel", (F, width)), ("recurrent_kernel", (U, width)), ("bias", bias)]
    assert [(w.name, w.shape) for w in layer.weights] == expected
    square = layer.recurrent_kernel.value @ layer.recurrent_kernel.value.T
    np.testing.assert_allclose(square, np.eye(U), atol=1e-5)  # orthogonal


def test_forget_gate_begins_open():
    bias = LSTM(2, bias_initializer=initializers.Constant(0.5)).initialize((None, T, F)).bias.value
    np.testing.assert_array_equal(bias, [0.5, 0.5, 1, 1, 0.5, 0.5, 0.5, 0.5])
    np.testing.assert_array_equal(LSTM(2, unit_forget_bias=False).initialize((None, T, F)).bias.value, 0)


KERAS = {"name", "trainable", "dtype", "return_sequences", "return_state", "go_backwards", "stateful", "unroll",
         "zero_output_for_mask", "units", "activation", "use_bias", "kernel_initializer", "recurrent_initializer",
         "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "kernel_constraint",
         "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed"}  # fmt: skip


@pytest.mark.parametrize(
    ("cls", "own"),
    [
        (SimpleRNN, set()),
        (GRU, {"recurrent_activation", "reset_after"}),
        (LSTM, {"recurrent_activation", "unit_forget_bias"}),
    ],
)
def test_config_has_the_arguments_of_keras(cls, own):
    config = cls(U, recurrent_regularizer="l2", bias_constraint="non_neg", go_backwards=True).get_config()
    assert config.keys() == KERAS | own
    again = from_config({"class_name": cls.__name__, "config": json.loads(json.dumps(config))})
    assert again.get_config() == config
    assert again.recurrent_spec.regularizer is not None


def test_regularizers_and_constraints_reach_their_weights():
    layer = LSTM(
        U,
        kernel_regularizer="l1",
        recurrent_regularizer="l2",
        bias_constraint="non_neg",
        kernel_constraint="unit_norm",
    ).initialize((None, T, F))
    kernel, recurrent, bias = layer.weights
    assert [type(w.regularizer).__name__ for w in (kernel, recurrent, bias)] == ["L1", "L2", "NoneType"]
    assert [type(w.constraint).__name__ for w in (kernel, recurrent, bias)] == [
        "UnitNorm",
        "NoneType",
        "NonNeg",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GRU(0), "GRU: expected units to be a positive int, received 0"),
        (lambda: LSTM(2, dropout=1.5), r"LSTM: expected dropout in \[0, 1\], received 1.5"),
        (lambda: SimpleRNN(2, recurrent_dropout=-1), "recurrent_dropout in"),
        (lambda: GRU(2, "tan"), "'tan'"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize("shape", [(None, 3), (None, 4, 3, 2), (None, 4, None)])
def test_wrong_shapes(shape):
    with pytest.raises(ShapeError, match="'gru'"):
        GRU(2).initialize(shape)


def test_masks_have_one_entry_a_step():
    layer = GRU(2, name="reader").initialize((None, T, F))
    with pytest.raises(ShapeError, match=r"'reader'.*\(batch, time\), received shape \(4, 6, 2\)"):
        layer.forward(np.ones((4, 6, F), np.float32), False, np.zeros((4, 6, 2), bool))
