"""Recurrent layers against their formulas written down again, and what masks, states and dropout do."""

from __future__ import annotations

import numpy as np
import pytest

from aseq import linalg
from aseq.errors import ShapeError
from aseq.layers import GRU, LSTM, SimpleRNN, _recurrence

LAYERS = [SimpleRNN, GRU, LSTM]
B, T, F, U = 4, 6, 3, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def built(layer, *, batch=None, time=T, dtype=np.float64, seed=0):
    """The layer with random weights, biases included."""
    layer.initialize((batch, time, F), dtype=dtype)
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.value[...] = rng.normal(scale=0.6, size=weight.shape)
    return layer


def inputs(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape or (B, T, F))


def values(layer):
    return [weight.value for weight in layer.weights]


# The formulas ---------------------------------------------------------------------------------


def simple_rnn(x, kernel, recurrent, bias):
    h = np.zeros((len(x), U))
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ kernel + h @ recurrent + bias)
        yield h


def gru_after(x, kernel, recurrent, bias):
    h = np.zeros((len(x), U))
    for t in range(x.shape[1]):
        a, s = x[:, t] @ kernel + bias[0], h @ recurrent + bias[1]
        z, r = sigmoid(a[:, :U] + s[:, :U]), sigmoid(a[:, U : 2 * U] + s[:, U : 2 * U])
        h = z * h + (1 - z) * np.tanh(a[:, 2 * U :] + r * s[:, 2 * U :])
        yield h


def gru_before(x, kernel, recurrent, bias):
    h = np.zeros((len(x), U))
    for t in range(x.shape[1]):
        a = x[:, t] @ kernel + bias
        z = sigmoid(a[:, :U] + h @ recurrent[:, :U])
        r = sigmoid(a[:, U : 2 * U] + h @ recurrent[:, U : 2 * U])
        h = z * h + (1 - z) * np.tanh(a[:, 2 * U :] + (r * h) @ recurrent[:, 2 * U :])
        yield h


def lstm(x, kernel, recurrent, bias):
    h = c = np.zeros((len(x), U))
    for t in range(x.shape[1]):
        i, f, k, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(k)
        h = sigmoid(o) * np.tanh(c)
        yield h


@pytest.mark.parametrize(
    ("layer", "formula"),
    [
        (SimpleRNN(U, return_sequences=True), simple_rnn),
        (GRU(U, return_sequences=True), gru_after),
        (GRU(U, return_sequences=True, reset_after=False), gru_before),
        (LSTM(U, return_sequences=True), lstm),
    ],
    ids=["SimpleRNN", "GRU", "GRU-reset_before", "LSTM"],
)
def test_formula(layer, formula):
    built(layer)
    x = inputs()
    expected = np.stack(list(formula(x, *values(layer))), 1)
    np.testing.assert_allclose(layer.forward(x)[0], expected, rtol=1e-12)


def test_gru_step_by_hand():
    """One unit, all weights 1: z = r = s(1), k = tanh(1), h = (1 - s(1)) tanh(1); then once more from there."""
    layer = GRU(1, kernel_initializer="ones", recurrent_initializer="ones", reset_after=False)
    layer.initialize((None, 2, 1), dtype=np.float64)
    h1 = (1 - sigmoid(1)) * np.tanh(1)
    z = r = sigmoid(1 + h1)
    h2 = z * h1 + (1 - z) * np.tanh(1 + r * h1)
    assert layer.forward(np.ones((1, 2, 1)))[0].item() == pytest.approx(h2, rel=1e-12)


def test_tfjs_hard_sigmoid_is_not_keras_hard_sigmoid():
    x = inputs()
    y = [
        built(LSTM(U, "tanh", name)).forward(x)[0]
        for name in ("hard_sigmoid_tfjs", "hard_sigmoid", "hardSigmoid")
    ]
    np.testing.assert_array_equal(y[0], y[2])
    assert np.abs(y[0] - y[1]).max() > 1e-3


# Two ways of computing, one result ------------------------------------------------------------------

VARIANTS = [
    {},
    {"return_sequences": True},
    {"return_state": True, "return_sequences": True},
    {"go_backwards": True, "return_sequences": True, "zero_output_for_mask": True},
    {"use_bias": False, "dropout": 0.3},
]


