"""Bidirectional against its two layers run by hand, TimeDistributed against a loop over the steps."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aseq.errors import ConfigError, ShapeError
from aseq.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Layer,
    SimpleRNN,
    TimeDistributed,
    from_config,
)

B, T, F, U = 4, 6, 3, 5
MASK = np.array([[0, 1, 1, 0, 1, 0], [1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0]], bool)


def built(layer, shape=(None, T, F), dtype=np.float64):
    """The layer with random weights, biases included."""
    layer.initialize(shape, dtype=dtype)
    rng = np.random.default_rng(0)
    for weight in layer.weights:
        weight.value[...] = rng.normal(scale=0.6, size=weight.shape)
    return layer


def inputs(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape or (B, T, F))


# Bidirectional -----------------------------------------------------------------------------------------

MERGES = {
    "concat": lambda a, b: np.concatenate([a, b], -1),
    "sum": np.add,
    "mul": np.multiply,
    "ave": lambda a, b: (a + b) / 2,
}


@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequence"])
@pytest.mark.parametrize("mode", MERGES)
@pytest.mark.parametrize("cls", [SimpleRNN, GRU, LSTM])
def test_merges_a_forward_and_a_backward_reading(cls, mode, sequences, masked):
    layer = built(Bidirectional(cls(U, return_sequences=sequences), mode))
    x, mask = inputs(), MASK if masked else None
    options = {"return_sequences": sequences, "zero_output_for_mask": sequences}
    one, other = cls(U, **options), cls(U, **options)
    for by_hand, inner in zip((one, other), layer.sublayers(), strict=True):
        built(by_hand)
        for weight, source in zip(by_hand.weights, inner.weights, strict=True):
            weight.value[...] = source.value
    a = one.forward(x, False, mask)[0]
    b = other.forward(x[:, ::-1], False, None if mask is None else mask[:, ::-1])[0]
    expected = MERGES[mode](a, b[:, ::-1] if sequences else b)
    y = layer.forward(x, False, mask)[0]
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    assert y.shape == (B, *layer.compute_output_shape((B, T, F))[1:])


def test_without_a_merge_it_gives_both():
    layer, joined = (built(Bidirectional(GRU(U, return_sequences=True), mode)) for mode in (None, "concat"))
    a, b = layer.forward(inputs())[0]
    np.testing.assert_array_equal(np.concatenate([a, b], -1), joined.forward(inputs())[0])


@pytest.mark.parametrize(("mode", "count"), [("concat", 5), (None, 6)])
def test_states_follow_the_outputs_forward_before_backward(mode, count):
    outputs = built(Bidirectional(LSTM(U, return_state=True), mode)).forward(inputs())[0]
    assert len(outputs) == count
    a = outputs[0][:, :U] if mode else outputs[0]
    b = outputs[0][:, U:] if mode else outputs[1]
    np.testing.assert_array_equal(a, outputs[count - 4])
    np.testing.assert_array_equal(b, outputs[count - 2])


def test_backward_layer_of_its_own():
    layer = Bidirectional(LSTM(U, name="read"), backward_layer=GRU(2, go_backwards=True, name="back"))
    y = built(layer).forward(inputs())[0]
    assert y.shape == (B, U + 2)
    assert [one.name for one in layer.sublayers()] == ["forward_read", "back"]
    gru = built(GRU(2, go_backwards=True))
    for weight, source in zip(gru.weights, layer.weights[3:], strict=True):
        weight.value[...] = source.value
    np.testing.assert_array_equal(y[:, U:], gru.forward(inputs())[0])


def test_the_layer_given_is_copied():
    given = GRU(U, activation="softsign", recurrent_regularizer="l2", name="gru_3")
    layer = built(Bidirectional(given))
    assert not given.built
    assert [one.name for one in layer.sublayers()] == ["forward_gru_3", "backward_gru_3"]
    assert [one.go_backwards for one in layer.sublayers()] == [False, True]
    assert all(one.activation is given.activation for one in layer.sublayers())
    shapes = [(F, 3 * U), (U, 3 * U), (2, 3 * U)]
    assert [weight.shape for weight in layer.weights] == shapes * 2
    assert layer.weights[1].regularizer is not None
    first, second = layer.weights[0].value, layer.weights[3].value
    assert (first != second).any()


def test_reads_backward_first_where_the_layer_does():
    layer = Bidirectional(GRU(U, go_backwards=True))
    assert [one.go_backwards for one in layer.sublayers()] == [True, False]


def test_takes_the_input_shape_of_the_layer_inside():
    assert Bidirectional(GRU(U, input_shape=(T, F))).batch_input_shape == (None, T, F)


def test_stateful_layers_inside_carry_and_forget():
    layer = built(Bidirectional(GRU(U, stateful=True)), (B, T, F))
    first = layer.forward(inputs())[0]
    state = layer.get_state()
    second = layer.forward(inputs())[0]
    assert (first != second).any()
    layer.set_state(state)
    np.testing.assert_array_equal(layer.forward(inputs())[0], second)
    layer.reset_states()
    np.testing.assert_array_equal(layer.forward(inputs())[0], first)


def test_no_gradient_of_the_input_where_nobody_asks():
    for layer in (built(Bidirectional(LSTM(U))), built(TimeDistributed(Dense(2)))):
        layer.input_gradient = False
        y, backward = layer.forward(inputs(), True)
        assert backward(np.ones_like(y)) is None
        assert all((weight.grad != 0).any() for weight in layer.weights)


def test_bidirectional_config():
    back = LSTM(U, "relu", go_backwards=True, return_sequences=True)
    layer = Bidirectional(LSTM(U, return_sequences=True), "ave", backward_layer=back)
    config = layer.get_config()
    assert config.keys() == {"name", "trainable", "dtype", "merge_mode", "layer", "backward_layer"}
    again = from_config({"class_name": "Bidirectional", "config": json.loads(json.dumps(config))})
    assert again.get_config() == config
    assert again.backward_layer.activation.name == "relu"
    x = inputs()
    np.testing.assert_array_equal(built(again).forward(x)[0], built(layer).forward(x)[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bidirectional(Dense(2)), "expected a recurrent layer"),
        (lambda: Bidirectional("gru"), "expected a recurrent layer"),
        (lambda: Bidirectional(GRU(2), "max"), "merge_mode to be one of concat, sum, mul, ave or None"),
        (lambda: Bidirectional(GRU(2), backward_layer=GRU(2)), "opposite directions"),
        (
            lambda: Bidirectional(GRU(2), backward_layer=GRU(2, go_backwards=True, return_sequences=True)),
            "equal return_sequences",
        ),
        (lambda: TimeDistributed(3), "TimeDistributed: expected a layer, received 3"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


# TimeDistributed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inner", "shape"),
    [
        (lambda: Dense(2, "softmax"), (T, F)),
        (lambda: Flatten(), (T, F, 2)),
        (lambda: LSTM(2, return_sequences=True), (2, T, F)),
    ],
    ids=["Dense", "Flatten", "LSTM"],
)
def test_equals_a_loop_over_the_steps(inner, shape):
    layer = built(TimeDistributed(inner()), (None, *shape))
    x = inputs(B, *shape)
    y = layer.forward(x)[0]
    assert y.shape[1:] == layer.compute_output_shape((None, *shape))[1:]
    for t in range(shape[0]):
        np.testing.assert_allclose(y[:, t], layer.layer.forward(x[:, t])[0], rtol=1e-12)


def test_steps_are_looked_up_one_by_one():
    layer = built(TimeDistributed(Embedding(7, 2)), (None, T, F))
    ids = np.random.default_rng(0).integers(7, size=(B, T, F))
    assert layer.integer_input
    np.testing.assert_array_equal(layer.forward(ids)[0], layer.weights[0].value[ids])


class Centre(Layer):
    """x - mean(x) over the batch, times a weight; counts its batches in a running statistic."""

    def build(self, input_shape):
        self.scale = self.add_weight("scale", input_shape[1:], "ones")
        self.seen = self.add_weight("seen", (1,), "zeros", trainable=False)

    def forward(self, x, training=False):
        if training:
            self.seen.value += 1
        centred = x - x.mean(0)

        def backward(dy):
            self.scale.grad[...] = (dy * centred).sum(0)
            d = dy * self.scale.value
            return d - d.mean(0)

        return centred * self.scale.value, backward


def test_running_statistics_see_one_step_after_the_other():
    layer = TimeDistributed(Centre()).initialize((None, T, F), dtype=np.float64)
    x = inputs()
    y, backward = layer.forward(x, training=True)
    np.testing.assert_allclose(y, x - x.mean(0), rtol=1e-12)
    assert layer.layer.seen.value == T
    dy = inputs(seed=2)
    dx = backward(dy)
    np.testing.assert_allclose(dx, dy - dy.mean(0), rtol=1e-12)
    np.testing.assert_allclose(layer.layer.scale.grad, (dy * (x - x.mean(0))).sum((0, 1)), rtol=1e-12)
    layer.forward(x)
    assert layer.layer.seen.value == T


def test_mask_passes_and_noise_differs_from_step_to_step():
    layer = built(TimeDistributed(Dropout(0.5)))
    assert layer.compute_mask(inputs(), MASK) is MASK
    y = layer.forward(np.ones((B, 50, F)), training=True)[0]
    assert (y != y[:, :1]).any()


def test_the_layer_inside_sees_its_part_of_the_mask():
    x = inputs(B, 2, T, F)
    mask = np.random.default_rng(3).random((B, 2, T)) < 0.6
    layer = built(TimeDistributed(LSTM(2)), (None, 2, T, F))
    y = layer.forward(x, False, mask)[0]
    for t in range(2):
        np.testing.assert_allclose(y[:, t], layer.layer.forward(x[:, t], False, mask[:, t])[0], rtol=1e-12)


def test_statistics_of_a_step_leave_out_its_masked_rows():
    layer = built(TimeDistributed(BatchNormalization(momentum=0.0)))
    x = inputs()
    layer.forward(x, True, MASK | (np.arange(T) == T - 1))
    np.testing.assert_allclose(layer.layer.moving_mean.value, x[:, -1].mean(0), rtol=1e-5)
    layer.forward(x, True, MASK | (np.arange(T) == T - 1) & (np.arange(B) < 2)[:, None])
    np.testing.assert_allclose(layer.layer.moving_mean.value, x[:2, -1].mean(0), rtol=1e-5)


def test_penalties_inside_the_layer_inside_are_those_of_its_steps():
    inner = Bidirectional(GRU(2, activity_regularizer="l2"))
    layer = built(TimeDistributed(inner), (None, 2, T, F))
    x = inputs(B, 2, T, F)
    y, backward = layer.forward(x, False)
    steps = [inner.forward(x[:, t]) for t in range(2)]
    np.testing.assert_allclose(y, np.stack([one for one, _ in steps], 1))
    np.testing.assert_allclose(backward.penalty, sum(way.penalty for _, way in steps))
    nothing = np.zeros((B, 4))
    np.testing.assert_allclose(backward(np.zeros_like(y))[:, 1], steps[1][1](nothing))


def test_a_mask_of_whole_steps_says_nothing_within_them():
    layer = built(TimeDistributed(LSTM(2)), (None, 4, T, F))
    x, mask = inputs(B, 4, T, F), np.eye(B, dtype=bool)
    np.testing.assert_array_equal(layer.forward(x, False, mask)[0], layer.forward(x)[0])


def test_time_distributed_config_and_shapes():
    layer = TimeDistributed(Dense(2, "tanh", name="inside"), name="outside")
    again = from_config(
        {"class_name": "TimeDistributed", "config": json.loads(json.dumps(layer.get_config()))}
    )
    assert again.get_config() == layer.get_config()
    assert again.layer.name == "inside"
    with pytest.raises(ShapeError, match=r"'outside'.*3 or more axes"):
        layer.initialize((None, 4))
    with pytest.raises(ShapeError, match=r"'deep'.*one time step, layer 'gru'"):
        TimeDistributed(GRU(2), name="deep").initialize((None, T, F))
