"""TensorBoard: the logs as event files, with Keras's tags and folders."""

from __future__ import annotations

import importlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.callbacks._callback import Callback, attach
from aseq.callbacks._files import FILES
from aseq.callbacks._values import numeric
from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tensorboardX import SummaryWriter

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes event files for TensorBoard: `pip install aseq[tensorboard]`.

    Values of the epochs are called epoch_loss and so on, in the folders `train` and `validation`;
    values of batches batch_loss. Graphs, images, profiles and embeddings are not written.

    Args:
        log_dir: Folder of the event files.
        histogram_freq: Every so many epochs write histograms of all weights; 0 for never.
        write_graph: Not supported; here for programs that pass it.
        write_images: Not supported; here for programs that pass it.
        write_steps_per_second: Write epoch_steps_per_second, too.
        update_freq: "epoch", "batch", or a number of batches: how often to write. With "batch",
            every batch leaves the worker thread.
        profile_batch: Not supported; 0.
        embeddings_freq: Not supported; 0.
        embeddings_metadata: Not supported; None.

    Raises:
        ConfigError: tensorboardX is not installed, `update_freq` means nothing, or something is
            asked for that is not supported.

    Examples:
        >>> TensorBoard(update_freq="hour")
        Traceback (most recent call last):
        aseq.errors.ConfigError: TensorBoard: expected update_freq to be "epoch", "batch" or a positive number ...
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        if profile_batch or embeddings_freq or embeddings_metadata:
            raise ConfigError(
                "TensorBoard: expected no profile_batch and no embeddings: they are not supported."
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = update_freq
        self._every = _every(update_freq)
        self._writers: dict[str, SummaryWriter] = {}
        self._steps = self._epoch_steps = 0  # batches of the fit, and of those before this epoch
        self._begun = 0.0
        if self._every or write_steps_per_second:
            attach(self, "on_train_batch_end", self._on_batch)

    async def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the fit before."""
        try:
            await FILES.run(importlib.import_module, "tensorboardX")  # takes a while the first time
        except ImportError:
            raise ConfigError(
                "TensorBoard: expected tensorboardX. pip install 'aseq[tensorboard]'."
            ) from None
        self._steps = self._epoch_steps = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin to count."""
        self._begun, self._epoch_steps = time.perf_counter(), self._steps

    def batches_until_wanted(self) -> int:
        """As many as are left until the next writing; to count them, any burst's end will do."""
        if self._every:
            return self._every - self._steps % self._every
        return sys.maxsize if self.write_steps_per_second else super().batches_until_wanted()

    async def _on_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._steps = self._epoch_steps + batch + 1
        if self._every and self._steps % self._every == 0:
            values = {f"batch_{key}": value for key, value in (logs or {}).items()}
            await FILES.run(self._write, "train", values, self._steps)

    async def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch's values, if the epoch came to its end."""
        if self.failure is not None:
            return
        train, validation = _sorted_out(logs or {})
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._begun
            train["epoch_steps_per_second"] = (self._steps - self._epoch_steps) / seconds
        await FILES.run(self._write, "train", train, epoch)
        if validation:
            await FILES.run(self._write, "validation", validation, epoch)
        if self.histogram_freq and (epoch + 1) % self.histogram_freq == 0:
            named = await self.model._call(self.model._named_weights)
            await FILES.run(self._write_histograms, named, epoch)

    def _writer(self, folder: str) -> SummaryWriter:
        from tensorboardX import SummaryWriter

        if folder not in self._writers:
            self._writers[folder] = SummaryWriter(os.path.join(self.log_dir, folder), flush_secs=5)
        return self._writers[folder]

    def _write(self, folder: str, values: Mapping[str, Any], step: int) -> None:
        """One curve a number: those of an array have its tag and their index; what is no number is left out."""
        writer = self._writer(folder)
        for tag, value in values.items():
            if not numeric(value):
                continue
            for index, item in enumerate(np.ravel(np.asarray(value, float))):
                writer.add_scalar(f"{tag}_{index}" if np.ndim(value) else tag, item, step)
        writer.flush()

    def _write_histograms(self, named: list[tuple[str, Any]], epoch: int) -> None:
        writer = self._writer("train")
        for name, values in named:
            writer.add_histogram(f"{name}/histogram", values, epoch)
        writer.flush()

    async def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the files."""
        await FILES.run(self._close)

    def _close(self) -> None:
        while self._writers:
            self._writers.popitem()[1].close()


def _every(update_freq: str | int) -> int:
    """Batches between two writings; 0 for none."""
    known = {"epoch": 0, "batch": 1}
    if isinstance(update_freq, str) and update_freq in known:
        return known[update_freq]
    if isinstance(update_freq, int) and not isinstance(update_freq, bool) and update_freq > 0:
        return update_freq
    raise ConfigError(
        f'TensorBoard: expected update_freq to be "epoch", "batch" or a positive number of batches, received '
        f"{update_freq!r}."
    )


def _sorted_out(logs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The epoch's values of training and of validation, with Keras's tags."""
    train = {f"epoch_{key}": value for key, value in logs.items() if not key.startswith("val_")}
    validation = {
        f"epoch_{key.removeprefix('val_')}": value for key, value in logs.items() if key.startswith("val_")
    }
    return train, validation
