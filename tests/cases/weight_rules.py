"""Regularizers and constraints, each beside its formula."""

from __future__ import annotations

import numpy as np

from aseq import constraints, regularizers
from aseq.testing import ConstraintCase, RegularizerCase


class Fourth(regularizers.Regularizer):
    """A regularizer of a user's own."""

    def penalty(self, w):
        return float(np.sum(w**4))

    def gradient(self, w):
        return 4 * w**3


class Rounded(constraints.Constraint):
    """A constraint of a user's own."""

    def __call__(self, w):
        return np.round(w)


def mean_cosine(rows):
    """Mean absolute cosine between all ordered pairs of different rows."""
    pairs = [(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
    return np.mean([abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs])


def lengths(w, axis):
    return np.sqrt((w**2).sum(axis, keepdims=True))


REGULARIZERS = [
    RegularizerCase(id="L1L2", factory=lambda: regularizers.L1L2(0.1, 0.2), reference=lambda w: np.sum(0.1 * np.abs(w) + 0.2 * w * w)),
    RegularizerCase(id="L1L2-none", factory=regularizers.L1L2, reference=lambda w: 0.0),
    RegularizerCase(id="L1", factory=lambda: regularizers.L1(0.3), reference=lambda w: 0.3 * np.abs(w).sum()),
    RegularizerCase(id="L2", factory=lambda: regularizers.L2(0.3), reference=lambda w: 0.3 * (w**2).sum()),
    RegularizerCase(id="OrthogonalRegularizer", factory=lambda: regularizers.OrthogonalRegularizer(0.5), reference=lambda w: 0.5 * mean_cosine(w)),
    RegularizerCase(id="OrthogonalRegularizer-columns", factory=lambda: regularizers.OrthogonalRegularizer(0.5, "columns"), reference=lambda w: 0.5 * mean_cosine(w.T)),
    RegularizerCase(id="Regularizer-own", factory=Fourth, reference=lambda w: np.sum(w**4)),
]  # fmt: skip

CONSTRAINTS = [
    ConstraintCase(id="NonNeg", factory=constraints.NonNeg, reference=lambda w: np.where(w < 0, 0, w)),
    ConstraintCase(id="MaxNorm", factory=lambda: constraints.MaxNorm(1.5), reference=lambda w: w * np.minimum(1, 1.5 / lengths(w, 0))),
    ConstraintCase(id="MaxNorm-axes", factory=lambda: constraints.MaxNorm(1.5, [0, 1]), shape=(2, 3, 4), reference=lambda w: w * np.minimum(1, 1.5 / lengths(w, (0, 1)))),
    ConstraintCase(id="UnitNorm", factory=constraints.UnitNorm, reference=lambda w: w / lengths(w, 0)),
    ConstraintCase(id="UnitNorm-axis", factory=lambda: constraints.UnitNorm(1), reference=lambda w: w / lengths(w, 1)),
    ConstraintCase(id="MinMaxNorm", factory=lambda: constraints.MinMaxNorm(3.5, 4.5), reference=lambda w: w / lengths(w, 0) * np.clip(lengths(w, 0), 3.5, 4.5)),
    ConstraintCase(
        id="MinMaxNorm-rate", factory=lambda: constraints.MinMaxNorm(3.5, 4.5, 0.5),
        reference=lambda w: w / lengths(w, 0) * (np.clip(lengths(w, 0), 3.5, 4.5) + lengths(w, 0)) / 2,
        exempt={"projects_once": "it goes half the way each time"},
    ),
    ConstraintCase(id="Constraint-own", factory=Rounded, reference=np.round),
]  # fmt: skip
