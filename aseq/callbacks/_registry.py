"""From a config to a callback: `{"class_name": "EarlyStopping", "config": {"patience": 3}}`."""

from __future__ import annotations

from typing import Any

from aseq.callbacks._backup import BackupAndRestore
from aseq.callbacks._callback import Callback, LambdaCallback
from aseq.callbacks._checkpoint import ModelCheckpoint
from aseq.callbacks._csv_logger import CSVLogger
from aseq.callbacks._early_stopping import EarlyStopping
from aseq.callbacks._history import History
from aseq.callbacks._learning_rate import LearningRateScheduler, ReduceLROnPlateau
from aseq.callbacks._progress import ProgressBar
from aseq.callbacks._remote_monitor import RemoteMonitor
from aseq.callbacks._swap_ema import SwapEMAWeights
from aseq.callbacks._tensorboard import TensorBoard
from aseq.callbacks._terminate_on_nan import TerminateOnNaN
from aseq.errors import ConfigError
from aseq.registry import snake_case

__all__ = ["get"]

CLASSES: tuple[type[Callback], ...] = (
    BackupAndRestore,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgressBar,
    ReduceLROnPlateau,
    RemoteMonitor,
    SwapEMAWeights,
    TensorBoard,
    TerminateOnNaN,
)


def get(identifier: Any) -> Callback:
    """The callback that `identifier` means: an instance, a name, or a config.

    Raises:
        ConfigError: It means no callback, or its config has arguments that the callback lacks.

    Examples:
        >>> get({"class_name": "EarlyStopping", "config": {"monitor": "loss", "patience": 3}}).patience
        3
    """
    if isinstance(identifier, Callback):
        return identifier
    entry = {"class_name": identifier} if isinstance(identifier, str) else identifier
    if not isinstance(entry, dict) or "class_name" not in entry:
        raise ConfigError(
            f"callback: expected an instance, a name or {{'class_name', 'config'}}, received {identifier!r}."
        )
    for cls in CLASSES:
        if snake_case(cls.__name__) == snake_case(entry["class_name"]):
            try:
                return cls(**(entry.get("config") or {}))
            except TypeError as error:
                raise ConfigError(f"{cls.__name__}: expected its own arguments, but {error}.") from None
    known = ", ".join(cls.__name__ for cls in CLASSES)
    raise ConfigError(f"callback: expected one of {known}, received {entry['class_name']!r}.")
