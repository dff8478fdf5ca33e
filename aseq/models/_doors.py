"""What the doors of a model share: the compiled step, its engine, and checks of arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.callbacks import CallbackList
from aseq.callbacks._progress import progress_for
from aseq.compute import session
from aseq.errors import BusyError, NotCompiledError
from aseq.models._compiled import Compiled
from aseq.training._batches import BatchMaker
from aseq.training._engine import Engine

if TYPE_CHECKING:
    from aseq.callbacks import History
    from aseq.network import Network
    from aseq.optimizers import Optimizer
    from aseq.training._batch import Batch
    from aseq.training._feeds import DatasetFeed
    from aseq.training._step import Step

__all__ = ["BATCH_SIZE", "Doors", "one_batch", "reply"]

BATCH_SIZE = 32


class Doors:
    """A compiled network and the engine that the tasks using it share."""

    name: str

    def __init__(self) -> None:
        self.history: History | None = None
        self._engine = Engine()
        self._compiled: Compiled | None = None
        self._step_made: Step | None = None

    # What subclasses write ------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """The built network."""
        raise NotImplementedError

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in order."""
        raise NotImplementedError

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in order."""
        raise NotImplementedError

    def _build_for(self, x: Any) -> None:
        """Build from the first data, if the model has no input shape yet."""

    def _shuffle_seed(self) -> Any:
        """What, with the epoch, decides the order of rows."""
        raise NotImplementedError

    def _waits_for_data(self) -> bool:
        """Whether data must come before the model can be built."""
        return False

    async def _build_from(self, feed: DatasetFeed, number: int = 0) -> None:
        """Build from the first batch of a pass, if the model has no input shape yet; the pass goes on with it."""
        if self._waits_for_data():
            self._build_for(await feed.peek(number))

    # Compiling ----------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        *,
        weighted_metrics: Any = None,
        loss_weights: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train.

        Args:
            optimizer: Instance, name or config.
            loss: Instance, Keras or tf.js name, config, or function; a list or a dict by output name for
                several outputs. A model that only predicts needs none.
            metrics: List of the same kinds, or a dict by output name; never sees sample weights.
            weighted_metrics: Likewise, weighted by sample weights.
            loss_weights: Factor of the loss; a list or a dict by output name for several outputs.
            run_eagerly: Accepted for Keras's sake, as are the rest; nothing is compiled here.
            steps_per_execution: See there.
            jit_compile: See there.
            auto_scale_loss: See there.

        Raises:
            ConfigError: One of them means nothing.
            BusyError: The model is being fitted.
        """
        if self._engine.fitting:
            raise BusyError(
                f"{self.name}: compile needs a model at rest, but a fit is running. Await it first."
            )
        self._compiled = Compiled.of(
            optimizer, loss, metrics, weighted_metrics, self.output_names, loss_weights
        )
        self._step_made = None

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer given to `compile`.

        Raises:
            NotCompiledError: There is none yet.
        """
        return self._need_compiled().optimizer

    @property
    def stop_training(self) -> bool:
        """Set it to end the running fit after its current step; reset when a fit begins."""
        return self._engine.stop

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self._engine.stop = bool(value)

    def _need_compiled(self) -> Compiled:
        if self._compiled is None:
            raise NotCompiledError(
                f"{self.name}: expected a compiled model. Call model.compile(optimizer, loss) first."
            )
        return self._compiled

    def _step(self) -> Step:
        compiled = self._need_compiled()
        if self._step_made is None or self._step_made.network is not self.network:
            self._step_made = compiled.step(self.network)
        return self._step_made

    def _maker(self) -> BatchMaker:
        step = self._step()
        return BatchMaker(step.network, step.losses, self.input_names, self.output_names)

    async def _call(self, work: Any) -> Any:
        with session():
            return await self._engine.call(work)

    async def _single(self, kind: str, x: Any, work: Any) -> Any:
        shape = x.shape if isinstance(x, np.ndarray) else None
        with session():
            return await self._engine.single(kind, shape, work)

    def _fitting(self) -> _Fitting:
        return _Fitting(self)

    def _callbacks(
        self, verbose: int | str, callbacks: Any, params: dict[str, Any], *more: Any
    ) -> CallbackList:
        """The user's callbacks, then the display that `verbose` asks for, then our own."""
        shown = progress_for(verbose, callbacks)
        return CallbackList([callbacks, *shown, *more], self, {**params, "verbose": verbose})


class _Fitting:
    """Marks a model as being fitted."""

    def __init__(self, model: Doors) -> None:
        self.engine = model._engine
        self.name = model.name

    def __enter__(self) -> None:
        if self.engine.fitting:
            raise BusyError(
                f"{self.name}: cannot start a fit because another fit of this model is running. Await it first "
                f"(is an await missing?), or train a second model."
            )
        self.engine.fitting = True

    def __exit__(self, *_: object) -> None:
        self.engine.fitting = False


def one_batch(maker: BatchMaker, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Batch:
    arrays = maker.arrays(x, y, sample_weight, class_weight)
    return arrays.cut(slice(None), maker)


def reply(logs: dict[str, Any], return_dict: bool) -> Any:
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
