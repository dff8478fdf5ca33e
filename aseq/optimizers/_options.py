"""What every optimizer can do besides its update: clip and gather gradients, average parameters."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from aseq.errors import ConfigError

if TYPE_CHECKING:
    from aseq.optimizers._plan import Plan
    from aseq.types import Array, Config

__all__ = ["Options"]


@dataclass
class Options:
    """The keywords that all optimizers share (see `Optimizer`)."""

    clipnorm: float | None = None
    global_clipnorm: float | None = None
    clipvalue: float | None = None
    use_ema: bool = False
    ema_momentum: float = 0.99
    ema_overwrite_frequency: int | None = None
    loss_scale_factor: float | None = None
    gradient_accumulation_steps: int | None = None

    def __post_init__(self) -> None:
        clips = (self.clipnorm, self.global_clipnorm, self.clipvalue)
        self.period = self.gradient_accumulation_steps or 1
        self.changes_gradient = self.period > 1 or any(clip is not None for clip in clips)
        self.plain = not (self.changes_gradient or self.use_ema)
        self.slot_names = ("average",) * self.use_ema + ("gradient_accumulator",) * (self.period > 1)

    def check(self, where: str) -> None:
        """Raise ConfigError for options that contradict each other or lie out of range."""
        clips = {"clipnorm": self.clipnorm, "clipvalue": self.clipvalue}
        clips["global_clipnorm"] = self.global_clipnorm
        given = {name: value for name, value in clips.items() if value is not None}
        problem = None
        steps, frequency = self.gradient_accumulation_steps, self.ema_overwrite_frequency
        if len(given) > 1:
            problem = f"at most one way of clipping, received {given}"
        elif any(value <= 0 for value in given.values()):
            problem = f"a clipping limit above 0, received {given}"
        elif steps is not None and steps < 2:
            problem = f"gradient_accumulation_steps >= 2, received {steps!r}"
        elif not 0 <= self.ema_momentum <= 1:
            problem = f"ema_momentum in [0, 1], received {self.ema_momentum!r}"
        elif frequency is not None and frequency < 1:
            problem = f"ema_overwrite_frequency >= 1 or None, received {frequency!r}"
        if problem:
            raise ConfigError(f"optimizer {where!r}: expected {problem}.")

    def get_config(self) -> Config:
        """Keras's arguments."""
        return asdict(self)

    def gradient(self, plan: Plan, slots: dict[str, Array], iterations: int) -> bool:
        """Write the gradient of this update into `plan.gradient`.

        Returns:
            False on a step that only gathers gradients.
        """
        source = plan.grads
        if self.period > 1:
            gathered = slots["gradient_accumulator"]
            gathered += plan.grads
            if iterations % self.period:
                return False
            source = np.divide(gathered, self.period, out=plan.gradient)
            gathered.fill(0)
        self._clip(plan, source)
        return True

    def _clip(self, plan: Plan, source: Array) -> None:
        clipped = plan.gradient
        if self.clipvalue is not None:
            np.clip(source, -self.clipvalue, self.clipvalue, out=clipped)
        elif self.clipnorm is not None:
            for piece in plan.pieces:
                norm = math.sqrt(_square(source[piece]))
                np.multiply(source[piece], self.clipnorm / max(norm, self.clipnorm), out=clipped[piece])
        elif self.global_clipnorm is not None:
            norm = math.sqrt(sum(_square(source[piece]) for piece in plan.ranges))
            # as in Keras, a norm that is not finite makes every parameter NaN: seen, not hidden
            scale = self.global_clipnorm / max(norm, self.global_clipnorm) + (norm - norm)
            for piece in plan.ranges:
                np.multiply(source[piece], scale, out=clipped[piece])

    def average(self, plan: Plan, average: Array, update: int) -> None:
        """Move the average of the parameters; the first update copies them.

        Args:
            plan: Of the step.
            average: The slot.
            update: Number of the update that this step belongs to, from 1.
        """
        momentum = self.ema_momentum if update > 1 else 0.0
        frequency = self.ema_overwrite_frequency
        for piece in plan.ranges:
            average[piece] *= momentum
            average[piece] += (1 - momentum) * plan.params[piece]
            if frequency and update % frequency == 0:
                plan.params[piece] = average[piece]


def _square(x: Array) -> float:
    return float(np.dot(x, x))
