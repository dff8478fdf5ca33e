"""The one loop: turns, cancel, stop, streams, steps_per_epoch, validation."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import numpy as np
import pytest

import aseq
from aseq import layers
from aseq.errors import BusyError, ConfigError, DataError, NotCompiledError, ShapeError, StreamConsumed

X = np.random.default_rng(0).standard_normal((96, 4)).astype("f")
Y = X[:, :3].argmax(1)


def make(seed: int = 1, metrics: Any = ("accuracy",), width: int = 8) -> aseq.Sequential:
    model = aseq.Sequential(
        [layers.Input((4,)), layers.Dense(width, activation="relu"), layers.Dense(3, activation="softmax")],
        seed=seed,
    )
    model.compile("adam", "sparse_categorical_crossentropy", list(metrics))
    return model


def batches(n: int = 6, size: int = 16) -> list[tuple[Any, Any]]:
    return [(X[i * size : (i + 1) * size], Y[i * size : (i + 1) * size]) for i in range(n)]


class Counted:
    """An async iterator over batches that says how often it was closed."""

    def __init__(self, items: list[Any], delay: float = 0.0) -> None:
        self.items = list(items)
        self.delay = delay
        self.given = 0
        self.closed = 0

    def __aiter__(self) -> Counted:
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(self.delay)
        if self.given >= len(self.items):
            raise StopAsyncIteration
        self.given += 1
        return self.items[self.given - 1]

    async def aclose(self) -> None:
        self.closed += 1


async def test_learns() -> None:
    model = make(width=64)
    history = await model.fit(X, Y, epochs=150, verbose=0)
    assert history.history["accuracy"][-1] > 0.95
    assert history.epoch == list(range(150))
    assert model.history is history


async def test_a_second_fit_is_refused_and_the_first_goes_on() -> None:
    model = make()
    first = asyncio.create_task(model.fit(X, Y, epochs=50, verbose=0))
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="another fit"):
        await model.fit(X, Y, verbose=0)
    with pytest.raises(BusyError):
        model.compile("sgd", "mse")
    assert len((await first).epoch) == 50
    await model.fit(X, Y, verbose=0)


async def test_uncompiled_is_a_runtime_error() -> None:
    model = aseq.Sequential([layers.Input((4,)), layers.Dense(3)])
    for call in (
        model.fit(X, Y),
        model.fit_dataset([]),
        model.evaluate(X, Y),
        model.evaluate_dataset([]),
        model.train_on_batch(X, Y),
        model.test_on_batch(X, Y),
    ):
        with pytest.raises(RuntimeError, match="compile") as caught:
            await call
        assert isinstance(caught.value, NotCompiledError)
    assert (await model.predict(X)).shape == (96, 3)


async def test_cancel_ends_within_a_step_and_the_model_trains_on() -> None:
    model = make()
    source = Counted(batches(1) * 100_000)
    task = asyncio.create_task(model.fit_dataset(source, verbose=0))
    while source.given < 20:
        await asyncio.sleep(0.001)
    asked = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.perf_counter() - asked < 0.5
    assert source.closed == 1
    steps = model.optimizer.iterations
    await model.fit(X, Y, verbose=0)
    assert model.optimizer.iterations == steps + 3


async def test_a_timeout_stops_a_fit() -> None:
    model = make()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await model.fit(X, Y, epochs=1_000_000, verbose=0)
    assert np.isfinite(await model.evaluate(X, Y, verbose=0)).all()


async def test_stop_training_ends_with_a_history() -> None:
    model = make()

    async def stop() -> None:
        await asyncio.sleep(0.03)
        model.stop_training = True

    stopping = asyncio.create_task(stop())
    history = await model.fit(X, Y, epochs=1_000_000, verbose=0)
    await stopping
    assert 0 < len(history.epoch) < 1_000_000
    assert len((await model.fit(X, Y, epochs=2, verbose=0)).epoch) == 2


async def test_predict_and_weights_during_a_fit_see_whole_steps() -> None:
    model = make()
    fit = asyncio.create_task(model.fit(X, Y, epochs=400, verbose=0))
    seen = []
    while not fit.done():
        seen.append(await model.predict(X[:2]))
        await model.evaluate(X, Y, verbose=0)
        await asyncio.sleep(0.001)
    history = await fit
    assert len(seen) > 2
    assert all(np.allclose(p.sum(1), 1, atol=1e-5) for p in seen)
    alone = await make().fit(X, Y, epochs=400, verbose=0)
    assert history.history == alone.history


@pytest.mark.parametrize("pace", ["auto", "batch", "epoch", "never", 5, 0.1])
async def test_yield_every_changes_nothing_but_the_yields(pace: Any) -> None:
    yields: list[int] = []
    history = await make().fit(
        X,
        Y,
        epochs=3,
        verbose=0,
        yield_every=pace,
        callbacks={"on_yield": lambda e, b, logs: yields.append(b)},
    )
    assert history.history == (await make().fit(X, Y, epochs=3, verbose=0)).history
    if pace == "batch":
        assert yields == [0, 1, 2] * 3
    if pace in ("epoch", "never"):
        assert yields == []


@pytest.mark.parametrize("pace", ["sometimes", -1, 0, True, None])
async def test_yield_every_refuses_nonsense(pace: Any) -> None:
    with pytest.raises(ConfigError, match="yield_every"):
        await make().fit(X, Y, verbose=0, yield_every=pace)


async def test_an_iterator_serves_one_epoch_and_says_so_at_the_second() -> None:
    source = Counted(batches())
    with pytest.raises(StreamConsumed, match="only once"):
        await make().fit_dataset(source, epochs=2, verbose=0)
    assert source.given == 6


async def test_an_iterator_serves_all_epochs_with_steps_per_epoch() -> None:
    history = await make().fit_dataset(Counted(batches()), epochs=3, steps_per_epoch=2, verbose=0)
    assert history.epoch == [0, 1, 2]


async def test_running_dry_warns_with_the_count_and_ends() -> None:
    with pytest.warns(UserWarning, match="after 6 batches"):
        history = await make().fit_dataset(Counted(batches()), epochs=5, steps_per_epoch=4, verbose=0)
    assert history.epoch == [0, 1]


async def test_arrays_with_steps_per_epoch_begin_again() -> None:
    history = await make().fit(X, Y, epochs=4, steps_per_epoch=3, batch_size=32, verbose=0)
    assert history.epoch == [0, 1, 2, 3]


async def test_a_plain_generator_is_read_in_a_thread() -> None:
    readers = set()

    def slow() -> Any:
        for batch in batches():
            readers.add(threading.get_ident())
            yield batch

    await make().fit_dataset(slow(), verbose=0)
    assert readers
    assert threading.get_ident() not in readers


async def test_the_streams_error_surfaces_as_itself() -> None:
    async def broken() -> Any:
        yield batches()[0]
        raise OSError("the line went dead")

    with pytest.raises(OSError, match="went dead"):
        await make().fit_dataset(broken(), verbose=0)


@pytest.mark.parametrize("validation", ["split", "tuple", "dataset", "stream"])
async def test_validation_of_every_kind_gives_the_same(validation: str) -> None:
    options: dict[str, Any] = {
        "split": {"validation_split": 1 / 3},
        "tuple": {"validation_data": (X[64:], Y[64:])},
        "dataset": {"validation_data": [(X[64:], Y[64:])]},
        "stream": {"validation_data": Counted([(X[64:], Y[64:])])},
    }[validation]
    x, y = (X, Y) if validation == "split" else (X[:64], Y[:64])
    history = await make().fit(x, y, verbose=0, **options)
    model = make()
    plain = await model.fit(X[:64], Y[:64], verbose=0)
    loss, accuracy = await model.evaluate(X[64:], Y[64:], verbose=0)
    assert history.history["loss"] == plain.history["loss"]
    assert history.history["val_loss"] == pytest.approx([loss])
    assert history.history["val_accuracy"] == [accuracy]


async def test_validation_freq() -> None:
    every = await make().fit(X, Y, epochs=4, validation_split=0.25, validation_freq=2, verbose=0)
    assert len(every.history["val_loss"]) == 2
    chosen = await make().fit(X, Y, epochs=4, validation_split=0.25, validation_freq=[1, 2, 4], verbose=0)
    assert len(chosen.history["val_loss"]) == 3


@pytest.mark.parametrize(
    ("x", "y", "error", "says"),
    [
        (X[:, :3], Y, ShapeError, "input_layer"),
        (X, Y[:5], ShapeError, "96 samples"),
        (X, Y + 1, DataError, "0 to 2"),
        (X, -Y, DataError, "0 to 2"),
        (X, Y + 0.5, DataError, "whole"),
        (X, np.where(Y == 1, np.nan, Y), DataError, "NaN"),
        (X, np.zeros((96, 3)), ShapeError, "class indices"),
        (X[:0], Y[:0], DataError, "at least one"),
        (X, None, DataError, "targets"),
        (X.astype("U8"), Y, ShapeError, "numbers"),
        (X, Y.astype("U8"), DataError, "numbers"),
        ([X, X], Y, ShapeError, "input"),
        ({"wrong": X}, Y, ConfigError, "input_layer"),
    ],
)
async def test_bad_data_is_refused_before_any_weight_changes(x: Any, y: Any, error: Any, says: str) -> None:
    model = make()
    before = model.get_weights()
    for call in (
        model.fit(x, y, verbose=0),
        model.train_on_batch(x, y),
        model.evaluate(x, y, verbose=0),
        model.fit_dataset([(x, y)], verbose=0),
    ):
        with pytest.raises(error, match=says):
            await call
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    await model.fit(X, Y, verbose=0)


async def test_a_vector_never_broadcasts_against_a_column() -> None:
    model = aseq.Sequential([layers.Input((4,)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    column = await model.evaluate(X, Y[:, None], verbose=0)
    assert await model.evaluate(X, Y, verbose=0) == column
    wide = aseq.Sequential([layers.Input((4,)), layers.Dense(96)], seed=0)
    wide.compile("sgd", "mse")
    with pytest.raises(ShapeError, match="96"):
        await wide.fit(X, Y, verbose=0)


async def test_an_empty_dataset_is_an_error() -> None:
    with pytest.raises(DataError, match="at least one batch"):
        await make().fit_dataset(Counted([]), verbose=0)


async def test_fit_hands_streams_over() -> None:
    history = await make().fit(Counted(batches()), verbose=0)
    assert history.history == (await make().fit_dataset(batches(), verbose=0)).history
    with pytest.raises(ConfigError, match="arrays"):
        await make().fit(Counted(batches()), Y, verbose=0)


async def test_predict_joins_batches_and_streams() -> None:
    model = make()
    whole = await model.predict(X, batch_size=96)
    np.testing.assert_allclose(await model.predict(X, batch_size=7), whole, rtol=1e-5)
    np.testing.assert_allclose(await model.predict_on_batch(X), whole, rtol=1e-5)
    parts = [part async for part in model.predict_stream(Counted(batches()))]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-5)
    assert (await model.predict(X[:0])).shape == (0, 3)


async def test_leaving_predict_stream_closes_the_source() -> None:
    source = Counted(batches())
    stream = make().predict_stream(source)
    async for _ in stream:
        break
    await stream.aclose()
    assert source.closed == 1


async def test_train_on_batch_replies_as_keras_does() -> None:
    model = make()
    reply = await model.train_on_batch(X, Y)
    assert isinstance(reply, list)
    assert [type(v) for v in reply] == [float, float]
    assert set(await model.train_on_batch(X, Y, return_dict=True)) == {"loss", "accuracy"}
    assert isinstance(await make(metrics=()).train_on_batch(X, Y), float)


async def test_class_weights_weigh_and_exclude_sample_weights() -> None:
    weighted = await make().train_on_batch(X, Y, class_weight={0: 2.0, 1: 2.0, 2: 2.0}, return_dict=True)
    plain = await make().train_on_batch(X, Y, return_dict=True)
    assert weighted["loss"] == pytest.approx(2 * plain["loss"])
    assert weighted["accuracy"] == plain["accuracy"]
    with pytest.raises(ConfigError, match="one of the two"):
        await make().train_on_batch(X, Y, class_weight={0: 1.0}, sample_weight=np.ones(96))


async def test_a_metric_of_several_numbers_is_an_array_in_the_logs() -> None:
    model = aseq.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")], seed=1)
    model.compile("adam", "categorical_crossentropy", [aseq.metrics.F1Score()])
    history = await model.fit(X, np.eye(3)[Y], verbose=0)
    assert [np.shape(history.history[key][0]) for key in ("loss", "f1_score")] == [(), (3,)]
    assert all(isinstance(value, float) for value in history.history["loss"])
    one_hot = np.eye(3)[Y]
    logs = await model.evaluate(X, one_hot, return_dict=True, verbose=0)
    replies = [await model.test_on_batch(X, one_hot), await model.train_on_batch(X, one_hot)]
    for reply in (list(logs.values()), *replies):
        np.testing.assert_allclose(reply[1], logs["f1_score"])
        assert logs["f1_score"].shape == (3,)


async def test_gathered_fits_equal_lonely_ones() -> None:
    together = await asyncio.gather(*(make(seed).fit(X, Y, epochs=5, verbose=0) for seed in range(4)))
    alone = [await make(seed).fit(X, Y, epochs=5, verbose=0) for seed in range(4)]
    assert [h.history for h in together] == [h.history for h in alone]


async def test_train_on_batch_in_a_tight_loop_lets_others_run() -> None:
    model, turns = make(), 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for _ in range(200):
        await model.train_on_batch(X[:16], Y[:16])
    task.cancel()
    assert turns > 100
