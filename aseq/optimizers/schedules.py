"""Learning-rate schedules: callables of the number of steps done."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aseq.errors import ConfigError
from aseq.registry import Configurable, Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.types import Config

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule(Configurable):
    """A learning rate that depends on the number of steps done, 0 before the first.

    Args:
        name: In configs.

    Examples:
        >>> class Halving(LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.5**step
        >>> [Halving()(step) for step in (0, 1, 2)]
        [1.0, 0.5, 0.25]
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or type(self).__name__

    def __call__(self, step: int) -> float:
        """The learning rate of the step after `step` steps."""
        raise NotImplementedError

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"name": self.name}


class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate decay_rate^(step / decay_steps).

    Args:
        initial_learning_rate: At step 0.
        decay_steps: Steps in which the rate is multiplied with `decay_rate` once.
        decay_rate: The factor.
        staircase: Whole divisions only, so that the rate stays for `decay_steps` steps.
        name: In configs.

    Examples:
        >>> schedule = ExponentialDecay(0.5, decay_steps=2, decay_rate=0.5, staircase=True)
        >>> [schedule(step) for step in range(5)]
        [0.5, 0.5, 0.25, 0.25, 0.125]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(decay_steps, "decay_steps", self.name)
        self.decay_rate = decay_rate
        self.staircase = staircase

    def __call__(self, step: int) -> float:
        """The learning rate after `step` steps."""
        done = step // self.decay_steps if self.staircase else step / self.decay_steps
        return float(self.initial_learning_rate * self.decay_rate**done)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class InverseTimeDecay(ExponentialDecay):
    """initial_learning_rate / (1 + decay_rate step / decay_steps).

    Args:
        initial_learning_rate: At step 0.
        decay_steps: Steps that count as one unit of time.
        decay_rate: Growth of the divisor in one unit of time.
        staircase: Whole units only.
        name: In configs.

    Examples:
        >>> schedule = InverseTimeDecay(1.0, decay_steps=1, decay_rate=1.0)
        >>> [schedule(step) for step in (0, 1, 3)]
        [1.0, 0.5, 0.25]
    """

    def __call__(self, step: int) -> float:
        """The learning rate after `step` steps."""
        done = step // self.decay_steps if self.staircase else step / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * done)


class PiecewiseConstantDecay(LearningRateSchedule):
    """One value up to and with each boundary, the last value after the last one.

    Args:
        boundaries: Numbers of steps, rising.
        values: One more than there are boundaries.
        name: In configs.

    Examples:
        >>> schedule = PiecewiseConstantDecay([1, 3], [1.0, 0.5, 0.25])
        >>> [schedule(step) for step in range(5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        super().__init__(name)
        if len(boundaries) != len(values) - 1:
            raise ConfigError(
                f"schedule {self.name!r}: expected one value more than boundaries, received "
                f"{len(boundaries)} boundaries and {len(values)} values."
            )
        self.boundaries, self.values = list(boundaries), list(values)

    def __call__(self, step: int) -> float:
        """The learning rate after `step` steps."""
        return self.values[sum(step > boundary for boundary in self.boundaries)]

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """(initial - end) (1 - step / decay_steps)^power + end; `end_learning_rate` after `decay_steps`.

    Args:
        initial_learning_rate: At step 0.
        decay_steps: Steps until the end.
        end_learning_rate: At the end.
        power: 1 is a straight line.
        cycle: Begin anew after the end, over the next whole multiple of `decay_steps`.
        name: In configs.

    Examples:
        >>> schedule = PolynomialDecay(1.0, decay_steps=4, end_learning_rate=0.0)
        >>> [schedule(step) for step in (0, 1, 4, 9)]
        [1.0, 0.75, 0.0, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(decay_steps, "decay_steps", self.name)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle

    def __call__(self, step: int) -> float:
        """The learning rate after `step` steps."""
        steps = self.decay_steps
        if self.cycle:
            steps *= max(1, math.ceil(step / steps))
        left = 1 - min(step, steps) / steps
        return float((self.initial_learning_rate - self.end_learning_rate) * left**self.power) + (
            self.end_learning_rate
        )

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


class CosineDecay(LearningRateSchedule):
    """Half a cosine down from the initial rate to alpha times it, after a straight warm-up if asked.

    Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts", 2016.

    Args:
        initial_learning_rate: At step 0.
        decay_steps: Steps of the cosine.
        alpha: Share of the rate that stays at the end.
        name: In configs.
        warmup_target: Where the warm-up leads to and the cosine begins; no warm-up if not given.
        warmup_steps: Steps of the warm-up.

    Examples:
        >>> schedule = CosineDecay(0.0, decay_steps=2, warmup_target=1.0, warmup_steps=2)
        >>> [round(schedule(step), 3) for step in range(6)]
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str | None = None,
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(name)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(decay_steps, "decay_steps", self.name)
        self.alpha = alpha
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: int) -> float:
        """The learning rate after `step` steps."""
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            step -= self.warmup_steps
            top = self.warmup_target
        return top * _half_cosine(min(step / self.decay_steps, 1), 1.0, self.alpha)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """Half a cosine again and again, each `t_mul` times as long and `m_mul` times as high as the last.

    Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts", 2016.

    Args:
        initial_learning_rate: At step 0.
        first_decay_steps: Steps of the first cosine.
        t_mul: Factor of the lengths.
        m_mul: Factor of the heights.
        alpha: Share of the rate that stays at each end.
        name: In configs.

    Examples:
        >>> schedule = CosineDecayRestarts(1.0, first_decay_steps=2)
        >>> [round(schedule(step), 3) for step in range(5)]
        [1.0, 0.5, 1.0, 0.854, 0.5]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        super().__init__(name)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive(first_decay_steps, "first_decay_steps", self.name)
        self.t_mul, self.m_mul = t_mul, m_mul
        self.alpha = alpha

    def __call__(self, step: int) -> float:
        """The learning rate after `step` steps."""
        done = step / self.first_decay_steps
        if self.t_mul == 1:
            restarts = math.floor(done)
            done -= restarts
        else:
            restarts = math.floor(math.log(1 - done * (1 - self.t_mul), self.t_mul))
            before = (1 - self.t_mul**restarts) / (1 - self.t_mul)
            done = (done - before) / self.t_mul**restarts
        return self.initial_learning_rate * _half_cosine(done, self.m_mul**restarts, self.alpha)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


def _half_cosine(done: float, height: float, floor: float) -> float:
    """(1 - floor) height (1 + cos(pi done)) / 2 + floor."""
    return (1 - floor) * 0.5 * height * (1 + math.cos(math.pi * done)) + floor


def _positive(steps: int, argument: str, where: str) -> int:
    if steps <= 0:
        raise ConfigError(f"schedule {where!r}: expected {argument} > 0, received {steps!r}.")
    return steps


_REGISTRY = Registry(
    "schedule",
    LearningRateSchedule,
    [
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
    ],
)


def serialize(schedule: LearningRateSchedule) -> Config:
    """`{"class_name", "config"}` of a schedule.

    Examples:
        >>> serialize(PiecewiseConstantDecay([1], [0.1, 0.01]))["class_name"]
        'PiecewiseConstantDecay'
    """
    return {"class_name": type(schedule).__name__, "config": schedule.get_config()}


def deserialize(config: Config) -> LearningRateSchedule:
    """The schedule of `serialize`.

    Raises:
        ConfigError: It names no schedule.

    Examples:
        >>> deserialize(serialize(PiecewiseConstantDecay([1], [0.1, 0.01])))(5)
        0.01
    """
    return _REGISTRY.get(config)
