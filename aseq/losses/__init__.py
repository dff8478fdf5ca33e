"""Loss functions: per-sample values and, beside each, the gradient; weighting and reduction are said once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq.losses import _tfjs
from aseq.losses._chosen import Crossentropy
from aseq.losses._circle import Circle
from aseq.losses._crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from aseq.losses._distributions import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
)
from aseq.losses._function import FunctionLoss
from aseq.losses._hinge import CategoricalHinge, Hinge, SquaredHinge
from aseq.losses._loss import Loss
from aseq.losses._overlap import Dice, Tversky
from aseq.losses._regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)
from aseq.losses._targets import match_rank
from aseq.registry import Registry, function_name, unwrapped

if TYPE_CHECKING:
    from aseq.types import Config

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "FunctionLoss",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "get",
    "match_rank",
    "serialize",
]

_ALIASES = {
    "Crossentropy": Crossentropy,
    "crossentropy": Crossentropy,
    "ce": Crossentropy,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "kld": KLDivergence,
    "KLD": KLDivergence,
    "kullback_leibler_divergence": KLDivergence,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "MAPE": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError,
    "logcosh": LogCosh,
    "huber_loss": Huber,
    "cosine": CosineSimilarity,
    "cosine_proximity": CosineSimilarity,
}
_KERAS = Registry(
    "loss",
    Loss,
    [
        BinaryCrossentropy,
        BinaryFocalCrossentropy,
        CategoricalCrossentropy,
        CategoricalFocalCrossentropy,
        CategoricalGeneralizedCrossEntropy,
        CategoricalHinge,
        Circle,
        CosineSimilarity,
        Dice,
        FunctionLoss,
        Hinge,
        Huber,
        KLDivergence,
        LogCosh,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        Poisson,
        SparseCategoricalCrossentropy,
        SquaredHinge,
        Tversky,
    ],
    _ALIASES,
)
_TFJS = {name: getattr(_tfjs, cls.__name__, cls) for name, cls in _KERAS.by_name.items()}


def get(identifier: Any, flavor: str = "keras") -> Loss:
    """The loss that `identifier` means: instance, class, Keras or tf.js name, config, or function.

    Args:
        identifier: A function of (y_true, y_pred) becomes a `FunctionLoss`; an object with `prepare`
            and `compute` of its own is taken as it is.
        flavor: "tfjs" makes names and configs mean tf.js's arithmetic, which clips probabilities where
            Keras goes back to the logits.

    Raises:
        ConfigError: It means no loss.

    Examples:
        >>> get("meanSquaredError").name
        'mean_squared_error'
        >>> get("binary_crossentropy", flavor="tfjs").flavor
        'tfjs'
    """
    identifier = function_name(identifier)
    if isinstance(identifier, str) and flavor == "tfjs":
        return _TFJS[identifier]() if identifier in _TFJS else get(_KERAS.find(identifier).__name__, flavor)
    if isinstance(identifier, dict) and "tfjs" in (flavor, identifier.get("flavor")):
        name = _KERAS.find(identifier.get("class_name", "")).__name__
        return _TFJS[name].from_config(unwrapped(identifier.get("config") or {}))
    if not isinstance(identifier, (Loss, type)):
        if hasattr(identifier, "prepare") and hasattr(identifier, "compute"):
            return identifier
        if callable(identifier):
            return FunctionLoss(identifier)
    return _KERAS.get(identifier)


def serialize(loss: Loss) -> Config:
    """`{"class_name", "config"}` of a loss, with its "flavor" where that is not Keras's.

    Examples:
        >>> serialize(Huber(2.0))["config"]["delta"]
        2.0
    """
    config: Config = {"class_name": type(loss).__name__, "config": loss.get_config()}
    return config if loss.flavor == "keras" else config | {"flavor": loss.flavor}
