"""`fit` with every argument it has, on two noisy half moons."""

import asyncio

import numpy as np

import aseq
from aseq import layers, optimizers

rng = np.random.default_rng(0)
angle = rng.uniform(0, np.pi, 1000)
moon = rng.integers(0, 2, 1000)
x = np.stack([np.cos(angle) + moon, np.sin(angle) * (1 - 2 * moon) + moon / 2], axis=1)
x = (x + rng.normal(0, 0.1, x.shape)).astype(np.float32)

epochs_seen = []


async def epoch_ended(epoch: int, logs: dict[str, float]) -> None:
    epochs_seen.append(epoch)
    await asyncio.sleep(0)  # hooks may await: store the logs, tell a websocket, ...


async def main() -> None:
    model = aseq.Sequential(
        [layers.Input((2,)), layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid")],
        seed=1,
    )
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    history = await model.fit(
        x[:800],
        moon[:800],
        batch_size=16,
        epochs=22,  # where to stop: epochs 2 to 21 run
        initial_epoch=2,
        verbose=2,
        callbacks={"on_epoch_end": epoch_ended},
        validation_split=0.0,  # the last rows, if validation_data were not given
        validation_data=(x[800:], moon[800:]),
        validation_batch_size=100,
        validation_steps=2,
        validation_freq=5,  # after epochs 5, 10, 15 and 20
        shuffle=True,
        class_weight=None,  # {0: 1.0, 1: 2.0}: instead of sample_weight, not beside it
        sample_weight=np.ones(800),
        steps_per_epoch=50,
        yield_every="auto",
    )
    print("epochs", history.epoch)
    print("val_accuracy", history.history["val_accuracy"])
    assert epochs_seen == history.epoch == list(range(2, 22))
    assert len(history.history["val_accuracy"]) == 4
    assert history.history["val_accuracy"][-1] > 0.97


asyncio.run(main())
