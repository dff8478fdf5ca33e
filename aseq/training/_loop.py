"""THE loop: epochs, bursts, callbacks, validation. Every door of a model goes through it."""

from __future__ import annotations

import math
import sys
import warnings
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.compute import session
from aseq.errors import ConfigError, DataError, StreamConsumed
from aseq.training._engine import SLICE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from aseq.callbacks._callback import CallbackList
    from aseq.compute import Team
    from aseq.network import Network
    from aseq.training._batch import Batch
    from aseq.training._engine import Engine
    from aseq.training._feeds import Feed
    from aseq.training._scores import Scores
    from aseq.training._step import Step
    from aseq.types import Array

__all__ = ["Fit", "Pace", "Pass", "Validation"]


@dataclass(frozen=True)
class Pace:
    """How long a burst may stay in its thread: what `yield_every` means.

    Attributes:
        seconds: The time slice.
        limit: Batches at most.
        hooks: Whether `on_yield` is called between bursts.
    """

    seconds: float = SLICE
    limit: int = sys.maxsize
    hooks: bool = True

    @classmethod
    def of(cls, yield_every: Any) -> Pace:
        """The pace for "auto", "batch", "epoch", "never" or a number of milliseconds."""
        known = {
            "auto": cls(),
            "batch": cls(limit=1),
            "epoch": cls(seconds=math.inf, hooks=False),
            "never": cls(seconds=math.inf, hooks=False),
        }
        if isinstance(yield_every, str) and yield_every in known:
            return known[yield_every]
        number = yield_every.item() if isinstance(yield_every, np.generic) else yield_every
        if isinstance(number, (int, float)) and not isinstance(number, bool) and number > 0:
            return cls(seconds=number / 1000)
        raise ConfigError(
            f'yield_every: expected "auto", "batch", "epoch", "never" or a positive number of milliseconds, '
            f"received {yield_every!r}."
        )


@dataclass
class Validation:
    """When and on what a fit validates.

    Attributes:
        feed: The batches.
        steps: Batches a validation, or None for all.
        freq: Every so many epochs, or the epochs themselves, counted from 1.
    """

    feed: Feed
    steps: int | None = None
    freq: int | Collection[int] = 1

    def due(self, epoch: int) -> bool:
        """Whether to validate after this epoch (counted from 0)."""
        if isinstance(self.freq, int):
            return (epoch + 1) % self.freq == 0
        return epoch + 1 in self.freq


