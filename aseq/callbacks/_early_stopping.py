"""EarlyStopping: end a fit that no longer gets better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq.callbacks._board import say
from aseq.callbacks._monitor import MonitorCallback

if TYPE_CHECKING:
    from aseq.types import Array

__all__ = ["EarlyStopping"]


class EarlyStopping(MonitorCallback):
    """Stops training when a value has not improved for some epochs.

    Args:
        monitor: Key of the logs.
        min_delta: A change that is no greater than this is no improvement.
        patience: Epochs without improvement to wait for.
        verbose: 1 to say so when it stops.
        mode: "min", "max", or "auto" to tell from the key.
        baseline: The wait starts anew only for values that beat this one, too.
        restore_best_weights: Put the weights of the best epoch back when training ends, however it ends.
        start_from_epoch: Epochs to leave alone first.

    Attributes:
        wait: Epochs since the last improvement.
        stopped_epoch: The epoch (from 0) after which it stopped, or 0.
        best_epoch: The epoch (from 0) of the best value.

    Raises:
        ConfigError: The mode means nothing, or "auto" cannot tell what the key wants.

    Examples:
        >>> import asyncio, aseq
        >>> import numpy as np
        >>> model = aseq.Sequential([aseq.layers.Input((1,)), aseq.layers.Dense(1)], seed=0)
        >>> model.compile(aseq.optimizers.SGD(0.5), "mse")
        >>> x = np.ones((32, 1))
        >>> stop = EarlyStopping("loss", min_delta=0.01, patience=2)
        >>> history = asyncio.run(model.fit(x, 2 * x, epochs=50, verbose=0, callbacks=stop))
        >>> len(history.epoch) < 10
        True
    """

    state_names = ("best", "best_epoch", "best_weights", "wait", "stopped_epoch")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the fit before."""
        self.best = None
        self.best_epoch = 0
        self.best_weights: list[Array] | None = None
        self.wait = 0
        self.stopped_epoch = 0

    async def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the epoch's value."""
        value = self.monitored(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.is_improvement(value, self.best):
            self.best = value
            await self._keep(epoch)
            if self.baseline is None or self.is_improvement(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    async def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = await self.model._call(self.model.get_weights)

    async def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the best weights back, if asked for."""
        if self.stopped_epoch and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        weights, self.best_weights = self.best_weights, None
        if weights is not None:
            if self.verbose:
                say(f"Restoring the weights from the end of the best epoch: {self.best_epoch + 1}")
            await self.model._call(lambda: self.model.set_weights(weights))
