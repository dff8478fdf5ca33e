"""BackupAndRestore: go on after a crash where the last whole epoch ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aseq.callbacks._callback import Callback
from aseq.callbacks._files import FILES, make_folder
from aseq.errors import ConfigError, FormatError
from aseq.saving import read_state, write_state

if TYPE_CHECKING:
    import os

__all__ = ["BackupAndRestore"]

NAME = "latest.backup.npz"


class BackupAndRestore(Callback):
    """Writes down everything that a fit depends on after every epoch, and takes it up again.

    When a fit begins and finds a backup, it goes on behind the epoch of that backup with the same weights,
    optimizer, random numbers and callbacks (EarlyStopping's patience, for one). Given a model with
    the seed of the first one, the rest is what an undisturbed fit would have done. The backup is
    removed when a fit comes to its end.

    Args:
        backup_dir: Folder of the backup, made as needed; one for each fit.
        save_freq: "epoch".
        double_checkpoint: Not needed: a backup replaces the one before in one instant.
        delete_checkpoint: False to keep the backup of a fit that came to its end.

    Raises:
        ConfigError: `save_freq` is not "epoch".
        FormatError: The backup is damaged, or that of another model; when the fit begins.
        SourceError: The folder cannot be made, or the backup not be written.

    Examples:
        >>> import asyncio, tempfile, aseq
        >>> import numpy as np
        >>> model = aseq.Sequential([aseq.layers.Input((1,)), aseq.layers.Dense(1)], seed=0)
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((4, 1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     backup = BackupAndRestore(folder, delete_checkpoint=False)
        ...     _ = asyncio.run(model.fit(x, x, epochs=3, verbose=0, callbacks=backup))
        ...     asyncio.run(model.fit(x, x, epochs=5, verbose=0, callbacks=backup)).epoch
        [3, 4]
    """

    runs_last = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        if save_freq != "epoch":
            raise ConfigError(f'BackupAndRestore: expected save_freq to be "epoch", received {save_freq!r}.')
        self.path = Path(backup_dir) / NAME
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint

    async def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Take a backup up, if there is one."""
        state = await FILES.run(self._read)
        if state is None:
            return
        step = self.model._step()
        found, expected = state["step"]["network"]["params"].shape, step.network.params.shape
        if found != expected:
            raise FormatError(
                str(self.path),
                f"expected the backup of a model with {expected[0]} parameters, found {found[0]}. Remove it, or "
                f"give every fit a folder of its own.",
            )
        await self.model._call(lambda: step.set_state(state["step"]))
        self.params["initial_epoch"] = max(self.params["initial_epoch"], state["epoch"] + 1)
        others = self._others()
        if [name for name, _ in state["callbacks"]] == [type(other).__name__ for other in others]:
            for other, (_, own) in zip(others, state["callbacks"], strict=True):
                other.set_state(own)

    def _read(self) -> Any:
        if not self.path.exists():
            return None
        state = read_state(self.path)
        if not isinstance(state, dict) or state.keys() != {"epoch", "step", "callbacks"}:
            raise FormatError(str(self.path), "expected a backup, found another file. Remove it.")
        return state

    def _others(self) -> list[Callback]:
        """The callbacks that carry something from epoch to epoch."""
        return [other for other in self.params["callbacks"] if getattr(other, "state_names", ())]

    async def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the backup, if the epoch came to its end."""
        if self.failure is not None:
            return
        state = {
            "epoch": epoch,
            "step": await self.model._call(self.model._step().get_state),
            "callbacks": [[type(other).__name__, other.get_state()] for other in self._others()],
        }
        await FILES.run(self._write, state)

    def _write(self, state: Any) -> None:
        make_folder(self.path)
        write_state(self.path, state)

    async def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Remove the backup of a fit that came to its end."""
        if self.delete_checkpoint and self.failure is None:
            await FILES.run(lambda: self.path.unlink(missing_ok=True))
