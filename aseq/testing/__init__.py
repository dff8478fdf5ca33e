"""Conformance checks for components of your own, and the doubles that they are checked with.

A case says as data what a component promises; `check_layer(case)` and its kin run every check that
applies and report all failures by name. `yield_layer_checks(case)` gives the checks one by one, for a
test runner of your choice. Those of datasets and callbacks are coroutine functions.

    LayerCase      check_layer       layers: shapes, gradients, dtypes, masks, states, configs
    ActivationCase check_activation  activations: values, gradients, extreme inputs
    LossCase       check_loss        losses: values, gradients, weights, refusals
    MetricCase     check_metric      metrics: however an epoch is cut into batches
    OptimizerCase  check_optimizer   optimizers: trajectories, landscapes, state
    DatasetCase    check_dataset     sources and operators: order, closing, cancelling, backpressure
    CallbackCase   check_callback    callbacks: in fits that succeed, fail and are cancelled
    and InitializerCase, RegularizerCase, ConstraintCase, ScheduleCase likewise
"""

from __future__ import annotations

from aseq.testing._activations import ActivationCase, check_activation, yield_activation_checks
from aseq.testing._callbacks import CallbackCase, check_callback, yield_callback_checks
from aseq.testing._case import Case, Check
from aseq.testing._dataset_case import DatasetCase
from aseq.testing._datasets import check_dataset, yield_dataset_checks
from aseq.testing._faulty_server import Fault, FaultyServer
from aseq.testing._initializers import InitializerCase, check_initializer, yield_initializer_checks
from aseq.testing._interrupt import Interrupted, Trip
from aseq.testing._layers import check_layer, yield_layer_checks
from aseq.testing._losses import LossCase, check_loss, yield_loss_checks
from aseq.testing._metrics import MetricCase, check_metric, yield_metric_checks
from aseq.testing._numbers import numeric_gradient
from aseq.testing._optimizers import OptimizerCase, check_optimizer, yield_optimizer_checks
from aseq.testing._schedules import ScheduleCase, check_schedule, yield_schedule_checks
from aseq.testing._source import CountingSource, Planted
from aseq.testing._subject import LayerCase
from aseq.testing._weight_rules import (
    ConstraintCase,
    RegularizerCase,
    check_constraint,
    check_regularizer,
    yield_constraint_checks,
    yield_regularizer_checks,
)

__all__ = [
    "ActivationCase",
    "CallbackCase",
    "Case",
    "Check",
    "ConstraintCase",
    "CountingSource",
    "DatasetCase",
    "Fault",
    "FaultyServer",
    "InitializerCase",
    "Interrupted",
    "LayerCase",
    "LossCase",
    "MetricCase",
    "OptimizerCase",
    "Planted",
    "RegularizerCase",
    "ScheduleCase",
    "Trip",
    "check_activation",
    "check_callback",
    "check_constraint",
    "check_dataset",
    "check_initializer",
    "check_layer",
    "check_loss",
    "check_metric",
    "check_optimizer",
    "check_regularizer",
    "check_schedule",
    "numeric_gradient",
    "yield_activation_checks",
    "yield_callback_checks",
    "yield_constraint_checks",
    "yield_dataset_checks",
    "yield_initializer_checks",
    "yield_layer_checks",
    "yield_loss_checks",
    "yield_metric_checks",
    "yield_optimizer_checks",
    "yield_regularizer_checks",
    "yield_schedule_checks",
]
