"""The doors that measure: evaluate, evaluate_dataset and test_on_batch."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from aseq.compute import session
from aseq.models._arguments import arrays_only, optional
from aseq.models._doors import BATCH_SIZE, Doors, one_batch, reply
from aseq.training._feeds import ArrayFeed, DatasetFeed, holds_batches, is_stream
from aseq.training._loop import Pass

if TYPE_CHECKING:
    from aseq.training._feeds import Feed

__all__ = ["EvaluateDoors"]


class EvaluateDoors(Doors):
    """evaluate, evaluate_dataset and test_on_batch."""

    async def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int | None = None,
        sample_weight: Any = None,
        steps: int | None = None,
        verbose: int | str = "auto",
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics over arrays.

        Args:
            x: As in `fit`; a dataset goes to `evaluate_dataset`.
            y: As in `fit`.
            batch_size: Rows a batch, 32 if not given.
            sample_weight: As in `fit`.
            steps: Batches at most.
            verbose: As in `fit`.
            callbacks: As in `fit`.
            return_dict: Return a dict by name.

        Returns:
            The loss, or `[loss, *metrics]`, or a dict.
        """
        self._need_compiled()
        steps, size = optional("steps", steps), optional("batch_size", batch_size)
        if is_stream(x) or (y is None and holds_batches(x)):
            arrays_only("evaluate", y=y, sample_weight=sample_weight, batch_size=batch_size)
            return await self.evaluate_dataset(
                x, steps=steps, verbose=verbose, callbacks=callbacks, return_dict=return_dict
            )
        self._build_for(x)
        maker = self._maker()
        arrays = await self._engine.call(maker.arrays, x, y, sample_weight)
        feed = ArrayFeed(arrays, maker, size or BATCH_SIZE)
        return await self._evaluate(feed, steps, verbose, callbacks, return_dict)

    async def evaluate_dataset(
        self,
        dataset: Any,
        *,
        steps: int | None = None,
        verbose: int | str = "auto",
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics over a stream of batches.

        Args:
            dataset: As in `fit_dataset`.
            steps: Batches at most.
            verbose: As in `fit`.
            callbacks: As in `fit`.
            return_dict: Return a dict by name.

        Returns:
            The loss, or `[loss, *metrics]`, or a dict.
        """
        self._need_compiled()
        steps = optional("steps", steps)
        async with aclosing(DatasetFeed(dataset)) as feed:
            await self._build_from(feed)
            feed.maker = self._maker()
            return await self._evaluate(feed, steps, verbose, callbacks, return_dict)

    async def _evaluate(
        self, feed: Feed, steps: int | None, verbose: int | str, callbacks: Any, return_dict: bool
    ) -> Any:
        step = self._step()
        scores = step.scores()
        params = {"epochs": 1, "steps": steps or feed.steps, "dataset": getattr(feed, "dataset", None)}
        listed = self._callbacks(verbose, callbacks, params)
        with session() as team:
            await Pass(self._engine, feed, listed, steps, team).test(step, scores)
        return reply(scores.logs(), return_dict)

    async def test_on_batch(
        self, x: Any, y: Any = None, *, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics of one batch, without training.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            sample_weight: As in `fit`.
            return_dict: Return a dict by name.

        Returns:
            As `train_on_batch`.
        """
        self._need_compiled()
        self._build_for(x)
        step, maker = self._step(), self._maker()
        scores = step.scores()

        def work() -> dict[str, Any]:
            step.test(one_batch(maker, x, y, sample_weight, None), scores)
            return scores.logs()

        return reply(await self._single("test", x, work), return_dict)
