"""Training as an async iterator: `async for event in model.fit_events(...)`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from aseq.callbacks import Callback
from aseq.callbacks._callback import attach
from aseq.models._fit import FitDoors

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from aseq.callbacks import History

__all__ = ["BatchEnd", "EpochBegin", "EpochEnd", "Event", "EventDoors", "TrainEnd"]


@dataclass(frozen=True, slots=True)
class EpochBegin:
    """An epoch is about to begin.

    Attributes:
        epoch: Counted from 0.
    """

    epoch: int


@dataclass(frozen=True, slots=True)
class BatchEnd:
    """A training batch is done (only with `batches=True`).

    Attributes:
        epoch: Counted from 0.
        batch: Counted from 0 in its epoch.
        logs: Running means over the epoch.
    """

    epoch: int
    batch: int
    logs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """An epoch is done, its validation included.

    Attributes:
        epoch: Counted from 0.
        logs: Loss and metrics, and their val_ twins.
    """

    epoch: int
    logs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainEnd:
    """The fit is done; the last event.

    Attributes:
        history: What `fit` returns.
    """

    history: History


Event: TypeAlias = EpochBegin | BatchEnd | EpochEnd | TrainEnd


class EventDoors(FitDoors):
    """fit_events."""

    def fit_events(
        self,
        x: Any = None,
        y: Any = None,
        *,
        batches: bool = False,
        verbose: int | str = 0,
        callbacks: Any = None,
        **arguments: Any,
    ) -> AsyncGenerator[Event, None]:
        """Train, and yield an event whenever something has happened.

        Training waits while the consumer deals with an event, so weights read there are those of the
        event. Leaving the loop, by `break`, an error or cancellation, ends the fit after its running
        step; `contextlib.aclosing` makes sure that it has ended before the next statement.

        Args:
            x: As in `fit`: arrays, or a dataset.
            y: As in `fit`.
            batches: Yield a BatchEnd for every batch, too.
            verbose: As in `fit`.
            callbacks: As in `fit`; they hear of everything before the consumer does.
            **arguments: All other arguments of `fit`.

        Yields:
            EpochBegin, BatchEnd, EpochEnd, and TrainEnd with the History as the last.

        Raises:
            NotCompiledError: compile() was not called.
            Exception: What `fit` raises, when the next event is asked for.

        Examples:
            >>> import aseq
            >>> import numpy as np
            >>> model = aseq.Sequential([aseq.layers.Input((1,)), aseq.layers.Dense(1)], seed=0)
            >>> model.compile("sgd", "mse")
            >>> async def main():
            ...     async for event in model.fit_events(np.ones((4, 1)), np.zeros(4), epochs=2):
            ...         match event:
            ...             case EpochEnd(epoch, logs):
            ...                 print(epoch, sorted(logs))
            ...             case TrainEnd(history):
            ...                 print(history.epoch)
            >>> asyncio.run(main())
            0 ['loss']
            1 ['loss']
            [0, 1]
        """
        self._need_compiled()
        desk = _Desk(batches)

        def fit() -> Coroutine[Any, Any, History]:
            return self.fit(x, y, verbose=verbose, callbacks=[callbacks, desk], **arguments)

        return _events(fit, desk)


async def _events(
    fit: Callable[[], Coroutine[Any, Any, History]], desk: _Desk
) -> AsyncGenerator[Event, None]:
    task = asyncio.create_task(fit(), name="aseq fit_events")
    task.add_done_callback(desk.end)
    try:
        while (event := await desk.take()) is not None:
            yield event
        yield TrainEnd(await task)
    finally:
        desk.open = False
        if not task.done():
            task.cancel()
            await _settled(task)


async def _settled(task: asyncio.Future[Any]) -> None:
    """Wait until the cancelled fit has closed what it holds, however often the consumer is cancelled."""
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if not task.cancelled() and task.exception() is not None:
        await task
    if cancelled is not None:
        raise cancelled


class _Desk(Callback):
    """Where the trainer lays one event down, and waits until the next is asked for."""

    def __init__(self, batches: bool) -> None:
        self.open = True
        self._event: Event | None = None
        self._laid = asyncio.Event()
        self._asked = asyncio.Event()
        self._epoch = 0
        if batches:  # only then does a fit have a hook for each batch
            attach(self, "on_train_batch_end", self._on_batch)

    async def take(self) -> Event | None:
        """The next event; None when the fit has ended."""
        if self._event is None:  # else an eager task has laid its first one already
            self._asked.set()
        await self._laid.wait()
        self._laid.clear()
        event, self._event = self._event, None
        return event

    def end(self, _: Any) -> None:
        """The fit has ended."""
        self._laid.set()

    async def _lay(self, event: Event) -> None:
        if not self.open or self.failure is not None:
            return
        self._asked.clear()
        self._event = event
        self._laid.set()
        await self._asked.wait()

    async def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        await self._lay(EpochBegin(epoch))

    async def _on_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        await self._lay(BatchEnd(self._epoch, batch, dict(logs or {})))

    async def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        await self._lay(EpochEnd(epoch, dict(logs or {})))
