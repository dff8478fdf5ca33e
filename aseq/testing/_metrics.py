"""Conformance of metrics: one pass over an epoch, however it is cut into batches."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import metrics
from aseq.testing._case import Case, named, run
from aseq.testing._numbers import agree, check_config, close, frozen, no_mutable_defaults, strict_floats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aseq.metrics import Metric
    from aseq.testing._case import Check
    from aseq.types import Array

__all__ = ["MetricCase", "check_metric", "yield_metric_checks"]

ROWS = 24


@dataclass(frozen=True, kw_only=True)
class MetricCase(Case):
    """A metric under test.

    Attributes:
        factory: Makes it.
        draw: Makes (y_true, y_pred) of a number of rows.
        reference: From targets, outputs and weights (one a row) to the result, written down independently.
        weighted: False for metrics that make nothing of weights.

    Examples:
        >>> case = MetricCase(id="MeanSquaredError", factory=metrics.MeanSquaredError,
        ...     draw=lambda rng, n: (rng.normal(size=(n, 2)), rng.normal(size=(n, 2))),
        ...     reference=lambda t, p, w: np.average(((t - p) ** 2).mean(-1), weights=w).item())
        >>> case.sample()[0].shape
        (24, 2)
    """

    factory: Callable[[], Metric]
    draw: Callable[[np.random.Generator, int], tuple[Array, Array]]
    reference: Callable[[Array, Array, Array], Any]
    weighted: bool = True

    def sample(self, seed: int = 0) -> tuple[Array, Array, Array]:
        """Targets, outputs and whole weights from 0 to 3."""
        rng = np.random.default_rng(seed)
        y_true, y_pred = self.draw(rng, ROWS)
        return y_true, y_pred, rng.integers(4, size=ROWS).astype(np.float64)


def check_metric(case: MetricCase) -> None:
    """Run all checks of a metric.

    Raises:
        AssertionError: Some fail; the message names each.

    Examples:
        >>> case = MetricCase(id="MeanSquaredError", factory=metrics.MeanSquaredError,
        ...     draw=lambda rng, n: (rng.normal(size=(n, 2)), rng.normal(size=(n, 2))),
        ...     reference=lambda t, p, w: np.average(((t - p) ** 2).mean(-1), weights=w).item())
        >>> check_metric(case)
    """
    run(case, yield_metric_checks(case))


def yield_metric_checks(case: MetricCase) -> Iterator[tuple[str, Check]]:
    """The checks that apply to a metric, by name.

    Examples:
        >>> case = MetricCase(id="MeanSquaredError", factory=metrics.MeanSquaredError,
        ...     draw=lambda rng, n: (rng.normal(size=(n, 2)), rng.normal(size=(n, 2))),
        ...     reference=lambda t, p, w: np.average(((t - p) ** 2).mean(-1), weights=w).item())
        >>> [name for name, check in yield_metric_checks(case)][:2]
        ['value', 'batches_make_the_whole']
    """
    return named(case, [*ALWAYS, *WEIGHTED] if case.weighted else ALWAYS)


def _result(case: MetricCase, *batches: tuple[Array, ...]) -> Any:
    metric = case.factory()
    for batch in batches:
        metric.update(*batch)
    return metric.result()


def value(case: MetricCase) -> None:
    """The result is that of the reference: a plain float, or an array where the reference is one."""
    y_true, y_pred, _ = case.sample()
    result = _result(case, (y_true, y_pred))
    expected = case.reference(y_true, y_pred, np.ones(ROWS))
    wanted = np.ndarray if isinstance(expected, np.ndarray) else float
    assert type(result) is wanted, f"expected a {wanted.__name__}, received a {type(result).__name__}."
    close("result", result, expected, rtol=1e-6)


def batches_make_the_whole(case: MetricCase) -> None:
    """Many updates give what one update with all rows gives, in any order; a batch may be empty."""
    y_true, y_pred, _ = case.sample()
    whole = _result(case, (y_true, y_pred))
    cuts = [(0, 1), (1, 8), (8, 8), (8, 21), (21, ROWS)]
    batches = [(y_true[i:j], y_pred[i:j]) for i, j in cuts]
    close("result of batches", _result(case, *batches), whole, rtol=1e-9)
    close("result of batches backwards", _result(case, *batches[::-1]), whole, rtol=1e-9)


def begins_empty(case: MetricCase) -> None:
    """Before the first batch there is a result, of numbers, without a floating-point warning."""
    with strict_floats():
        result = case.factory().result()
    assert isinstance(result, (float, np.ndarray)), f"expected a float or an array, received {result!r}."


def reset_forgets(case: MetricCase) -> None:
    """After `reset` the metric is as new."""
    y_true, y_pred, _ = case.sample()
    metric = case.factory()
    metric.update(*case.sample(seed=1)[:2])
    metric.reset()
    agree("result after reset", metric.result(), case.factory().result())
    metric.update(y_true, y_pred)
    agree("result of the second epoch", metric.result(), _result(case, (y_true, y_pred)))


def asks_are_free(case: MetricCase) -> None:
    """Asking for the result changes nothing."""
    y_true, y_pred, _ = case.sample()
    metric = case.factory()
    metric.update(y_true[:5], y_pred[:5])
    agree("second result", metric.result(), metric.result())
    metric.update(y_true[5:], y_pred[5:])
    agree("result", metric.result(), _result(case, (y_true[:5], y_pred[:5]), (y_true[5:], y_pred[5:])))


def reads_only(case: MetricCase) -> None:
    """Targets, outputs and weights are read and not written."""
    y_true, y_pred, weights = (frozen(array) for array in case.sample())
    case.factory().update(y_true, y_pred, *([weights] if case.weighted else []))


def state_round_trip(case: MetricCase) -> None:
    """get_state, set_state on another metric, and both go on the same; later batches do not reach into a state."""
    y_true, y_pred, _ = case.sample()
    first, second = case.factory(), case.factory()
    first.update(y_true[:9], y_pred[:9])
    state = copy.deepcopy(first.get_state())
    held = first.get_state()
    first.update(y_true[9:], y_pred[9:])
    agree("state after more batches", held, state)
    second.set_state(state)
    second.update(y_true[9:], y_pred[9:])
    agree("result, restored", second.result(), first.result())


def instances_are_apart(case: MetricCase) -> None:
    """Two metrics share nothing."""
    one, other = case.factory(), case.factory()
    before = copy.deepcopy(other.result())
    one.update(*case.sample()[:2])
    agree("result of an untouched metric", other.result(), before)


def single_precision(case: MetricCase) -> None:
    """Float32 outputs give nearly the same result."""
    y_true, y_pred, _ = case.sample()
    if y_true.dtype.kind == "f":
        y_true = y_true.astype(np.float32)
    result = _result(case, (y_true, y_pred.astype(np.float32)))
    close("result in float32", result, _result(case, case.sample()[:2]), rtol=1e-5, atol=1e-6)


def weights_count(case: MetricCase) -> None:
    """A row of weight 3 counts as three rows, and one of weight 0 not at all."""
    y_true, y_pred, weights = case.sample()
    result = _result(case, (y_true, y_pred, weights))
    close("weighted result", result, case.reference(y_true, y_pred, weights), rtol=1e-6)
    times = weights.astype(int)
    repeated = _result(case, (np.repeat(y_true, times, 0), np.repeat(y_pred, times, 0)))
    close("result of repeated rows", result, repeated, rtol=1e-6)


def weights_of_one(case: MetricCase) -> None:
    """Weights of 1 change nothing."""
    y_true, y_pred, _ = case.sample()
    close("result", _result(case, (y_true, y_pred, np.ones(ROWS))), _result(case, (y_true, y_pred)))


def config_round_trip(case: MetricCase) -> None:
    """Config -> JSON -> metric -> config is the same, and so is the result, through `metrics.get` as well."""
    metric = case.factory()
    revived = check_config(metric, type(metric).from_config)
    found = [metric, revived]
    if type(metric).__module__.startswith("aseq."):
        found.append(metrics.get(metrics.serialize(metric)))
    y_true, y_pred, _ = case.sample()
    for each in found:
        each.update(y_true, y_pred)
        agree("result", each.result(), metric.result())


def default_arguments(case: MetricCase) -> None:
    """No default argument is a list or dict, which all instances would share."""
    no_mutable_defaults(case.factory())


ALWAYS = (
    value,
    batches_make_the_whole,
    begins_empty,
    reset_forgets,
    asks_are_free,
    reads_only,
    state_round_trip,
    instances_are_apart,
    single_precision,
    config_round_trip,
    default_arguments,
)
WEIGHTED = (weights_count, weights_of_one)
