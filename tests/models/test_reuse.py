"""Layers that outlive the network they were built in: popped, added to, moved to another model."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import aseq
from aseq import layers, optimizers
from aseq.errors import ConfigError, NotBuiltError, NotCompiledError, ShapeError

X = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
Y = X[:, :2]


def made(**options):
    return aseq.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(3),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(2),
        ],
        **options,
    )


@pytest.fixture
async def trained():
    model = made(seed=1)
    model.compile("adam", "mse")
    await model.fit(X, Y, epochs=2, verbose=0)
    return model


def same(some, others):
    return len(some) == len(others) and all(map(np.array_equal, some, others))


# One model ----------------------------------------------------------------------------------------


async def test_pop_and_add_keep_the_weights_of_the_layers_that_stay(trained):
    before = trained.get_weights()
    last = trained.pop()
    assert same(trained.get_weights(), before[:-2])
    trained.add(layers.Dense(5))
    assert same(trained.get_weights()[:-2], before[:-2])
    assert all(np.shares_memory(w.value, trained.network.params) for w in trained.layers[0].weights)
    trained.pop()
    trained.add(last)
    assert same(trained.get_weights(), before)


def test_new_layers_depend_on_the_seed_alone():
    first, second = made(seed=1), made(seed=1)
    first.build()
    for model in (first, second):
        model.pop()
        model.add(layers.Dense(7))
    assert same(first.get_weights(), second.get_weights())


def test_noise_goes_on_where_it_was():
    changed, left = made(seed=1), made(seed=1)
    for model in (changed, left):
        model.network.forward([X], True)
    changed.add(layers.Dense(2))
    changed.network.forward([X], False)
    noise = [model.layers[2].forward(np.ones((4, 3)), True)[0] for model in (changed, left)]
    assert np.array_equal(*noise)


async def test_a_refused_layer_leaves_weights_and_compilation(trained):
    before = trained.get_weights()
    with pytest.raises(ShapeError):
        trained.add(layers.Reshape((9,)))
    assert same(trained.get_weights(), before)
    await trained.fit(X, Y, verbose=0)


async def test_a_changed_model_is_compiled_again_once_it_has_been_trained(trained):
    trained.add(layers.Dense(2))
    with pytest.raises(NotCompiledError):
        await trained.fit(X, Y, verbose=0)
    trained.compile("adam", "mse")
    await trained.fit(X, Y, verbose=0)


async def test_a_model_may_be_compiled_before_its_last_layer():
    model = aseq.Sequential([layers.Input((4,))])
    model.compile("sgd", "mse")
    model.add(layers.Dense(2))
    await model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("shape", [(None, 5), (None, 4, 1), (8, 3)])
def test_a_model_is_built_for_one_shape(shape):
    model = made()
    for _ in ("known", "built"):
        with pytest.raises(ShapeError, match=r"None, 4"):
            model.build(shape)
        model.build((None, 4))


# Two models ---------------------------------------------------------------------------------------


async def test_a_living_model_keeps_its_layers(trained):
    before, predicted = trained.get_weights(), await trained.predict(X)
    other = aseq.Sequential([layers.Input((4,)), *trained.layers[:-1], layers.Dense(5)], name="other")
    with pytest.raises(ConfigError, match=r"other: .*'dense'.*'sequential'.*set_weights"):
        other.build()
    assert same(trained.get_weights(), before)
    assert np.array_equal(await trained.predict(X), predicted)
    await trained.fit(X, Y, verbose=0)


def test_a_failed_build_leaves_the_weights_unmade_and_kept_ones_alone():
    def broken(shape, dtype=None, rng=None):
        raise RuntimeError("no numbers")

    model = made(seed=1)
    before = model.get_weights()
    odd = layers.Dense(3)
    model.add(odd)
    draw, odd.kernel.initializer = odd.kernel.initializer, broken
    with pytest.raises(RuntimeError, match="no numbers"):
        model.build()
    odd.kernel.initializer = draw
    assert same(model.get_weights()[:-2], before)
    assert np.isfinite(odd.kernel.value).all()
    assert odd.kernel.value.any()


def test_a_layer_inside_another_is_kept_too():
    inner = layers.Dense(3)
    model = aseq.Sequential([layers.Input((5, 4)), layers.TimeDistributed(inner)])
    model.build()
    with pytest.raises(ConfigError, match="dense"):
        aseq.Sequential([layers.Input((4,)), inner]).build()


def test_a_layer_has_one_place_in_a_model():
    inner = layers.Dense(4)
    with pytest.raises(ConfigError, match="'dense' twice"):
        aseq.Sequential(
            [layers.Input((5, 4)), layers.TimeDistributed(inner), layers.TimeDistributed(inner)]
        ).build()


async def test_what_the_refusal_advises_works(trained):
    old = trained.layers[0]
    new = layers.Dense.from_config(old.get_config())
    other = aseq.Sequential([layers.Input((4,)), new, layers.Dense(5)])
    other.build()
    new.set_weights(old.get_weights())
    assert same(other.get_weights()[:2], trained.get_weights()[:2])


async def test_a_popped_layer_takes_its_weights_to_another_model(trained):
    last = trained.pop()
    weights = last.get_weights()
    other = aseq.Sequential([layers.Input((3,)), last])
    assert same(other.get_weights(), weights)


def test_copies_of_layers_are_free():
    model = made(seed=1)
    model.build()
    other = aseq.Sequential([layers.Input((4,)), *copy.deepcopy(model.layers[:-1]), layers.Dense(5)])
    assert same(other.get_weights()[:-4], model.get_weights()[:-4])


async def test_the_layers_of_a_model_that_is_gone_are_free():
    model = made(seed=1)
    model.compile("sgd", "mse")
    await model.fit(X, Y, verbose=0)  # the History refers to the model, and the model to it
    weights = model.get_weights()
    model = aseq.Sequential([layers.Input((4,)), *model.layers[:-1], layers.Dense(5)])
    assert same(model.get_weights()[:-4], weights[:-4])


def test_inputs_may_be_shared():
    shared = layers.Input((4,))
    for _ in range(2):
        aseq.Sequential([shared, layers.Dense(2)]).build()


async def test_an_optimizer_serves_one_model():
    shared = optimizers.Adam()
    one, other = made(), made()
    for model in (one, other):
        model.compile(shared, "mse")
    await one.fit(X, Y, verbose=0)
    before = other.get_weights()
    with pytest.raises(ConfigError, match=r"adam.*optimizer of its own"):
        await other.fit(X, Y, verbose=0)
    assert same(other.get_weights()[-2:], before[-2:])
    await one.fit(X, Y, verbose=0)
    one.compile(shared, "mae")
    await one.fit(X, Y, verbose=0)
    assert shared.iterations == 3


# Layers alone -------------------------------------------------------------------------------------


def test_weights_of_a_layer_are_copies():
    layer = layers.Dense(2).initialize((None, 3))
    layer.get_weights()[0][:] = 7
    assert not (layer.kernel.value == 7).any()


def test_weights_may_be_set_before_the_model_is_built():
    layer = layers.Dense(2)
    with pytest.raises(NotBuiltError, match="dense"):
        layer.set_weights([np.ones((3, 2)), np.ones(2)])
    model = aseq.Sequential([layers.Input((3,)), layer])
    with pytest.raises(NotBuiltError, match="dense"):
        layer.get_weights()
    with pytest.raises(ShapeError, match=r"kernel.*\(3, 2\)"):
        layer.set_weights([np.ones((2, 3)), np.ones(2)])
    with pytest.raises(ShapeError, match="expected 2 arrays"):
        layer.set_weights([np.ones((3, 2))])
    layer.set_weights([np.ones((3, 2)), np.ones(2)])
    assert same(model.get_weights(), [np.ones((3, 2)), np.ones(2)])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_model_says_how_to_copy_it(copied):
    with pytest.raises(TypeError, match=r"from_config.*set_weights"):
        copied(made())
