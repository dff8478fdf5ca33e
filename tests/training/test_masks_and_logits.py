"""What masks weigh, and where losses and metrics go back to the logits, beside numbers of Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import aseq
from aseq import layers, losses, metrics

X = np.array([[1, 2], [0, 1], [3, -1]], np.float32)
ONE_HOT = np.eye(3)[[0, 1, 0]]
KERNEL = 10 * np.array([[1, -1, 2], [0.5, 1, -3]])
SATURATED = 21.668921  # probabilities alone cannot say so

PADDED = np.array([[[1.0], [2.0], [0.0], [0.0]]])


def ending_in(*last: layers.Layer, loss: Any, metrics: Any = (), **arguments: Any) -> aseq.Sequential:
    model = aseq.Sequential([layers.Input((2,)), *last])
    model.build()
    model.set_weights([KERNEL, np.zeros(3)])
    model.compile("sgd", loss, metrics, **arguments)
    return model


def masked(last: layers.Layer, loss: Any, metrics: Any = ()) -> aseq.Sequential:
    model = aseq.Sequential([layers.Input((4, 1)), layers.Masking(), last])
    model.compile("sgd", loss, metrics)
    return model


# Logits --------------------------------------------------------------------------------------------

LOGITS: dict[str, tuple[list[layers.Layer], Any, list[Any], Any, dict[str, float]]] = {
    "a softmax layer": (
        [layers.Dense(3), layers.Softmax()],
        "categorical_crossentropy",
        [],
        ONE_HOT,
        {"loss": SATURATED},
    ),
    "a softmax layer over a list": (
        [layers.Dense(3), layers.Softmax([1])],
        "categorical_crossentropy",
        [],
        ONE_HOT,
        {"loss": SATURATED},
    ),
    "from_logits behind a softmax": (
        [layers.Dense(3, "softmax")],
        losses.CategoricalCrossentropy(from_logits=True),
        [],
        ONE_HOT,
        {"loss": SATURATED},
    ),
    "by shapes": (
        [layers.Dense(3, "softmax")],
        "CE",
        ["ACC"],
        ONE_HOT,
        {"loss": SATURATED, "ACC": 2 / 3},
    ),
    "metrics of another loss": (
        [layers.Dense(3, "softmax")],
        "mse",
        ["categorical_crossentropy", "kl_divergence", "binary_crossentropy"],
        ONE_HOT,
        {
            "loss": 0.222232178,
            "categorical_crossentropy": SATURATED,
            "kl_divergence": 5.37495089,
            "binary_crossentropy": 11.6674232,
        },
    ),
    "metrics from_logits": (
        [layers.Dense(3, "softmax")],
        "mse",
        [metrics.CategoricalCrossentropy(from_logits=True), metrics.BinaryCrossentropy(from_logits=True)],
        ONE_HOT,
        {"loss": 0.222232178, "categorical_crossentropy": SATURATED, "binary_crossentropy": 11.6674232},
    ),
    "not with an ignored class": (
        [layers.Dense(3, "softmax")],
        losses.SparseCategoricalCrossentropy(ignore_class=2),
        ["sparse_categorical_crossentropy", metrics.SparseCategoricalCrossentropy("some", ignore_class=2)],
        np.array([0, 2, 0]),
        {"loss": 8.05907059, "sparse_categorical_crossentropy": 35.0022545, "some": 5.37271357},
    ),
}


@pytest.mark.parametrize("name", LOGITS)
async def test_logits_are_found_where_keras_finds_them(name: str) -> None:
    last, loss, wanted, y, expected = LOGITS[name]
    model = ending_in(*last, loss=loss, metrics=wanted)
    assert await model.test_on_batch(X, y, return_dict=True) == pytest.approx(expected, rel=1e-6)
    assert await model.train_on_batch(X, y, return_dict=True) == pytest.approx(expected, rel=1e-6)


async def test_a_metric_from_logits_leaves_training_alone() -> None:
    trained = []
    for wanted in ([], ["categorical_crossentropy"]):
        model = ending_in(layers.Dense(3, "softmax"), loss="mse", metrics=wanted)
        model.set_weights([KERNEL / 10, np.zeros(3)])
        await model.fit(X, ONE_HOT, epochs=3, verbose=0)
        trained.append(model.get_weights())
    np.testing.assert_allclose(trained[0][0], trained[1][0], rtol=1e-6)


async def test_penalties_of_outputs_reach_the_logits() -> None:
    y, trained = np.array([0, 1, 0]), []
    for ignored in (None, 7):  # with an ignored class the loss does not go back to the logits
        last = layers.Dense(3, "softmax", activity_regularizer="l2")
        model = ending_in(last, loss=losses.SparseCategoricalCrossentropy(ignore_class=ignored))
        model.set_weights([KERNEL / 10, np.zeros(3)])
        await model.fit(X, y, epochs=3, verbose=0)
        trained.append(model.get_weights())
    np.testing.assert_allclose(trained[0][0], trained[1][0], rtol=1e-5)


# Masks ---------------------------------------------------------------------------------------------


async def test_masks_weigh_means_of_values_and_no_other_metrics() -> None:
    wanted = ["mse", metrics.RootMeanSquaredError(), metrics.FalseNegatives()]
    model = masked(layers.Dense(1, kernel_initializer="ones"), "mse", wanted)
    logs = await model.test_on_batch(PADDED, np.array([[[0], [0], [2], [2]]]), return_dict=True)
    expected = {"loss": 2.5, "mse": 2.5, "root_mean_squared_error": (13 / 4) ** 0.5, "false_negatives": 2}
    assert logs == pytest.approx(expected)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
async def test_a_mask_and_an_ignored_class_join(reduction: str) -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=1, reduction=reduction)
    model = masked(layers.Dense(2, "softmax", kernel_initializer="zeros"), loss)
    for y, kept in (([[0, 0, 1, 0]], 2), ([[0, 1, 0, 0]], 1)):
        expected = np.log(2) * (kept if reduction == "sum" else 1)
        assert await model.test_on_batch(PADDED, np.array(y)) == pytest.approx(expected)


DICE = {"a mask": 0.433664858, "weights": 1.08416224}


@pytest.mark.parametrize("name", DICE)
async def test_one_value_for_the_batch_counts_for_every_weight(name: str) -> None:
    last = layers.Dense(2, "sigmoid", kernel_initializer="ones")
    model = masked(last, losses.Dice())
    weights = None
    if name == "weights":
        model = aseq.Sequential([layers.Input((4, 1)), last])
        model.compile("sgd", losses.Dice())
        weights = np.array([[1, 2, 3, 4]])
    y = np.eye(2)[[[0, 0, 1, 0]]]
    assert await model.train_on_batch(PADDED, y, sample_weight=weights) == pytest.approx(DICE[name])


# tf.js ---------------------------------------------------------------------------------------------


async def test_tfjs_counts_the_penalties_of_frozen_weights_while_it_trains() -> None:
    for flavor, counted in (("keras", 0.0), ("tfjs", 2.0)):
        frozen = layers.Dense(2, kernel_initializer="ones", kernel_regularizer=aseq.regularizers.L2(0.5))
        frozen.trainable = False
        model = aseq.Sequential([layers.Input((2,)), frozen, layers.Dense(1, kernel_initializer="zeros")])
        model.compile({"class_name": "SGD", "flavor": flavor, "config": {}}, "mse")
        assert await model.train_on_batch(X, np.zeros((3, 1))) == counted
        assert np.all(frozen.get_weights()[0] == 1)
        assert await model.test_on_batch(X, np.zeros((3, 1))) == pytest.approx(0, abs=1e-6)
