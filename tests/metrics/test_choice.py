"""How metrics are asked for and named; functions; Keras's own method names; what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from aseq import losses, metrics
from aseq.errors import ConfigError, ShapeError

MSE, BCE = losses.MeanSquaredError(), losses.BinaryCrossentropy()
SPARSE = losses.SparseCategoricalCrossentropy()


@pytest.mark.parametrize(
    ("target", "output", "kind"),
    [
        ((None, 1), (None, 1), "Binary"),
        ((None,), (None, 1), "Binary"),
        ((None, 3), (None, 3), "Categorical"),
        ((None,), (None, 3), "SparseCategorical"),
        ((None, 1), (None, 3), "SparseCategorical"),
        ((None, 5), (None, 5, 3), "SparseCategorical"),
        ((None, 5, 3), (None, 5, 3), "Categorical"),
    ],
)
def test_keras_decides_by_shapes(target: Any, output: Any, kind: str) -> None:
    names = {"accuracy": "Accuracy", "acc": "Accuracy", "Accuracy": "Accuracy", "ACC": "Accuracy"}
    for name, suffix in (names | {"crossentropy": "Crossentropy"}).items():
        metrics.check_known(name)
        metric = metrics.resolve(name, target, output, BCE)
        assert type(metric).__name__ == kind + suffix
        assert metric.name == name


@pytest.mark.parametrize(
    ("loss", "output", "kind"),
    [
        (MSE, (None, 3), "Categorical"),
        (BCE, (None, 3), "Binary"),
        (MSE, (None, 1), "Binary"),
        (SPARSE, (None, 3), "SparseCategorical"),
    ],
)
def test_tfjs_decides_by_the_loss(loss: losses.Loss, output: Any, kind: str) -> None:
    for name, suffix, key in (("accuracy", "Accuracy", "acc"), ("ce", "Crossentropy", "ce")):
        metric = metrics.resolve(name, (None, 3), output, loss, "tfjs")
        assert type(metric).__name__ == kind + suffix
        assert metric.name == key


def test_tfjs_arithmetic() -> None:
    cosine = metrics.resolve("cosine", (None, 2), (None, 2), MSE, "tfjs")
    assert cosine.name == "cosine"
    cosine.update(np.array([[1.0, 0.0]]), np.array([[2.0, 0.0]]))
    assert cosine.result() == -1
    entropy = metrics.resolve("sparseCategoricalCrossentropy", (None,), (None, 2), SPARSE, "tfjs")
    assert entropy.name == "sparseCategoricalCrossentropy"
    entropy.update(np.array([0]), np.array([[0.0, 1.0]]))
    assert entropy.result() == pytest.approx(-np.log(1e-7))


def test_tfjs_precision_knows_no_threshold_and_is_a_mean_of_batches() -> None:
    precision = metrics.resolve("precision", (None, 2), (None, 2), MSE, "tfjs")
    assert precision.name == "precision"
    precision.update(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 1.0], [0.9, 0.9]]))
    assert precision.result() == 0.5
    precision.update(np.array([[1.0, 0.0]]), np.array([[0.9, 0.9]]))
    assert precision.result() == pytest.approx(1 / 3)


def test_arrays_in_configs_of_keras() -> None:
    weights = {"class_name": "__tensor__", "config": {"value": [1.0, 2.0], "dtype": "float32"}}
    config = {"multi_label": True, "num_labels": 2, "label_weights": weights}
    assert metrics.get({"class_name": "AUC", "config": config}).label_weights == [1.0, 2.0]


def test_the_config_of_a_function_is_its_name() -> None:
    config = {"class_name": "function", "config": "mean_squared_error"}
    metrics.check_known(config)
    assert type(metrics.get(config)) is metrics.MeanSquaredError
    assert metrics.resolve(config, (None, 2), (None, 2), MSE).name == "mean_squared_error"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mse", metrics.MeanSquaredError),
        ("MAPE", metrics.MeanAbsolutePercentageError),
        ("AUC", metrics.AUC),
        ("auc", metrics.AUC),
        ("f1_score", metrics.F1Score),
        ("mean_io_u", metrics.MeanIoU),
        ("root_mean_squared_error", metrics.RootMeanSquaredError),
        ("binaryAccuracy", metrics.BinaryAccuracy),
        ("top_k_categorical_accuracy", metrics.TopKCategoricalAccuracy),
        ("hinge", metrics.Hinge),
    ],
)
def test_names_of_both_peers(name: str, kind: type) -> None:
    if kind is metrics.MeanIoU:
        found = metrics.get({"class_name": name, "config": {"num_classes": 2}})
    else:
        found = metrics.resolve(name, (None, 2), (None, 2), MSE)
        assert found.name == name
    assert type(found) is kind


def test_what_no_batch_could_explain_is_refused_at_once() -> None:
    for fine in ("acc", "crossentropy", "mse", metrics.AUC, metrics.AUC(), lambda t, p: t == p):
        metrics.check_known(fine)
    for wrong in ("acuracy", 3, None, {"class_name": "Acuracy"}):
        with pytest.raises(ConfigError, match="metric: expected"):
            metrics.check_known(wrong)


def within(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    return np.abs(y_true - y_pred).max(-1) < 1


def test_a_function_becomes_a_metric() -> None:
    metric = metrics.resolve(within, (None, 2), (None, 2), MSE)
    assert metric.name == "within"
    metric.update(np.zeros((4, 2)), np.array([[0, 0.5], [0, 2], [0, 0], [3, 3]]), np.array([1, 1, 2, 0]))
    assert metric.result() == 0.75
    with pytest.raises(ConfigError, match="one number a sample"):
        metrics.get(lambda t, p: np.mean(t - p)).update(np.zeros(3), np.ones(3))
    with pytest.raises(ConfigError, match="Compile again"):
        metrics.get(metrics.serialize(metric) | {"class_name": "MeanMetricWrapper"})


def test_keras_method_names() -> None:
    metric = metrics.MeanSquaredError()
    metric.update_state([1, 2], [[2], [4]], sample_weight=[1, 3])
    assert metric.result() == 3.25
    metric.reset_state()
    assert metric.result() == 0
    assert metric([[1], [2]], [1, 2]) == 0


def test_mean_and_sum() -> None:
    mean, total = metrics.Mean("m"), metrics.Sum()
    for metric in (mean, total):
        metric.add(1.0, 3.0)
        metric.add(5.0)
    assert (mean.name, mean.result(), total.result()) == ("m", 2.0, 8.0)


def test_states_are_plain_and_complete() -> None:
    metric = metrics.AUC(num_thresholds=5)
    metric.update(np.array([0, 1]), np.array([0.2, 0.9]))
    state = json.loads(json.dumps({k: np.asarray(v).tolist() for k, v in metric.get_state().items()}))
    other = metrics.AUC(num_thresholds=5)
    other.set_state({key: np.array(value) for key, value in state.items()})
    assert other.result() == metric.result() == 1.0


def test_directions() -> None:
    assert metrics.AUC().direction == metrics.BinaryAccuracy().direction == "up"
    assert metrics.MeanSquaredError().direction == metrics.RootMeanSquaredError().direction == "down"
    assert metrics.Mean().direction is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: metrics.Precision(thresholds=1.5),
        lambda: metrics.AUC(curve="ROCK"),
        lambda: metrics.AUC(summation_method="simpson"),
        lambda: metrics.AUC(num_thresholds=1),
        lambda: metrics.AUC(num_labels=3),
        lambda: metrics.PrecisionAtRecall(2),
        lambda: metrics.RecallAtPrecision(0.5, num_thresholds=0),
        lambda: metrics.F1Score("median"),
        lambda: metrics.FBetaScore(beta=0),
        lambda: metrics.F1Score(threshold=2),
        lambda: metrics.IoU(2, [2]),
        lambda: metrics.R2Score("sum"),
        lambda: metrics.R2Score(num_regressors=-1),
    ],
)
def test_bad_arguments(make: Any) -> None:
    with pytest.raises(ConfigError, match="expected"):
        make()


@pytest.mark.parametrize("metric", [metrics.Precision(), metrics.AUC(), metrics.F1Score()], ids=repr)
def test_class_indices_where_one_hot_is_meant(metric: metrics.Metric) -> None:
    with pytest.raises(ShapeError, match="one-hot"):
        metric.update(np.array([0, 1]), np.array([[0.2, 0.8], [0.3, 0.7]]))
