"""What every peer trains: networks as plain data, and numbers to train them on."""

from __future__ import annotations

import numpy as np

NETWORKS = {
    "MLP 64-32-10": {"input": [64], "layers": [["dense", 32]]},
    "MLP 784-784-10": {"input": [784], "layers": [["dense", 784]]},
    "GRU(64) on 28x28": {"input": [28, 28], "layers": [["gru", 64]]},
    "LSTM(64) on 28x28": {"input": [28, 28], "layers": [["lstm", 64]]},
    "CNN 16-32 on 28x28": {
        "input": [28, 28, 1],
        "layers": [["conv", 16], ["pool", 2], ["conv", 32], ["pool", 2], ["flatten"]],
    },
}
"""Dense and conv (3x3) layers have relu, and each network ends in 10 softmax outputs."""

CLASSES = 10
LARGEST = 16 << 20
"""Bytes of inputs that are cycled through."""


def arrays(network: str, batch: int) -> tuple[np.ndarray, np.ndarray, int]:
    """x (n, ...), y (n,) class numbers, and the number of batches in them."""
    shape = NETWORKS[network]["input"]
    steps = int(np.clip(LARGEST // (4 * batch * np.prod(shape)), 50, 2000))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(steps * batch, *shape)).astype(np.float32)
    return x, rng.integers(0, CLASSES, len(x)), steps
