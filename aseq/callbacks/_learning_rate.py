"""Callbacks that set the learning rate: ReduceLROnPlateau, LearningRateScheduler."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from aseq.callbacks._board import say
from aseq.callbacks._callback import Callback
from aseq.callbacks._monitor import MonitorCallback
from aseq.callbacks._values import scalar
from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LearningRateScheduler", "ReduceLROnPlateau"]


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate when a value has not improved for some epochs.

    The epoch's learning rate goes into the logs, as "learning_rate".

    Args:
        monitor: Key of the logs.
        factor: Below 1: new rate = rate * factor.
        patience: Epochs without improvement to wait for.
        verbose: 1 to say so when it reduces.
        mode: "min", "max", or "auto" to tell from the key.
        min_delta: A change that is no greater than this is no improvement.
        cooldown: Epochs after a reduction in which nothing is counted.
        min_lr: Never below this rate.

    Raises:
        ConfigError: The factor is not below 1, the mode means nothing, or the optimizer has a schedule.

    Examples:
        >>> ReduceLROnPlateau("loss", factor=1.5)
        Traceback (most recent call last):
        aseq.errors.ConfigError: ReduceLROnPlateau: expected a factor in (0, 1), received 1.5.
    """

    state_names = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not 0 < factor < 1:
            raise ConfigError(f"ReduceLROnPlateau: expected a factor in (0, 1), received {factor!r}.")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def _reset(self) -> None:
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the fit before."""
        _check_settable("ReduceLROnPlateau", self.model.optimizer)
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the epoch's value, and reduce."""
        logs = {} if logs is None else logs
        value = self.monitored(logs)
        logs["learning_rate"] = self.model.optimizer.current_learning_rate()
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        rate = optimizer.current_learning_rate()
        if rate > self.min_lr:
            optimizer.learning_rate = max(rate * self.factor, self.min_lr)
            if self.verbose:
                say(f"Epoch {epoch + 1}: reducing the learning rate to {optimizer.learning_rate:.4g}")
            self.cooldown_counter = self.cooldown
            self.wait = 0


class LearningRateScheduler(Callback):
    """Sets the learning rate of each epoch.

    The epoch's learning rate goes into the logs, as "learning_rate".

    Args:
        schedule: A function (or coroutine function) of the epoch, or of the epoch and the rate so
            far, that returns the rate; or a sequence with one rate an epoch. Epochs count from 0.
        verbose: 1 to say the rate of each epoch.

    Raises:
        ConfigError: The schedule gives no number, or the optimizer has a schedule of its own.

    Examples:
        >>> import asyncio, aseq
        >>> import numpy as np
        >>> model = aseq.Sequential([aseq.layers.Input((1,)), aseq.layers.Dense(1)], seed=0)
        >>> model.compile("sgd", "mse")
        >>> halve = LearningRateScheduler(lambda epoch, lr: 0.5 * lr)
        >>> x = np.ones((4, 1))
        >>> asyncio.run(model.fit(x, x, epochs=3, verbose=0, callbacks=halve)).history["learning_rate"]
        [0.005, 0.0025, 0.00125]
    """

    def __init__(self, schedule: Callable[..., float] | Sequence[float], verbose: int = 0) -> None:
        self.schedule = schedule
        self.verbose = verbose
        self._rate_of = _rate_function(schedule)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check that the rate can be set."""
        _check_settable("LearningRateScheduler", self.model.optimizer)

    async def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the epoch's rate."""
        optimizer = self.model.optimizer
        rate = self._rate_of(epoch, optimizer.current_learning_rate())
        if inspect.isawaitable(rate):
            rate = await rate
        number = scalar(rate)
        if number is None:
            raise ConfigError(
                f"LearningRateScheduler: expected the schedule to return a number for epoch {epoch}, received {rate!r}."
            )
        optimizer.learning_rate = number
        if self.verbose:
            say(f"Epoch {epoch + 1}: setting the learning rate to {number:.4g}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the epoch's rate."""
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.current_learning_rate()


def _rate_function(schedule: Any) -> Callable[[int, float], Any]:
    if callable(schedule):
        if _takes_rate(schedule):
            return schedule
        return lambda epoch, _: schedule(epoch)
    if isinstance(schedule, (list, tuple)) and schedule:
        return lambda epoch, _: schedule[epoch] if epoch < len(schedule) else None
    raise ConfigError(
        f"LearningRateScheduler: expected a function of the epoch or a list of rates, received {schedule!r}."
    )


def _takes_rate(schedule: Callable[..., Any]) -> bool:
    try:
        inspect.signature(schedule).bind(0, 0.0)
    except (TypeError, ValueError):
        return False
    return True


def _check_settable(owner: str, optimizer: Any) -> None:
    if callable(optimizer.learning_rate):
        raise ConfigError(
            f"{owner}: expected an optimizer with a number as learning_rate, received a schedule. Use one of the two."
        )
