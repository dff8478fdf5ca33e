"""Every argument of fit, fit_dataset, evaluate and predict: what it does, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import aseq
from aseq import layers
from aseq.errors import AseqError, ConfigError, DataError, ShapeError

RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 4)).astype("f")
Y = X[:, :3].argmax(1)
W = RNG.random(40).astype("f")


def make() -> aseq.Sequential:
    model = aseq.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")], seed=1)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def batches(x: Any = X, y: Any = Y, size: int = 32) -> list[Any]:
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


async def histories(first: dict[str, Any], second: dict[str, Any]) -> tuple[Any, Any]:
    """Histories of two fits of one model, with the common arguments filled in."""
    results = []
    for options in (first, second):
        options = {"x": X, "y": Y, "epochs": 2, "verbose": 0, "shuffle": False} | options
        door = "fit_dataset" if "dataset" in options else "fit"
        if door == "fit_dataset":
            options = {key: value for key, value in options.items() if key not in ("x", "y", "shuffle")}
        results.append((await getattr(make(), door)(**options)).history)
    return results[0], results[1]


SAME = {
    "batch_size None is 32": ({}, {"batch_size": 32}),
    "x as a list of lists": ({}, {"x": X.tolist(), "y": Y.tolist()}),
    "x as a dict by input name": ({}, {"x": {"input_layer": X}}),
    "y as a dict by output name": ({}, {"y": {"dense": Y}}),
    "x as a list with one array": ({}, {"x": [X]}),
    "y as a list with one array": ({}, {"y": [Y]}),
    "x and y as lists with one table": ({}, {"x": [pd.DataFrame(X)], "y": [pd.Series(Y)]}),
    "x as a list of rows": ({}, {"x": list(X)}),
    "weights as a list with one array": ({"sample_weight": W}, {"sample_weight": [W]}),
    "validation arrays in lists": ({"validation_data": (X, Y, W)}, {"validation_data": ([X], [Y], [W])}),
    "y as a column": ({}, {"y": Y[:, None]}),
    "validation_split takes the last rows": (
        {"validation_split": 0.25},
        {"x": X[:30], "y": Y[:30], "validation_data": (X[30:], Y[30:])},
    ),
    "validation_data wins over the split": (
        {"validation_split": 0.5, "validation_data": (X[30:], Y[30:])},
        {"validation_data": (X[30:], Y[30:])},
    ),
    "validation weights": (
        {"validation_data": (X[30:], Y[30:], W[30:])},
        {"validation_data": [(X[30:], Y[30:], W[30:])]},
    ),
    "validation_batch_size changes no figure but rounding": (
        {"validation_data": (X, Y), "validation_batch_size": 40},
        {"validation_data": (X, Y), "validation_batch_size": 8},
    ),
    "validation_steps validates on the head": (
        {"validation_data": (X, Y), "validation_batch_size": 8, "validation_steps": 2},
        {"validation_data": (X[:16], Y[:16]), "validation_batch_size": 8},
    ),
    "validation_freq as a collection": (
        {"validation_split": 0.5, "validation_freq": 2},
        {"validation_split": 0.5, "validation_freq": [2]},
    ),
    "class_weight is a weight a sample": (
        {"class_weight": {0: 2.0, 2: 0.5}},
        {"sample_weight": np.choose(Y, [2.0, 1.0, 0.5])},
    ),
    "class_weight on a dataset": (
        {"class_weight": {0: 2.0}},
        {"dataset": batches(), "class_weight": {0: 2.0}},
    ),
    "weights in a dataset": (
        {"sample_weight": W},
        {"dataset": [(X[:32], Y[:32], W[:32]), (X[32:], Y[32:], W[32:])]},
    ),
    "batches as dicts": ({}, {"dataset": [{"xs": x, "ys": y} for x, y in batches()]}),
    "steps_per_epoch without batch_size divides the rows": ({"steps_per_epoch": 2}, {"batch_size": 20}),
    "steps_per_epoch goes on where the last epoch stopped": (
        {"steps_per_epoch": 1, "batch_size": 20},
        {"dataset": iter(batches(size=20)), "steps_per_epoch": 1},
    ),
    "a dataset as x": ({}, {"x": iter(batches()), "y": None, "epochs": 1}),
    "yield_every": ({}, {"yield_every": "batch"}),
    "yield_every as a NumPy number": ({"yield_every": np.int64(5)}, {"yield_every": np.float32(5)}),
    "counts as NumPy numbers": (
        {"batch_size": 8, "steps_per_epoch": 1, "validation_split": 0.5, "epochs": 2},
        {
            "batch_size": np.int64(8),
            "steps_per_epoch": np.int32(1),
            "validation_split": np.float32(0.5),
            "epochs": np.uint8(2),
            "initial_epoch": np.int64(0),
        },
    ),
    "validation_freq as an array": (
        {"validation_split": 0.5, "validation_freq": [2]},
        {"validation_split": 0.5, "validation_freq": np.array([2])},
    ),
    "class_weight with NumPy keys": (
        {"class_weight": {1: 2}},
        {"class_weight": {np.int64(1): np.float32(2)}},
    ),
    "shuffle as a number": ({"shuffle": True}, {"shuffle": 1}),
    "steps_per_epoch divides what the split leaves": (
        {"validation_split": 0.5, "steps_per_epoch": 2},
        {"validation_split": 0.5, "batch_size": 10},
    ),
    "verbose": ({}, {"verbose": 2}),
    "callbacks as a dict": ({}, {"callbacks": {"on_epoch_end": lambda epoch, logs: None}}),
}


@pytest.mark.parametrize("name", SAME)
async def test_two_ways_to_say_the_same(name: str) -> None:
    one, two = await histories(*SAME[name])
    epochs = min(len(one["loss"]), len(two["loss"]))
    assert set(one) == set(two)
    for key in one:
        np.testing.assert_allclose(one[key][:epochs], two[key][:epochs], rtol=2e-6, err_msg=key)


DIFFERENT = {
    "batch_size": {"batch_size": 8},
    "sample_weight": {"sample_weight": W},
    "class_weight": {"class_weight": {0: 3.0}},
    "shuffle": {"shuffle": True, "batch_size": 8},
    "validation_split": {"validation_split": 0.25},
    "steps_per_epoch": {"steps_per_epoch": 1, "batch_size": 8},
}


@pytest.mark.parametrize("name", DIFFERENT)
async def test_an_argument_has_an_effect(name: str) -> None:
    one, two = await histories({}, DIFFERENT[name])
    assert one["loss"] != two["loss"]


async def test_shuffle_batch_keeps_batches_together() -> None:
    whole, shuffled = await histories({"batch_size": 40}, {"batch_size": 40, "shuffle": "batch"})
    np.testing.assert_allclose(whole["loss"], shuffled["loss"], rtol=1e-5)


async def test_epochs_is_an_end_and_shuffling_goes_by_the_epoch() -> None:
    model = make()
    await model.fit(X, Y, epochs=2, verbose=0)
    rest = await model.fit(X, Y, initial_epoch=2, epochs=4, verbose=0)
    straight = await make().fit(X, Y, epochs=4, verbose=0)
    assert rest.epoch == [2, 3]
    assert rest.history["loss"] == straight.history["loss"][2:]
    assert (await model.fit(X, Y, initial_epoch=4, epochs=4, verbose=0)).history == {}


async def test_temporal_sample_weights() -> None:
    model = aseq.Sequential([layers.Input((5, 2)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    x, y, w = RNG.standard_normal((6, 5, 2)), RNG.standard_normal((6, 5, 1)), RNG.random((6, 5))
    prediction = await model.predict(x)
    expected = (((prediction - y) ** 2)[..., 0] * w).mean()
    assert await model.test_on_batch(x, y, sample_weight=w) == pytest.approx(expected, rel=1e-5)


async def test_evaluate_and_predict() -> None:
    model = make()
    logs = await model.evaluate(X, Y, verbose=0, return_dict=True)
    assert list(logs) == ["loss", "accuracy"]
    assert await model.evaluate(X, Y, verbose=0) == list(logs.values())
    assert await model.evaluate(X, Y, batch_size=7, verbose=0) == pytest.approx(list(logs.values()))
    head = await model.evaluate(X[:16], Y[:16], verbose=0)
    assert await model.evaluate(X, Y, batch_size=8, steps=2, verbose=0) == pytest.approx(head)
    assert await model.evaluate_dataset(batches(size=8), steps=2, verbose=0) == pytest.approx(head)
    assert await model.evaluate(iter(batches()), verbose=0) == pytest.approx(list(logs.values()))
    assert (await model.predict(X, batch_size=8, steps=2)).shape == (16, 3)
    assert (await model.predict(iter(batches()))).shape == (40, 3)
    with pytest.warns(UserWarning, match="after 5 of 9"):
        await model.evaluate(X, Y, batch_size=8, steps=9, verbose=0)


REFUSED = {
    "batch_size": [0, -1, 3.5, "a", True],
    "epochs": ["3", 2.5, -1, None, True],
    "initial_epoch": ["1", -1, 0.5],
    "validation_split": [-0.1, 1.0, 0.999, "a", None, float("nan"), np.ones(2)],
    "validation_batch_size": [0, -1, "a", 2.5],
    "validation_steps": [0, -1, "a"],
    "shuffle": ["rows"],
    "steps_per_epoch": [0, -2, 1.5],
    "validation_freq": [0, -1, "never", 1.5, [0, 2], [1.5], np.array([0.5]), np.array(1.5)],
    "class_weight": [{"cat": 1.0}, [1.0, 2.0], {0.5: 2.0}, {0: np.nan}, {1: -np.inf}, {0: "heavy"}],
    "sample_weight": [np.ones(3), "heavy", np.full(40, np.nan), np.full(40, np.inf), [np.ones(3)]],
    "validation_data": [(X,), (X, Y, W, W), (X[:, :2], Y)],
    "callbacks": ["EarlyStopping", {"on_epoch_emd": print}],
    "yield_every": ["seldom", 0, float("nan"), np.bool_(True)],
    "verbose": ["loud"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values]
)
async def test_nonsense_is_refused_by_name_and_the_model_lives_on(name: str, value: Any) -> None:
    model = make()
    extra = {"validation_split": 0.5} if name == "validation_freq" else {}
    with pytest.raises(AseqError) as caught:
        await model.fit(X, Y, **{"verbose": 0, **extra, name: value})
    assert name.split("_")[0][:5] in str(caught.value)
    await model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("steps", [0, -3, "a", 1.5])
async def test_steps_are_a_positive_number(steps: Any) -> None:
    model = make()
    for call in (
        model.evaluate(X, Y, steps=steps, verbose=0),
        model.evaluate_dataset(batches(), steps=steps, verbose=0),
        model.predict(X, steps=steps),
        model.predict(iter(batches()), steps=steps),
    ):
        with pytest.raises(ConfigError, match="steps: expected a positive int"):
            await call


RAGGED = [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0]]


@pytest.mark.parametrize("build", [True, False])
@pytest.mark.parametrize(
    ("x", "y", "error", "says"),
    [
        (RAGGED, [0, 1], ShapeError, "x: expected rows of one shape"),
        (X[:2], RAGGED, ShapeError, "y: expected rows of one shape"),
        (X[:2], [np.zeros(3, int)], ShapeError, "y: expected 2 samples as in x, received 3"),
        (None, None, DataError, "x: expected an array, received None"),
    ],
)
async def test_no_rectangle_is_an_error_that_says_so(
    build: bool, x: Any, y: Any, error: Any, says: str
) -> None:
    for door in ("fit", "evaluate", "train_on_batch"):
        model = make()
        if not build:
            model = aseq.Sequential([layers.Dense(3, "softmax")])
            model.compile("sgd", "sparse_categorical_crossentropy")
        with pytest.raises(error, match=says):
            await getattr(model, door)(x, y)


@pytest.mark.parametrize("x", [[X], [pd.DataFrame(X)], {"input_layer": X}, X.tolist()])
async def test_a_model_without_input_shape_is_built_for_what_is_in_the_list(x: Any) -> None:
    model = aseq.Sequential([layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    await model.train_on_batch(x, [Y])
    assert model.input_shape == (None, 4)


ONE_ROW = {
    "a list of numbers": [X[0].tolist()],
    "a list of one row": [X[0]],
    "an array": X[:1],
    "a list of one array": [X[:1]],
}


@pytest.mark.parametrize("name", ONE_ROW)
async def test_one_row_in_every_form(name: str) -> None:
    expected = await make().predict_on_batch(X[:1])
    assert np.array_equal(await make().predict_on_batch(ONE_ROW[name]), expected)
    one_hot = aseq.Sequential([layers.Input((4,)), layers.Dense(3, "softmax")], seed=1)
    one_hot.compile("sgd", "categorical_crossentropy")
    losses = [await one_hot.test_on_batch(ONE_ROW[name], y) for y in ([[0, 1, 0]], [np.array([0, 1, 0])])]
    assert losses == [await one_hot.test_on_batch(X[:1], np.array([[0, 1, 0]]))] * 2


WEIGHTS: dict[str, tuple[Any, tuple[int, ...], bool]] = {
    "one an output": ("mse", (40, 3), False),
    "columns of columns": ("mse", (40, 1, 1), True),
    "a column": ("mse", (40, 1), True),
    "for one number a batch": (aseq.losses.Dice(), (40,), True),
    "for one number a column": (aseq.losses.Dice(axis=0), (40,), False),
    "for one number a row": (aseq.losses.Dice(axis=-1), (40,), True),
    "for directions of columns": (aseq.losses.CosineSimilarity(axis=0), (40,), False),
}


@pytest.mark.parametrize("name", WEIGHTS)
async def test_weights_that_do_not_fit_the_loss_change_nothing(name: str) -> None:
    loss, shape, fits = WEIGHTS[name]
    model = aseq.Sequential([layers.Input((4,)), layers.BatchNormalization(), layers.Dense(3)], seed=1)
    model.compile("sgd", loss)
    before = model.get_weights()
    y, w = np.eye(3)[Y], np.ones(shape)
    calls = (
        model.train_on_batch(X, y, sample_weight=w),
        model.fit(X, y, sample_weight=w, verbose=0),
        model.fit_dataset([(X, y, w)], verbose=0),
    )
    for call in calls:
        if not fits:
            with pytest.raises(ShapeError, match="sample_weight: expected one weight a sample"):
                await call
        else:
            await call
    unchanged = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert all(unchanged) != fits


async def test_what_belongs_to_arrays_is_refused_with_a_dataset() -> None:
    with pytest.raises(ConfigError, match="arrays"):
        await make().fit(iter(batches()), validation_split=0.5, verbose=0)
    with pytest.raises(ConfigError, match="dataset"):
        await make().fit_dataset(X, verbose=0)
