"""One run's row on the board: what its progress callback writes down and the board reads."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aseq.callbacks._wording import byte_size

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Row"]

COUNTED = (
    ("bytes", "{}", "{}"),
    ("bad_rows", "{} bad row", "{} bad rows"),
    ("retries", "{} retry", "{} retries"),
    ("resumed_at", "resumed at {}", "resumed at {}"),
    ("buffered", "{} ready", "{} ready"),
)
BYTES = {"bytes", "resumed_at"}
SAMPLE_EVERY = 0.2
"""Seconds between the samples that a rate is taken from."""


@dataclass(slots=True, eq=False)
class Row:
    """Where a run stands.

    Attributes:
        label: The model's name.
        kind: "fit", "evaluate" or "predict".
        first: The first epoch, once it begins.
        epochs: Where the epochs end.
        epoch: The running one, from 0.
        done: Batches of this epoch.
        total: Batches of an epoch, if known.
        checked: Batches of the running validation; None outside one.
        logs: Running loss and metrics.
        statistics: Of the dataset: a function, or None.

    Examples:
        >>> row = Row("digits", epochs=4, total=10)
        >>> row.epoch = 1
        >>> row.advance(5, {"loss": 0.1})
        >>> row.stage(), row.share()
        ('epoch 2/4', 0.375)
    """

    label: str
    kind: str = "fit"
    first: int | None = None
    epochs: int = 1
    epoch: int = 0
    done: int = 0
    total: int | None = None
    checked: int | None = None
    logs: Mapping[str, float] = field(default_factory=dict)
    statistics: Any = None
    begun: float = field(default_factory=time.perf_counter)
    _steps: int = field(default=0, init=False)
    _samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=16), init=False)

    def __post_init__(self) -> None:
        self._samples.append((self.begun, 0))

    def begin_epoch(self, epoch: int) -> None:
        """Another epoch begins."""
        self.first = epoch if self.first is None else self.first
        self._steps += self.done
        self.epoch, self.done, self.checked = epoch, 0, None

    def advance(self, done: int, logs: Mapping[str, float]) -> None:
        """`done` batches of the epoch have been done."""
        self.done, self.logs = done, logs
        now = time.perf_counter()
        if now - self._samples[-1][0] >= SAMPLE_EVERY:
            self._samples.append((now, self._steps + done))

    def stage(self) -> str:
        """What is being done."""
        if self.kind != "fit":
            return self.kind
        return f"epoch {self.epoch + 1:>{len(str(self.epochs))}}/{self.epochs}"

    def count(self) -> str:
        """How many batches have been done."""
        if self.checked is not None:
            return f"validating {self.checked}" if self.checked else "validating"
        return f"{self.done}/{self.total}" if self.total else f"{self.done} steps"

    def share(self) -> float | None:
        """The part of the whole run that is done, in [0, 1]; None as long as nobody knows."""
        if not self.total:
            return None
        first = self.first or 0
        epochs = self.epoch - first + min(self.done / self.total, 1.0)
        return min(epochs / max(self.epochs - first, 1), 1.0)

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.begun

    def left(self) -> float | None:
        """Seconds to go, if the rest is like the part before."""
        share = self.share()
        return self.elapsed() * (1 - share) / share if share else None

    def rate(self) -> float | None:
        """Steps per second over the last few seconds."""
        then, before = self._samples[0]
        seconds = time.perf_counter() - then
        steps = self._steps + self.done - before
        return steps / seconds if steps > 0 and seconds > 0 else None

    def source(self) -> str:
        """What has come over the wire, and what was out of the ordinary, for datasets that count it."""
        found = self.statistics() if callable(self.statistics) else None
        words = []
        for name, word, of_many in COUNTED:
            count = getattr(found, name, None)
            if count:
                words.append(
                    (word if count == 1 else of_many).format(byte_size(count) if name in BYTES else count)
                )
        return "  ".join(words)
