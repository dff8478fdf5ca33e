"""How losses are asked for: names, configs, flavors, functions; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from aseq import activations, losses
from aseq.errors import ConfigError, DataError, ShapeError

OUTPUT = (None, 3)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mse", losses.MeanSquaredError),
        ("meanSquaredError", losses.MeanSquaredError),
        ("mean_absolute_percentage_error", losses.MeanAbsolutePercentageError),
        ("MSLE", losses.MeanSquaredLogarithmicError),
        ("kld", losses.KLDivergence),
        ("kullbackLeiblerDivergence", losses.KLDivergence),
        ("logcosh", losses.LogCosh),
        ("log_cosh", losses.LogCosh),
        ("cosineProximity", losses.CosineSimilarity),
        ("squaredHinge", losses.SquaredHinge),
        ("sparse_categorical_crossentropy", losses.SparseCategoricalCrossentropy),
        ("binary_focal_crossentropy", losses.BinaryFocalCrossentropy),
    ],
)
def test_names_of_both_peers(name: str, kind: type) -> None:
    assert type(losses.get(name)) is kind


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"loss: expected one of .*mean_squared_error.*received 'mean_square'"
    ):
        losses.get("mean_square")


# tf.js -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["binaryCrossentropy", "binary_crossentropy", "bce"])
def test_tfjs_by_name_and_config(name: str) -> None:
    for identifier in (name, {"class_name": "BinaryCrossentropy", "config": {}}):
        assert losses.get(identifier, flavor="tfjs").flavor == "tfjs"
        assert losses.get(identifier).flavor == "keras"
    again = losses.get(losses.serialize(losses.get(name, flavor="tfjs")))
    assert again.flavor == "tfjs"


def test_tfjs_where_nothing_differs_is_the_same_class() -> None:
    assert type(losses.get("mse", flavor="tfjs")) is losses.MeanSquaredError
    assert type(losses.get("log_cosh", flavor="tfjs")) is losses.LogCosh
    own = losses.BinaryCrossentropy()
    assert losses.get(own, flavor="tfjs") is own


def test_tfjs_saturates_where_keras_goes_on() -> None:
    y_true, y_pred, z = np.array([0]), np.array([[0, 1]], np.float32), np.array([[0, 50]], np.float32)
    keras = losses.get("sparse_categorical_crossentropy")
    tfjs = losses.get("sparse_categorical_crossentropy", flavor="tfjs")
    assert keras.compute(y_true, y_pred, None, z)[0] == 50
    assert not tfjs.fuses
    assert tfjs.compute(y_true, y_pred)[0] == pytest.approx(-np.log(1e-7), rel=1e-6)


def test_tfjs_binary_crossentropy_shows_the_digits_of_float32() -> None:
    loss = losses.get("binary_crossentropy", flavor="tfjs")
    z = np.array([[13.421875], [-13.421875]], np.float32)
    y_true = np.array([[0], [1]], np.float32)
    value, backward = loss.compute(y_true, 1 / (1 + np.exp(-z)), None, z)
    p = np.float32(1 / (1 + np.exp(-13.421875)))
    expected = (np.log(float(p) / (1 - float(p))) + 13.421875) / 2
    assert value == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(backward()).all()


def test_tfjs_hinge_leaves_zeros_alone() -> None:
    y_true, y_pred = np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])
    assert losses.get("hinge")(y_true, y_pred) == 1.0
    assert losses.get("hinge", flavor="tfjs")(y_true, y_pred) == 0.75


# Keras's configs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("flavor", ["keras", "tfjs"])
def test_the_config_of_a_function_is_its_name(flavor: str) -> None:
    config = {"class_name": "function", "config": "categorical_crossentropy"}
    assert losses.get(config, flavor=flavor) == losses.get("categorical_crossentropy", flavor=flavor)


@pytest.mark.parametrize("flavor", ["keras", "tfjs"])
def test_the_reduction_of_keras_2(flavor: str) -> None:
    config = {"class_name": "BinaryCrossentropy", "config": {"reduction": "auto", "label_smoothing": 0.5}}
    loss = losses.get(config, flavor=flavor)
    assert (loss.reduction, loss.label_smoothing) == ("sum_over_batch_size", 0.5)
    with pytest.raises(ConfigError, match="reduction"):
        losses.BinaryCrossentropy(reduction="auto")


@pytest.mark.parametrize(
    ("y", "p", "kind"),
    [
        (np.array([[1], [0]]), np.array([[0.25], [0.5]]), losses.BinaryCrossentropy),
        (np.array([1, 0]), np.array([[0.25], [0.5]]), losses.BinaryCrossentropy),
        (np.array([1, 0]), np.array([[0.25, 0.75], [0.5, 0.5]]), losses.SparseCategoricalCrossentropy),
        (np.array([[1], [0]]), np.array([[0.25, 0.75], [0.5, 0.5]]), losses.SparseCategoricalCrossentropy),
        (np.array([[0, 1], [1, 0]]), np.array([[0.25, 0.75], [0.5, 0.5]]), losses.CategoricalCrossentropy),
        (np.array([[1, 0]]), np.array([[[0.25, 0.75], [0.5, 0.5]]]), losses.SparseCategoricalCrossentropy),
    ],
)
@pytest.mark.parametrize("name", ["crossentropy", "ce", "CE", "Crossentropy"])
def test_crossentropy_is_chosen_by_shapes(name: str, y: np.ndarray, p: np.ndarray, kind: type) -> None:
    loss, meant = losses.get(name), kind()
    targets = loss.prepare(y, (None, *p.shape[1:]), np.float64)
    assert loss(targets, p) == meant(targets, p)
    value, backward = loss.compute(targets, p)
    expected, expected_backward = meant.compute(targets, p)
    assert value == expected
    assert np.array_equal(backward(), expected_backward())
    assert loss.values_shape(targets) == meant.values_shape(targets) == p.shape[:-1]
    assert losses.get(losses.serialize(loss)) == loss


# Focal forms -------------------------------------------------------------------------------------


def test_binary_focal_crossentropy_behind_a_softmax() -> None:
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(4, 3)), rng.integers(2, size=(4, 3)).astype(float)
    loss = losses.BinaryFocalCrossentropy(apply_class_balancing=True, gamma=1.5)

    def value(z: np.ndarray) -> float:
        p, q = activations.softmax(z), activations.sigmoid(z)  # as in Keras: both come from the same logits
        focus = (1 - t * p - (1 - t) * (1 - p)) ** 1.5 * (0.25 * t + 0.75 * (1 - t))
        return float((focus * -(t * np.log(q) + (1 - t) * np.log(1 - q))).mean())

    received, backward = loss.compute(t, activations.softmax(z), None, z, own=False)
    assert received == pytest.approx(value(z))
    for index in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[index] = 1e-6
        slope = (value(z + step) - value(z - step)) / 2e-6
        assert backward()[index] == pytest.approx(slope, rel=1e-5, abs=1e-9)
    assert not losses.BinaryFocalCrossentropy(from_logits=True).fuses


def test_binary_focal_crossentropy_of_no_probabilities() -> None:
    y_true, y_pred = np.array([[0.0, 1.0]]), np.array([[-0.5, 1.5]])
    assert np.isnan(losses.BinaryFocalCrossentropy(gamma=1.5)(y_true, y_pred))
    assert losses.BinaryFocalCrossentropy(gamma=2.0)(y_true, y_pred) == pytest.approx(0, abs=1e-6)


# Functions ---------------------------------------------------------------------------------------


def quartic(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    d = y_pred - y_true
    return (d**4).mean(-1), 4 * d**3 / d.shape[-1]


def test_a_function_becomes_a_loss_with_weights_and_reduction() -> None:
    loss = losses.get(quartic)
    assert loss.name == "quartic"
    y_true, y_pred, weights = np.zeros((3, 2)), np.full((3, 2), 2.0), np.array([1.0, 0.0, 0.5])
    value, backward = loss.compute(y_true, y_pred, weights)
    assert value == 16 * 1.5 / 3
    np.testing.assert_allclose(backward(), 16 / 3 * weights[:, None] * np.ones((3, 2)))


def test_a_function_of_class_indices_gets_them_as_they_are() -> None:
    loss = losses.get(lambda y_true, y_pred: (y_pred[:, 0] * 0, y_pred * 0))
    assert loss.prepare(np.array([1, 2]), OUTPUT).dtype == np.int64
    assert loss.prepare(np.array([1, 2]), (None, 1)).shape == (2, 1)
    assert loss.prepare(np.array([[1, 2, 3]]), OUTPUT).dtype == np.float32


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda t, p: ((p - t) ** 2).mean(-1), "return the gradient"),
        (lambda t, p: (((p - t) ** 2).mean(), 2 * (p - t)), "one value a sample"),
        (lambda t, p: (((p - t) ** 2).mean(-1), (p - t).mean(-1)), "gradient of shape"),
    ],
)
def test_functions_that_return_something_else(function: object, message: str) -> None:
    with pytest.raises((ConfigError, ShapeError), match=message):
        losses.get(function).compute(np.zeros((2, 3)), np.ones((2, 3)))


def test_a_function_cannot_come_from_a_config() -> None:
    with pytest.raises(ConfigError, match="Compile again with loss=the function"):
        losses.get(losses.serialize(losses.get(quartic)))


def test_an_object_like_a_loss_is_taken_as_it_is() -> None:
    class Own:
        def prepare(self, *_: object) -> None: ...
        def compute(self, *_: object) -> None: ...

    own = Own()
    assert losses.get(own) is own


# Refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "y", "output", "error", "message"),
    [
        (
            "mse",
            np.zeros((4, 2)),
            OUTPUT,
            ShapeError,
            r"expected targets of shape \(batch, 3\).*received \(batch, 2\)",
        ),
        ("mse", np.zeros(4), OUTPUT, ShapeError, "received"),
        ("mse", np.array([[1.0, np.nan, 0]]), OUTPUT, DataError, "NaN in sample 0"),
        ("mse", np.array([["a", "b", "c"]]), OUTPUT, DataError, "expected numbers"),
        ("sparse_categorical_crossentropy", np.eye(3), OUTPUT, ShapeError, "categorical_crossentropy"),
        (
            "sparse_categorical_crossentropy",
            [0, 3],
            OUTPUT,
            DataError,
            "from 0 to 2 for 3 outputs, received 3",
        ),
        ("sparse_categorical_crossentropy", [-1, 0], OUTPUT, DataError, "received -1"),
        ("sparse_categorical_crossentropy", [0.5, 0], OUTPUT, DataError, "whole class indices, received 0.5"),
    ],
)
def test_targets_that_do_not_fit(
    name: str, y: object, output: tuple[int | None, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        losses.get(name).prepare(y, output)


def test_targets_of_one_output_may_lack_its_axis() -> None:
    assert losses.get("mse").prepare([1, 2], (None, 1)).shape == (2, 1)


def test_weights_of_time_steps() -> None:
    loss = losses.MeanSquaredError("mean_with_sample_weight")
    y_true, y_pred = np.zeros((2, 3, 1)), np.array([[[1.0], [2.0], [3.0]]] * 2)
    weights = np.array([[1.0, 0, 0], [0, 0, 1.0]])
    assert loss.compute(y_true, y_pred, weights)[0] == 5
    with pytest.raises(ShapeError, match="one weight a sample or a time step"):
        loss.compute(y_true, y_pred, np.ones((2, 2)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: losses.MeanSquaredError("average"),
        lambda: losses.CategoricalCrossentropy(axis=1),
        lambda: losses.CategoricalGeneralizedCrossEntropy(q=1.0),
    ],
)
def test_bad_arguments(make: object) -> None:
    with pytest.raises(ConfigError, match="expected"):
        make()  # type: ignore[operator]
