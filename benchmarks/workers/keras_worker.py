"""Keras on TensorFlow: `fit` on a tf.data pipeline, and tf.data's own CSV reader."""

from __future__ import annotations

import os
import time
from typing import Any

from benchmarks.networks import CLASSES, NETWORKS, arrays
from benchmarks.workers.protocol import rate, serve

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def describe() -> str:
    import keras
    import tensorflow

    return f"Keras {keras.__version__} on TensorFlow {tensorflow.__version__}"


def network(name: str) -> Any:
    import keras
    from keras import layers

    made = {
        "dense": lambda units: layers.Dense(units, activation="relu"),
        "gru": lambda units: layers.GRU(units),
        "lstm": lambda units: layers.LSTM(units),
        "conv": lambda filters: layers.Conv2D(filters, 3, activation="relu"),
        "pool": lambda size: layers.MaxPooling2D(size),
        "flatten": lambda: layers.Flatten(),
    }
    model = keras.Sequential([layers.Input(tuple(NETWORKS[name]["input"]))])
    for kind, *arguments in NETWORKS[name]["layers"]:
        model.add(made[kind](*arguments))
    model.add(layers.Dense(CLASSES, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def steps(name: str, batch: int, seconds: float) -> float:
    import tensorflow as tf

    x, y, count = arrays(name, batch)
    model = network(name)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch).repeat().prefetch(8)
    return rate(lambda steps: model.fit(batches, steps_per_epoch=steps, verbose=0), min(count, 50), seconds)


def rows(source: str, columns: int) -> float:
    import tensorflow as tf

    begun, count = time.perf_counter(), 0
    for fields in tf.data.experimental.CsvDataset(source, [0.0] * columns).batch(32):
        count += len(fields[-1])
    return count / (time.perf_counter() - begun)


if __name__ == "__main__":
    serve(describe, {"steps": steps, "rows": rows})
