"""The doors that train: fit, fit_dataset and train_on_batch."""

from __future__ import annotations

import math
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from aseq.callbacks import History
from aseq.errors import ConfigError, DataError
from aseq.models._arguments import Schedule, arrays_only, optional, share
from aseq.models._doors import BATCH_SIZE, Doors, one_batch, reply
from aseq.training._batches import Arrays
from aseq.training._feeds import ArrayFeed, DatasetFeed, check_batches, holds_batches, is_stream
from aseq.training._loop import Fit, Validation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aseq.training._feeds import Feed

__all__ = ["FitDoors"]


class FitDoors(Doors):
    """fit, fit_dataset and train_on_batch."""

    async def fit(
        self,
        x: Any = None,
        y: Any = None,
        *,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
        yield_every: str | float = "auto",
    ) -> History:
        """Train on arrays, on worker threads, while the event loop goes on.

        Args:
            x: Inputs, samples on the first axis: array, list of arrays, or dict by input name. A
                dataset or an async iterable goes to `fit_dataset`.
            y: Targets, likewise.
            batch_size: Rows a step, 32 if not given.
            epochs: Where to stop; epochs count from 0.
            verbose: 0 silent, 1 progress bar, 2 one line an epoch, "auto" 1 on a terminal, else 2.
            callbacks: A Callback, a dict of hooks, or a list of them.
            validation_split: Share of the last rows, before shuffling, to validate on.
            validation_data: (x, y), (x, y, sample_weight) or a dataset; wins over the split.
            shuffle: New order of rows each epoch, decided by the model's seed and the epoch;
                "batch" keeps the batches together.
            class_weight: Weight by class index.
            sample_weight: Weight by sample, or by sample and time step.
            initial_epoch: The first epoch to run.
            steps_per_epoch: Batches an epoch; the rows go on where the last epoch stopped. An epoch
                in which they end is shorter, with a warning, and the next begins with the first row.
            validation_steps: Batches a validation. A dataset that can be read only once then serves
                all validations, one after the other.
            validation_batch_size: Rows a validation batch; `batch_size` if not given.
            validation_freq: Validate every so many epochs, or after these epochs, counted from 1.
            yield_every: How often to leave the worker thread: "auto" (about 20 ms), "batch",
                "epoch", "never" or milliseconds.

        Returns:
            The History of this fit.

        Raises:
            NotCompiledError: compile() was not called.
            BusyError: The model is being fitted.
            ShapeError: Data does not fit the model.
            DataError: Data cannot be trained on.

        Examples:
            >>> import asyncio, aseq
            >>> import numpy as np
            >>> from aseq import layers
            >>> model = aseq.Sequential([layers.Input((1,)), layers.Dense(1)], seed=0)
            >>> model.compile("sgd", "mse")
            >>> x = np.linspace(-1, 1, 64)[:, None]
            >>> history = asyncio.run(model.fit(x, 2 * x, epochs=100, verbose=0))
            >>> history.history["loss"][-1] < history.history["loss"][0] / 10
            True
        """
        self._need_compiled()
        schedule = Schedule.of(
            epochs, initial_epoch, steps_per_epoch, validation_steps, validation_freq, yield_every
        )
        held_size = optional("validation_batch_size", validation_batch_size)
        part = share("validation_split", validation_split)
        if is_stream(x) or (y is None and holds_batches(x)):
            arrays_only(
                "fit", y=y, sample_weight=sample_weight, batch_size=batch_size, validation_split=part or None
            )
            held = validation_data, held_size or BATCH_SIZE
            return await self._fit_stream(x, class_weight, held, schedule, verbose, callbacks)
        if shuffle not in (True, False, "batch"):
            raise ConfigError(f'shuffle: expected True, False or "batch", received {shuffle!r}.')
        size = optional("batch_size", batch_size)
        with self._fitting():
            self._build_for(x)
            maker = self._maker()
            arrays = await self._engine.call(maker.arrays, x, y, sample_weight, class_weight)
            if validation_data is None and part:
                arrays, validation_data = _split(arrays, part, class_weight is not None)
            if size is None:
                steps = schedule.steps_per_epoch
                size = -(-arrays.rows // steps) if steps else BATCH_SIZE
            validation = await self._validation(validation_data, held_size or size, schedule)
            order = shuffle if shuffle == "batch" else bool(shuffle)
            feed = ArrayFeed(arrays, maker, size, order, self._shuffle_seed())
            return await self._fit(feed, schedule, verbose, callbacks, validation)

    async def fit_dataset(
        self,
        dataset: Any,
        *,
        epochs: int = 1,
        steps_per_epoch: int | None = None,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        validation_freq: int | Collection[int] = 1,
        class_weight: Mapping[int, float] | None = None,
        initial_epoch: int = 0,
        yield_every: str | float = "auto",
    ) -> History:
        """Train on a stream of batches.

        Args:
            dataset: An aseq Dataset, or any async or plain iterable of (x, y), (x, y, w) or
                {"xs": ..., "ys": ...} batches. What can be read only once serves one epoch, or all
                epochs when `steps_per_epoch` is given.
            epochs: Where to stop; epochs count from 0.
            steps_per_epoch: Batches an epoch; the stream goes on where the last epoch stopped. If
                it runs dry, training ends with a warning.
            verbose: As in `fit`.
            callbacks: As in `fit`.
            validation_data: (x, y), (x, y, sample_weight) or a dataset.
            validation_steps: As in `fit`.
            validation_freq: As in `fit`.
            class_weight: As in `fit`.
            initial_epoch: The first epoch to run. With `steps_per_epoch`, the batches of the epochs
                before it are read and left out, unless the dataset can be read only once.
            yield_every: As in `fit`.

        Returns:
            The History of this fit.

        Raises:
            StreamConsumed: A second epoch of something that can be read only once, or without a batch.
            NotCompiledError, BusyError, ShapeError, DataError: As in `fit`.
        """
        self._need_compiled()
        schedule = Schedule.of(
            epochs, initial_epoch, steps_per_epoch, validation_steps, validation_freq, yield_every
        )
        held = validation_data, BATCH_SIZE
        return await self._fit_stream(dataset, class_weight, held, schedule, verbose, callbacks)

    async def _fit_stream(
        self,
        dataset: Any,
        class_weight: Any,
        held: tuple[Any, int],
        schedule: Schedule,
        verbose: int | str,
        callbacks: Any,
    ) -> History:
        """What both doors do with a stream; `held` is what to validate on, and the rows of a batch of it."""
        check_batches(dataset, "dataset")
        with self._fitting():
            async with aclosing(DatasetFeed(dataset, class_weight=class_weight)) as feed:
                await self._build_from(feed, schedule.first_pass)
                feed.maker = self._maker()
                validation = await self._validation(*held, schedule)
                return await self._fit(feed, schedule, verbose, callbacks, validation)

    async def _fit(
        self,
        feed: Feed,
        schedule: Schedule,
        verbose: int | str,
        callbacks: Any,
        validation: Validation | None,
    ) -> History:
        history = History()
        params = {
            "epochs": schedule.epochs,
            "initial_epoch": schedule.initial_epoch,
            "steps": schedule.steps_per_epoch or feed.steps,
            "dataset": getattr(feed, "dataset", None),
            "validation": validation is not None,
        }
        listed = self._callbacks(verbose, callbacks, params, history)
        fit = Fit(
            self._engine, self._step(), feed, listed, schedule.epochs, schedule.initial_epoch,
            schedule.steps_per_epoch, validation, schedule.pace,
        )  # fmt: skip
        self.history = history
        await fit.run()
        return history

    async def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One gradient step on one batch.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            sample_weight: As in `fit`.
            class_weight: As in `fit`.
            return_dict: Return a dict by name.

        Returns:
            The loss before the step as a float, or `[loss, *metrics]` if the model has metrics.
        """
        self._need_compiled()
        self._build_for(x)
        step, maker = self._step(), self._maker()
        scores = step.scores()

        def work() -> dict[str, Any]:
            step.train(one_batch(maker, x, y, sample_weight, class_weight), scores)
            return scores.logs()

        return reply(await self._single("train", x, work), return_dict)

    async def _validation(self, data: Any, batch_size: int, schedule: Schedule) -> Validation | None:
        """What a fit validates on: arrays, rows held back, or a dataset."""
        if data is None:
            return None
        steps, freq = schedule.validation_steps, schedule.validation_freq
        maker = self._maker()
        if isinstance(data, (tuple, list)) and not _are_batches(data):
            if len(data) not in (2, 3):
                raise ConfigError(
                    f"validation_data: expected (x, y), (x, y, sample_weight) or a dataset, received {len(data)} items."
                )
            data = await self._engine.call(partial(maker.arrays, *data, where="validation_data "))
        if isinstance(data, Arrays):
            return Validation(ArrayFeed(data, maker, batch_size), steps, freq)
        return Validation(DatasetFeed(data, maker, name="validation_data"), steps, freq)


def _split(arrays: Arrays, part: float, class_weighted: bool) -> tuple[Arrays, Arrays]:
    """Rows to train on, and the last rows to validate on, which class weights leave alone."""
    cut = math.floor(arrays.rows * (1 - part))
    if cut in (0, arrays.rows):
        raise DataError(
            f"validation_split: {part} of {arrays.rows} samples leaves {cut} to train on and "
            f"{arrays.rows - cut} to validate on. Both need at least one."
        )
    held = arrays.part(cut, arrays.rows)
    if class_weighted:
        held.weights = [None] * len(held.weights)
    return arrays.part(0, cut), held


def _are_batches(data: tuple[Any, ...] | list[Any]) -> bool:
    return holds_batches(data) or (isinstance(data, list) and bool(data) and isinstance(data[0], tuple))
