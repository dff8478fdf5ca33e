"""One loop, many doors: whichever way the same batches go in, the same bits come out, whatever else runs."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

import aseq
from aseq import data
from aseq import layers as l
from aseq.callbacks import LambdaCallback
from aseq.testing._numbers import agree, close

ROWS, SIZE, EPOCHS = 50, 8, 3
STEPS = -(-ROWS // SIZE)


def mlp():
    model = aseq.Sequential(
        [l.Input((6,)), l.Dense(12, "relu"), l.Dropout(0.3), l.Dense(4, "softmax")], seed=3
    )
    model.compile("adam", "categorical_crossentropy", ["accuracy"])
    return model


def normalized():
    model = aseq.Sequential(
        [
            l.Input((6,)),
            l.Dense(9),
            l.BatchNormalization(),
            l.Activation("gelu"),
            l.Dense(4, kernel_regularizer="l2"),
        ],
        seed=3,
    )
    model.compile({"class_name": "SGD", "config": {"learning_rate": 0.05, "momentum": 0.9}}, "huber", ["mae"])
    return model


def sparse():
    model = aseq.Sequential(
        [l.Input((6,)), l.Dense(10, "tanh"), l.GaussianNoise(0.1), l.Dense(4, "softmax")], seed=3
    )
    model.compile("rmsprop", "sparse_categorical_crossentropy", ["accuracy"], weighted_metrics=["accuracy"])
    return model


def binary():
    model = aseq.Sequential(
        [l.Input((6,)), l.Dense(8, "silu", kernel_constraint="max_norm"), l.Dense(1, "sigmoid")], seed=3
    )
    model.compile({"class_name": "Nadam", "config": {"clipnorm": 0.5}}, "binary_crossentropy", ["accuracy"])
    return model


def images():
    model = aseq.Sequential(
        [
            l.Input((6,)),
            l.Reshape((3, 2, 1)),
            l.Conv2D(3, 2, padding="same"),
            l.MaxPooling2D((2, 1)),
            l.Flatten(),
            l.Dense(4),
        ],
        seed=3,
    )
    model.compile("adamw", "mse", ["mae"])
    return model


def sequences():
    model = aseq.Sequential(
        [l.Input((6,)), l.Reshape((3, 2)), l.Masking(), l.GRU(5, dropout=0.2), l.Dense(4, "softmax")], seed=3
    )
    model.compile("lion", "categorical_focal_crossentropy", ["accuracy"])
    return model


def one_hot(rng):
    return np.eye(4, dtype=np.float32)[rng.integers(4, size=ROWS)]


def real(rng):
    return rng.normal(size=(ROWS, 4)).astype(np.float32)


def classes(rng):
    return rng.integers(4, size=ROWS)


def bits(rng):
    return rng.integers(2, size=(ROWS, 1)).astype(np.float32)


KINDS = {mlp: one_hot, normalized: real, sparse: classes, binary: bits, images: real, sequences: one_hot}
WEIGHTED = [(make, weighted) for make in KINDS for weighted in (False, True)]


def arrays(make, weighted=False):
    """x, y and, if asked for, sample weights."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 6)).astype(np.float32)
    y = KINDS[make](rng)
    return (x, y, rng.uniform(0, 2, ROWS).astype(np.float32)) if weighted else (x, y)


def cut(columns):
    """The batches of one epoch, as tuples."""
    return [tuple(column[i : i + SIZE] for column in columns) for i in range(0, ROWS, SIZE)]


def state(model):
    """All that training changed: weights, optimizer slots, noise."""
    slots = model.optimizer.get_state()["slots"]
    noise = [layer.get_state() for layer in model.layers]
    return model.get_weights(), slots, noise


async def by_fit(make, columns, **options):
    model = make()
    x, y, *weights = columns
    given = {"sample_weight": weights[0]} if weights else {}
    options = {"batch_size": SIZE, "epochs": EPOCHS, "shuffle": False, "verbose": 0, **given, **options}
    history = await model.fit(x, y, **options)
    return history.history, state(model)


async def by_dataset(make, dataset, **options):
    model = make()
    history = await model.fit_dataset(dataset, epochs=EPOCHS, verbose=0, **options)
    return history.history, state(model)


async def by_hand(make, columns):
    """Epochs of train_on_batch; the loss of an epoch is the mean over its rows."""
    model = make()
    history = {}
    for _ in range(EPOCHS):
        total, rows = {}, 0
        for x, y, *weights in cut(columns):
            given = {"sample_weight": weights[0]} if weights else {}
            logs = await model.train_on_batch(x, y, return_dict=True, **given)
            rows += len(x)
            for name, value in logs.items():
                total[name] = total.get(name, 0.0) + value * len(x)
        for name, value in total.items():
            history.setdefault(name, []).append(value / rows)
    return history, state(model)


