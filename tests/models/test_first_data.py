"""A model without input shape is built by the first data, wherever that comes from, and none is lost."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

import aseq
from aseq import data, layers
from aseq.errors import DataError, ShapeError

X = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
Y = X[:, :2]
BATCHES = [(X[i : i + 8], Y[i : i + 8]) for i in range(0, 32, 8)]


class Opened:
    """An async iterable that counts how often it is opened and closed."""

    def __init__(self, batches=BATCHES):
        self.batches, self.opened, self.closed = batches, 0, 0

    async def __aiter__(self):
        self.opened += 1
        try:
            for batch in self.batches:
                await asyncio.sleep(0)
                yield batch
        finally:
            self.closed += 1


def unshaped():
    model = aseq.Sequential([layers.Dense(2)], seed=3)
    model.compile("adam", "mse")
    return model


async def expected(**options):
    model = aseq.Sequential([layers.Input((3,)), layers.Dense(2)], seed=3)
    model.compile("adam", "mse")
    await model.fit_dataset(BATCHES, verbose=0, **options)
    return model.get_weights()


STREAMS = {
    "async iterable": Opened,
    "async generator": lambda: aiter(Opened()),
    "generator": lambda: (batch for batch in BATCHES),
    "list": lambda: BATCHES,
    "dicts": lambda: [{"xs": {"input_layer": x}, "ys": y} for x, y in BATCHES],
    "dataset": lambda: data.array(X, Y).batch(8),
    "dataset of one pass": lambda: data.from_async_iterable(aiter(Opened())),
}


@pytest.mark.parametrize("door", ["fit", "fit_dataset"])
@pytest.mark.parametrize("stream", STREAMS)
async def test_every_stream_trains_all_its_batches(door, stream):
    model = unshaped()
    await getattr(model, door)(STREAMS[stream](), verbose=0)
    for weight, other in zip(model.get_weights(), await expected(), strict=True):
        assert np.array_equal(weight, other)


@pytest.mark.parametrize("stream", ["generator", "dataset"])
async def test_epochs_that_share_a_pass(stream):
    model = unshaped()
    await model.fit(STREAMS[stream](), epochs=2, steps_per_epoch=2, verbose=0)
    for weight, other in zip(model.get_weights(), await expected(), strict=True):
        assert np.array_equal(weight, other)


async def test_a_later_epoch_begins_with_its_own_order():
    ordered = data.array(X, Y).shuffle(32, seed=5).batch(8)
    weights = []
    for first in (layers.Input((3,)), None):
        model = aseq.Sequential([first, layers.Dense(2)] if first else [layers.Dense(2)], seed=3)
        model.compile("adam", "mse")
        await model.fit(ordered, epochs=3, initial_epoch=2, verbose=0)
        weights.append(model.get_weights()[0])
    assert np.array_equal(*weights)


async def test_a_stream_is_opened_once_a_pass_and_closed():
    stream = Opened()
    await unshaped().fit(stream, epochs=2, verbose=0)
    assert (stream.opened, stream.closed) == (2, 2)


async def test_evaluate_and_predict_are_built_by_streams_too():
    stream = Opened()
    assert (await unshaped().predict(stream)).shape == (32, 2)
    assert [batch.shape async for batch in unshaped().predict_stream(stream)] == [(8, 2)] * 4
    assert await unshaped().evaluate(stream, verbose=0) == pytest.approx(
        await unshaped().evaluate(X, Y, batch_size=8, verbose=0)
    )
    assert (stream.opened, stream.closed) == (3, 3)


async def test_an_error_between_the_first_batch_and_the_fit_closes_the_stream():
    stream = Opened()
    with pytest.raises(ShapeError, match="validation_data"):
        await unshaped().fit(stream, validation_data=(X[:, :1], Y), verbose=0)
    assert (stream.opened, stream.closed) == (1, 1)


async def test_a_fit_that_is_cancelled_before_its_first_batch_closes_the_stream():
    class Waiting(Opened):
        async def __aiter__(self):
            self.opened += 1
            try:
                await asyncio.Event().wait()
                yield
            finally:
                self.closed += 1

    stream, model = Waiting(), unshaped()
    task = asyncio.create_task(model.fit(stream, verbose=0))
    while not stream.opened:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stream.closed == 1
    await model.fit(Opened(), verbose=0)


async def test_an_empty_stream_builds_nothing():
    stream = Opened([])
    with pytest.raises(DataError, match="at least one batch"):
        await unshaped().fit(stream, verbose=0)
    with pytest.raises(DataError, match="xs"):
        await unshaped().fit(Opened(["no batch"]), verbose=0)
    assert stream.closed == 1