@dataclass
class Fit:
    """One fit: its loop and what the loop counts.

    Attributes:
        engine: Shared by the tasks that use the model.
        step: The compiled step.
        feed: Training batches.
        callbacks: Told of everything.
        epochs: Where to stop: epochs count from 0 to `epochs - 1`.
        initial_epoch: Where to begin.
        steps_per_epoch: Batches an epoch; None for a whole pass.
        validation: Or None.
        pace: Of the bursts.
    """

    engine: Engine
    step: Step
    feed: Feed
    callbacks: CallbackList
    epochs: int
    initial_epoch: int = 0
    steps_per_epoch: int | None = None
    validation: Validation | None = None
    pace: Pace = Pace()

    def __post_init__(self) -> None:
        self.scores = self.step.scores()
        self.epoch = self.initial_epoch
        self.batch = 0
        self.batches = 0
        self.dry = False
        self._pass_open = False
        self._watched = self.callbacks.has("on_train_batch_begin", "on_train_batch_end")

    async def run(self) -> None:
        """All epochs; end hooks run and the feeds close however this ends."""
        self.engine.stop = False
        logs: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            team = stack.enter_context(session())
            stack.push_async_callback(self.feed.aclose)
            if self.validation is not None:
                stack.push_async_callback(self.validation.feed.aclose)
            try:
                await self.callbacks.call("on_train_begin", {})
                # a callback may have taken up an earlier fit: BackupAndRestore
                self.initial_epoch = self.callbacks.params.get("initial_epoch", self.initial_epoch)
                for epoch in range(self.initial_epoch, self.epochs):
                    if not await self._goes_on():
                        break
                    self.epoch = epoch
                    logs = await self._run_epoch(team)
                    if self.engine.stop or self.dry:
                        break
                await self.engine.call(self.step.finalize)
            finally:
                await self.callbacks.call_all("on_train_end", dict(logs))

    async def _run_epoch(self, team: Team) -> dict[str, Any]:
        self.scores.reset()
        self.batch = 0
        logs: dict[str, Any] = {}
        try:
            await self.callbacks.call("on_epoch_begin", self.epoch, {})
            await self._run_batches(team)
            logs = self.scores.logs()
            if self.validation is not None and not self.dry and self.validation.due(self.epoch):
                scores = await self._validate(self.validation, team)
                logs.update({f"val_{key}": value for key, value in scores.items()})
        except BaseException:
            logs = logs or self.scores.logs()
            await self.callbacks.call_all("on_epoch_end", self.epoch, logs)
            raise
        await self.callbacks.call_all("on_epoch_end", self.epoch, logs)
        return logs

    async def _goes_on(self) -> bool:
        """Whether there may be batches for another epoch: False if the open pass has just come to its end."""
        if self.steps_per_epoch is None or not self._pass_open or await self.feed.fill():
            return True
        self._pass_open = False
        if not self.feed.restarts:
            self._warn("Training ends")
        return self.feed.restarts

    async def _run_batches(self, team: Team) -> None:
        if self.steps_per_epoch is None or not self._pass_open:
            await self._begin_pass()
        limit = sys.maxsize if self.steps_per_epoch is None else self.steps_per_epoch
        while self.batch < limit:
            if not await self.feed.fill():
                self._ran_out()
                break
            await self._burst(limit, team)
            if self.engine.stop:
                break

    async def _begin_pass(self) -> None:
        """Begin the pass of this epoch where the epochs before it left off.

        Which pass and where is a function of the epoch: a fit that begins at an initial_epoch goes on as one that
        was never interrupted.
        """
        if self.steps_per_epoch is None:
            await self.feed.begin(self.epoch)
        elif self.feed.restarts and self.feed.steps:
            epochs = -(-self.feed.steps // self.steps_per_epoch)  # of a pass; the last one may be short
            await self.feed.begin(self.epoch // epochs, self.epoch % epochs * self.steps_per_epoch)
        else:
            await self.feed.begin(0, self.epoch * self.steps_per_epoch)
        self._pass_open = True

    def _ran_out(self) -> None:
        """The pass is over: as it should, or before the epoch had its steps."""
        self._pass_open = False
        if not self.batch:
            raise self._nothing()
        if self.steps_per_epoch is not None:
            self.dry = not self.feed.restarts
            self._warn("Training ends" if self.dry else "Training goes on with the next epoch")

    def _nothing(self) -> DataError:
        """The error of a pass without a batch."""
        if self.batches:
            return StreamConsumed(
                f"fit: expected a batch in epoch {self.epoch + 1}, received none, though the passes before had some. "
                f"If it reads an iterator that can be read only once, make a new one for each pass, such as "
                f"aseq.data.generator(a generator function), or give steps_per_epoch."
            )
        if self.epoch and self.steps_per_epoch is not None:
            return DataError(
                f"fit: expected a batch for epoch {self.epoch + 1}, received none. The first "
                f"{self.epoch * self.steps_per_epoch} batches of what can be read anew belong to the epochs before "
                f"initial_epoch={self.epoch}. Use repeat() or fewer steps."
            )
        return DataError("fit: expected at least one batch, received none. Is the dataset empty?")

    def _warn(self, so: str) -> None:
        wanted = (self.steps_per_epoch or 0) * (self.epochs - self.initial_epoch)
        warnings.warn(
            f"fit: the data ran out in epoch {self.epoch + 1} after {self.batches} batches; steps_per_epoch x epochs "
            f"asks for {wanted}. {so}. Use repeat() or fewer steps.",
            UserWarning,
            stacklevel=4,
        )

    async def _burst(self, limit: int, team: Team) -> None:
        watched = self._watched
        most = min(limit - self.batch, self.pace.limit)
        if watched:
            most = min(most, self.callbacks.batches_until_wanted())
            await self.callbacks.call("on_train_batch_begin", self.batch, {})
        scores, train = self.scores, self.step.train

        def do(batch: Batch) -> None:
            train(batch, scores)

        done = await self.engine.burst(self.feed, do, most, self.pace.seconds, team, heed_stop=True)
        self.batch += done
        self.batches += done
        if watched and done:
            await self.callbacks.call_all("on_train_batch_end", self.batch - 1, scores.logs())
        if self.pace.hooks and self.callbacks.has("on_yield"):
            await self.callbacks.call("on_yield", self.epoch, self.batch - 1, scores.logs())

    async def _validate(self, validation: Validation, team: Team) -> dict[str, Any]:
        scores = self.step.scores()
        counted = validation.steps is not None
        run = Pass(self.engine, validation.feed, self.callbacks, validation.steps, team, self.pace, counted)
        await run.test(self.step, scores)
        return scores.logs()


@dataclass
class Pass:
    """One pass over a feed without training: what evaluation, validation and prediction share.

    Attributes:
        engine: Shared by the tasks that use the model.
        feed: The batches.
        callbacks: Told of everything.
        steps: Batches at most, or None for all.
        team: Shares big products.
        pace: Of the bursts.
        goes_on: Whether a feed that can be read only once stays open for the next pass, which goes on in it.
    """

    engine: Engine
    feed: Feed
    callbacks: CallbackList
    steps: int | None
    team: Team
    pace: Pace = Pace()
    goes_on: bool = False

    async def test(self, step: Step, scores: Scores) -> None:
        """Score the batches, with the on_test_* hooks.

        Raises:
            DataError: There is no batch.
        """

        def do(batch: Batch) -> None:
            step.test(batch, scores)

        done = await self._run("test", do, scores.logs, scores.logs)
        if not done:
            raise DataError(
                "evaluate: expected at least one batch, received none. Is the dataset empty, or of something that "
                "can be read only once, and was?"
            )
        if self.steps is not None and done < self.steps:
            message = f"evaluate: the data ran out after {done} of {self.steps} batches."
            warnings.warn(message, UserWarning, stacklevel=3)

    async def predict(self, network: Network, keep: Callable[[list[Array]], object]) -> None:
        """Give the outputs for each batch to `keep`, with the on_predict_* hooks."""
        last: list[Array] = []

        def do(batch: Batch) -> None:
            last[:] = network.predict(batch.xs)
            keep(list(last))

        def logs() -> dict[str, Any]:
            return {"outputs": last[0] if len(last) == 1 else list(last)}

        await self._run("predict", do, logs, dict)

    async def _run(
        self,
        kind: str,
        do: Callable[[Batch], object],
        batch_logs: Callable[[], dict[str, Any]],
        end_logs: Callable[[], dict[str, Any]],
    ) -> int:
        """All bursts, between the begin and the end hook; returns the number of batches."""
        try:
            await self.callbacks.call(f"on_{kind}_begin", {})
            return await self._bursts(kind, do, batch_logs)
        finally:
            await self.callbacks.call_all(f"on_{kind}_end", end_logs())

    async def _bursts(
        self, kind: str, do: Callable[[Batch], object], logs: Callable[[], dict[str, Any]]
    ) -> int:
        begin, end = f"on_{kind}_batch_begin", f"on_{kind}_batch_end"
        watched, pause = self.callbacks.has(begin, end), f"on_{kind}_yield"
        hooked = self.pace.hooks and self.callbacks.has(pause)
        limit, done = sys.maxsize if self.steps is None else self.steps, 0
        if not (self.goes_on and self.feed.once):
            await self.feed.begin(0)
        try:
            while done < limit and await self.feed.fill():
                if watched:
                    await self.callbacks.call(begin, done, {})
                most = 1 if watched else min(limit - done, self.pace.limit)
                done += await self.engine.burst(self.feed, do, most, self.pace.seconds, self.team)
                if watched:
                    await self.callbacks.call_all(end, done - 1, logs())
                if hooked:
                    await self.callbacks.call(pause, done - 1, logs())
        finally:
            if not (self.goes_on and self.feed.once):
                await self.feed.aclose()
        return done
