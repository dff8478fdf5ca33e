"""model.summary()."""

from __future__ import annotations

import re

import aseq
from aseq import layers


def lines(model: aseq.Sequential) -> list[str]:
    printed: list[str] = []
    model.summary(print_fn=printed.append)
    return printed


def test_layers_shapes_and_counts() -> None:
    model = aseq.Sequential(
        [
            layers.Input((784,)),
            layers.Dense(784, activation="relu"),
            layers.Dense(10, trainable=False, name="out[b]"),
        ],
        name="digits",
    )
    text = "\n".join(lines(model))
    assert text.startswith('Model: "digits"\n')
    assert re.search(r"dense \(Dense\) +│ +\(None, 784\) +│ +615,440", text)
    assert re.search(r"out\[b\] \(Dense\) +│ +\(None, 10\) +│ +7,850", text)
    assert "Total params: 623,290 (2.38 MB)" in text
    assert "Trainable params: 615,440" in text
    assert "Non-trainable params: 7,850 (30.66 KB)" in text


def test_before_the_input_shape_is_known() -> None:
    text = "\n".join(lines(aseq.Sequential([layers.Dense(3)])))
    assert re.search(r"dense \(Dense\) +│ \? +│ +0 \(unbuilt\)", text)
    assert "Total params: 0 (0.00 B)" in text


def test_every_line_is_plain_and_fits() -> None:
    for line in lines(aseq.Sequential([layers.Input((3,)), layers.Dense(2, name="a" * 200)])):
        assert "\x1b" not in line
        assert "\n" not in line
        assert len(line) <= 100