# The doors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "weighted"), WEIGHTED)
async def test_fit_is_fit_dataset_is_train_on_batch(make, weighted):
    columns = arrays(make, weighted)
    history, end = await by_fit(make, columns)
    streamed, streamed_end = await by_dataset(make, data.array(*columns).batch(SIZE))
    agree("history of fit_dataset", streamed, history)
    agree("state after fit_dataset", streamed_end, end)
    stepped, stepped_end = await by_hand(make, columns)
    agree("loss of train_on_batch", stepped["loss"], history["loss"])
    agree("state after train_on_batch", stepped_end, end)
    for name, values in stepped.items():
        if not weighted or not name.startswith("weighted"):
            close(f"{name} of train_on_batch", values, history[name], rtol=1e-12)


@pytest.mark.parametrize("make", [mlp, normalized])
async def test_any_iterable_of_batches_is_as_good_as_a_dataset(make):
    columns = arrays(make)
    batches = cut(columns)

    async def stream():
        for batch in batches:
            await asyncio.sleep(0)
            yield batch

    sources = [
        batches,
        [{"xs": x, "ys": y} for x, y in batches],
        data.generator(lambda: iter(batches)),
        data.from_async_iterable(stream),
        data.array(*columns).batch(SIZE).prefetch(2),
        data.array(*columns).map(lambda x, y: (x, y)).batch(SIZE),
        data.array(*columns).batch(SIZE).unbatch().batch(SIZE),
        data.zip((data.array(columns[0]).batch(SIZE), data.array(columns[1]).batch(SIZE))),
    ]
    expected = await by_fit(make, columns)
    for source in sources:
        agree(f"fit_dataset({source!r:.60})", await by_dataset(make, source), expected)


@pytest.mark.parametrize("make", [mlp, normalized])
async def test_steps_per_epoch_of_an_endless_stream_are_epochs(make):
    columns = arrays(make)
    expected = await by_fit(make, columns)
    endless = data.array(*columns).batch(SIZE).repeat()
    agree("with steps_per_epoch", await by_dataset(make, endless, steps_per_epoch=STEPS), expected)


async def test_evaluate_is_evaluate_dataset_is_validation():
    columns = arrays(mlp)
    model = mlp()
    history = await model.fit(
        *columns, batch_size=SIZE, verbose=0, validation_data=columns, validation_batch_size=SIZE
    )
    held = [values[-1] for name, values in history.history.items() if name.startswith("val_")]
    agree("evaluate", await model.evaluate(*columns, batch_size=SIZE, verbose=0), held)
    dataset = data.array(*columns).batch(SIZE)
    agree("evaluate_dataset", await model.evaluate_dataset(dataset, verbose=0), held)


async def test_predict_is_predict_on_batch_is_predict_stream():
    x, y = arrays(mlp)
    model = mlp()
    whole = await model.predict(x, batch_size=SIZE)
    parts = [await model.predict_on_batch(batch) for batch, _ in cut((x, y))]
    agree("predict_on_batch", np.concatenate(parts), whole)
    streamed = [batch async for batch in model.predict_stream(data.array(x, y).batch(SIZE))]
    agree("predict_stream", np.concatenate(streamed), whole)
    agree("predict of a dataset", await model.predict(data.array(x).batch(SIZE)), whole)


# Whatever else runs --------------------------------------------------------------------------------


@pytest.mark.parametrize("pace", ["auto", "batch", "epoch", "never", 0.01, 5])
@pytest.mark.parametrize("shuffle", [True, False, "batch"])
async def test_yield_every_changes_nothing_but_the_pace(pace, shuffle):
    columns = arrays(mlp)
    expected = await by_fit(mlp, columns, shuffle=shuffle)
    agree(f"yield_every={pace}", await by_fit(mlp, columns, shuffle=shuffle, yield_every=pace), expected)


@pytest.mark.parametrize("make", [mlp, normalized, sequences])
async def test_a_fit_does_not_hear_what_its_model_is_asked_meanwhile(make):
    x, y = arrays(make)
    model = make()
    asked = 0

    async def ask():
        nonlocal asked
        while True:
            await model.predict(x, batch_size=7)
            await model.evaluate(x, y, verbose=0)
            model.get_weights()
            asked += 1

    neighbour = asyncio.create_task(ask())
    try:
        history = await model.fit(
            x, y, batch_size=SIZE, epochs=EPOCHS, shuffle=False, verbose=0, yield_every="batch"
        )
    finally:
        neighbour.cancel()
        await asyncio.wait([neighbour])
    assert asked > 0
    agree("history and state", (history.history, state(model)), await by_fit(make, (x, y)))


