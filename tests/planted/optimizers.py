"""Optimizers and schedules at fault: variations of descent with momentum, and of a halving rate."""

from __future__ import annotations

import numpy as np

from aseq.optimizers import Optimizer
from aseq.optimizers.schedules import LearningRateSchedule
from aseq.testing import OptimizerCase, ScheduleCase

RATE, MOMENTUM = 0.002, 0.5


class Descent(Optimizer):
    """v = m v - lr g; w = w + v, without a defect."""

    slot_names = ("v",)

    def __init__(self, learning_rate=RATE, **options):
        super().__init__(learning_rate, **options)

    def update(self, w, g, slots, scratch, c):
        (v,) = slots
        v *= MOMENTUM
        v -= c[0] * g
        w += v


def reference(w, gradients):
    v = np.zeros_like(w)
    for g in gradients:
        v = MOMENTUM * v - RATE * g
        w = w + v
    return w


class Slow(Descent):
    def coefficients(self, lr, t):
        return (lr * 0.999,)


class Stuck(Descent):
    def coefficients(self, lr, t):
        return (lr / t**2,)


class Restless(Descent):
    def update(self, w, g, slots, scratch, c):
        super().update(w, g, slots, scratch, c)
        w += 1e-3


class EatsGradients(Descent):
    def update(self, w, g, slots, scratch, c):
        g *= c[0]
        w -= g


class OutOfRange(Descent):
    def step(self, params, grads, ranges, layout=()):
        super().step(params, grads, [(0, len(params))])


class WideSlots(Descent):
    @property
    def slots(self):
        return {name: slot.astype(np.float64) for name, slot in self._slots.items()}

    @slots.setter
    def slots(self, values):
        self._slots = dict(values)


class FirstIsSpecial(Descent):
    def step(self, params, grads, ranges, layout=()):
        super().step(params, grads, ranges, layout)
        params[0] += 1e-3


class ByLength(Descent):
    def update(self, w, g, slots, scratch, c):
        super().update(w, g, slots, scratch, (c[0] / len(w),))


class CountsFromOne(Descent):
    def current_learning_rate(self):
        self.iterations += 1
        rate = super().current_learning_rate()
        self.iterations -= 1
        return rate


class ForgetsSlots(Descent):
    def get_state(self):
        return {**super().get_state(), "slots": {}}


class LiveState(Descent):
    def get_state(self):
        return {**super().get_state(), "slots": dict(self._slots)}


class Misquoted(Descent):
    def get_config(self):
        return {**super().get_config(), "learning_rate": RATE * 2}


class SharedList(Descent):
    def __init__(self, learning_rate=RATE, things=[], **options):
        super().__init__(learning_rate, **options)


class Climbs(Descent):
    def update(self, w, g, slots, scratch, c):
        super().update(w, -np.minimum(np.abs(g), 1), slots, scratch, c)


def row(factory):
    return OptimizerCase(id="Optimizer-defect", factory=factory, reference=reference)


SOUND = [row(Descent)]

OPTIMIZERS = {
    "trajectory": row(Slow),
    "parabola": row(Stuck),
    "rosenbrock": row(Climbs),
    "no_gradient_no_step": row(Restless),
    "no_rate_no_step": row(Restless),
    "gradients_untouched": row(EatsGradients),
    "in_place": row(OutOfRange),
    "slots_follow": row(WideSlots),
    "order_is_irrelevant": row(FirstIsSpecial),
    "length_is_irrelevant": row(ByLength),
    "schedule_counts_steps": row(CountsFromOne),
    "stop_and_go_on": row(ForgetsSlots),
    "state_is_a_copy": row(LiveState),
    "config_round_trip": row(Misquoted),
    "default_arguments": row(SharedList),
}


class Halving(LearningRateSchedule):
    """start / 2^t, without a defect."""

    def __init__(self, start=0.5, name=None):
        super().__init__(name)
        self.start = start

    def __call__(self, step):
        return self.start * 0.5**step

    def get_config(self):
        return {"start": self.start, "name": self.name}


class Wrong(Halving):
    def __call__(self, step):
        return self.start * 0.5 ** (step + 1)


class Wearing(Halving):
    asked = 0

    def __call__(self, step):
        self.asked += 1
        return super().__call__(step) / self.asked


class MisquotedStart(Halving):
    def get_config(self):
        return {"start": self.start / 2, "name": self.name}


class SharedDefault(Halving):
    def __init__(self, start=0.5, name=None, things=[]):
        super().__init__(start, name)


def schedule(factory):
    return ScheduleCase(id="Schedule-defect", factory=factory, reference=lambda step: 0.5 ** (step + 1))


SCHEDULES = {
    "rates": schedule(Wrong),
    "asks_are_free": schedule(Wearing),
    "serves_an_optimizer": schedule(Wrong),
    "config_round_trip": schedule(MisquotedStart),
    "default_arguments": schedule(SharedDefault),
}
