"""CSVLogger: the epochs' logs as rows of a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.callbacks._callback import Callback
from aseq.callbacks._files import FILES, make_folder

if TYPE_CHECKING:
    import os

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Writes a row for every epoch: "epoch", then the logs in alphabetical order.

    Columns are those of the first epoch; when the fit validates later, the val_ columns too, with
    "NA" where a value is missing. Every row is on disk before the next epoch begins.

    Args:
        filename: Of the CSV file. Its folder is made as needed.
        separator: Between fields.
        append: Add to an existing file, without a second header.

    Raises:
        SourceError: The folder cannot be made; when the fit begins.

    Examples:
        >>> import asyncio, tempfile, aseq
        >>> import numpy as np
        >>> model = aseq.Sequential([aseq.layers.Input((1,)), aseq.layers.Dense(1)], seed=0)
        >>> model.compile("sgd", "mse")
        >>> x = np.zeros((4, 1))
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     _ = asyncio.run(model.fit(x, x, epochs=2, verbose=0, callbacks=CSVLogger(file.name)))
        ...     file.read().split()
        [b'epoch,loss', b'0,0.0', b'1,0.0']
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename = Path(filename)
        self.separator = separator
        self.append = append
        self._keys: list[str] | None = None

    async def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin an empty file, unless it is to be added to."""
        self._keys = None
        await FILES.run(make_folder, self.filename)
        await FILES.run(self._write, "a" if self.append else "w", None)

    async def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch's row, if the epoch came to its end."""
        if self.failure is not None:
            return
        logs = logs or {}
        if self._keys is None:
            self._keys = self._columns(logs)
        await FILES.run(self._write, "a", [epoch, *(_field(logs.get(key, "NA")) for key in self._keys)])

    def _columns(self, logs: dict[str, Any]) -> list[str]:
        keys = sorted(logs)
        if self.params.get("validation") and not any(key.startswith("val_") for key in keys):
            keys += [f"val_{key}" for key in keys if key != "learning_rate"]
        return keys

    def _write(self, mode: str, row: list[Any] | None) -> None:
        """Open, write and close: between two epochs nothing is held open."""
        with self.filename.open(mode, newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=self.separator, lineterminator="\n")
            if row is not None and not file.tell():
                writer.writerow(["epoch", *(self._keys or ())])
            if row is not None:
                writer.writerow(row)


def _field(value: Any) -> Any:
    """An array as [0.25, 0.5], anything else as it is."""
    return value.tolist() if isinstance(value, np.ndarray) else value
