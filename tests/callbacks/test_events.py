"""fit_events: order, backpressure, and how leaving the loop ends the fit."""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest

import aseq
from aseq import layers
from aseq.errors import BusyError, NotCompiledError, ShapeError
from aseq.models import BatchEnd, EpochBegin, EpochEnd, TrainEnd

X = np.linspace(-1, 1, 64, dtype="f")[:, None]
Y = 2 * X


def make() -> aseq.Sequential:
    model = aseq.Sequential([layers.Input((1,)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    return model


def others() -> set[Any]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


@pytest.mark.parametrize("batches", [False, True])
async def test_events_come_in_order_with_the_fits_own_values(batches: bool) -> None:
    options: dict[str, Any] = {"epochs": 2, "batch_size": 32, "validation_split": 0.5}
    plain = await make().fit(X, Y, verbose=0, **options)
    events = [event async for event in make().fit_events(X, Y, batches=batches, **options)]
    kinds = [EpochBegin, *[BatchEnd] * batches, EpochEnd] * 2 + [TrainEnd]
    assert [type(event) for event in events] == kinds
    assert events[0] == EpochBegin(0)
    ends = [event for event in events if isinstance(event, EpochEnd)]
    for epoch, event in enumerate(ends):
        assert event.epoch == epoch
        assert event.logs == {key: values[epoch] for key, values in plain.history.items()}
    assert isinstance(events[-1], TrainEnd)
    assert events[-1].history.history == plain.history


async def test_training_waits_for_the_consumer() -> None:
    model = make()
    async with aclosing(model.fit_events(X, Y, epochs=3, batches=True, batch_size=8)) as events:
        seen = 0
        async for event in events:
            if isinstance(event, BatchEnd):
                seen += 1
                await asyncio.sleep(0.005)
                assert model.optimizer.iterations == seen
        assert seen == 24


async def test_a_dataset_of_batches() -> None:
    async def stream() -> Any:
        for _ in range(3):
            yield X[:8], Y[:8]

    events = [event async for event in make().fit_events(stream(), batches=True)]
    assert [type(event).__name__ for event in events] == [
        "EpochBegin",
        *["BatchEnd"] * 3,
        "EpochEnd",
        "TrainEnd",
    ]


async def test_leaving_ends_the_fit_before_the_next_statement() -> None:
    model, closed, ended = make(), [], []

    async def stream() -> Any:
        try:
            while True:
                await asyncio.sleep(0)
                yield X[:8], Y[:8]
        finally:
            closed.append(True)

    listed = {"on_train_end": lambda logs: ended.append(True)}
    async with aclosing(model.fit_events(stream(), batches=True, callbacks=listed)) as events:
        async for event in events:
            if isinstance(event, BatchEnd) and event.batch == 4:
                break
    assert model.optimizer.iterations == 5
    assert closed == ended == [True]
    assert others() == set()
    await model.fit(X, Y, verbose=0)


async def test_a_bare_break_ends_it_too() -> None:
    model = make()
    async for _ in model.fit_events(X, Y, epochs=1000):
        break
    gc.collect()
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert others() == set()
    await model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("turns", range(0, 40, 3))
async def test_cancelling_the_consumer_anywhere(turns: int) -> None:
    model = make()

    async def consume() -> None:
        async with aclosing(model.fit_events(X, Y, epochs=10_000, batches=True)) as events:
            async for _ in events:
                pass

    task = asyncio.create_task(consume())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert others() == set()
    before = model.optimizer.iterations
    await model.fit(X, Y, batch_size=64, verbose=0)
    assert model.optimizer.iterations == before + 1


async def test_errors_of_the_fit_surface_unchanged_and_without_an_end_event() -> None:
    planted = OSError("planted")

    async def stream() -> Any:
        yield X[:8], Y[:8]
        raise planted

    events = make().fit_events(stream(), batches=True)
    assert isinstance(await anext(events), EpochBegin)
    assert isinstance(await anext(events), BatchEnd)
    with pytest.raises(OSError, match="planted") as caught:
        await anext(events)
    assert caught.value is planted


async def test_an_error_of_the_consumer_ends_the_fit() -> None:
    model = make()
    with pytest.raises(ZeroDivisionError):
        async with aclosing(model.fit_events(X, Y, epochs=100)) as events:
            async for _ in events:
                1 / 0  # noqa: B018
    assert others() == set()
    await model.fit(X, Y, verbose=0)


async def test_bad_calls_fail_early() -> None:
    with pytest.raises(NotCompiledError):
        aseq.Sequential([layers.Input((1,)), layers.Dense(1)]).fit_events(X, Y)
    with pytest.raises(ShapeError):
        await anext(make().fit_events(X[:, [0, 0]], Y))
    model = make()
    async with aclosing(model.fit_events(X, Y)) as events:
        await anext(events)
        with pytest.raises(BusyError):
            await model.fit(X, Y, verbose=0)


async def test_asking_for_no_event_starts_no_fit() -> None:
    model = make()
    await model.fit_events(X, Y).aclose()
    assert model.optimizer.iterations == 0


async def test_stop_training_ends_it_with_its_history() -> None:
    model = make()
    async for event in model.fit_events(X, Y, epochs=50):
        match event:
            case EpochEnd(epoch=2):
                model.stop_training = True
            case TrainEnd(history):
                assert history.epoch == [0, 1, 2]


async def test_the_consumer_may_use_the_model() -> None:
    model = make()
    events = model.fit_events(X, Y, epochs=3)
    losses = [await model.evaluate(X, Y, verbose=0) async for event in events if isinstance(event, EpochEnd)]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
