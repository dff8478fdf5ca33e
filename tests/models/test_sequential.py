"""Structure of a Sequential: adding, building, names, weights, configs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import aseq
from aseq import layers
from aseq.errors import BusyError, ConfigError, NotBuiltError, ShapeError


def small(**options: Any) -> aseq.Sequential:
    return aseq.Sequential(
        [layers.Input((4,)), layers.Dense(8, activation="relu"), layers.Dropout(0.5), layers.Dense(2)],
        **options,
    )


def test_the_three_ways_to_say_the_input_shape_agree() -> None:
    spelled = [
        aseq.Sequential([layers.Input((4,)), layers.Dense(3)], seed=1),
        aseq.Sequential([layers.Dense(3, input_shape=(4,))], seed=1),
        aseq.Sequential([layers.Dense(3, input_dim=4)], seed=1),
        aseq.Sequential([layers.Dense(3)], seed=1),
    ]
    spelled[3].build((None, 4))
    assert [m.count_params() for m in spelled] == [15] * 4
    for model in spelled[1:]:
        assert np.array_equal(model.get_weights()[0], spelled[0].get_weights()[0])
    assert all(len(m.layers) == 1 for m in spelled)


async def test_the_first_data_builds_a_model_without_input_shape() -> None:
    model = aseq.Sequential([layers.Dense(3)], seed=1)
    model.compile("sgd", "mse")
    with pytest.raises(NotBuiltError, match=r"Input\(shape\)"):
        model.get_weights()
    await model.train_on_batch(np.ones((2, 5)), np.ones((2, 3)))
    assert model.input_shape == (None, 5)


def test_names_are_unique_and_keras_like() -> None:
    model = aseq.Sequential(
        [layers.Input((4,)), layers.Dense(2), layers.Dense(2), layers.Dense(2, name="out")]
    )
    assert [layer.name for layer in model.layers] == ["dense", "dense_1", "out"]
    assert model.output_names == ["out"]
    assert model.get_layer("dense_1") is model.layers[1]
    with pytest.raises(ConfigError, match="twice"):
        model.add(layers.Dense(1, name="out"))
    with pytest.raises(ConfigError, match="dense, dense_1, out"):
        model.get_layer("nope")


def test_a_layer_that_does_not_fit_is_refused_and_not_kept() -> None:
    model = aseq.Sequential([layers.Input((4,)), layers.Dense(6)])
    with pytest.raises(ShapeError, match="reshape"):
        model.add(layers.Reshape((4, 2)))
    assert len(model.layers) == 1
    model.add(layers.Reshape((3, 2)))
    assert model.output_shape == (None, 3, 2)


def test_what_is_no_layer_and_what_is_there_already_is_refused() -> None:
    layer = layers.Dense(2)
    model = aseq.Sequential([layers.Input((2,)), layer])
    with pytest.raises(ConfigError, match="in this model already"):
        model.add(layer)
    with pytest.raises(ConfigError, match="expected a layer"):
        model.add("dense")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "layer",
    [
        layers.GRU(3, return_state=True),
        layers.Bidirectional(layers.GRU(3), merge_mode=None),
        layers.Bidirectional(layers.LSTM(3, return_state=True)),
    ],
)
async def test_layers_of_several_outputs_come_last_and_only_predict(layer: layers.Layer) -> None:
    model = aseq.Sequential([layers.Input((4, 5)), layer], seed=0)
    outputs = await model.predict(np.ones((40, 4, 5)), batch_size=32)
    assert [len(output) for output in outputs] == [40] * len(outputs)
    assert len(outputs) > 1
    with pytest.raises(ConfigError, match="one output"):
        model.add(layers.Dense(1))
    model.compile("sgd", "mse")
    with pytest.raises(ConfigError, match="one output"):
        await model.fit(np.ones((2, 4, 5)), np.ones((2, 3)), verbose=0)


def test_pop() -> None:
    model = small()
    assert model.pop().name == "dense_1"
    assert model.output_shape == (None, 8)
    with pytest.raises(ConfigError, match="none"):
        aseq.Sequential().pop()


def test_weights_are_views_of_one_vector_in_keras_order() -> None:
    model = small(seed=3)
    assert [w.shape for w in model.get_weights()] == [(4, 8), (8,), (8, 2), (2,)]
    flat = model.network.params
    assert all(np.shares_memory(w, flat) for w in model.weights)
    assert flat.size == model.count_params() == 58
    copies = model.get_weights()
    model.set_weights([w * 2 for w in copies])
    assert np.array_equal(model.get_weights()[0], copies[0] * 2)


def test_set_weights_changes_nothing_if_one_does_not_fit() -> None:
    model = small(seed=3)
    before = model.get_weights()
    with pytest.raises(ShapeError, match=r"dense_1.*\(8, 2\)"):
        model.set_weights([before[0] + 1, before[1], before[2].T, before[3]])
    with pytest.raises(ShapeError, match="expected 4 arrays"):
        model.set_weights(before[:2])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_seed_decides_the_weights() -> None:
    assert np.array_equal(small(seed=1).get_weights()[0], small(seed=1).get_weights()[0])
    assert not np.array_equal(small(seed=1).get_weights()[0], small(seed=2).get_weights()[0])
    assert not np.array_equal(small().get_weights()[0], small().get_weights()[0])


def test_config_round_trip_through_json() -> None:
    model = small(name="net")
    config = json.loads(json.dumps(model.get_config()))
    again = aseq.Sequential.from_config(config)
    assert again.get_config() == model.get_config()
    assert config["layers"][0]["class_name"] == "InputLayer"
    wrapped = aseq.Sequential.from_config({"class_name": "Sequential", "config": config})
    assert wrapped.get_config() == model.get_config()


def test_configs_of_keras_2_and_tfjs_are_read() -> None:
    dense = {
        "class_name": "Dense",
        "config": {"units": 3, "batch_input_shape": [None, 4], "activation": "relu", "unknown": 1},
    }
    model = aseq.Sequential.from_config({"name": "old", "layers": [dense]})
    assert model.output_shape == (None, 3)
    assert aseq.Sequential.from_config([dense]).output_shape == (None, 3)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("InputLayer", {"batch_shape": [None, 3], "sparse": False, "ragged": False, "optional": False}),
        (
            "Dense",
            {"units": 2, "quantization_config": None, "module": "keras.layers", "registered_name": None},
        ),
        ("Dense", {"units": 2, "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}}}),
        ("Dense", {"units": 2, "trainable": False, "build_config": {"input_shape": [None, 3]}}),
        ("LayerNormalization", {"rms_scaling": False}),
        (
            "BatchNormalization",
            {"fused": True, "renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99},
        ),
        ("BatchNormalization", {"synchronized": False, "virtual_batch_size": None, "adjustment": None}),
        ("GRU", {"units": 2, "implementation": 1, "time_major": False, "unroll": False, "use_cudnn": "auto"}),
        ("Conv2D", {"filters": 2, "kernel_size": [3, 3], "rank": 2, "autocast": True}),
    ],
)
def test_keys_that_only_peers_know_are_let_pass(name: str, config: dict[str, Any]) -> None:
    assert type(layers.from_config({"class_name": name, "config": config})).__name__ == name


def in_a_model(name: str, **config: Any) -> dict[str, Any]:
    return {"layers": [{"class_name": name, "config": config}]}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, '"layers"'),
        ({"name": "x"}, r"\['name'\]"),
        (None, "None"),
        (5, "5"),
        ({"layers": None}, "keys"),
        ({"class_name": "Sequential"}, "None"),
        ({"class_name": "Functional", "config": {"layers": []}}, "'Functional'"),
        ({"class_name": "Functional", "name": "x", "layers": []}, "'Functional'"),
        ({"layers": [], "input_layers": [], "output_layers": []}, "'Functional'"),
        ({"layers": [{}]}, "class_name"),
        ({"layers": [None]}, "class_name"),
        ({"layers": [{"class_name": "Dense", "config": [1]}]}, "dict"),
        (in_a_model("Mystery"), "custom_objects"),
        (in_a_model("from_config"), "custom_objects"),
        (in_a_model("Dense"), "units"),
        (in_a_model("TimeDistributed", layer=in_a_model("Dense", unit=2)["layers"][0]), "units"),
    ],
)
def test_configs_that_describe_no_sequential_are_refused(config: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        aseq.Sequential.from_config(config)


def test_custom_layers_are_found_by_name() -> None:
    class Mystery(layers.Dense):
        pass

    model = aseq.Sequential([layers.Input((2,)), Mystery(2)])
    again = aseq.Sequential.from_config(model.get_config(), custom_objects={"Mystery": Mystery})
    assert isinstance(again.layers[0], Mystery)


async def test_frozen_layers_do_not_learn() -> None:
    model = small(seed=0)
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    before = model.get_weights()
    await model.fit(np.ones((8, 4)), np.ones((8, 2)), epochs=2, verbose=0)
    after = model.get_weights()
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])


async def test_structure_rests_while_a_fit_runs() -> None:
    model = small(seed=0)
    model.compile("sgd", "mse")

    def meddle(epoch: int, logs: dict[str, float]) -> None:
        for change in (lambda: model.add(layers.Dense(1)), model.pop):
            with pytest.raises(BusyError, match="at rest"):
                change()

    await model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0, callbacks={"on_epoch_end": meddle})


async def test_float64_models_compute_in_float64() -> None:
    model = aseq.Sequential([layers.Input((3,)), layers.Dense(2, dtype="float64")], seed=0)
    model.compile("adam", "mse")
    await model.train_on_batch(np.ones((4, 3)), np.ones((4, 2)))
    assert model.network.params.dtype == np.float64
    assert (await model.predict(np.ones((4, 3)))).dtype == np.float64


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"optimizer": "nope", "loss": "mse"}, "optimizer"),
        ({"loss": "nope"}, "loss"),
        ({"loss": None}, "loss"),
        ({"loss": "mse", "metrics": ["nope"]}, "metric"),
        ({"loss": ["mse", "mse"]}, "losses"),
    ],
)
async def test_compile_refuses_what_means_nothing(arguments: dict[str, Any], says: str) -> None:
    model = small()
    with pytest.raises(ConfigError, match=says):
        model.compile(**arguments)
        await model.fit(np.ones((2, 4)), np.ones((2, 2)), verbose=0)


@pytest.mark.parametrize("loss", ["mse", "mean_squared_error", "meanSquaredError", "MeanSquaredError"])
async def test_every_spelling_of_a_loss_is_the_same(loss: str) -> None:
    model = small(seed=4)
    model.compile("sgd", loss)
    reply = await model.test_on_batch(np.ones((2, 4)), np.ones((2, 2)))
    other = small(seed=4)
    other.compile("SGD", aseq.losses.MeanSquaredError())
    assert reply == await other.test_on_batch(np.ones((2, 4)), np.ones((2, 2)))
