"""Conformance of learning-rate schedules: known values, purity, configs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aseq import optimizers
from aseq.testing._case import Case, named, run
from aseq.testing._numbers import agree, check_config, close, no_mutable_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aseq.optimizers.schedules import LearningRateSchedule
    from aseq.testing._case import Check

__all__ = ["ScheduleCase", "check_schedule", "yield_schedule_checks"]

STEPS = (0, 1, 2, 3, 7, 10, 11, 50, 1000)


@dataclass(frozen=True, kw_only=True)
class ScheduleCase(Case):
    """A schedule under test.

    Attributes:
        factory: Makes it.
        reference: The rate of a step, written down independently.

    Examples:
        >>> from aseq.optimizers.schedules import PiecewiseConstantDecay
        >>> make = lambda: PiecewiseConstantDecay([2], [0.1, 0.01])
        >>> ScheduleCase(id="P-two", factory=make, reference=lambda step: 0.1 if step <= 2 else 0.01).component
        'P'
    """

    factory: Callable[[], LearningRateSchedule]
    reference: Callable[[int], float]


def check_schedule(case: ScheduleCase) -> None:
    """Run all checks of a schedule.

    Raises:
        AssertionError: Some fail; the message names each.

    Examples:
        >>> from aseq.optimizers.schedules import PiecewiseConstantDecay
        >>> make = lambda: PiecewiseConstantDecay([2], [0.1, 0.01])
        >>> case = ScheduleCase(id="P", factory=make, reference=lambda step: 0.1 if step <= 2 else 0.01)
        >>> check_schedule(case)
    """
    run(case, yield_schedule_checks(case))


def yield_schedule_checks(case: ScheduleCase) -> Iterator[tuple[str, Check]]:
    """The checks of a schedule, by name.

    Examples:
        >>> from aseq.optimizers.schedules import PiecewiseConstantDecay
        >>> make = lambda: PiecewiseConstantDecay([2], [0.1, 0.01])
        >>> case = ScheduleCase(id="P", factory=make, reference=lambda step: 0.1 if step <= 2 else 0.01)
        >>> [name for name, check in yield_schedule_checks(case)][:2]
        ['rates', 'asks_are_free']
    """
    return named(case, [rates, asks_are_free, serves_an_optimizer, config_round_trip, default_arguments])


def rates(case: ScheduleCase) -> None:
    """The rate is a plain float, finite, not negative, and that of the reference."""
    schedule = case.factory()
    for step in STEPS:
        rate = schedule(step)
        assert isinstance(rate, float), f"step {step}: expected a float, received {type(rate).__name__}."
        assert np.isfinite(rate), f"step {step}: expected a finite rate, received {rate}."
        assert rate >= 0, f"step {step}: expected a rate of 0 or more, received {rate}."
        close(f"rate at step {step}", rate, case.reference(step), rtol=1e-9)


def asks_are_free(case: ScheduleCase) -> None:
    """Asking changes nothing: any order of steps, any number of times, gives the same rates."""
    schedule = case.factory()
    forward = [schedule(step) for step in STEPS]
    backward = [schedule(step) for step in reversed(STEPS)]
    agree("rates asked backwards", backward[::-1], forward)


def serves_an_optimizer(case: ScheduleCase) -> None:
    """As a learning rate it decides each step, and travels in the optimizer's config."""
    optimizer = optimizers.SGD(case.factory())
    revived = optimizers.get(optimizers.serialize(optimizer))
    for each in (optimizer, revived):
        w = np.zeros(1)
        for _ in range(3):
            each.step(w, np.ones(1), [(0, 1)])
        close("way of three steps", w[0], -sum(case.reference(step) for step in range(3)))


def config_round_trip(case: ScheduleCase) -> None:
    """Config -> JSON -> schedule -> config is the same, and so are the rates."""
    schedule = case.factory()
    revived = check_config(schedule, type(schedule).from_config)
    agree("rates", [revived(step) for step in STEPS], [schedule(step) for step in STEPS])


def default_arguments(case: ScheduleCase) -> None:
    """No default argument is a list or dict, which all instances would share."""
    no_mutable_defaults(case.factory())
