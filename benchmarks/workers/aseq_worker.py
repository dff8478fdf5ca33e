"""aseq itself."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.networks import NETWORKS, arrays
from benchmarks.workers.protocol import rate, serve


def describe() -> str:
    import aseq

    return f"aseq {aseq.__version__}"


def network(name: str) -> Any:
    import aseq
    from aseq import layers

    made = {
        "dense": lambda units: layers.Dense(units, activation="relu"),
        "gru": lambda units: layers.GRU(units),
        "lstm": lambda units: layers.LSTM(units),
        "conv": lambda filters: layers.Conv2D(filters, 3, activation="relu"),
        "pool": lambda size: layers.MaxPooling2D(size),
        "flatten": lambda: layers.Flatten(),
    }
    model = aseq.Sequential([layers.Input(tuple(NETWORKS[name]["input"]))], seed=0)
    for kind, *arguments in NETWORKS[name]["layers"]:
        model.add(made[kind](*arguments))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def steps(name: str, batch: int, seconds: float) -> float:
    """Steps a second of `fit`."""
    model = network(name)
    x, y, in_epoch = arrays(name, batch)

    async def main() -> float:
        await model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)
        begun = time.perf_counter()
        await model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)
        epochs = max(1, round(seconds / (time.perf_counter() - begun)))
        begun = time.perf_counter()
        await model.fit(x, y, batch_size=batch, shuffle=False, verbose=0, epochs=epochs)
        return epochs * in_epoch / (time.perf_counter() - begun)

    return asyncio.run(main())


def plain_steps(name: str, batch: int, seconds: float) -> float:
    """Steps a second of the same steps in a loop without asyncio, threads or callbacks."""
    from aseq import linalg
    from aseq.compute import session

    model = network(name)
    x, y, in_epoch = arrays(name, batch)
    step = model._step()
    maker = model._maker()
    data = maker.arrays(x, y)
    scores = step.scores()

    def run(count: int) -> None:
        for index in range(count):
            start = index % in_epoch * batch
            step.train(data.cut(slice(start, start + batch), maker), scores)

    with session() as team:
        linalg.team.set(team)
        return rate(run, in_epoch, seconds)


def rows(source: str, columns: int) -> float:
    """Rows a second from a file or a URL, in batches of 32."""
    from aseq import data

    async def main() -> float:
        begun, count = time.perf_counter(), 0
        async for x, _ in data.csv(source, has_header=False, label=-1).batch(32):
            count += len(x)
        return count / (time.perf_counter() - begun)

    return asyncio.run(main())


def lag(name: str | None, seconds: float, url: str | None = None) -> list[float]:
    """The loop's lag in ms (p50, p99, max) while idle, or while this network trains on arrays or a URL."""
    from aseq import data
    from aseq.cli._heartbeat import Heartbeat

    async def train(model: Any) -> None:
        if url is not None:
            stream = data.web(url, has_header=False, label=-1).batch(32).map(lambda x, y: (x / 255, y % 10))
            await model.fit_dataset(stream.repeat().prefetch(4), epochs=1, verbose=0)
        else:
            x, y, _ = arrays(str(name), 32)
            await model.fit(x, y, epochs=1_000_000, verbose=0)

    async def main() -> list[float]:
        fit = None if name is None else asyncio.create_task(train(network(name)))
        await asyncio.sleep(0.5)
        async with Heartbeat() as heartbeat:
            await asyncio.sleep(seconds)
        if fit is not None:
            fit.cancel()
            await asyncio.gather(fit, return_exceptions=True)
        return list(heartbeat.milliseconds())

    return asyncio.run(main())


def peak_memory(url: str, columns: int) -> float:
    """Peak memory of this process in MB after training on all of a stream."""
    import aseq
    from aseq import data, layers

    model = aseq.Sequential(
        [layers.Input((columns - 1,)), layers.Dense(32, activation="relu"), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    stream = (
        data.web(url, has_header=False, label=-1).shuffle(1000).batch(32).map(lambda x, y: (x / 255, y / 255))
    )
    asyncio.run(model.fit_dataset(stream.prefetch(4), verbose=0))
    with open("/proc/self/status") as status:  # getrusage would count our parent before its fork, too
        [peak] = [line.split()[1] for line in status if line.startswith("VmHWM")]
    return int(peak) / 1024


def mnist(folder: str) -> tuple[list[float], float]:
    """Test accuracy after each of ten epochs of GRU(64) on pictures read row by row, and seconds an epoch."""
    import numpy as np

    from aseq import data

    async def pictures(name: str) -> tuple[Any, Any]:
        stream = data.disk(f"{folder}/{name}", has_header=False, label=0).batch(1000)
        xs, ys = zip(*[batch async for batch in stream], strict=True)
        return np.concatenate(xs).reshape(-1, 28, 28) / 255, np.concatenate(ys)

    async def main() -> tuple[list[float], float]:
        model = network("GRU(64) on 28x28")
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        x, y = await pictures("mnist_train_small.csv.gz")
        test = await pictures("mnist_test.csv.gz")
        begun = time.perf_counter()
        history = await model.fit(x, y, epochs=10, validation_data=test, verbose=0)
        return history.history["val_accuracy"], (time.perf_counter() - begun) / 10

    return asyncio.run(main())


if __name__ == "__main__":
    serve(
        describe,
        {
            "steps": steps,
            "plain_steps": plain_steps,
            "rows": rows,
            "lag": lag,
            "peak_memory": peak_memory,
            "mnist": mnist,
        },
    )
