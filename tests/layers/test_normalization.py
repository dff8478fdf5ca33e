"""Normalization of samples and of batches, against NumPy's own mean and variance."""

from __future__ import annotations

import numpy as np
import pytest

from aseq.errors import ConfigError, ShapeError
from aseq.layers import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
    from_config,
)
from aseq.layers._normalization import standardize, sum_over
from tests.layers.test_convolution import random


def built(layer, shape, seed=1):
    """Gamma and beta random, running statistics as they start."""
    layer.initialize((None, *shape), dtype=np.float64)
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        if weight.trainable:
            weight.value = rng.standard_normal(weight.shape)
    return layer


def standard(x, axes, epsilon=1e-3):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


def test_sum_over():
    x = random(3, 4, 5)
    for axes in ((0,), (1,), (2,), (0, 2), (0, 1, 2)):
        np.testing.assert_allclose(sum_over(x, axes), x.sum(axes, keepdims=True))


def test_standardize_of_a_constant():
    u, backward = standardize(np.full((2, 3), 7.0), (1,), 1e-3)
    assert not u.any()
    np.testing.assert_allclose(backward(np.ones((2, 3))), 0, atol=1e-12)


# BatchNormalization --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "axis"), [((4,), -1), ((5, 4), -1), ((5, 4), 1), ((3, 5, 4), -1), ((4, 3, 5), 1)]
)
def test_batch_statistics(shape, axis):
    layer = built(BatchNormalization(axis), shape)
    x = random(6, *shape) * 3 + 2
    own = axis % x.ndim
    axes = tuple(i for i in range(x.ndim) if i != own)
    at = tuple(-1 if i == own else 1 for i in range(x.ndim))
    y, _ = layer.forward(x, training=True)
    gamma, beta = (weight.value.reshape(at) for weight in layer.weights[:2])
    np.testing.assert_allclose(y, standard(x, axes) * gamma + beta, rtol=1e-9, atol=1e-9)
    # The variance is biased, in the running one as well.
    np.testing.assert_allclose(layer.moving_mean.value, 0.01 * x.mean(axes))
    np.testing.assert_allclose(layer.moving_variance.value, 0.99 + 0.01 * x.var(axes))


def test_running_statistics_serve_predictions_and_stay():
    layer = built(BatchNormalization(), (4,))
    layer.moving_mean.value[:] = 1, 2, 3, 4
    layer.moving_variance.value[:] = 4
    x = random(3, 4)
    before = [weight.value.copy() for weight in layer.weights]
    y, _ = layer.forward(x)
    gamma, beta, mean, variance = before
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta)
    for weight, value in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight.value, value)


def test_a_frozen_layer_predicts_even_while_training():
    layer = built(BatchNormalization(trainable=False), (4,))
    x = random(5, 4) + 10
    np.testing.assert_array_equal(layer.forward(x, training=True)[0], layer.forward(x)[0])
    assert not layer.moving_mean.value.any()
    assert list(layer.learning_weights()) == []


def test_masked_steps_do_not_count():
    layer = built(BatchNormalization(), (3, 2))
    x = random(2, 3, 2)
    mask = np.array([[True, True, False], [True, False, False]])
    x[~mask] = np.inf
    with np.errstate(invalid="ignore"):
        y, _ = layer.forward(x, True, mask)
    kept = x[mask]
    expected = standard(kept, (0,)) * layer.gamma.value + layer.beta.value
    np.testing.assert_allclose(y[mask], expected, rtol=1e-5)  # 1e-7 in the denominator, as in Keras
    np.testing.assert_allclose(layer.moving_mean.value, 0.01 * kept.mean(0), rtol=1e-5)
    assert layer.compute_mask(x, mask) is mask


def test_a_mask_must_fit():
    layer = built(BatchNormalization(), (3, 3, 2))
    with pytest.raises(ShapeError, match="mask of 3 axes"):
        layer.forward(random(2, 3, 3, 2), True, np.ones((2, 3), bool))


