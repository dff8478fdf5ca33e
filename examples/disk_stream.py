"""A CSV file on disk that need not fit into memory: training, evaluation and predictions from streams."""

import asyncio
import csv
import tempfile
from pathlib import Path

import numpy as np

import aseq
from aseq import data, layers


def write_houses(path: Path, rows: int) -> None:
    """A made-up table of houses: price from area, age and heating."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["area", "age", "heating", "price"])
        for area, age, heat_pump in zip(
            rng.uniform(40, 240, rows), rng.uniform(0, 80, rows), rng.integers(0, 2, rows), strict=True
        ):
            price = 2.1 * area - 1.5 * age + 25 * heat_pump + rng.normal(0, 5)
            writer.writerow([f"{area:.1f}", f"{age:.0f}", ["gas", "heat pump"][heat_pump], f"{price:.1f}"])


def scale(x, y):
    return x / np.array([240, 80, 1], np.float32), y / 500


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "houses.csv"
        write_houses(path, 20_000)
        heating = {"dtype": "category", "categories": ["gas", "heat pump"]}
        rows = data.disk(path, label="price", column_configs={"heating": heating})
        print("columns", await rows.column_names())
        test = rows.take(4000).batch(500).map(scale)
        train = rows.skip(4000).shuffle(5000, seed=1).batch(64).map(scale).prefetch(4)

        model = aseq.Sequential(
            [layers.Input((3,)), layers.Dense(16, activation="relu"), layers.Dense(1)], seed=1
        )
        model.compile("adam", "mse", metrics=["mae"])
        before = await model.evaluate_dataset(test, verbose=0)
        await model.fit_dataset(train, epochs=4, verbose=2, validation_data=test)
        after = await model.evaluate_dataset(test, verbose=0)
        print(f"mean error {500 * before[1]:.0f} before, {500 * after[1]:.1f} after; {train.statistics()}")

        predicted = [500 * float(batch[0, 0]) async for batch in model.predict_stream(test)]
        print("first prediction of each batch", [round(price) for price in predicted])
    assert len(predicted) == 8
    assert 500 * after[1] < 10, "the noise alone makes 4"


asyncio.run(main())
