"""aseq: training neural networks inside an asyncio program."""

from aseq import (
    activations,
    callbacks,
    constraints,
    data,
    datasets,
    errors,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from aseq._version import __version__
from aseq.models import Sequential, load_model

__all__ = [
    "Sequential",
    "__version__",
    "activations",
    "callbacks",
    "constraints",
    "data",
    "datasets",
    "errors",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "optimizers",
    "regularizers",
]
