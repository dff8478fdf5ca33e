"""`python -m benchmarks.stream_memory --gigabytes 10`: train on a long stream that is generated as it is read.

Prints, for a warm-up stream and for the long one: rows a second, how late the event loop was, peak memory.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import aseq
from aseq import data, layers
from benchmarks.suites import csv_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from io import FileIO

BATCH = 32
BEAT = 0.005


@dataclass
class Heartbeat:
    """Notes how late the event loop wakes it, in seconds, and how much of that it waited for a core."""

    lags: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    async def beat(self) -> None:
        """Until cancelled."""
        with scheduling() as figures:
            while True:
                due, waited = time.perf_counter() + BEAT, waited_for_core(figures)
                await asyncio.sleep(BEAT)
                self.lags.append(time.perf_counter() - due)
                self.waits.append(waited_for_core(figures) - waited)

    def __str__(self) -> str:
        whole = 1000 * np.array(self.lags)
        own = np.maximum(whole - 1000 * np.array(self.waits), 0)
        figures = [
            "/".join(f"{value:.2f}" for value in np.percentile(lag, (50, 99, 100))) for lag in (whole, own)
        ]
        return f"loop lag p50/p99/max {figures[0]} ms, but for waits for a free core {figures[1]} ms"


def scheduling() -> FileIO:
    """What the kernel counts of this thread (Linux): open for the whole run, as opening takes its time."""
    return Path("/proc/thread-self/schedstat").open("rb", buffering=0)


def waited_for_core(figures: FileIO) -> float:
    """Seconds that this thread was ready to run and had no core, because of whatever else runs here."""
    figures.seek(0)
    _, waited, _ = figures.read().split()
    return int(waited) / 1e9


def peak_memory() -> float:
    """The most memory that this process ever had, in MB (Linux; getrusage would count the parent's, too)."""
    with Path("/proc/self/status").open() as status:
        [peak] = [line.split()[1] for line in status if line.startswith("VmHWM")]
    return int(peak) / 1024


@contextlib.asynccontextmanager
async def watched_loop() -> AsyncIterator[Heartbeat]:
    """A heartbeat in the running loop."""
    heartbeat = Heartbeat()
    beating = asyncio.create_task(heartbeat.beat())
    try:
        yield heartbeat
    finally:
        beating.cancel()
        await asyncio.wait([beating])


async def idle() -> Heartbeat:
    """What the machine alone does to the loop, whatever else runs on it."""
    async with watched_loop() as heartbeat:
        await asyncio.sleep(2)
    return heartbeat


async def train(model: aseq.Sequential, server: str, megabytes: int, columns: int) -> float:
    """One fit over a stream of its own; returns the peak memory after it."""
    stream = data.web(f"{server}/stream?megabytes={megabytes}&columns={columns}", has_header=False, label=-1)
    batches = stream.batch(BATCH)
    begun = time.perf_counter()
    async with watched_loop() as heartbeat:
        await model.fit_dataset(batches, verbose=0)
    seconds, rows, peak = time.perf_counter() - begun, batches.statistics().rows, peak_memory()
    print(
        f"{megabytes:6,} MB in {seconds:.0f} s: {rows:,} rows, {rows / seconds:,.0f} a second; {heartbeat}; "
        f"peak memory {peak:.1f} MB",
        flush=True,
    )
    return peak


async def main(gigabytes: float, warm_up: int, columns: int) -> None:
    """Warm up, then the long stream, in one process and with one model."""
    model = aseq.Sequential([layers.Input((columns - 1,)), layers.Dense(1)], seed=0)
    model.compile("adam", "mae")
    print(f"an idle loop: {await idle()}", flush=True)
    async with csv_server("unused") as server:
        before = await train(model, server, warm_up, columns)
        after = await train(model, server, round(1000 * gigabytes), columns)
    print(f"growth of peak memory: {after - before:.1f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=0.6, help="of the long stream (default: 0.6)")
    parser.add_argument("--warm-up", type=int, default=50, help="megabytes of the short one (default: 50)")
    parser.add_argument("--columns", type=int, default=785, help="in each row (default: 785)")
    asyncio.run(main(**vars(parser.parse_args())))
