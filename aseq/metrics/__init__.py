"""Metrics: streaming state over an epoch, never a mean of batch values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq.metrics._accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from aseq.metrics._confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from aseq.metrics._curves import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from aseq.metrics._f_score import F1Score, FBetaScore
from aseq.metrics._iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from aseq.metrics._metric import Mean, MeanMetric, MeanMetricWrapper, Metric, Sum
from aseq.metrics._of_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from aseq.metrics._regression import (
    ConcordanceCorrelation,
    CosineSimilarity,
    PearsonCorrelation,
    R2Score,
    RootMeanSquaredError,
)
from aseq.metrics._resolve import CHOSEN, chosen, use_tfjs
from aseq.registry import Registry, function_name

if TYPE_CHECKING:
    from aseq.losses import Loss
    from aseq.types import Shape

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetric",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "check_known",
    "get",
    "resolve",
    "serialize",
]

_ALIASES = {
    "auc": AUC,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "cosine": CosineSimilarity,
    "cosine_proximity": CosineSimilarity,
    "kld": KLDivergence,
    "KLD": KLDivergence,
    "kullback_leibler_divergence": KLDivergence,
    "log_cosh": LogCoshError,
    "logcosh": LogCoshError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "MAPE": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError,
    "rmse": RootMeanSquaredError,
    "RMSE": RootMeanSquaredError,
}
_REGISTRY = Registry(
    "metric",
    Metric,
    [
        AUC,
        Accuracy,
        BinaryAccuracy,
        BinaryCrossentropy,
        BinaryIoU,
        CategoricalAccuracy,
        CategoricalCrossentropy,
        CategoricalHinge,
        ConcordanceCorrelation,
        CosineSimilarity,
        F1Score,
        FBetaScore,
        FalseNegatives,
        FalsePositives,
        Hinge,
        IoU,
        KLDivergence,
        LogCoshError,
        Mean,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanIoU,
        MeanMetricWrapper,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        OneHotIoU,
        OneHotMeanIoU,
        PearsonCorrelation,
        Poisson,
        Precision,
        PrecisionAtRecall,
        R2Score,
        Recall,
        RecallAtPrecision,
        RootMeanSquaredError,
        SensitivityAtSpecificity,
        SparseCategoricalAccuracy,
        SparseCategoricalCrossentropy,
        SparseTopKCategoricalAccuracy,
        SpecificityAtSensitivity,
        SquaredHinge,
        Sum,
        TopKCategoricalAccuracy,
        TrueNegatives,
        TruePositives,
    ],
    _ALIASES,
)
serialize = _REGISTRY.serialize


def get(identifier: Any) -> Metric:
    """The metric that `identifier` means: instance, class, Keras or tf.js name, config, or function.

    Args:
        identifier: A function of (y_true, y_pred) that returns one value a sample becomes a
            `MeanMetricWrapper`.

    Raises:
        ConfigError: It means no metric.

    Examples:
        >>> get("topKCategoricalAccuracy").k
        5
    """
    if callable(identifier) and not isinstance(identifier, (Metric, type)):
        return MeanMetricWrapper(identifier)
    return _REGISTRY.get(identifier)


def resolve(
    identifier: Any, target_shape: Shape, output_shape: Shape, loss: Loss, flavor: str = "keras"
) -> Metric:
    """The metric for one output, with "accuracy" chosen as the peer chooses it and the log key it uses.

    Keras decides by shapes: one output unit is binary; a target with fewer axes than the output,
    or a last axis of 1, is sparse; anything else categorical. tf.js decides by the loss.

    Args:
        identifier: What the user gave to `compile`.
        target_shape: Of the first batch of targets.
        output_shape: Of the model.
        loss: Of the output.
        flavor: "keras" or "tfjs".

    Examples:
        >>> from aseq.losses import MeanSquaredError
        >>> type(resolve("accuracy", (None, 3), (None, 3), MeanSquaredError())).__name__
        'CategoricalAccuracy'
    """
    identifier = function_name(identifier)
    if not isinstance(identifier, str):
        return get(identifier)
    if identifier.lower() in CHOSEN:
        metric = chosen(identifier, target_shape, output_shape, loss, flavor)
    else:
        metric = get(identifier)
        metric.name = identifier
    return use_tfjs(metric) if flavor == "tfjs" else metric


def check_known(identifier: Any) -> None:
    """Raise ConfigError at once for what no batch could make sense of.

    Examples:
        >>> check_known("acuracy")
        Traceback (most recent call last):
        aseq.errors.ConfigError: metric: expected one of ...
    """
    identifier = function_name(identifier)
    if not isinstance(identifier, str) or identifier.lower() not in CHOSEN:
        get(identifier)
