"""`aseq demo`: digits over HTTP into a network, while a heartbeat watches the loop that does it."""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from aseq import data, datasets, layers
from aseq.cli._heartbeat import Heartbeat
from aseq.models import Sequential

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from aseq.data import Dataset
    from aseq.types import Array

__all__ = ["run", "serve_digits"]

EPOCHS = 30
UNITS = 128
IDLE_SECONDS = 0.5


async def run(arguments: argparse.Namespace) -> None:
    """Train, evaluate, and say how the loop fared."""
    async with serve_digits() as url, AsyncExitStack() as stack:
        print(f"Serving 1,797 handwritten digits, 8 x 8 pixels each, at {url}")
        train, test = _datasets(url)
        await train.take(1).to_list()  # loads what the stream needs, so that the heartbeat times it no more
        gc.freeze()  # nor the collector's passes over all that, 30 ms each: what a service does after its start
        stack.callback(gc.unfreeze)
        async with Heartbeat() as idle:
            await asyncio.sleep(IDLE_SECONDS)
        model = _network()
        print(f"Streaming them into 64 -> {UNITS} relu -> 10 softmax: {EPOCHS} epochs, each a new download\n")
        begun = time.perf_counter()
        async with Heartbeat() as training:
            await model.fit_dataset(train, epochs=EPOCHS, validation_data=test)
        seconds = time.perf_counter() - begun
        _, accuracy = await model.evaluate_dataset(test, verbose=0)
    rows = EPOCHS * 2 * 1797
    print(f"\nTest accuracy  {accuracy:.1%} on the 360 digits held out of training")
    print(f"Streamed       {rows:,} rows over HTTP in {seconds:.1f} s, {rows / seconds:,.0f} a second")
    print(f"Loop lag       {training} while training")
    print(f"               {idle} before, idle")


def _datasets(url: str) -> tuple[Dataset, Dataset]:
    """Batches to train on, and of the held-out rows: the first of every five."""
    fives = data.web(url, has_header=False, label=-1).batch(5)
    train = fives.map(_all_but_first).unbatch().shuffle(2000, seed=0).batch(32).map(_scale)
    return train.prefetch(4), fives.map(_first).unbatch().batch(256).map(_scale)


def _network() -> Sequential:
    hidden, output = layers.Dense(UNITS, activation="relu"), layers.Dense(10, activation="softmax")
    model = Sequential([layers.Input((64,)), hidden, output], name="digits", seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _first(x: Array, y: Array) -> tuple[Array, Array]:
    return x[:1], y[:1]


def _all_but_first(x: Array, y: Array) -> tuple[Array, Array]:
    return x[1:], y[1:]


def _scale(x: Array, y: Array) -> tuple[Array, Array]:
    return x / 16, y


@asynccontextmanager
async def serve_digits() -> AsyncIterator[str]:
    """A server on loopback that serves the shipped digits; yields their URL."""
    from aiohttp import web

    path = datasets.digits()

    async def answer(_: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    app = web.Application()
    app.router.add_get(f"/{path.name}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}/{path.name}"
    finally:
        await runner.cleanup()
