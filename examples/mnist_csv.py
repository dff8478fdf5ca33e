"""An MNIST-like CSV from a URL: converted, normalised, and streamed into two networks at once.

The URL here is a small server of our own with the digits that come with aseq; any other CSV will do.
"""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
from aiohttp import web

import aseq
from aseq import data, datasets, layers


@asynccontextmanager
async def served():
    app = web.Application()
    app.router.add_static("/", datasets.digits().parent)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/digits.csv.gz"
    finally:
        await runner.cleanup()


def convert_and_normalise(pixels, digit):
    """Runs in a worker thread, on whole batches: pixels from 0..16 to 0..1, digits to one-hot vectors."""
    return pixels / 16, np.eye(10, dtype=np.float32)[digit.astype(int)]


def print_epoch(name):
    return lambda epoch, logs: print(
        f"{name} epoch {epoch}: loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.3f}"
    )


async def train(name, url, units):
    digits = data.web(url, has_header=False, label=-1)
    batches = digits.shuffle(2000, seed=1).batch(64).map(convert_and_normalise).prefetch(4)
    model = aseq.Sequential(
        [layers.Input((64,)), layers.Dense(units, activation="relu"), layers.Dense(10, activation="softmax")],
        seed=1,
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return await model.fit_dataset(
        batches, epochs=15, verbose=0, callbacks={"on_epoch_end": print_epoch(name)}
    )


async def main():
    async with served() as url:
        small, large = await asyncio.gather(train("small", url, 16), train("large", url, 128))
    assert large.history["accuracy"][-1] > 0.97 > 0.85 > small.history["accuracy"][0]


asyncio.run(main())
