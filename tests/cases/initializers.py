"""Initializers, each with the distribution that its documentation promises."""

from __future__ import annotations

import math

import numpy as np

from aseq import initializers as i
from aseq.testing import InitializerCase

ROWS, COLUMNS = 60, 50
TRUNCATED = 0.87962566103423978
"""Standard deviation of a standard normal distribution cut at two of them."""


class Ramp(i.Initializer):
    """An initializer of a user's own."""

    def draw(self, shape, rng):
        return np.arange(math.prod(shape), dtype=float).reshape(shape)


CASES = [
    InitializerCase(id="Zeros", factory=i.Zeros, reference=np.zeros),
    InitializerCase(id="Ones", factory=i.Ones, reference=np.ones),
    InitializerCase(id="Constant", factory=lambda: i.Constant(2.5), reference=lambda s: np.full(s, 2.5)),
    InitializerCase(id="Constant-row", factory=lambda: i.Constant([1.0, 2.0]), shape=(3, 2), reference=lambda s: np.full(s, [1, 2])),
    InitializerCase(id="Identity", factory=lambda: i.Identity(3.0), reference=lambda s: 3 * np.eye(*s)),
    InitializerCase(id="Initializer-own", factory=Ramp, reference=lambda s: np.arange(math.prod(s)).reshape(s)),
    InitializerCase(id="RandomUniform", factory=lambda: i.RandomUniform(1, 3), mean=2, deviation=2 / math.sqrt(12)),
    InitializerCase(id="RandomNormal", factory=lambda: i.RandomNormal(1, 3), mean=1, deviation=3),
    InitializerCase(id="TruncatedNormal", factory=lambda: i.TruncatedNormal(1, 3), mean=1, deviation=3 * TRUNCATED),
    InitializerCase(id="Orthogonal", factory=lambda: i.Orthogonal(2), deviation=2 / math.sqrt(ROWS)),
    InitializerCase(id="Orthogonal-wide", factory=i.Orthogonal, shape=(5, 8, 60), deviation=1 / math.sqrt(60)),
    InitializerCase(id="GlorotUniform", factory=i.GlorotUniform, deviation=math.sqrt(2 / (ROWS + COLUMNS))),
    InitializerCase(id="GlorotUniform-window", factory=i.GlorotUniform, shape=(3, 3, 20, 30), deviation=math.sqrt(2 / 9 / 50)),
    InitializerCase(id="GlorotNormal", factory=i.GlorotNormal, deviation=math.sqrt(2 / (ROWS + COLUMNS))),
    InitializerCase(id="GlorotNormal-tfjs", factory=lambda: i.GlorotNormal(corrected=False), deviation=TRUNCATED * math.sqrt(2 / (ROWS + COLUMNS))),
    InitializerCase(id="HeUniform", factory=i.HeUniform, deviation=math.sqrt(2 / ROWS)),
    InitializerCase(id="HeNormal", factory=i.HeNormal, deviation=math.sqrt(2 / ROWS)),
    InitializerCase(id="LecunUniform", factory=i.LecunUniform, deviation=math.sqrt(1 / ROWS)),
    InitializerCase(id="LecunNormal", factory=i.LecunNormal, deviation=math.sqrt(1 / ROWS)),
    InitializerCase(id="VarianceScaling", factory=i.VarianceScaling, deviation=math.sqrt(1 / ROWS)),
    InitializerCase(id="VarianceScaling-fan_out", factory=lambda: i.VarianceScaling(2, "fan_out", "untruncated_normal"), deviation=math.sqrt(2 / COLUMNS)),
    InitializerCase(id="VarianceScaling-vector", factory=lambda: i.VarianceScaling(3, "fan_avg", "uniform"), shape=(3000,), deviation=math.sqrt(3 / 3000)),
]  # fmt: skip