@pytest.mark.parametrize("make", [mlp, normalized])
async def test_callbacks_and_validation_change_nothing(make):
    columns = arrays(make)
    hooks = LambdaCallback(on_train_batch_end=lambda batch, logs: None, on_yield=lambda *_: None)
    history, end = await by_fit(make, columns, callbacks=[hooks], validation_data=columns)
    plain, plain_end = await by_fit(make, columns)
    agree("history", {name: history[name] for name in plain}, plain)
    agree("state", end, plain_end)


def wide():
    """Big enough that BLAS and aseq share its products between cores."""
    model = aseq.Sequential([l.Input((784,)), l.Dense(784, "relu"), l.Dense(10, "softmax")], seed=3)
    model.compile("adam", "categorical_crossentropy", ["accuracy"])
    return model


async def test_two_fits_at_once_give_the_bits_of_each_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 784)).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[rng.integers(10, size=256)]

    def fit():
        return by_fit(wide, (x, y), batch_size=128, epochs=2)

    alone = await fit()
    for together in await asyncio.gather(
        fit(), fit(), by_fit(wide, (x, y), batch_size=128, epochs=2, yield_every="batch")
    ):
        agree("a fit among others", together, alone)


async def test_different_models_at_once_give_the_bits_of_each_alone():
    alone = [await by_fit(make, arrays(make)) for make in KINDS]
    agree("fits together", await asyncio.gather(*(by_fit(make, arrays(make)) for make in KINDS)), alone)


async def test_the_seed_decides_first_weights_order_and_noise():
    columns = arrays(mlp)
    first, second = [await by_fit(mlp, columns, shuffle=True) for _ in range(2)]
    agree("second run", second, first)
    unshuffled = await by_fit(mlp, columns, shuffle=False)
    assert unshuffled[0] != first[0]


# Stopping and going on ----------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 3, STEPS, STEPS + 2])
async def test_a_cancelled_fit_leaves_whole_steps_and_a_model_that_goes_on(steps):
    columns = arrays(normalized)
    model = normalized()
    done = 0

    def count(batch, logs):
        nonlocal done
        done += 1
        if done == steps:
            task.cancel()

    x, y = columns
    options = {"batch_size": SIZE, "epochs": EPOCHS, "shuffle": False, "verbose": 0}
    task = asyncio.create_task(model.fit(x, y, callbacks={"on_train_batch_end": count}, **options))
    with pytest.raises(asyncio.CancelledError):
        await task
    twin = normalized()
    for x_batch, y_batch in (cut(columns) * EPOCHS)[:steps]:
        await twin.train_on_batch(x_batch, y_batch)
    agree("state after the cancel", state(model), state(twin))
    history, expected = [await each.fit(x, y, **options) for each in (model, twin)]
    agree("history of going on", history.history, expected.history)
    agree("state of going on", state(model), state(twin))


async def test_a_fit_cancelled_in_its_burst_leaves_whole_steps():
    """The cancel comes while a thread computes, at a time of its own: some number of whole steps must be done."""
    columns = arrays(mlp)
    model = mlp()
    task = asyncio.create_task(model.fit(*columns, batch_size=SIZE, epochs=10_000, shuffle=False, verbose=0))
    while model.optimizer.iterations < 40:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    done = model.optimizer.iterations
    twin = mlp()
    batches = cut(columns)
    for step in range(done):
        await twin.train_on_batch(*batches[step % STEPS])
    agree("state after the cancel", state(model), state(twin))


async def test_stop_training_ends_after_its_batch():
    columns = arrays(mlp)
    model = mlp()

    def stop(batch, logs):
        model.stop_training = batch == 2

    await model.fit(
        *columns,
        batch_size=SIZE,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks={"on_train_batch_end": stop},
    )
    twin = mlp()
    for batch in cut(columns)[:3]:
        await twin.train_on_batch(*batch)
    agree("state after the stop", state(model), state(twin))


async def test_initial_epoch_goes_on_where_a_shorter_fit_ended():
    columns = arrays(mlp)
    model = mlp()
    options = {"batch_size": SIZE, "verbose": 0}
    first = await model.fit(*columns, epochs=1, **options)
    rest = await model.fit(*columns, epochs=EPOCHS, initial_epoch=1, **options)
    history, end = await by_fit(mlp, columns, shuffle=True)
    agree("history in two parts", {k: first.history[k] + rest.history[k] for k in history}, history)
    agree("state after two parts", state(model), end)
