"""Embedding and Masking: rows, gradients with repeated rows, masks, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aseq import Sequential
from aseq.errors import ConfigError, DataError, ShapeError
from aseq.layers import GRU, Dense, Embedding, Input, Masking, from_config

TABLE = np.arange(20.0).reshape(10, 2)


def embedding(**options):
    layer = Embedding(10, 2, **options).initialize((None, 3), dtype=np.float64)
    layer.weights[0].value[...] = TABLE
    return layer


# Embedding ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.float32, np.float64])
def test_looks_up_rows(dtype):
    ids = np.array([[1, 9, 1], [0, 3, 4]], dtype)
    np.testing.assert_array_equal(embedding().forward(ids)[0], TABLE[ids.astype(int)])


def test_cuts_off_what_follows_the_point():
    np.testing.assert_array_equal(embedding().forward(np.array([[1.9, -0.5]]))[0], TABLE[[[1, 0]]])


@pytest.mark.parametrize("shape", [(), (3,), (3, 4)])
def test_any_number_of_axes(shape):
    layer = Embedding(10, 2).initialize((None, *shape))
    y = layer.forward(np.zeros((5, *shape), int))[0]
    assert y.shape == (5, *shape, 2) == (5, *layer.compute_output_shape((None, *shape))[1:])


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_gradient_sums_over_repeated_rows(count):
    rng = np.random.default_rng(count)
    layer = Embedding(10, 2).initialize((None, 3), dtype=np.float64)
    layer.weights[0].grad.fill(np.nan)
    ids, dy = rng.integers(10, size=(count, 3)), rng.normal(size=(count, 3, 2))
    expected = np.zeros((10, 2))
    np.add.at(expected, ids, dy)
    assert layer.forward(ids)[1](dy) is None
    np.testing.assert_allclose(layer.weights[0].grad, expected, rtol=1e-12, atol=1e-12)


def test_empty_batch_has_a_gradient_of_zero():
    layer = embedding()
    y, backward = layer.forward(np.zeros((0, 3), int))
    assert y.shape == (0, 3, 2)
    backward(y)
    np.testing.assert_array_equal(layer.weights[0].grad, 0)


def test_mask_zero():
    ids = np.array([[0, 1, 0], [2, 0, 3]])
    np.testing.assert_array_equal(embedding(mask_zero=True).compute_mask(ids, None), ids != 0)
    np.testing.assert_array_equal(
        embedding(mask_zero=True).compute_mask(ids.astype(np.float32), None), ids != 0
    )
    assert embedding().compute_mask(ids, None) is None


@pytest.mark.parametrize("ids", [[[0, 10, 1]], [[-1, 0, 1]], [[0.0, np.nan, 1.0]], [[1e30, 0, 0]]])
def test_refuses_what_is_no_row(ids):
    layer = Embedding(10, 2, name="words").initialize((None, 3))
    with pytest.raises(DataError, match=r"layer 'words' .*from 0 to 9, received -?\d+\. Raise input_dim"):
        layer.forward(np.array(ids))


async def test_a_wrong_row_changes_nothing():
    model = Sequential([Input((3,)), Embedding(10, 2, mask_zero=True), GRU(2), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(DataError, match="'embedding'"):
        await model.train_on_batch(np.array([[1, 2, 10]]), np.ones((1, 1)))
    for kept, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(now, kept)


async def test_learns_to_tell_words_apart():
    """Whether a sentence has more of the words 1 to 4 than of 5 to 8, whatever its padding."""
    rng = np.random.default_rng(0)
    x = rng.integers(1, 9, size=(256, 6))
    x[rng.random(x.shape) < 0.3] = 0
    score = ((x > 0) & (x < 5)).sum(1) - (x > 4).sum(1)
    x, y = x[score != 0], (score[score != 0, None] > 0).astype(np.float32)
    model = Sequential([Input((6,)), Embedding(9, 4, mask_zero=True), GRU(8), Dense(1, "sigmoid")], seed=0)
    model.compile("adam", "binary_crossentropy", ["accuracy"])
    await model.fit(x, y, epochs=30, batch_size=32, verbose=0)
    assert (await model.evaluate(x, y, verbose=0))[1] > 0.95
    padded = np.concatenate([np.zeros_like(x[:, :2]), x[:, :-2]], 1)
    padded[:, :2] = 0
    shifted = await model.predict(padded)
    stripped = x.copy()
    stripped[:, -2:] = 0
    np.testing.assert_allclose(shifted, await model.predict(stripped), rtol=1e-5, atol=1e-6)


def test_embedding_config():
    layer = Embedding(10, 2, "glorot_uniform", "l2", "unit_norm", mask_zero=True)
    config = layer.get_config()
    assert config.keys() == {
        "name", "trainable", "dtype", "input_dim", "output_dim", "embeddings_initializer",
        "embeddings_regularizer", "embeddings_constraint", "mask_zero",
    }  # fmt: skip
    again = from_config({"class_name": "Embedding", "config": json.loads(json.dumps(config))})
    assert again.get_config() == config
    weight = again.initialize((None, 3)).weights[0]
    assert weight.name == "embeddings"
    assert weight.regularizer is not None
    assert weight.constraint is not None


def test_input_length_is_the_input_shape_of_keras_2():
    assert Embedding(10, 2, input_length=7).batch_input_shape == (None, 7)


@pytest.mark.parametrize(
    ("sizes", "name"), [((0, 2), "input_dim"), ((10, 2.5), "output_dim"), ((True, 2), "input_dim")]
)
def test_wrong_sizes(sizes, name):
    with pytest.raises(ConfigError, match=f"Embedding: expected {name} to be a positive int"):
        Embedding(*sizes)


# Masking ---------------------------------------------------------------------------------------------

X = np.array([[[0.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [[2.0, 0.0], [0.0, 0.0], [3.0, 3.0]]])


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_masks_steps_of_one_value_and_sets_them_to_zero(value):
    layer = Masking(value)
    mask = layer.compute_mask(X, None)
    np.testing.assert_array_equal(mask, [[any(v != value for v in step) for step in row] for row in X])
    y, backward = layer.forward(X)
    np.testing.assert_array_equal(y, X * mask[..., None])
    np.testing.assert_array_equal(backward(np.ones_like(X)), np.ones_like(X) * mask[..., None])


def test_masking_keeps_float32_and_replaces_an_earlier_mask():
    assert Masking(0.5).forward(X.astype(np.float32))[0].dtype == np.float32
    np.testing.assert_array_equal(Masking().compute_mask(X, np.zeros((2, 3), bool)), X.any(-1))


def test_masking_config():
    config = Masking(2.0).get_config()
    assert config["mask_value"] == 2.0
    assert from_config({"class_name": "Masking", "config": config}).get_config() == config


def test_first_values_may_be_given():
    words = np.arange(6.0).reshape(3, 2)
    model = Sequential([Input((2,)), Embedding(3, 2, weights=[words])])
    model.build()
    np.testing.assert_array_equal(model.get_weights()[0], words)
    np.testing.assert_array_equal(
        Embedding(3, 2, weights=[words]).initialize((None, 2)).weights[0].value, words
    )
    assert "weights" not in model.layers[0].get_config()
    with pytest.raises(ShapeError, match=r"'words'.*embeddings of shape \(3, 2\), received \(2, 2\)"):
        Embedding(3, 2, weights=[words[:2]], name="words").initialize((None, 2))
