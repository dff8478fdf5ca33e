"""The doors that predict: predict, predict_on_batch and predict_stream."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.compute import session
from aseq.models._arguments import arrays_only, optional
from aseq.models._doors import BATCH_SIZE, Doors
from aseq.training._batches import BatchMaker
from aseq.training._engine import SLICE
from aseq.training._feeds import ArrayFeed, DatasetFeed, holds_batches, is_stream
from aseq.training._loop import Pass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aseq.training._feeds import Feed
    from aseq.types import Array

__all__ = ["PredictDoors"]


class PredictDoors(Doors):
    """predict, predict_on_batch and predict_stream."""

    async def predict(
        self,
        x: Any,
        *,
        batch_size: int | None = None,
        steps: int | None = None,
        verbose: int | str = 0,
        callbacks: Any = None,
    ) -> Any:
        """The model's outputs, batch by batch, joined.

        Args:
            x: As in `fit`, or a dataset (targets in it are left aside).
            batch_size: Rows a batch, 32 if not given.
            steps: Batches at most.
            verbose: As in `fit`.
            callbacks: As in `fit`.

        Returns:
            An array, or a list of arrays for several outputs.
        """
        steps, size = optional("steps", steps), optional("batch_size", batch_size)
        if is_stream(x) or holds_batches(x):
            arrays_only("predict", batch_size=batch_size)
            async with aclosing(DatasetFeed(x, targets=False)) as stream:
                await self._build_from(stream)
                stream.maker = self._predict_maker()
                return await self._predict(stream, steps, verbose, callbacks)
        self._build_for(x)
        maker = self._predict_maker()
        arrays = maker.arrays(x, targets=False)
        feed = ArrayFeed(arrays, maker, size or BATCH_SIZE)
        return await self._predict(feed, steps, verbose, callbacks)

    async def _predict(self, feed: Feed, steps: int | None, verbose: int | str, callbacks: Any) -> Any:
        parts: list[list[Array]] = []
        params = {"epochs": 1, "steps": steps or feed.steps, "dataset": getattr(feed, "dataset", None)}
        listed = self._callbacks(verbose, callbacks, params)
        with session() as team:
            await Pass(self._engine, feed, listed, steps, team).predict(self.network, parts.append)
        return self._joined(parts)

    def _joined(self, parts: list[list[Array]]) -> Any:
        if not parts:
            shapes = self.network.output_shapes
            outputs = [
                np.empty((0, *(size or 0 for size in shape[1:])), self.network.dtype) for shape in shapes
            ]
        else:
            outputs = [_concatenated(group) for group in zip(*parts, strict=True)]
        return outputs[0] if len(outputs) == 1 else outputs

    async def predict_on_batch(self, x: Any) -> Any:
        """The model's outputs for one batch.

        Args:
            x: As in `fit`.

        Returns:
            An array, or a list of arrays for several outputs.
        """
        self._build_for(x)
        maker = self._predict_maker()

        def work() -> list[Array]:
            arrays = maker.arrays(x, targets=False)
            return self.network.predict(maker.cast_inputs(arrays.xs))

        outputs = await self._single("predict", x, work)
        return outputs[0] if len(outputs) == 1 else outputs

    async def predict_stream(self, dataset: Any) -> AsyncGenerator[Any, None]:
        """The model's outputs for each batch of a stream, as they come.

        Args:
            dataset: As in `fit_dataset`; targets in it are left aside.

        Yields:
            An array a batch, or a list of arrays for several outputs.
        """
        async with aclosing(DatasetFeed(dataset, targets=False)) as feed:
            await self._build_from(feed)
            feed.maker = self._predict_maker()
            await feed.begin(0)
            while await feed.fill():
                for outputs in await self._call(lambda: self._predict_ready(feed)):
                    yield outputs[0] if len(outputs) == 1 else outputs

    def _predict_ready(self, feed: Feed) -> list[list[Array]]:
        """The outputs for as many ready batches as fit into a time slice."""
        done, end = [], time.perf_counter() + SLICE
        while (batch := feed.take()) is not None:
            done.append(self.network.predict(batch.xs))
            if time.perf_counter() >= end:
                break
        return done

    def _predict_maker(self) -> BatchMaker:
        """A maker that needs no compilation, but heeds one: a tf.js flavor changes activations."""
        if self._compiled is not None:
            self.network.follow(self._compiled.flavor)
        return BatchMaker(self.network, [], self.input_names, self.output_names)


def _concatenated(parts: tuple[Any, ...]) -> Any:
    """The parts joined along the samples; a last layer of several outputs gives lists of parts."""
    if isinstance(parts[0], list):
        return [np.concatenate(group) for group in zip(*parts, strict=True)]
    return np.concatenate(parts)
