"""ModelCheckpoint: save the model while it is trained."""

from __future__ import annotations

import os
from typing import Any

from aseq.callbacks._board import say
from aseq.callbacks._callback import attach
from aseq.callbacks._files import FILES, make_folder
from aseq.callbacks._monitor import MonitorCallback
from aseq.errors import ConfigError
from aseq.saving import check_weights_path, codec_for

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after epochs or batches.

    A checkpoint replaces the one before it in one instant: a crash never leaves half a file.

    Args:
        filepath: May name `{epoch}` and `{batch}` (counted from 1) and every key of the logs, with a
            format: "fit/{epoch:02d}-{val_loss:.2f}.aseq". Folders are made as needed.
        monitor: Key of the logs, for `save_best_only`.
        verbose: 1 to say what is saved.
        save_best_only: Save only when the value is better than at every checkpoint before.
        save_weights_only: Save the weights with `model.save_weights` (".weights.npz"), else all with
            `model.save`.
        mode: "min", "max", or "auto" to tell from the key.
        save_freq: "epoch", or a number of batches of the fit.
        initial_value_threshold: The best value to begin with.

    Raises:
        ConfigError: `save_freq`, the mode or the path's ending means nothing.
        SourceError: The file cannot be written; when it is to be.

    Examples:
        >>> import asyncio, tempfile, aseq
        >>> import numpy as np
        >>> model = aseq.Sequential([aseq.layers.Input((1,)), aseq.layers.Dense(1)], seed=0)
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((4, 1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     keep = ModelCheckpoint(f"{folder}/{{epoch:02d}}.weights.npz", save_weights_only=True)
        ...     _ = asyncio.run(model.fit(x, x, epochs=2, verbose=0, callbacks=keep))
        ...     sorted(os.listdir(folder))
        ['01.weights.npz', '02.weights.npz']
    """

    state_names = ("best", "_batches")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        if not save_best_only and mode == "auto":
            mode = "min"  # not used, so that any key will do
        super().__init__(monitor, mode)
        if save_freq != "epoch" and (isinstance(save_freq, (bool, str)) or save_freq < 1):
            raise ConfigError(
                f'ModelCheckpoint: expected save_freq to be "epoch" or a positive number of batches, received '
                f"{save_freq!r}."
            )
        self.filepath = os.fspath(filepath)
        (check_weights_path if save_weights_only else codec_for)(self.filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.initial_value_threshold = initial_value_threshold
        self._epoch = self._batches = self._told = 0
        if save_freq != "epoch":  # only then does a fit have a hook for each batch
            attach(self, "on_train_batch_end", self._on_batch)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the fit before."""
        self.best = self.initial_value_threshold
        self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch."""
        self._epoch, self._told = epoch, 0

    def batches_until_wanted(self) -> int:
        """As many as are left until the next checkpoint."""
        if self.save_freq == "epoch":
            return super().batches_until_wanted()  # those of a subclass
        return int(self.save_freq) - self._batches % int(self.save_freq)

    async def _on_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches += batch + 1 - self._told
        self._told = batch + 1
        if self._batches % int(self.save_freq) == 0:
            await self._save(logs or {}, batch)

    async def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if epochs are what is asked for and this one came to its end."""
        if self.save_freq == "epoch" and self.failure is None:
            await self._save(logs or {})

    async def _save(self, logs: dict[str, Any], batch: int | None = None) -> None:
        if self.save_best_only and not self._is_best(logs):
            return
        path = self._path(logs, batch)
        await FILES.run(make_folder, path)
        if self.save_weights_only:
            await self.model.save_weights(path)
        else:
            await self.model.save(path)
        if self.verbose:
            say(f"Epoch {self._epoch + 1}: saved {path}")

    def _is_best(self, logs: dict[str, Any]) -> bool:
        value = self.monitored(logs)
        if value is None or not self.is_improvement(value, self.best):
            return False
        self.best = value
        return True

    def _path(self, logs: dict[str, Any], batch: int | None) -> str:
        names = {"epoch": self._epoch + 1, **logs}
        if batch is not None:
            names["batch"] = batch + 1
        try:
            return self.filepath.format(**names)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ConfigError(
                f"ModelCheckpoint: expected filepath {self.filepath!r} to name some of {', '.join(names)}, "
                f"received {error}."
            ) from None
