"""Noise: absent at inference, its statistics while training, its gradient, its seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aseq import activations
from aseq.errors import ConfigError, ShapeError
from aseq.layers import AlphaDropout, GaussianDropout, GaussianNoise, SpatialDropout1D, SpatialDropout2D
from tests.layers.test_convolution import random

EACH = [
    (lambda **kw: SpatialDropout1D(0.4, **kw), (5, 6)),
    (lambda **kw: SpatialDropout2D(0.4, **kw), (3, 4, 6)),
    (lambda **kw: GaussianNoise(0.4, **kw), (5,)),
    (lambda **kw: GaussianDropout(0.4, **kw), (5,)),
    (lambda **kw: AlphaDropout(0.4, **kw), (5,)),
]


@pytest.mark.parametrize(("make", "shape"), EACH)
def test_only_while_training(make, shape):
    x = random(2, *shape)
    layer = make().initialize((None, *shape))
    y, backward = layer.forward(x)
    assert y is x
    assert backward(x) is x
    assert (layer.forward(x, training=True)[0] != x).any()


@pytest.mark.parametrize(("make", "shape"), EACH)
def test_a_seed_of_its_own_wins_over_the_model_s(make, shape):
    x = random(2, *shape)
    draws = [
        make(seed=seed).initialize((None, *shape), seed=model).forward(x, True)[0]
        for seed, model in ((7, 0), (7, 1), (8, 1))
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[1] != draws[2]).any()
    assert make(seed=7).get_config()["seed"] == 7


@pytest.mark.parametrize(("make", "shape"), EACH)
def test_the_dtype_stays(make, shape):
    for dtype in (np.float32, np.float64):
        y, backward = make().initialize((None, *shape)).forward(random(2, *shape, dtype=dtype), True)
        assert y.dtype == backward(y).dtype == dtype


def test_spatial_dropout_drops_whole_channels():
    for layer, x in (
        (SpatialDropout1D(0.5), np.ones((4, 7, 50))),
        (SpatialDropout2D(0.5), np.ones((4, 3, 3, 50))),
        (SpatialDropout2D(0.5, "channels_first"), np.ones((4, 50, 3, 3))),
    ):
        y, backward = layer.forward(x, training=True)
        channels_last = np.moveaxis(y, 1, -1) if getattr(layer, "data_format", "") == "channels_first" else y
        flat = channels_last.reshape(4, -1, 50)
        assert (flat == flat[:, :1]).all()
        assert set(np.unique(flat)) == {0.0, 2.0}
        np.testing.assert_array_equal(backward(x), y)


def test_gaussian_noise():
    x = random(1, 100_000)
    y, backward = GaussianNoise(0.3).forward(x, training=True)
    assert abs((y - x).std() - 0.3) < 0.01
    assert abs((y - x).mean()) < 0.01
    np.testing.assert_array_equal(backward(x), x)


def test_gaussian_dropout():
    x = np.ones((1, 100_000))
    y, backward = GaussianDropout(0.2).forward(x, training=True)
    assert abs(y.mean() - 1) < 0.01
    assert abs(y.std() - math.sqrt(0.2 / 0.8)) < 0.01
    np.testing.assert_array_equal(backward(2 * x), 2 * y)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(rate):
    x = random(1, 200_000)
    y, backward = AlphaDropout(rate).forward(x, training=True)
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02
    slope = backward(np.ones_like(x))
    dropped = slope == 0
    assert abs(dropped.mean() - rate) < 0.01
    assert len(np.unique(y[dropped])) == 1
    assert len(np.unique(slope)) == 2


def test_alpha_dropout_knows_selu_s_lower_limit():
    low = activations.selu(np.array([-100.0])).item()
    y, _ = AlphaDropout(0.5).forward(np.full((1, 100), low), training=True)
    np.testing.assert_allclose(y, y[0, 0])  # dropped or kept, the limit stays the limit


def test_noise_shape():
    y, _ = AlphaDropout(0.5, noise_shape=(None, 1, None)).forward(np.zeros((3, 4, 20)), training=True)
    assert (y == y[:, :1]).all()
    assert AlphaDropout(0.5, noise_shape=(None, 1)).get_config()["noise_shape"] == [None, 1]


@pytest.mark.parametrize(
    "make",
    [
        lambda: SpatialDropout1D(1.5),
        lambda: GaussianNoise(-1),
        lambda: GaussianDropout(1),
        lambda: AlphaDropout(1),
        lambda: AlphaDropout(-0.1),
        lambda: SpatialDropout2D(0.5, "first"),
    ],
)
def test_wrong_arguments(make):
    with pytest.raises(ConfigError):
        make()


def test_wrong_ranks():
    for layer, shape in ((SpatialDropout1D(0.5), (None, 5)), (SpatialDropout2D(0.5), (None, 5, 5))):
        with pytest.raises(ShapeError, match="axes"):
            layer.initialize(shape)
