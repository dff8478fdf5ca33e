"""Normalization learns from arrays and streams; Rescaling does not need to."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

import aseq
from aseq import data
from aseq.errors import ConfigError, DataError, ShapeError
from aseq.layers import Dense, Input, Normalization, Rescaling, from_config
from aseq.layers._preprocessing import SLICE
from tests.layers.test_convolution import random

X = (random(1000, 3) * [1, 10, 100] + [1e4, 0, -5]).astype(np.float32)


async def batches():
    for start in range(0, len(X), 300):
        yield X[start : start + 300], None


def close_to_numpy(layer, x, axes=(0,)):
    wide = x.astype(np.float64)
    np.testing.assert_allclose(layer.mean.value, wide.mean(axes), rtol=1e-6)
    np.testing.assert_allclose(layer.variance.value, wide.var(axes), rtol=1e-6)
    assert layer.count.value == np.prod([x.shape[axis] for axis in axes])


@pytest.mark.parametrize(
    "source",
    [
        lambda: X,
        lambda: X.tolist(),
        batches,
        lambda: data.array(X, np.zeros(len(X))).batch(64),
        lambda: [X[:1], X[1:400], X[400:]],
        lambda: iter([{"xs": X, "ys": None}]),
    ],
)
async def test_adapt_takes_arrays_datasets_and_iterables(source):
    layer = Normalization()
    await layer.adapt(source())
    close_to_numpy(layer, X)
    y, backward = layer.forward(X)
    np.testing.assert_allclose(y.mean(0), 0, atol=2e-2)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-3)
    np.testing.assert_allclose(
        backward(np.ones_like(X)), 1 / np.sqrt(layer.variance.value) * np.ones_like(X), rtol=1e-5
    )
    assert y.dtype == np.float32


async def test_adapting_again_starts_anew():
    layer = Normalization()
    await layer.adapt(X)
    await layer.adapt(X[:100])
    close_to_numpy(layer, X[:100])


@pytest.mark.parametrize(("axis", "axes"), [(None, (0, 1, 2)), (1, (0, 2)), ((1, 2), (0,)), ((-1,), (0, 1))])
async def test_axes(axis, axes):
    x = random(50, 4, 3, dtype=np.float32) + 3
    layer = Normalization(axis)
    await layer.adapt([x[:20], x[20:]])
    close_to_numpy(layer, x, axes)
    expected = (x - x.mean(axes, keepdims=True)) / x.std(axes, keepdims=True)
    np.testing.assert_allclose(layer.forward(x)[0], expected, rtol=1e-3, atol=1e-5)


async def test_a_model_starts_from_adapted_statistics():
    layer = Normalization()
    await layer.adapt(X)
    model = aseq.Sequential([Input((3,)), layer, Dense(1)])
    close_to_numpy(layer, X)
    assert np.isfinite(await model.predict(X, batch_size=100)).all()


@pytest.mark.parametrize("built", [False, True])
async def test_a_layer_in_a_model_may_be_adapted(built):
    layer = Normalization()
    model = aseq.Sequential([Input((None, 3)), layer, Dense(1)])
    if built:
        model.build()
    await layer.adapt(X[:, None])
    assert model.built == built
    np.testing.assert_allclose(model.get_weights()[0], X.mean(0), rtol=1e-4)


async def test_the_loop_runs_while_a_big_array_is_worked_through():
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())
    await Normalization().adapt(np.zeros((6 * SLICE // 10, 10), np.float32))
    counter.cancel()
    assert turns >= 6


async def test_a_failed_stream_is_closed_and_changes_nothing():
    closed = False

    async def broken():
        nonlocal closed
        try:
            yield X
            yield X[:, :2]
        finally:
            closed = True

    layer = Normalization()
    await layer.adapt(X[:10])
    with pytest.raises(ShapeError, match=r"expected batches of shape \(None, 3\), received \(1000, 2\)"):
        await layer.adapt(broken())
    assert closed
    close_to_numpy(layer, X[:10])


async def test_no_data():
    for nothing in ([], X[:0]):
        with pytest.raises(DataError, match="none"):
            await Normalization().adapt(nothing)


def test_statistics_without_a_loop():
    layer = Normalization()
    for start in range(0, len(X), 128):
        layer.update_statistics(X[start : start + 128])
    layer.finish()
    close_to_numpy(layer, X)


async def test_given_mean_and_variance():
    x = random(4, 3)
    layer = Normalization(mean=[1.0, 2.0, 3.0], variance=4.0).initialize((None, 3))
    np.testing.assert_allclose(layer.forward(x)[0], (x - [1, 2, 3]) / 2)
    back = Normalization(mean=[1.0, 2.0, 3.0], variance=4.0, invert=True).initialize((None, 3))
    np.testing.assert_allclose(back.forward(layer.forward(x)[0])[0], x)
    assert layer.weights == []
    again = from_config({"class_name": "Normalization", "config": layer.get_config()})
    assert again.get_config() == layer.get_config()
    with pytest.raises(ConfigError, match="given mean"):
        await layer.adapt(x)


def test_a_constant_column_stays_finite():
    layer = Normalization(mean=5.0, variance=0.0).initialize((None, 1))
    assert layer.forward(np.array([[5.0]]))[0].tolist() == [[0.0]]


def test_wrong_arguments():
    with pytest.raises(ConfigError, match="both mean and variance"):
        Normalization(mean=1.0)
    with pytest.raises(ShapeError, match=r"fit shape \(3,\)"):
        Normalization(mean=[1.0, 2.0], variance=[1.0, 1.0]).initialize((None, 3))
    with pytest.raises(ShapeError, match="known size"):
        Normalization().initialize((None, None))


def test_rescaling():
    pixels = np.array([[0, 255]], np.uint8)
    y, backward = Rescaling(1 / 255, 0.5).forward(pixels)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, [[0.5, 1.5]])
    np.testing.assert_allclose(backward(np.ones((1, 2), np.float32)), 1 / 255, rtol=1e-6)
    per_channel = Rescaling([1.0, 2.0], np.array([0.0, 1.0]))
    np.testing.assert_allclose(per_channel.forward(np.ones((2, 2)))[0], [[1, 3], [1, 3]])
    written = {"class_name": "__numpy__", "config": {"value": [1.0, 2.0], "dtype": "float32"}}
    assert from_config({"class_name": "Rescaling", "config": {"scale": written}}).get_config()["scale"] == [
        1.0,
        2.0,
    ]