def outcome(layer, x, mask=None, training=True):
    """Outputs and all gradients of one pass, flat."""
    y, backward = layer.forward(x, training, mask)
    outputs = y if isinstance(y, list) else [y]
    rng = np.random.default_rng(9)
    dy = [rng.normal(size=a.shape).astype(a.dtype) for a in outputs]
    dx = backward(dy if isinstance(y, list) else dy[0])
    return [*outputs, dx, *(weight.grad.copy() for weight in layer.weights)]


@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("options", VARIANTS, ids=["-".join(v) for v in VARIANTS])
@pytest.mark.parametrize("cls", LAYERS)
def test_fused_loop_equals_the_plain_one(cls, options, masked):
    class Plain(cls):
        def fuses(self):
            return False

    mask = inputs(B, T, seed=5) > 0 if masked else None
    fused, plain = built(cls(U, **options)), built(Plain(U, **options))
    assert fused.fuses()
    for got, expected in zip(outcome(fused, inputs(), mask), outcome(plain, inputs(), mask), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


class Backwards:
    """A team that runs the parts in the opposite order."""

    def __init__(self):
        self.calls = 0

    def run(self, function, parts):
        self.calls += 1
        for part in reversed(parts):
            function(*part)


@pytest.mark.parametrize("cls", LAYERS)
def test_big_products_in_parts(cls, monkeypatch):
    """In parts, they give the same numbers, and the same bits in whatever order the parts run."""
    x = inputs(40, T, F).astype(np.float32)

    def run():
        return outcome(built(cls(U, return_sequences=True, dropout=0.3), dtype=np.float32), x)

    whole = run()
    monkeypatch.setattr(linalg, "SPLIT_FROM", 16)
    alone = run()
    team = Backwards()
    token = linalg.team.set(team)
    together = run()
    linalg.team.reset(token)
    assert team.calls >= 2  # the gradients of the weights, and of the input
    for a, b, c in zip(whole, alone, together, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(b, c)


@pytest.mark.parametrize("cls", LAYERS)
def test_history_longer_than_a_chunk(cls, monkeypatch):
    x = inputs()
    expected = outcome(built(cls(U)), x)
    monkeypatch.setattr(_recurrence, "CHUNK", 2 * B * U)
    for got, wanted in zip(outcome(built(cls(U)), x), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


# Order and masks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", LAYERS)
def test_go_backwards_reads_the_reversed_sequence(cls):
    x = inputs()
    back = built(cls(U, go_backwards=True, return_sequences=True)).forward(x)[0]
    np.testing.assert_array_equal(back, built(cls(U, return_sequences=True)).forward(x[:, ::-1])[0])


MASK = np.array([[0, 1, 1, 0, 1, 0], [1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0]], bool)


@pytest.mark.parametrize("cls", LAYERS)
def test_masked_steps_do_not_happen(cls):
    """The state after a masked sequence is that after its unmasked steps alone; outputs are carried."""
    layer, x = built(cls(U, return_sequences=True)), inputs()
    y = layer.forward(x, False, MASK)[0]
    for row, keep in enumerate(MASK):
        expected = layer.forward(x[row : row + 1, keep])[0][0]
        carried = np.zeros(U)
        steps = iter(expected)
        for t in range(T):
            carried = next(steps) if keep[t] else carried
            np.testing.assert_allclose(y[row, t], carried, rtol=1e-12)


@pytest.mark.parametrize("cls", LAYERS)
def test_zero_output_for_mask(cls):
    layer, zeroing = (
        built(cls(U, return_sequences=True, zero_output_for_mask=zero)) for zero in (False, True)
    )
    x = inputs()
    expected = layer.forward(x, False, MASK)[0] * MASK[..., None]
    np.testing.assert_array_equal(zeroing.forward(x, False, MASK)[0], expected)
    last = built(cls(U, zero_output_for_mask=True)).forward(x, False, MASK)[0]
    np.testing.assert_array_equal(last, 0)  # the last step of every row is masked


@pytest.mark.parametrize("cls", LAYERS)
def test_carried_state_is_bit_equal_and_masked_inputs_have_no_gradient(cls):
    layer = built(cls(U, return_sequences=True), dtype=np.float32)
    y, backward = layer.forward(inputs().astype(np.float32), True, MASK)
    np.testing.assert_array_equal(y[0, 3], y[0, 2])
    np.testing.assert_array_equal(y[1, 2:], y[1, 1:2].repeat(4, 0))
    np.testing.assert_array_equal(y[3], 0)
    dx = backward(np.ones_like(y))
    np.testing.assert_array_equal(dx[~MASK], 0)
    assert np.abs(dx[MASK]).min() > 0


def test_outgoing_mask():
    x = inputs()
    assert GRU(U).compute_mask(x, MASK) is None
    assert GRU(U, return_sequences=True).compute_mask(x, MASK) is MASK


# States --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", LAYERS)
def test_stateful_layer_goes_on_where_it_ended(cls):
    x = inputs(B, 2 * T, F)
    expected = built(cls(U, return_sequences=True), time=2 * T).forward(x)[0]
    layer = built(cls(U, return_sequences=True, stateful=True), batch=B)
    first = layer.forward(x[:, :T], training=True)[0]
    state = layer.get_state()
    second = layer.forward(x[:, T:])[0]
    np.testing.assert_allclose(np.concatenate([first, second], 1), expected, rtol=1e-12)
    layer.set_state(state)
    np.testing.assert_array_equal(layer.forward(x[:, T:])[0], second)
    layer.reset_states()
    np.testing.assert_array_equal(layer.forward(x[:, :T])[0], first)


@pytest.mark.parametrize("cls", LAYERS)
def test_return_state(cls):
    x = inputs()
    layer = built(cls(U, return_sequences=True, return_state=True))
    y, *states = layer.forward(x)[0]
    assert [s.shape for s in states] == [(B, U)] * layer.state_count
    np.testing.assert_array_equal(y[:, -1], states[0])
    other = built(cls(U, stateful=True), batch=B)
    other.forward(x)
    other.reset_states(states)
    np.testing.assert_array_equal(other.states, states)


def test_stateful_sequence_not_yet_begun_shows_nothing():
    layer = built(GRU(U, stateful=True, return_sequences=True), batch=B)
    layer.reset_states([np.ones((B, U))])
    y = layer.forward(inputs(), False, MASK)[0]
    np.testing.assert_array_equal(y[0, 0], 0)
    np.testing.assert_array_equal(y[3], 0)
    np.testing.assert_array_equal(layer.states[0][3], 1)
    assert np.abs(y[0, 1:]).min() > 0


def test_stateful_errors_name_the_layer_and_the_way_out():
    with pytest.raises(ShapeError, match=r"'memory'.*fixed batch size.*Input\(batch_shape="):
        GRU(U, stateful=True, name="memory").initialize((None, T, F))
    layer = built(GRU(U, stateful=True, name="memory"), batch=B)
    with pytest.raises(ShapeError, match=r"'memory'.*batches of 4, received one of 3"):
        layer.forward(inputs(3, T, F))


# Dropout -------------------------------------------------------------------------------------------


def identity(**options):
    """h = x, dropped out."""
    return SimpleRNN(F, "linear", False, "identity", "zeros", return_sequences=True, **options).initialize(
        (None, T, F), dtype=np.float64
    )


def test_dropout_is_the_same_at_every_step():
    y = identity(dropout=0.5).forward(np.ones((200, T, F)), training=True)[0]
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (y == y[:, :1]).all()
    assert 0.4 < (y[:, 0] == 0).mean() < 0.6
    np.testing.assert_array_equal(identity(dropout=0.5).forward(np.ones((2, T, F)))[0], 1)
    np.testing.assert_array_equal(identity(dropout=1.0).forward(np.ones((2, T, F)), training=True)[0], 0)


def test_recurrent_dropout_has_a_mask_for_every_gate():
    """With one unit and a state of 1, the gates of an LSTM show which of them got the state."""
    linear = {"activation": "linear", "recurrent_activation": "linear", "use_bias": False}
    layer = LSTM(1, **linear, recurrent_dropout=0.5, stateful=True, return_state=True)
    layer.initialize((4000, 1, 1), dtype=np.float64)
    layer.recurrent_kernel.value[...] = 1
    layer.reset_states([np.ones((4000, 1)), np.ones((4000, 1))])
    _, h, c = layer.forward(np.zeros((4000, 1, 1)), training=True)[0]
    shares = {value: float((c == value).mean()) for value in np.unique(c)}  # c' = f + i k, each gate 0 or 2
    assert shares == pytest.approx({0: 3 / 8, 2: 3 / 8, 4: 1 / 8, 6: 1 / 8}, abs=0.04)
    assert ((h == 0) | (h == 2 * c)).all()


def test_dropout_repeats_under_a_seed():
    y = [
        built(GRU(U, dropout=0.5, recurrent_dropout=0.5, seed=s)).forward(inputs(), True)[0]
        for s in (1, 1, 2)
    ]
    np.testing.assert_array_equal(y[0], y[1])
    assert (y[0] != y[2]).any()
