"""What `compile` takes, and what a model can do without."""

from __future__ import annotations

import numpy as np
import pytest

import aseq
from aseq import layers
from aseq.errors import ConfigError

X, Y = np.ones((4, 3), np.float32), np.ones((4, 1), np.float32)


def made(**arguments):
    model = aseq.Sequential([layers.Input((3,)), layers.Dense(1)], seed=0)
    model.compile("sgd", **arguments)
    return model


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss": {"dense": "mse"}, "metrics": {"dense": ["mae"]}},
        {"loss": {"dense": "mse"}, "metrics": {"dense": "mae"}},
        {"loss": ["mse"], "metrics": [["mae"]]},
        {"loss": {"class_name": "MeanSquaredError", "config": {}}, "metrics": ["mae"]},
        {"loss": "mse", "metrics": {}, "weighted_metrics": {"dense": "mae"}},
    ],
)
async def test_losses_and_metrics_by_output(arguments):
    plain = await made(loss="mse", metrics=["mae"]).evaluate(X, Y, verbose=0, return_dict=True)
    assert await made(**arguments).evaluate(X, Y, verbose=0, return_dict=True) == plain


@pytest.mark.parametrize("argument", ["loss", "metrics", "weighted_metrics"])
def test_names_of_no_output_are_refused(argument):
    with pytest.raises(ConfigError, match=f"{argument}: .*dense.*'nope'"):
        made(**{"loss": "mse"} | {argument: {"nope": "mse"}})


@pytest.mark.parametrize(
    "arguments", [{}, {"metrics": ["mae"]}, {"loss": []}, {"loss": {}}, {"loss": [None]}]
)
async def test_without_a_loss_a_model_predicts_and_saves(arguments, tmp_path):
    model = made(**arguments)
    await model.save(tmp_path / "model.aseq")
    loaded = await aseq.load_model(tmp_path / "model.aseq")
    assert np.array_equal(await loaded.predict(X), await model.predict(X))
    for door in (model.fit, model.evaluate, model.train_on_batch, loaded.test_on_batch):
        with pytest.raises(ConfigError, match="expected a loss"):
            await door(X, Y)


async def test_a_compiled_model_of_several_outputs_predicts():
    model = aseq.Sequential([layers.Input((4, 3)), layers.GRU(2, return_state=True)])
    model.compile("sgd", "mse")
    assert len(await model.predict(np.ones((5, 4, 3)))) == 2


async def test_the_flavor_of_tfjs_reaches_predictions_without_a_loss():
    outputs = []
    for loss in (None, "meanSquaredError"):
        model = aseq.Sequential([layers.Input((3,)), layers.Dense(1, activation="hard_sigmoid")], seed=0)
        model.compile({"class_name": "SGD", "flavor": "tfjs", "config": {}}, loss)
        outputs.append(await model.predict(X))
    keras = aseq.Sequential([layers.Input((3,)), layers.Dense(1, activation="hard_sigmoid")], seed=0)
    assert np.array_equal(*outputs)
    assert not np.array_equal(outputs[0], await keras.predict(X))


@pytest.mark.parametrize("factors", [2, 2.0, [2.0], {"dense": 2.0}, np.float32(2)])
async def test_loss_weights_scale_the_loss_but_not_penalties(factors, tmp_path):
    model = aseq.Sequential([layers.Input((3,)), layers.Dense(1, kernel_regularizer="l2")], seed=0)
    model.compile("sgd", "mse", ["mse"], loss_weights=factors)
    penalty = 0.01 * float(np.square(model.get_weights()[0]).sum())
    logs = await model.test_on_batch(X, Y, return_dict=True)
    assert logs["loss"] == pytest.approx(2 * logs["mse"] + penalty)
    other = aseq.Sequential([layers.Input((3,)), layers.Dense(1, kernel_regularizer="l2")], seed=0)
    other.compile("sgd", "mse")
    other.set_weights(model.get_weights())
    await model.save(tmp_path / "model.aseq")
    loaded = await aseq.load_model(tmp_path / "model.aseq")
    for trained in (model, loaded):
        await trained.train_on_batch(X, Y)
    await other.train_on_batch(X, Y, sample_weight=np.full(4, 2.0))
    for trained in (model, loaded):
        np.testing.assert_allclose(trained.get_weights()[0], other.get_weights()[0], rtol=1e-6)


@pytest.mark.parametrize("factors", [[], [1.0, 2.0], ["2"], {"dense": None}])
def test_loss_weights_that_do_not_fit_are_refused(factors):
    with pytest.raises(ConfigError, match="loss_weights: expected a number for each of 1 losses"):
        made(loss="mse", loss_weights=factors)


def test_what_only_keras_compiles_is_ignored():
    options = {"run_eagerly": True, "jit_compile": False, "steps_per_execution": 8, "auto_scale_loss": False}
    assert made(loss="mse", **options).optimizer.name == "sgd"
