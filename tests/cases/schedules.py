"""Learning-rate schedules, each beside its formula."""

from __future__ import annotations

import math

from aseq.optimizers import schedules as s
from aseq.testing import ScheduleCase


def cosine(share, floor):
    return (1 - floor) * (1 + math.cos(math.pi * share)) / 2 + floor


def restarts(step, first, times, heights, floor):
    """Walk through the periods one by one."""
    length, height, start = first, 1.0, 0.0
    while step >= start + length:
        start, length, height = start + length, length * times, height * heights
    share = (step - start) / length
    return (1 - floor) * 0.5 * height * (1 + math.cos(math.pi * share)) + floor


class HalfAgain(s.LearningRateSchedule):
    """A schedule of a user's own."""

    def __call__(self, step):
        return 0.5**step

    def get_config(self):
        return {}


CASES = [
    ScheduleCase(id="ExponentialDecay", factory=lambda: s.ExponentialDecay(0.1, 10, 0.5), reference=lambda t: 0.1 * 0.5 ** (t / 10)),
    ScheduleCase(id="ExponentialDecay-stairs", factory=lambda: s.ExponentialDecay(0.1, 10, 0.5, staircase=True), reference=lambda t: 0.1 * 0.5 ** (t // 10)),
    ScheduleCase(id="InverseTimeDecay", factory=lambda: s.InverseTimeDecay(0.1, 10, 0.5), reference=lambda t: 0.1 / (1 + 0.5 * t / 10)),
    ScheduleCase(id="InverseTimeDecay-stairs", factory=lambda: s.InverseTimeDecay(0.1, 10, 0.5, staircase=True), reference=lambda t: 0.1 / (1 + 0.5 * (t // 10))),
    ScheduleCase(id="PiecewiseConstantDecay", factory=lambda: s.PiecewiseConstantDecay([2, 10], [0.1, 0.01, 0.001]), reference=lambda t: 0.1 if t <= 2 else 0.01 if t <= 10 else 0.001),
    ScheduleCase(id="PolynomialDecay", factory=lambda: s.PolynomialDecay(0.1, 10, 0.01, 2.0), reference=lambda t: 0.09 * (1 - min(t, 10) / 10) ** 2 + 0.01),
    ScheduleCase(id="PolynomialDecay-cycle", factory=lambda: s.PolynomialDecay(0.1, 10, 0.01, cycle=True), reference=lambda t: 0.09 * (1 - t / (10 * max(1, math.ceil(t / 10)))) + 0.01),
    ScheduleCase(id="CosineDecay", factory=lambda: s.CosineDecay(0.1, 10, 0.2), reference=lambda t: 0.1 * cosine(min(t / 10, 1), 0.2)),
    ScheduleCase(id="CosineDecay-warmup", factory=lambda: s.CosineDecay(0.0, 10, warmup_target=0.1, warmup_steps=5), reference=lambda t: 0.1 * t / 5 if t < 5 else 0.1 * cosine(min((t - 5) / 10, 1), 0)),
    ScheduleCase(id="CosineDecayRestarts", factory=lambda: s.CosineDecayRestarts(0.1, 3, 2.0, 0.5, 0.1), reference=lambda t: 0.1 * restarts(t, 3, 2.0, 0.5, 0.1)),
    ScheduleCase(id="CosineDecayRestarts-even", factory=lambda: s.CosineDecayRestarts(0.1, 4, 1.0), reference=lambda t: 0.1 * restarts(t, 4, 1.0, 1.0, 0.0)),
    ScheduleCase(id="LearningRateSchedule-own", factory=HalfAgain, reference=lambda t: 0.5**t, exempt={"serves_an_optimizer": "one of a user's own has no name in the registry"}),
]  # fmt: skip