def test_without_center_or_scale():
    x = random(5, 3)
    for center, scale, names in ((False, True, ["gamma"]), (True, False, ["beta"]), (False, False, [])):
        layer = built(BatchNormalization(center=center, scale=scale), (3,))
        assert [weight.name for weight in layer.weights] == [*names, "moving_mean", "moving_variance"]
        y, _ = layer.forward(x, training=True)
        gamma = layer.gamma.value if scale else 1
        beta = layer.beta.value if center else 0
        np.testing.assert_allclose(y, standard(x, (0,)) * gamma + beta, rtol=1e-9, atol=1e-9)


def test_an_empty_batch_moves_nothing():
    layer = built(BatchNormalization(), (3,))
    y, backward = layer.forward(np.zeros((0, 3)), training=True)
    assert y.shape == backward(y).shape == (0, 3)
    assert layer.moving_variance.value.tolist() == [1, 1, 1]


def test_large_means_do_not_cost_digits():
    x = (random(1000, 2) + 1e4).astype(np.float32)
    layer = BatchNormalization(epsilon=0.0).initialize((None, 2))
    y = layer.forward(x, training=True)[0].astype(np.float64)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-3)


def test_old_configs():
    config = {
        "axis": [3],
        "momentum": 0.9,
        "renorm_clipping": None,
        "synchronized": False,
        "gamma_regularizer": "l2",
    }
    layer = from_config({"class_name": "BatchNormalization", "config": config})
    assert (layer.axis, layer.momentum) == (3, 0.9)
    assert layer.initialize((None, 4, 4, 2)).gamma.regularizer is not None


# LayerNormalization and the others -------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "axes"), [(-1, (3,)), (1, (1,)), ([1, -1], (1, 3)), ([2, 3, 1], (1, 2, 3))])
def test_layer_normalization(axis, axes):
    layer = built(LayerNormalization(axis), (3, 4, 5))
    x = random(2, 3, 4, 5)
    at = [size if i in axes else 1 for i, size in enumerate(x.shape)]
    gamma, beta = (weight.value.reshape(at) for weight in layer.weights)
    np.testing.assert_allclose(layer.forward(x)[0], standard(x, axes) * gamma + beta, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("groups", "axis"), [(2, -1), (1, -1), (-1, -1), (2, 1)])
def test_group_normalization(groups, axis):
    layer = built(GroupNormalization(groups, axis), (6, 5, 4))
    x = random(2, 6, 5, 4)
    moved = np.moveaxis(x, axis, -1)
    channels = moved.shape[-1]
    count = channels if groups == -1 else groups
    grouped = moved.reshape(*moved.shape[:-1], count, channels // count)
    expected = standard(grouped, (1, 2, 4)).reshape(moved.shape) * layer.gamma.value + layer.beta.value
    np.testing.assert_allclose(layer.forward(x)[0], np.moveaxis(expected, -1, axis), rtol=1e-9, atol=1e-9)


def test_rms_and_unit_normalization():
    x = random(2, 3, 4)
    layer = built(RMSNormalization([1, 2]), (3, 4))
    expected = x / np.sqrt((x**2).mean((1, 2), keepdims=True) + 1e-6) * layer.scale.value
    np.testing.assert_allclose(layer.forward(x)[0], expected, rtol=1e-9)
    y, backward = UnitNormalization().forward(x)
    np.testing.assert_allclose(np.linalg.norm(y, axis=-1), 1)
    np.testing.assert_allclose(backward(y), 0, atol=1e-12)  # growing along itself changes nothing
    assert not UnitNormalization().forward(np.zeros((1, 3)))[0].any()


def test_masks_pass_through():
    x, mask = random(2, 3, 4), np.ones((2, 3), bool)
    for layer in (LayerNormalization(), GroupNormalization(2), UnitNormalization()):
        assert layer.compute_mask(x, mask) is mask


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (LayerNormalization(4), (None, 3, 4), "axis"),
        (BatchNormalization(2), (None, 3), "axis"),
        (GroupNormalization(4), (None, 3, 6), "groups=4"),
        (LayerNormalization(), (None, None), "known size"),
    ],
)
def test_wrong_inputs_are_refused_when_building(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.initialize(shape)


@pytest.mark.parametrize(
    "make",
    [lambda: LayerNormalization("last"), lambda: LayerNormalization([]), lambda: GroupNormalization(0)],
)
def test_wrong_arguments(make):
    with pytest.raises(ConfigError):
        make()
