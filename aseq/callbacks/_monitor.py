"""What callbacks share that follow one value of the logs: which way is better, and the best so far."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from aseq.callbacks._callback import Callback
from aseq.callbacks._values import scalar
from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MonitorCallback"]

LESS_IS_BETTER = (
    "loss", "error", "mse", "mae", "mape", "msle", "entropy", "divergence", "hinge", "poisson", "logcosh", "false_",
)  # fmt: skip
MORE_IS_BETTER = (
    "acc", "auc", "precision", "recall", "score", "iou", "similarity", "correlation", "true_", "sensitivity",
    "specificity", "f1", "r2",
)  # fmt: skip


class MonitorCallback(Callback):
    """A callback that follows one value of the epoch's logs.

    Args:
        monitor: Key of the logs.
        mode: "min" if less is better, "max" if more is, "auto" to tell from the key.
        min_delta: A change that is no greater than this is no improvement.

    Attributes:
        best: The best value so far; None before the first.

    Raises:
        ConfigError: The mode means nothing, or "auto" cannot tell what the key wants.

    Examples:
        >>> MonitorCallback("val_accuracy").is_improvement(0.9, than=0.8)
        True
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0.0) -> None:
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.best: float | None = None
        self._sign = _sign(type(self).__name__, monitor, mode)

    def is_improvement(self, value: float, than: float | None) -> bool:
        """Whether `value` is better than another by more than `min_delta`; NaN never is, and None is beaten by all."""
        if than is None or math.isnan(value):
            return not math.isnan(value)
        return self._sign * value - self.min_delta > self._sign * than

    def monitored(self, logs: Mapping[str, Any] | None) -> float | None:
        """The followed value; None if the epoch was cut short, or with a warning if the logs lack it."""
        if self.failure is not None:
            return None
        logs = logs or {}
        if self.monitor in logs:
            return self._one_number(logs[self.monitor])
        warnings.warn(
            f"{type(self).__name__}: expected {self.monitor!r} in the logs, received {', '.join(logs) or 'none'}. "
            f"Nothing is done in this epoch.",
            UserWarning,
            stacklevel=3,
        )
        return None

    def _one_number(self, value: Any) -> float:
        number = scalar(value)
        if number is None:
            shape = getattr(value, "shape", ())
            raise ConfigError(
                f"{type(self).__name__}: expected one number to follow, received {self.monitor!r} "
                f"{f'of shape {shape}' if shape else f'= {value!r}'}. Monitor a metric of one number, such as "
                f"F1Score(average='macro')."
            )
        return number


def _sign(owner: str, monitor: str, mode: str) -> int:
    """1 if more is better, -1 if less is."""
    if mode not in ("auto", "min", "max"):
        raise ConfigError(f'{owner}: expected mode to be "auto", "min" or "max", received {mode!r}.')
    if mode == "auto":
        name = monitor.removeprefix("val_")
        less = any(part in name for part in LESS_IS_BETTER)
        if less == any(part in name for part in MORE_IS_BETTER):
            raise ConfigError(
                f"{owner}: expected mode='min' or mode='max', since monitor={monitor!r} does not say which way is "
                f"better."
            )
        mode = "min" if less else "max"
    return 1 if mode == "max" else -1
