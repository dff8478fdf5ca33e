"""How late the event loop is: measured by a task that sleeps and looks at the clock."""

from __future__ import annotations

import asyncio
import time
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Heartbeat"]


class Heartbeat:
    """Measures the loop's lag while its block runs: how much later than asked a sleeping task wakes up.

    Args:
        interval: Seconds of each sleep.

    Examples:
        >>> async def main():
        ...     async with Heartbeat(0.001) as heartbeat:
        ...         await asyncio.sleep(0.05)
        ...     return len(heartbeat.lags) > 5
        >>> asyncio.run(main())
        True
    """

    def __init__(self, interval: float = 0.002) -> None:
        self.interval = interval
        self.lags = array("d")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Heartbeat:
        self._task = asyncio.create_task(self._beat(), name="aseq heartbeat")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _beat(self) -> None:
        clock, interval = time.perf_counter, self.interval
        while True:
            begun = clock()
            await asyncio.sleep(interval)
            self.lags.append(clock() - begun - interval)

    def milliseconds(self) -> tuple[float, float, float]:
        """Median, 99th percentile and maximum of the lag."""
        p50, p99, worst = np.percentile(self.lags, [50, 99, 100]) * 1000 if self.lags else (0.0, 0.0, 0.0)
        return float(p50), float(p99), float(worst)

    def __str__(self) -> str:
        p50, p99, worst = self.milliseconds()
        return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {worst:.2f} ms"
