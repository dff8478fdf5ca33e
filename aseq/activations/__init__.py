"""Activation functions: each gives its value and the gradient that belongs to it, side by side.

An activation owns no weights. `relu(x)` is the plain function; `relu.forward(x)` also returns `backward`.
"""

from __future__ import annotations

import re
from typing import Any

from aseq.activations._activation import Activation
from aseq.activations._functions import (
    celu,
    elu,
    exponential,
    gelu,
    gelu_new,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_sigmoid_tfjs,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
)
from aseq.errors import ConfigError
from aseq.registry import function_name, guess

__all__ = [
    "Activation",
    "celu",
    "elu",
    "exponential",
    "gelu",
    "gelu_new",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_sigmoid_tfjs",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
]

_ALIASES = {
    "swish": silu,
    "hard_swish": hard_silu,
    "gelu_tanh": gelu_new,
    "hardSigmoid": hard_sigmoid_tfjs,
    "leakyReLU": leaky_relu,
}
_BY_NAME = {a.name: a for a in list(globals().values()) if isinstance(a, Activation)} | _ALIASES


def get(identifier: Any) -> Activation:
    """The activation that `identifier` means.

    Args:
        identifier: An `Activation`, its Keras or tf.js name, a config dict of a function, or None for linear.

    Raises:
        ConfigError: No activation has this name.

    Examples:
        >>> get("relu"), get("logSoftmax"), get(None)
        (<activation relu>, <activation log_softmax>, <activation linear>)
    """
    if identifier is None:
        return linear
    if isinstance(identifier, Activation):
        return identifier
    identifier = function_name(identifier)
    if isinstance(identifier, dict) and not identifier.get("config"):
        identifier = identifier.get("class_name")  # tf.js takes {"class_name": "relu"}, too
    if isinstance(identifier, str):
        found = _BY_NAME.get(identifier) or _BY_NAME.get(
            re.sub(r"(?<=[a-z])([A-Z])", r"_\1", identifier).lower()
        )
        if found is not None:
            return found
    if callable(identifier):
        raise ConfigError(
            f"activation: expected an Activation or a name, received the function {identifier!r}, whose gradient is "
            f"not known. Write Activation('name', forward) with a forward(x, out) that returns the value and its "
            f"backward(dy)."
        )
    close = guess(identifier, _BY_NAME) if isinstance(identifier, str) else ""
    raise ConfigError(
        f"activation: expected an Activation or one of {', '.join(sorted(_BY_NAME))}, received {identifier!r}.{close}"
    )
