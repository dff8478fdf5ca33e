"""The table: one row or more for every public component of every room.

`TABLE` has the rows by kind, for `aseq.testing.yield_<kind>_checks`; `ROOMS` has them by the room whose
public names they show at work. A new component needs a row here, and a test fails until it has one.
"""

from __future__ import annotations

from tests.cases import (
    activations,
    callbacks,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    schedules,
    weight_rules,
)
from tests.cases.lookups import LOOKUPS

TABLE = {
    "activation": activations.CASES,
    "callback": callbacks.CASES,
    "constraint": weight_rules.CONSTRAINTS,
    "dataset": datasets.CASES,
    "initializer": initializers.CASES,
    "layer": layers.CASES,
    "loss": losses.CASES,
    "metric": metrics.CASES,
    "optimizer": optimizers.CASES,
    "regularizer": weight_rules.REGULARIZERS,
    "schedule": schedules.CASES,
}

ROOMS = {
    "aseq.activations": [*activations.CASES, LOOKUPS["activations"]],
    "aseq.callbacks": [*callbacks.CASES, LOOKUPS["callbacks"]],
    "aseq.constraints": [*weight_rules.CONSTRAINTS, LOOKUPS["constraints"]],
    "aseq.data": datasets.CASES,
    "aseq.initializers": [*initializers.CASES, LOOKUPS["initializers"]],
    "aseq.layers": [*layers.CASES, LOOKUPS["layers"]],
    "aseq.losses": [*losses.CASES, LOOKUPS["losses"]],
    "aseq.metrics": [*metrics.CASES, LOOKUPS["metrics"]],
    "aseq.optimizers": [*optimizers.CASES, LOOKUPS["optimizers"]],
    "aseq.optimizers.schedules": [*schedules.CASES, LOOKUPS["schedules"]],
    "aseq.regularizers": [*weight_rules.REGULARIZERS, LOOKUPS["regularizers"]],
}
