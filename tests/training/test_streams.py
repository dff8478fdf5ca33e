"""What is taken for a stream of batches, how it is opened and closed, and what can be read only once."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest

import aseq
from aseq import data, layers
from aseq.errors import ConfigError, DataError, StreamConsumed

X = np.random.default_rng(0).standard_normal((20, 3)).astype("f")
Y = X.argmax(1)


def make() -> aseq.Sequential:
    model = aseq.Sequential([layers.Input((3,)), layers.Dense(3, "softmax")], seed=1)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def batches(times: int = 1) -> list[Any]:
    return [(X[i : i + 5], Y[i : i + 5]) for i in range(0, 20, 5)] * times


class Loader:
    """A plain iterable like PyTorch's DataLoader over a stream: its length cannot be had."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def __iter__(self) -> Any:
        self.threads.append(threading.get_ident())
        return iter(batches())

    def __len__(self) -> int:
        raise TypeError("the stream has no length")


class Stored:
    """An iterable that hands out the same iterator every time."""

    def __init__(self) -> None:
        self.iterator = iter(batches())

    def __iter__(self) -> Any:
        return self.iterator


class Stream:
    """An async iterator that counts what is asked of it."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.asked = self.closed = 0

    def __aiter__(self) -> Stream:
        self.asked += 1
        return self

    async def __anext__(self) -> Any:
        if not self.items:
            raise StopAsyncIteration
        return self.items.pop(0)

    async def aclose(self) -> None:
        self.closed += 1


async def astream(times: int = 1) -> Any:
    for batch in batches(times):
        yield batch


STREAMS: dict[str, Any] = {
    "Dataset": lambda: data.array(X, Y).batch(5),
    "iterator": lambda: iter(batches()),
    "async generator": astream,
    "iterable": Loader,
    "list": batches,
    "tuple": lambda: tuple(batches()),
    "list of dicts": lambda: [{"xs": x, "ys": y} for x, y in batches()],
    "lists of two": lambda: iter([list(batch) for batch in batches()]),
    "lists of one array": lambda: iter([([x], [y]) for x, y in batches()]),
}


@pytest.mark.parametrize("name", STREAMS)
async def test_every_door_takes_it(name: str) -> None:
    source = STREAMS[name]
    expected = (await make().fit(X, Y, batch_size=5, shuffle=False, verbose=0)).history
    assert (await make().fit(source(), verbose=0)).history == expected
    assert (await make().fit_dataset(source(), verbose=0)).history == expected
    loss = await make().evaluate(X, Y, batch_size=5, verbose=0)
    assert await make().evaluate(source(), verbose=0) == loss
    assert await make().evaluate_dataset(source(), verbose=0) == loss
    outputs = await make().predict(X, batch_size=5)
    assert np.array_equal(await make().predict(source()), outputs)
    assert np.array_equal(np.concatenate([part async for part in make().predict_stream(source())]), outputs)


ARRAYS: dict[str, Any] = {
    "array": X,
    "table": pd.DataFrame(X, columns=["groups", "length", "__aiter__"]),
    "nested list": X.tolist(),
    "nested tuples": tuple(map(tuple, X.tolist())),
    "list of rows": list(X),
}


@pytest.mark.parametrize("name", ARRAYS)
async def test_arrays_are_no_streams(name: str) -> None:
    outputs = await make().predict(X)
    assert np.array_equal(await make().predict(ARRAYS[name]), outputs)
    history = await make().fit(ARRAYS[name], Y, verbose=0)
    assert history.history == (await make().fit(X, Y, verbose=0)).history
    if "tuples" not in name:
        with pytest.raises(ConfigError, match="Arrays go to fit"):
            await make().fit_dataset(ARRAYS[name], verbose=0)


@pytest.mark.parametrize("source", [(X, Y), [X, Y], 3, "rows.csv", None, {"xs": X, "ys": Y}, range(3)])
async def test_what_gives_no_batches_is_refused(source: Any) -> None:
    for call in (make().fit_dataset(source), make().evaluate_dataset(source)):
        with pytest.raises(ConfigError, match="iterable of batches"):
            await call


ARRAY_ARGUMENTS = {
    "fit": ("y", "sample_weight", "batch_size", "validation_split"),
    "evaluate": ("y", "sample_weight", "batch_size"),
    "predict": ("batch_size",),
}


@pytest.mark.parametrize(
    ("door", "argument"), [(door, each) for door, names in ARRAY_ARGUMENTS.items() for each in names]
)
async def test_what_belongs_to_arrays_is_refused_beside_a_stream(door: str, argument: str) -> None:
    value = {"batch_size": 7, "validation_split": 0.5}.get(argument, Y)
    with pytest.raises(ConfigError, match=f"{door}: expected {argument} only with arrays"):
        await getattr(make(), door)(data.array(X, Y).batch(5), **{argument: value})


async def test_validation_batch_size_counts_beside_a_stream() -> None:
    seen: list[int] = []
    hooks = {"on_test_batch_end": lambda batch, logs: seen.append(batch)}
    await make().fit(batches(), validation_data=(X, Y), validation_batch_size=10, verbose=0, callbacks=hooks)
    assert seen == [0, 1]


# Opening ------------------------------------------------------------------------------------------


async def test_an_iterable_is_asked_once_a_pass_in_a_thread() -> None:
    source = Loader()
    await make().fit(source, epochs=3, verbose=0)
    assert len(source.threads) == 3
    assert threading.get_ident() not in source.threads


async def test_an_async_iterable_is_asked_once_a_pass() -> None:
    source = Stream(batches())
    await make().fit_dataset(source, epochs=2, steps_per_epoch=2, verbose=0)
    assert (source.asked, source.closed) == (1, 1)


async def test_a_plain_generator_is_closed_in_a_thread() -> None:
    closers: list[int] = []

    def stream() -> Any:
        try:
            yield from batches()
        finally:
            closers.append(threading.get_ident())

    await make().fit_dataset(stream(), steps_per_epoch=2, verbose=0)
    assert len(closers) == 1
    assert threading.get_ident() not in closers


# Only once ----------------------------------------------------------------------------------------


def hidden() -> Any:
    iterator = iter(batches())
    return data.generator(lambda: iterator)


def hidden_async() -> Any:
    iterator = astream()
    return data.from_async_iterable(lambda: iterator)


ONCE = {
    "iterator": lambda: iter(batches()),
    "async": astream,
    "stored": Stored,
    "a": hidden,
    "b": hidden_async,
}


@pytest.mark.parametrize("name", ONCE)
async def test_a_second_epoch_is_never_silently_empty(name: str) -> None:
    epochs: list[int] = []
    with pytest.raises(StreamConsumed, match="only once"):
        await make().fit_dataset(
            ONCE[name](),
            epochs=3,
            verbose=0,
            callbacks={"on_epoch_begin": lambda epoch, _: epochs.append(epoch)},
        )
    assert epochs == [0, 1]


@pytest.mark.parametrize("name", ONCE)
async def test_a_second_validation_is_never_silently_empty(name: str) -> None:
    with pytest.raises(DataError, match="only once"):
        await make().fit(X, Y, epochs=2, validation_data=ONCE[name](), verbose=0)


@pytest.mark.parametrize("make_stream", [astream, lambda times: iter(batches(times))])
async def test_with_a_step_count_it_serves_all_validations(make_stream: Any) -> None:
    options: dict[str, Any] = {"epochs": 3, "validation_steps": 4, "verbose": 0}
    history = await make().fit(X, Y, validation_data=make_stream(3), **options)
    expected = await make().fit(X, Y, validation_data=batches(), **options)
    assert history.history == expected.history


@pytest.mark.parametrize("end", ["well", "error in a hook", "dry"])
async def test_a_validation_stream_is_closed_at_the_end(end: str) -> None:
    source = Stream(batches())
    closed: list[int] = []

    def look(epoch: int, logs: Any) -> None:
        closed.append(source.closed)
        if end == "error in a hook":
            raise OSError("planted")

    fit = make().fit(
        X,
        Y,
        epochs=4 if end == "dry" else 2,
        validation_data=source,
        validation_steps=2,
        verbose=0,
        callbacks={"on_epoch_end": look},
    )
    if end == "well":
        await fit
    else:
        with pytest.raises(OSError if end == "error in a hook" else DataError):
            await fit
    assert closed[0] == 0
    assert source.closed == 1


# Running dry --------------------------------------------------------------------------------------


async def test_a_stream_that_ends_with_an_epoch_runs_no_empty_one() -> None:
    heard: list[Any] = []
    hooks = {
        "on_epoch_begin": lambda epoch, logs: heard.append(epoch),
        "on_epoch_end": lambda epoch, logs: heard.append(sorted(logs)),
    }
    with pytest.warns(UserWarning, match=r"ran out in epoch 2 after 4 batches.*asks for 6.*Training ends"):
        history = await make().fit_dataset(astream(), epochs=3, steps_per_epoch=2, verbose=0, callbacks=hooks)
    assert heard == [0, ["loss"], 1, ["loss"]]
    assert history.epoch == [0, 1]
    assert len(history.history["loss"]) == 2


async def test_rows_that_end_in_an_epoch_begin_again_in_the_next() -> None:
    """As in Keras: the epoch is short, with a warning."""
    steps: list[int] = []
    hooks = {"on_train_batch_end": lambda batch, logs: steps.append(batch)}
    with pytest.warns(UserWarning, match="goes on with the next epoch") as warned:
        history = await make().fit(
            X, Y, batch_size=5, epochs=4, steps_per_epoch=3, verbose=0, callbacks=hooks
        )
    assert steps == [0, 1, 2, 0, 0, 1, 2, 0]
    assert len(warned) == 2
    assert history.epoch == [0, 1, 2, 3]


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin"])
async def test_stop_before_the_first_batch_stops_behind_it(hook: str) -> None:
    """As in Keras, so that the epoch has a loss."""
    model, steps = make(), []
    hooks = {
        hook: lambda *_: setattr(model, "stop_training", True),
        "on_train_batch_end": lambda batch, logs: steps.append(batch),
    }
    history = await model.fit(X, Y, batch_size=5, epochs=3, verbose=0, callbacks=hooks)
    assert steps == [0]
    assert history.epoch == [0]
    assert len(history.history["loss"]) == 1
