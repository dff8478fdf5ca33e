"""TerminateOnNaN: end a fit whose loss is no number any more."""

from __future__ import annotations

import math
from typing import Any

from aseq.callbacks._board import say
from aseq.callbacks._callback import Callback
from aseq.callbacks._values import scalar
from aseq.errors import DataError

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Stops training when the loss becomes NaN or infinite.

    It looks whenever training leaves its worker thread (about every 20 ms) and after each epoch, not
    after each batch, so it costs nothing. A NaN stays in the epoch's running loss, so none is missed.

    Args:
        raise_error: Raise a DataError rather than stop.

    Examples:
        >>> import asyncio, aseq
        >>> import numpy as np
        >>> model = aseq.Sequential([aseq.layers.Input((1,)), aseq.layers.Dense(1)], seed=0)
        >>> model.compile("sgd", "mse")
        >>> x = np.full((4, 1), np.inf)
        >>> history = asyncio.run(model.fit(x, np.ones(4), epochs=9, verbose=0, callbacks=TerminateOnNaN()))
        epoch 1, batch 1: the loss is inf, training stops
        >>> history.epoch
        [0]
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error
        self._stopped = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the fit before."""
        self._stopped = False

    def on_yield(self, epoch: int, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the running loss."""
        self._look(f"epoch {epoch + 1}, batch {batch + 1}", logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the epoch's loss."""
        self._look(f"epoch {epoch + 1}", logs)

    def _look(self, where: str, logs: dict[str, Any] | None) -> None:
        loss = scalar((logs or {}).get("loss"))
        if self._stopped or self.failure is not None or loss is None or math.isfinite(loss):
            return
        self._stopped = True
        if self.raise_error:
            raise DataError(
                f"{where}: expected a finite loss, received {loss}. Lower the learning rate, or look for NaN "
                f"in the data."
            )
        say(f"{where}: the loss is {loss}, training stops")
        self.model.stop_training = True
