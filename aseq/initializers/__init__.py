"""First values of weights: functions of a shape, a dtype and the model's random numbers."""

from __future__ import annotations

from typing import Any

from aseq.initializers._fixed import Constant, Identity, Ones, Zeros
from aseq.initializers._initializer import Initializer
from aseq.initializers._random import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
from aseq.initializers._scaled import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)
from aseq.registry import Registry

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
    "serialize",
]

_REGISTRY = Registry(
    "initializer",
    Initializer,
    [
        Constant,
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        Identity,
        LecunNormal,
        LecunUniform,
        Ones,
        Orthogonal,
        RandomNormal,
        RandomUniform,
        TruncatedNormal,
        VarianceScaling,
        Zeros,
    ],
    {
        "normal": RandomNormal,
        "uniform": RandomUniform,
        "zero": Zeros,
        "one": Ones,
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "leCunNormal": LecunNormal,
        "LeCunNormal": LecunNormal,
        "leCunUniform": LecunUniform,
        "LeCunUniform": LecunUniform,
    },
)
serialize = _REGISTRY.serialize


def get(identifier: Any) -> Initializer:
    """The initializer that `identifier` means: instance, Keras or tf.js name, or config.

    Raises:
        ConfigError: It means no initializer.

    Examples:
        >>> get("heNormal").scale
        2.0
    """
    return _REGISTRY.get(identifier)
