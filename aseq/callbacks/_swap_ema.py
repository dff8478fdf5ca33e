"""SwapEMAWeights: evaluate and save with the moving average of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq.callbacks._callback import Callback
from aseq.errors import ConfigError

if TYPE_CHECKING:
    from aseq.types import Array

__all__ = ["SwapEMAWeights"]


class SwapEMAWeights(Callback):
    """Puts the optimizer's moving average into the model while it is evaluated, and takes it out again.

    Args:
        swap_on_epoch: Keep the average in the model from the end of an epoch to the begin of the
            next, so that callbacks behind this one, such as ModelCheckpoint, see it.

    Raises:
        ConfigError: The optimizer keeps no average; when the fit begins.

    Examples:
        >>> import asyncio, aseq
        >>> import numpy as np
        >>> model = aseq.Sequential([aseq.layers.Input((1,)), aseq.layers.Dense(1)], seed=0)
        >>> model.compile(aseq.optimizers.SGD(use_ema=True), "mse")
        >>> x = np.ones((8, 1))
        >>> history = asyncio.run(
        ...     model.fit(x, x, validation_data=(x, x), verbose=0, callbacks=SwapEMAWeights())
        ... )
        >>> sorted(history.history)
        ['loss', 'val_loss']
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = swap_on_epoch
        self._trained: Array | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the fit before."""
        if not self.model.optimizer.options.use_ema:
            raise ConfigError(
                "SwapEMAWeights: expected an optimizer that keeps a moving average. Make it with use_ema=True."
            )
        self._trained = None

    async def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Go on with the weights that are trained."""
        await self.model._call(self._take_out)

    async def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the average in, if asked for."""
        if self.swap_on_epoch and self.failure is None:
            await self.model._call(self._put_in)

    async def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the average in."""
        await self.model._call(self._put_in)

    async def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Take it out."""
        await self.model._call(self._take_out)

    on_predict_begin = on_test_begin
    on_predict_end = on_test_end

    async def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """After a fit cut short, leave the weights of its last step; a whole fit ends with the average."""
        if self.failure is not None:
            await self.model._call(self._take_out)
        self._trained = None

    def _put_in(self) -> None:
        average = self.model.optimizer.slots.get("average")
        if self._trained is None and average is not None:
            network = self.model.network
            self._trained = network.params.copy()
            for start, stop in network.ranges:
                network.params[start:stop] = average[start:stop]

    def _take_out(self) -> None:
        if self._trained is not None:
            self.model.network.params[...] = self._trained
            self._trained = None
