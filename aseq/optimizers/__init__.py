"""Optimizers: each a few vector operations over flat arrays, written once for all layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq.optimizers import _tfjs, schedules
from aseq.optimizers._adam import Adam, Adamax, AdamW, Nadam
from aseq.optimizers._adaptive import Adadelta, Adagrad, Ftrl, RMSprop
from aseq.optimizers._lamb import Lamb
from aseq.optimizers._optimizer import Optimizer
from aseq.optimizers._sgd import SGD, Lion
from aseq.registry import Registry

if TYPE_CHECKING:
    from aseq.types import Config

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "get",
    "schedules",
    "serialize",
]

_KERAS = Registry(
    "optimizer",
    Optimizer,
    [SGD, Adadelta, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, Nadam, RMSprop],
    {"rmsprop": RMSprop, "RMSProp": RMSprop, "adamw": AdamW},
)
_TFJS = Registry(
    "tf.js optimizer",
    Optimizer,
    [_tfjs.SGD, _tfjs.Momentum, _tfjs.Adagrad, _tfjs.Adadelta, _tfjs.Adam, _tfjs.Adamax, _tfjs.RMSProp],
    {"rmsprop": _tfjs.RMSProp, "RMSprop": _tfjs.RMSProp},
)


def get(identifier: Any) -> Optimizer:
    """The optimizer that `identifier` means: instance, class, Keras or tf.js name, or config.

    A config with `"flavor": "tfjs"` means tf.js's optimizer with its own keys and update rule.

    Raises:
        ConfigError: It means no optimizer.

    Examples:
        >>> get("adam").learning_rate
        0.001
        >>> get({"class_name": "Adam", "flavor": "tfjs", "config": {"beta1": 0.8}}).flavor
        'tfjs'
    """
    if isinstance(identifier, dict) and identifier.get("flavor") == "tfjs":
        return _TFJS.get({"class_name": identifier.get("class_name", ""), "config": identifier.get("config")})
    return _KERAS.get(identifier)


def serialize(optimizer: Optimizer) -> Config:
    """`{"class_name", "config"}` of an optimizer, with its "flavor" where that is not Keras's.

    Examples:
        >>> serialize(SGD(0.5))["config"]["learning_rate"]
        0.5
    """
    config: Config = {"class_name": type(optimizer).__name__, "config": optimizer.get_config()}
    return config if optimizer.flavor == "keras" else config | {"flavor": optimizer.flavor}
