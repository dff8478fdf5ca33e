"""Checks of the arguments of the doors, made before any data is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError
from aseq.training._loop import Pace

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Schedule", "arrays_only", "optional", "positive", "share", "whole"]


@dataclass(frozen=True)
class Schedule:
    """When a fit does what.

    Attributes:
        epochs: Where to stop.
        initial_epoch: Where to begin.
        steps_per_epoch: Batches an epoch, or None for a whole pass.
        validation_steps: Batches a validation, or None for all.
        validation_freq: Every so many epochs, or the epochs themselves, counted from 1.
        pace: Of the bursts.
    """

    epochs: int
    initial_epoch: int
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_freq: int | Collection[int]
    pace: Pace

    @classmethod
    def of(
        cls,
        epochs: Any,
        initial_epoch: Any,
        steps_per_epoch: Any,
        validation_steps: Any,
        validation_freq: Any,
        yield_every: Any,
    ) -> Schedule:
        """The arguments of `fit` that data does not decide.

        Raises:
            ConfigError: One of them means nothing.
        """
        return cls(
            whole("epochs", epochs),
            whole("initial_epoch", initial_epoch),
            optional("steps_per_epoch", steps_per_epoch),
            optional("validation_steps", validation_steps),
            _freq(validation_freq),
            Pace.of(yield_every),
        )

    @property
    def first_pass(self) -> int:
        """The number of the first pass over a stream: with steps_per_epoch, epochs share one."""
        return self.initial_epoch if self.steps_per_epoch is None else 0


def positive(name: str, value: Any) -> int:
    if _is_int(value) and value > 0:
        return int(value)
    raise ConfigError(f"{name}: expected a positive int, received {value!r}.")


def optional(name: str, value: Any) -> int | None:
    return None if value is None else positive(name, value)


def whole(name: str, value: Any) -> int:
    if _is_int(value) and value >= 0:
        return int(value)
    raise ConfigError(f"{name}: expected an int from 0, received {value!r}.")


def share(name: str, value: Any) -> float:
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, (int, float)) and 0 <= number < 1:
        return float(number)
    raise ConfigError(f"{name}: expected a number in [0, 1), received {value!r}.")


def arrays_only(door: str, **given: Any) -> None:
    """Refuse arguments that belong to arrays, given beside a dataset."""
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise ConfigError(
            f"{door}: expected {', '.join(wrong)} only with arrays, received a dataset as x. Its batches bring their "
            f"own targets and weights, and their size."
        )


def _is_int(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _freq(freq: Any) -> int | Collection[int]:
    if _is_int(freq) and freq > 0:
        return int(freq)
    if isinstance(freq, np.ndarray) and freq.ndim == 1:
        freq = freq.tolist()
    if isinstance(freq, (list, tuple, set, frozenset, range)):
        return frozenset(positive("validation_freq", epoch) for epoch in freq)
    raise ConfigError(
        f"validation_freq: expected a positive int or a collection of epochs, received {freq!r}."
    )
