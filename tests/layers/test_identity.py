"""Layers that give out what they get, and the penalty of what they give out."""

from __future__ import annotations

import numpy as np
import pytest

import aseq
from aseq.layers import (
    GRU,
    ActivityRegularization,
    Bidirectional,
    Dense,
    Identity,
    Input,
    LayerNormalization,
    RMSNormalization,
)
from aseq.regularizers import L2

MASK = np.array([[True, False]])


@pytest.mark.parametrize("layer", [Identity(), ActivityRegularization(0.1), LayerNormalization()])
def test_masks_pass(layer):
    assert layer.compute_mask(np.ones((1, 2, 3)), MASK) is MASK


def test_rms_normalization_ends_a_mask():
    assert RMSNormalization().compute_mask(np.ones((1, 2, 3)), MASK) is None  # as in Keras


async def test_activity_regularization_counts_a_sample():
    model = aseq.Sequential(
        [Input((2,)), ActivityRegularization(l1=0.1, l2=0.01), Dense(1, kernel_initializer="ones")]
    )
    model.compile("sgd", "mse")
    x = np.array([[3.0, -1.0], [2.0, 2.0]])
    loss = await model.evaluate(x, np.zeros((2, 1)), verbose=0)
    assert loss == pytest.approx(10.49, rel=1e-6)  # from Keras 3.15


async def test_bidirectional_counts_the_penalties_of_both_layers():
    inner = GRU(1, return_sequences=True, use_bias=False, activity_regularizer=L2(0.5))
    model = aseq.Sequential([Input((2, 1)), Bidirectional(inner, "mul")])
    model.compile(aseq.optimizers.SGD(0.1), "mse")
    model.build()
    model.set_weights([np.full_like(weight, 0.5) for weight in model.get_weights()])
    x = np.array([[[1.0], [2.0]], [[0.0], [-1.0]]])
    loss = await model.train_on_batch(x, np.zeros((2, 2, 1)))
    assert loss == pytest.approx(0.12189797, rel=1e-6)  # from Keras 3.15, as are the weights after the step
    expected = [
        [0.5046669, 0.4999460, 0.4825512, 0.5003458, 0.4999953, 0.4997859],
        [0.5057191, 0.4999013, 0.4807655, 0.5003667, 0.5000262, 0.4988394],
    ]
    got = np.concatenate([weight.ravel() for weight in model.get_weights()])
    np.testing.assert_allclose(got, np.ravel(expected), rtol=1e-6)
