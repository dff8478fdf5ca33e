"""The `.aseq` file: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import asyncio
import io
import json
import os
import zipfile

import numpy as np
import pytest

import aseq
from aseq import layers, losses, metrics, optimizers
from aseq.errors import ConfigError, FormatError, SourceError
from aseq.saving import ModelArtifacts, atomic_path, codec_for

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 64)


def small_model():
    model = aseq.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(8, activation="tanh"),
            layers.Dropout(0.2),
            layers.Dense(3, activation="softmax"),
        ],
        seed=1,
    )
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
async def saved(tmp_path):
    model = small_model()
    model.metadata = {"classes": ["a", "b", "c"]}
    await model.fit(X, Y, epochs=2, verbose=0)
    path = tmp_path / "model.aseq"
    await model.save(path)
    return model, path


async def test_everything_comes_back(saved):
    model, path = saved
    loaded = await aseq.load_model(path)
    assert loaded.get_config() == model.get_config()
    assert loaded.metadata == model.metadata
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    np.testing.assert_array_equal(await loaded.predict(X), await model.predict(X))
    assert await loaded.evaluate(X, Y, verbose=0) == await model.evaluate(X, Y, verbose=0)


async def test_training_goes_on_as_if_never_interrupted(tmp_path):
    interrupted = aseq.Sequential([layers.Input((4,)), layers.Dense(3)], seed=1)
    interrupted.compile("adam", "mse")
    await interrupted.train_on_batch(X, X[:, :3])
    await interrupted.save(tmp_path / "model.aseq")
    loaded = await aseq.load_model(tmp_path / "model.aseq")
    for _ in range(3):
        assert await loaded.train_on_batch(X, X[:, :3]) == await interrupted.train_on_batch(X, X[:, :3])
    for a, b in zip(loaded.get_weights(), interrupted.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


async def test_without_optimizer_the_model_is_not_compiled(saved):
    model, path = saved
    await model.save(path, include_optimizer=False)
    loaded = await aseq.load_model(path)
    np.testing.assert_array_equal(await loaded.predict(X), await model.predict(X))
    with pytest.raises(RuntimeError, match="compile"):
        await loaded.evaluate(X, Y)


async def test_saving_takes_its_turn_in_a_fit(tmp_path):
    model = small_model()
    path = tmp_path / "model.aseq"
    begun = asyncio.Event()
    callbacks = {"on_epoch_end": lambda epoch, logs: begun.set()}
    fit = asyncio.create_task(model.fit(X, Y, epochs=200, verbose=0, callbacks=callbacks))
    await begun.wait()
    await model.save(path)
    loaded = await aseq.load_model(path)
    steps = loaded.optimizer.iterations
    await fit
    assert 0 < steps < model.optimizer.iterations == 400


OPTIMIZERS = [
    getattr(optimizers, name)
    for name in optimizers.__all__
    if isinstance(getattr(optimizers, name), type) and name != "Optimizer"
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.__name__)
async def test_every_optimizer_goes_on_where_it_stopped(optimizer, tmp_path):
    model = aseq.Sequential([layers.Input((4,)), layers.Dense(3)], seed=1)
    schedule = optimizers.schedules.ExponentialDecay(0.01, decay_steps=2, decay_rate=0.5)
    model.compile(optimizer(schedule), "mse", weighted_metrics=["mae"])
    await model.train_on_batch(X, X[:, :3])
    await model.save(tmp_path / "model.aseq")
    loaded = await aseq.load_model(tmp_path / "model.aseq")
    for _ in range(3):
        assert await loaded.train_on_batch(X, X[:, :3]) == await model.train_on_batch(X, X[:, :3])
    np.testing.assert_array_equal(await loaded.predict(X), await model.predict(X))


NETWORKS = {
    "convolutional": [
        layers.Input((12, 12, 2)),
        layers.Rescaling(1 / 3),
        layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.SeparableConv2D(3, 2),
        layers.PReLU(),
        layers.GlobalAveragePooling2D(),
    ],
    "recurrent": [
        layers.Input((6, 5)),
        layers.Masking(),
        layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
        layers.TimeDistributed(layers.Dense(3, kernel_constraint="max_norm")),
        layers.LayerNormalization(),
        layers.GRU(4, dropout=0.1),
    ],
    "of words": [layers.Input((7,)), layers.Embedding(10, 4, mask_zero=True), layers.SimpleRNN(3)],
}


@pytest.mark.parametrize("name", NETWORKS)
async def test_every_kind_of_layer_comes_back(name, tmp_path):
    model = aseq.Sequential(NETWORKS[name], seed=1)
    x = np.random.default_rng(0).integers(0, 10, (9, *model.input_shape[1:])).astype(np.float32)
    model.compile("adam", "mse")
    await model.train_on_batch(x, np.ones((9, model.output_shape[-1])))
    await model.save(tmp_path / "model.aseq")
    loaded = await aseq.load_model(tmp_path / "model.aseq")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(await loaded.predict(x), await model.predict(x))


@pytest.mark.parametrize("path", ["model.keras", "model.json", "folder/", "folder", "model.h5", "model.pkl"])
async def test_other_endings_are_refused_at_once(path, tmp_path):
    model = aseq.Sequential([layers.Input((4,)), layers.Dense(3)])
    with pytest.raises(ConfigError, match=r"\.aseq"):
        await model.save(f"{tmp_path}/{path}")
    with pytest.raises(ConfigError, match=r"\.aseq"):
        await aseq.load_model(f"{tmp_path}/{path}")
    assert not list(tmp_path.iterdir())


async def test_missing_file(tmp_path):
    with pytest.raises(SourceError, match=r"none\.aseq"):
        await aseq.load_model(tmp_path / "none.aseq")


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("nowhere", "there is no '.*nowhere'"),
        ("file", "there is no '.*file'"),
        ("locked", "'.*locked' may not be"),
    ],
)
@pytest.mark.parametrize("door", ["save", "save_weights"])
async def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch, door, folder, says):
    (tmp_path / "file").touch()
    (tmp_path / "locked").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: path.name != "locked")  # root may write anywhere
    path = tmp_path / folder / {"save": "model.aseq", "save_weights": "model.weights.npz"}[door]
    with pytest.raises(SourceError, match=rf"{path}: expected a folder to write it into, {says}"):
        await getattr(small_model(), door)(path)


async def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "model.aseq").mkdir()
    with pytest.raises(SourceError, match="this is a folder"):
        await small_model().save(tmp_path / "model.aseq")
    assert not list((tmp_path / "model.aseq").iterdir())


class Halves(layers.Layer):
    def forward(self, x, training=False):
        return x / 2, lambda dy: dy / 2


class Quartic(losses.Loss):
    def forward(self, y_true, y_pred):
        d = y_pred - y_true
        return (d**4).mean(-1), lambda scale: 4 * d**3 / d.shape[-1] * scale


class WithinOne(metrics.MeanMetric):
    def values(self, y_true, y_pred):
        return (np.abs(y_true - y_pred) < 1).mean(-1)


class Plain(optimizers.SGD):
    pass


def cubic(y_true, y_pred):
    d = np.abs(y_pred - y_true)
    return (d**3).mean(-1), 3 * d**2 * np.sign(y_pred - y_true) / d.shape[-1]


def biggest_error(y_true, y_pred):
    return np.abs(y_true - y_pred).max(-1)


@pytest.mark.parametrize(
    ("loss", "metric"),
    [(Quartic(), WithinOne(name="near")), (cubic, biggest_error)],
    ids=["classes", "functions"],
)
async def test_custom_objects_are_asked_for_by_name(loss, metric, tmp_path):
    model = aseq.Sequential([layers.Input((4,)), Halves(), layers.Dense(3)], seed=1)
    model.compile(Plain(0.1), loss, metrics=[metric, "mae"])
    await model.train_on_batch(X, X[:, :3])
    await model.save(tmp_path / "model.aseq")
    own = {each.__name__: each for each in (Halves, Plain, Quartic, WithinOne, cubic, biggest_error)}
    loaded = await aseq.load_model(tmp_path / "model.aseq", custom_objects=own)
    assert await loaded.train_on_batch(X, X[:, :3]) == await model.train_on_batch(X, X[:, :3])
    for missing in {Halves, Plain, type(loss) if isinstance(loss, Quartic) else cubic}:
        others = {name: each for name, each in own.items() if each is not missing}
        with pytest.raises(FormatError, match=rf"{missing.__name__}.*custom_objects"):
            await aseq.load_model(tmp_path / "model.aseq", custom_objects=others)


async def test_functions_cannot_be_saved(saved):
    model, path = saved
    before = path.read_bytes()
    model.compile(optimizers.SGD(lambda step: 0.1 / (step + 1)), "sparse_categorical_crossentropy")
    with pytest.raises(ConfigError, match="include_optimizer=False"):
        await model.save(path)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[lambda t, p: p[:, 0]])
    with pytest.raises(ConfigError, match="name"):
        await model.save(path)
    model.metadata = {"loss": max}
    with pytest.raises(ConfigError, match="JSON"):
        await model.save(path, include_optimizer=False)
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


async def test_truncated_files_are_refused(saved):
    _, path = saved
    content = path.read_bytes()
    for length in [0, 1, 30, 100, len(content) // 2, len(content) - 30, len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(FormatError, match=r"model\.aseq"):
            await aseq.load_model(path)


async def test_damaged_files_are_refused(saved):
    _, path = saved
    content = path.read_bytes()
    middle = content.index(b"weights.npz") + 2000
    path.write_bytes(content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :])
    with pytest.raises(FormatError, match="damaged"):
        await aseq.load_model(path)


def parts(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("model.json")), archive.read("weights.npz")


def write(path, description, arrays, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(
            "model.json", description if isinstance(description, str) else json.dumps(description)
        )
        if arrays is not None:
            archive.writestr("weights.npz", arrays)


def packed(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


FOREIGN = {
    "no arrays": lambda d, w: (d, None),
    "no json": lambda d, w: ("hello", w),
    "json of a list": lambda d, w: ("[]", w),
    "nested too deep": lambda d, w: ("[" * 100_000, w),
    "another format": lambda d, w: (d | {"format": "onnx"}, w),
    "a later version": lambda d, w: (d | {"version": 99}, w),
    "weights as a number": lambda d, w: (d | {"weights": 3}, w),
    "a weight too many": lambda d, w: (d | {"weights": [*d["weights"], "dense/more"]}, w),
    "a weight too few": lambda d, w: (d | {"weights": d["weights"][:-1]}, w),
    "no arrays in the npz": lambda d, w: (d, packed()),
    "not an npz": lambda d, w: (d, b"0123456789"),
    "another class": lambda d, w: (d | {"model": {"class_name": "Functional", "config": {}}}, w),
    "an unknown layer": lambda d, w: (json.dumps(d).replace('"Dense"', '"Fence"'), w),
    "a layer far too big": lambda d, w: (json.dumps(d).replace('"units": 8', '"units": 800000000'), w),
    "no layers": lambda d, w: (d | {"model": {"class_name": "Sequential", "config": {}}}, w),
    "an unknown loss": lambda d, w: (d | {"compile": {"loss": "sorrow"}}, w),
    "an unknown argument": lambda d, w: (d | {"compile": {"loss": "mse", "color": "red"}}, w),
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
async def test_foreign_files_are_refused(change, saved):
    _, path = saved
    write(path, *change(*parts(path)))
    with pytest.raises(FormatError, match=r"model\.aseq"):
        await aseq.load_model(path)


async def test_compressed_files_are_refused(saved):
    _, path = saved
    write(path, *parts(path), zipfile.ZIP_DEFLATED)
    with pytest.raises(FormatError, match="compressed"):
        await aseq.load_model(path)


async def test_pickles_are_refused(saved):
    _, path = saved
    description, _ = parts(path)
    names = [f"weights/{index}/{name}" for index, name in enumerate(description["weights"])]
    write(path, description, packed(**{name: np.array([{"a": 1}], object) for name in names}))
    with pytest.raises(FormatError, match="numbers"):
        await aseq.load_model(path)


async def test_shapes_that_lie_are_refused(saved):
    """A header that promises more numbers than there are bytes: no memory is taken for it."""
    _, path = saved
    description, arrays = parts(path)
    shape, lie = b"'shape': (4, 8), ", b"'shape': (4, 9), "
    assert shape in arrays
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(arrays)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(shape, lie))
    write(path, description, file.getvalue())
    with pytest.raises(FormatError, match="numbers"):
        await aseq.load_model(path)


def test_artifacts_survive_by_themselves(tmp_path):
    path = tmp_path / "any.aseq"
    weights = [
        ("a/b", np.arange(6.0).reshape(2, 3)),
        ("a/b", np.float32(3).reshape(())),
        ("c", np.empty((0, 4), np.int8)),
    ]
    artifacts = ModelArtifacts(
        {"class_name": "X"}, weights, {"loss": "mse"}, {"iterations": 3, "slots": {}}, {"k": [1]}
    )
    codec_for(path).write(path, artifacts)
    found = codec_for(path).read(path)
    assert (found.model, found.compile, found.optimizer, found.metadata) == (
        artifacts.model, artifacts.compile, artifacts.optimizer, artifacts.metadata,
    )  # fmt: skip
    for (name, array), (found_name, found_array) in zip(weights, found.weights, strict=True):
        assert (name, array.dtype, array.shape) == (found_name, found_array.dtype, found_array.shape)
        np.testing.assert_array_equal(array, found_array)


def write_half(path):
    with atomic_path(path) as unfinished:
        unfinished.write_text("half")
        path.with_name("missing").read_text()


def test_atomic_path_keeps_permissions_and_leaves_nothing(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    with atomic_path(path) as unfinished:
        unfinished.write_text("new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)
    with pytest.raises(FileNotFoundError):
        write_half(path)
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
