"""ProgressBar: a row on the loop's live display, or a plain line an epoch where there is no terminal."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aseq.callbacks._board import Board, prepare
from aseq.callbacks._callback import Callback, as_callbacks
from aseq.callbacks._row import Row
from aseq.callbacks._wording import duration, measures
from aseq.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["ProgressBar", "progress_for"]


class ProgressBar(Callback):
    """Shows how a fit, an evaluation or a prediction gets on; `verbose` of the doors makes one.

    All runs of an event loop share one live display with a row each, whatever number of tasks they
    run in. Every epoch that ends leaves a line.

    Args:
        verbose: 1 or "auto" for a live row where there is a terminal or a notebook, and a line an
            epoch elsewhere; 2 for lines only.
        console: Of rich; its shared one, on standard output, if not given.

    Raises:
        ConfigError: `verbose` means nothing.

    Examples:
        >>> import aseq
        >>> import numpy as np
        >>> model = aseq.Sequential([aseq.layers.Input((1,)), aseq.layers.Dense(1)], name="line", seed=0)
        >>> model.compile("sgd", "mse")
        >>> x = np.zeros((64, 1))
        >>> _ = asyncio.run(model.fit(x, x, epochs=2, verbose=2))
        line  epoch 1/2  2 steps  ...  loss 0
        line  epoch 2/2  2 steps  ...  loss 0
    """

    def __init__(self, verbose: int | str = 1, *, console: Console | None = None) -> None:
        self.live = _checked(verbose) == 1
        self.console = console
        self._row: Row | None = None
        self._epoch_begun = 0.0

    # A fit ------------------------------------------------------------------------------------

    async def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open a row."""
        await self._open(
            "fit", epoch=self.params.get("initial_epoch", 0), epochs=self.params.get("epochs", 1)
        )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count from 0 again."""
        self._epoch_begun = time.perf_counter()
        if self._row is not None:
            self._row.begin_epoch(epoch)

    def on_yield(self, epoch: int, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the running values."""
        if self._row is not None:
            self._row.advance(batch + 1, logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch's line."""
        row = self._row
        if row is not None:
            row.checked = None
            self._write(row, logs)
            if row.total is None and self.failure is None:
                row.total = row.done or None

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Take the row away."""
        self._close()

    # Evaluation, in a fit or alone, and prediction ------------------------------------------------

    async def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open a row, or note that the fit validates."""
        if self._row is not None:
            self._row.checked = 0
        else:
            await self._open("evaluate")

    def on_test_yield(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the running values."""
        if self._row is not None and self._row.kind == "fit":
            self._row.checked = batch + 1
        else:
            self.on_yield(0, batch, logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the evaluation's line; a fit writes its own."""
        if self._row is not None and self._row.kind != "fit":
            self._write(self._row, logs)
            self._close()

    async def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open a row."""
        await self._open("predict")

    def on_predict_yield(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Note how many batches have been done."""
        self.on_yield(0, batch)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the prediction's line."""
        if self._row is not None:
            self._write(self._row, None)
            self._close()

    # The row ----------------------------------------------------------------------------------

    async def _open(self, kind: str, **where: Any) -> None:
        self._close()
        row = Row(
            getattr(self.model, "name", "model"),
            kind,
            total=self.params.get("steps"),
            statistics=getattr(self.params.get("dataset"), "statistics", None),
            **where,
        )
        self._epoch_begun = time.perf_counter()
        board = Board.here(self.console)
        self._row = board.open(row)
        if self.live:
            await prepare(self.console)
            board.show(row)

    def _close(self) -> None:
        row, self._row = self._row, None
        if row is not None:
            Board.here(self.console).close(row)

    def _write(self, row: Row, logs: dict[str, Any] | None) -> None:
        board = Board.here(self.console)
        label = f"{row.label:{board.width(lambda other: other.label)}}  "
        stage = f"{row.stage():{board.width(Row.stage)}}  "
        outcome = self._outcome(row) + "  " * bool(logs)
        board.write([(label, "cyan"), (stage, ""), (outcome, ""), *measures(logs or {})])

    def _outcome(self, row: Row) -> str:
        steps = row.done or row.total
        if self.failure is not None:
            cancelled = isinstance(self.failure, asyncio.CancelledError)
            how = "cancelled" if cancelled else type(self.failure).__name__
            of = f" of {row.total}" if row.total else ""
            return f"{how} after {row.done}{of} steps"
        counted = f"{steps} step{'s' * (steps != 1)}  " if steps else ""
        return counted + duration(time.perf_counter() - self._epoch_begun)


def progress_for(verbose: int | str, callbacks: Any = None) -> list[Callback]:
    """What a door's `verbose` asks for, unless the user's callbacks have a ProgressBar already.

    Raises:
        ConfigError: `verbose` means nothing.

    Examples:
        >>> progress_for(0), len(progress_for("auto"))
        ([], 1)
    """
    if not _checked(verbose) or any(
        isinstance(callback, ProgressBar) for callback in as_callbacks(callbacks)
    ):
        return []
    return [ProgressBar(verbose)]


def _checked(verbose: int | str) -> int:
    if verbose == "auto":
        return 1
    if verbose in (0, 1, 2):
        return int(verbose)
    raise ConfigError(f'verbose: expected 0, 1, 2 or "auto", received {verbose!r}.')
