"""Components with one defect each: for every conformance check one that it must find.

`PLANTED` maps kind and check to a case whose component is at fault in just the way that the check is for.
"""

from __future__ import annotations

from tests.planted import callbacks, datasets, layers, losses, metrics, optimizers, pieces

PLANTED = {
    "activation": pieces.ACTIVATIONS,
    "callback": callbacks.CALLBACKS,
    "constraint": pieces.CONSTRAINTS,
    "dataset": datasets.DATASETS,
    "initializer": pieces.INITIALIZERS,
    "layer": layers.LAYERS,
    "loss": losses.LOSSES,
    "metric": metrics.METRICS,
    "optimizer": optimizers.OPTIMIZERS,
    "regularizer": pieces.REGULARIZERS,
    "schedule": optimizers.SCHEDULES,
}
