"""From configs to arguments: which keys a class takes, and how peers spell them."""

from __future__ import annotations

import pytest

from aseq import initializers, layers, losses, metrics, optimizers
from aseq.errors import ConfigError


@pytest.mark.parametrize(
    ("make", "entry"),
    [
        (layers.from_config, ("SpatialDropout1D", {"rate": 0.2, "noise_shape": None, "seed": None})),
        (layers.from_config, ("SpatialDropout2D", {"rate": 0.2, "noise_shape": None, "seed": None})),
        (optimizers.get, ("Adam", {"name": "Adam", "weight_decay": None})),
        (optimizers.get, ("SGD", {"name": "SGD", "nesterov": False})),
        (initializers.get, ("GlorotUniform", {"scale": 1, "mode": "fanAvg", "distribution": "uniform"})),
        (metrics.get, ("TruePositives", {"top_k": None})),
        (losses.get, ("Dice", {"alpha": 0.5})),
    ],
)
@pytest.mark.parametrize("flavor", [{}, {"flavor": "tfjs"}], ids=["keras", "tfjs"])
def test_keys_that_only_a_base_class_has_say_nothing(make, entry, flavor):
    name, config = entry
    made = make({"class_name": name, "config": config} | flavor)
    assert type(made).__name__ == name


def test_tfjs_spelling():
    config = {"units": 2, "useBias": False, "kernelInitializer": "glorotNormal", "batchInputShape": [None, 3]}
    dense = layers.from_config({"class_name": "Dense", "config": config})
    assert not dense.use_bias
    assert isinstance(dense.kernel_initializer, initializers.GlorotNormal)
    assert dense.batch_input_shape == (None, 3)
    sgd = {"class_name": "Momentum", "flavor": "tfjs", "config": {"learningRate": 0.5, "useNesterov": True}}
    assert optimizers.get(sgd).get_config() == {"learning_rate": 0.5, "momentum": 0.9, "use_nesterov": True}


@pytest.mark.parametrize("cls", ["GRU", "LSTM", "SimpleRNN"])
@pytest.mark.parametrize("key", ["time_major", "timeMajor"])
def test_time_first_is_refused(cls, key):
    layers.from_config({"class_name": cls, "config": {"units": 2, key: False}})
    with pytest.raises(ConfigError, match=r"\(batch, time, features\).*time_major=True"):
        layers.from_config({"class_name": cls, "config": {"units": 2, key: True}})


def test_a_lambda_is_refused():
    entry = {"class_name": "Lambda", "config": {"function": ["4wEAAAA", None, None]}}
    with pytest.raises(ConfigError, match="a Lambda, whose function is code"):
        layers.from_config(entry)

    class Halve(layers.Layer):
        def forward(self, x, training=False):
            return x / 2, lambda dy: dy / 2

    assert isinstance(layers.from_config(entry, {"Lambda": Halve}), Halve)


@pytest.mark.parametrize(
    "make",
    [layers.Flatten, lambda f: layers.Conv2D(2, 2, data_format=f), lambda f: layers.SpatialDropout2D(0.1, f)],
)
def test_data_formats(make):
    spelled = {"channels_last": "channels_last", "channelsLast": "channels_last", None: "channels_last"}
    spelled |= {"channels_first": "channels_first", "channelsFirst": "channels_first"}
    assert {given: make(given).data_format for given in spelled} == spelled
    for nonsense in ("nonsense", 1, ["channels_last"]):
        with pytest.raises(ConfigError, match="expected data_format 'channels_last' or 'channels_first'"):
            make(nonsense)


@pytest.mark.parametrize(
    ("layer", "key"),
    [
        (layers.Cropping1D(), "data_format"),
        (layers.SpatialDropout1D(0.1), "trainable"),
        (layers.SpatialDropout2D(0.1), "trainable"),
        (layers.SpatialDropout1D(0.1), "noise_shape"),
        (layers.ActivityRegularization(0.1), "activity_regularizer"),
    ],
)
def test_configs_have_no_key_that_keras_refuses(layer, key):
    assert key not in layer.get_config()


def test_layers_inside_others_say_where_keras_finds_them():
    wrapper = layers.Bidirectional(layers.GRU(2, activation=layers.ReLU()))
    inner = wrapper.get_config()["layer"]
    assert inner["module"] == inner["config"]["activation"]["module"] == "keras.layers"
