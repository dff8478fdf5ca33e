"""One gradient step at a time: ones in, ones out.

`train_on_batch` returns the loss as a float, or a list `[loss, *metrics]` for a model with metrics.
"""

import asyncio

import numpy as np

import aseq
from aseq import layers

x = np.ones((8, 5), np.float32)
y = np.ones((8, 3), np.float32)


async def a_loss() -> list[float]:
    model = aseq.Sequential([layers.Dense(3, input_shape=(5,))], seed=1)
    model.compile(optimizer="sgd", loss="mean_squared_error")
    losses = []
    for step in range(5):
        loss = await model.train_on_batch(x, y)
        print(f"step {step}: loss {loss:.4f}")
        losses.append(loss)
    return losses


async def a_loss_and_metrics() -> list[list[float]]:
    model = aseq.Sequential([layers.Dense(3, input_shape=(5,))], seed=1)
    model.compile(optimizer="sgd", loss="meanSquaredError", metrics=["mae", "mse"])  # tf.js's name, same loss
    results = []
    for step in range(5):
        result = await model.train_on_batch(x, y)
        print(f"step {step}: [loss, mae, mse] = {[round(value, 4) for value in result]}")
        results.append(result)
    return results


async def main() -> None:
    losses = await a_loss()
    results = await a_loss_and_metrics()
    assert all(isinstance(loss, float) for loss in losses)
    assert losses == sorted(losses, reverse=True), "each step lowers the loss"
    assert [result[0] for result in results] == losses, "metrics change nothing about training"


asyncio.run(main())
