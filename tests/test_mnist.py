"""GRU on the rows of MNIST's pictures: for whoever has the files, as ASEQ_MNIST_DIR says.

mnist_train_small.csv.gz (10,000 pictures) and mnist_test.csv.gz: the digit, then 784 pixels from 0 to 255,
without a header.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import aseq
from aseq import data, layers

FOLDER = os.environ.get("ASEQ_MNIST_DIR", "")


async def pictures(name):
    """x (n, 28, 28) in [0, 1] and y (n,)."""
    stream = data.disk(Path(FOLDER) / name, has_header=False, label=0).batch(1000)
    xs, ys = zip(*[batch async for batch in stream], strict=True)
    return np.concatenate(xs).reshape(-1, 28, 28) / 255, np.concatenate(ys)


@pytest.mark.skipif(not FOLDER, reason="ASEQ_MNIST_DIR does not name a folder with MNIST as CSV")
@pytest.mark.timeout(600)
@pytest.mark.may_block  # an array of 31 MB is joined on the loop
async def test_gru_reads_95_percent_of_mnist_within_10_epochs():
    x, y = await pictures("mnist_train_small.csv.gz")
    test = await pictures("mnist_test.csv.gz")
    model = aseq.Sequential([layers.Input((28, 28)), layers.GRU(64), layers.Dense(10, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = await model.fit(x, y, batch_size=32, epochs=10, validation_data=test, verbose=2)
    assert max(history.history["val_accuracy"]) >= 0.95
