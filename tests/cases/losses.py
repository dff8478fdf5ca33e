"""Losses, each beside its formula, for outputs of the kind that it is made for."""

from __future__ import annotations

import numpy as np

from aseq import losses as o
from aseq.testing import LossCase

ROWS, WIDTH = 5, 4
EPSILON = 1e-7


def numbers(rng):
    """Real targets and outputs."""
    return rng.normal(size=(ROWS, WIDTH)), rng.normal(size=(ROWS, WIDTH))


def positive(rng):
    """Positive targets and outputs."""
    return rng.uniform(0.5, 2, (ROWS, WIDTH)), rng.uniform(0.5, 2, (ROWS, WIDTH))


def probabilities(rng):
    """One distribution a row, off 0, where logarithms bend too sharply for central differences."""
    return 0.8 * rng.dirichlet(np.ones(WIDTH), ROWS) + 0.2 / WIDTH


def distributions(rng):
    """Two probability distributions a row."""
    return probabilities(rng), probabilities(rng)


def one_hot(rng):
    """One class a row, and probabilities."""
    return np.eye(WIDTH)[rng.integers(WIDTH, size=ROWS)], probabilities(rng)


def one_hot_logits(rng):
    """One class a row, and logits."""
    return np.eye(WIDTH)[rng.integers(WIDTH, size=ROWS)], rng.normal(size=(ROWS, WIDTH))


def indices(rng):
    """Class indices, and probabilities."""
    return rng.integers(WIDTH, size=ROWS), probabilities(rng)


def index_logits(rng):
    """Class indices, and logits."""
    return rng.integers(WIDTH, size=ROWS), rng.normal(size=(ROWS, WIDTH))


def bits(rng):
    """Several yes-or-no targets a row, and probabilities."""
    return rng.integers(2, size=(ROWS, WIDTH)).astype(float), rng.uniform(0.1, 0.9, (ROWS, WIDTH))


def bit_logits(rng):
    """Several yes-or-no targets a row, and logits."""
    return rng.integers(2, size=(ROWS, WIDTH)).astype(float), rng.normal(size=(ROWS, WIDTH))


def same(t):
    return t


def log_softmax(z):
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def crossentropy(t, p):
    return -(t * np.log(np.clip(p / p.sum(-1, keepdims=True), EPSILON, 1 - EPSILON))).sum(-1)


def binary_crossentropy(t, p):
    p = np.clip(p, EPSILON, 1 - EPSILON)
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def smoothed(t, s, classes):
    return t * (1 - s) + s / classes


class Quartic(o.Loss):
    """A loss of a user's own."""

    def forward(self, y_true, y_pred):
        d = y_pred - y_true

        def backward(scale):
            return 4 * d**3 / d.shape[-1] * (scale[..., None] if isinstance(scale, np.ndarray) else scale)

        return (d**4).mean(-1), backward


def cube(y_true, y_pred):
    """A loss function of a user's own."""
    d = y_pred - y_true
    return (np.abs(d) ** 3).mean(-1), 3 * d**2 * np.sign(d) / d.shape[-1]


def signs(rng):
    """Targets of -1 and 1, and margins."""
    return rng.choice([-1.0, 1.0], (ROWS, WIDTH)), rng.normal(size=(ROWS, WIDTH))


def binary_focal(t, p, gamma=2.0, alpha=None):
    """One output at a time."""
    truth = t * p + (1 - t) * (1 - p)
    balance = 1 if alpha is None else t * alpha + (1 - t) * (1 - alpha)
    return (balance * (1 - truth) ** gamma * -(t * np.log(p) + (1 - t) * np.log(1 - p))).mean(-1)


def focal(t, p, alpha=0.25, gamma=2.0):
    p = p / p.sum(-1, keepdims=True)
    return -(alpha * (1 - p) ** gamma * t * np.log(p)).sum(-1)


def embeddings(rng):
    """Two classes, and vectors of length 1."""
    x = rng.normal(size=(ROWS, WIDTH))
    return np.array([3, 3, -1, -1, 3]), x / np.linalg.norm(x, axis=-1, keepdims=True)


def circle(t, p, gamma, margin):
    """One pair at a time."""
    values = []
    for i in range(len(t)):
        near = far = 0.0
        for j in range(len(t)):
            d = max(1 - p[i] @ p[j], 0)
            if t[i] != t[j]:
                far += np.exp(gamma * max(1 + margin - d, 0) * (1 - margin - d))
            elif i != j:
                near += np.exp(-gamma * (margin + d) * (margin - d))
        values.append(np.log1p(near * far))
    return np.array(values)


def cosine(t, p):
    return -(t * p).sum(-1) / np.linalg.norm(t, axis=-1) / np.linalg.norm(p, axis=-1)


def tversky(t, p, alpha, beta):
    """Over a row."""
    both = (t * p).sum(-1)
    return 1 - both / (both + alpha * (t * (1 - p)).sum(-1) + beta * (p * (1 - t)).sum(-1) + EPSILON)


def softmax(z):
    return np.exp(log_softmax(z))


CASES = [
    LossCase(id="Loss-own", factory=Quartic, draw=numbers, perfect=same, reference=lambda t, p: ((t - p) ** 4).mean(-1)),
    LossCase(
        id="MeanSquaredError", covers=("match_rank",), factory=o.MeanSquaredError, draw=numbers, perfect=same,
        reference=lambda t, p: ((t - p) ** 2).mean(-1),
    ),
    LossCase(
        id="MeanAbsoluteError", factory=o.MeanAbsoluteError, draw=numbers, perfect=same,
        reference=lambda t, p: np.abs(t - p).mean(-1),
    ),
    LossCase(id="CategoricalCrossentropy", factory=o.CategoricalCrossentropy, draw=one_hot, reference=crossentropy),
    LossCase(
        id="CategoricalCrossentropy-distributions", factory=o.CategoricalCrossentropy, draw=distributions, perfect=same,
        reference=crossentropy,
    ),
    LossCase(
        id="CategoricalCrossentropy-logits", factory=lambda: o.CategoricalCrossentropy(from_logits=True),
        draw=one_hot_logits, reference=lambda t, z: -(t * log_softmax(z)).sum(-1),
    ),
    LossCase(
        id="CategoricalCrossentropy-smoothed", factory=lambda: o.CategoricalCrossentropy(label_smoothing=0.2),
        draw=one_hot, perfect=lambda t: smoothed(t, 0.2, WIDTH),
        reference=lambda t, p: crossentropy(smoothed(t, 0.2, WIDTH), p),
    ),
    LossCase(
        id="SparseCategoricalCrossentropy", factory=o.SparseCategoricalCrossentropy, draw=indices,
        reference=lambda t, p: crossentropy(np.eye(WIDTH)[t], p),
    ),
    LossCase(
        id="SparseCategoricalCrossentropy-logits", factory=lambda: o.SparseCategoricalCrossentropy(from_logits=True),
        draw=index_logits, reference=lambda t, z: -(np.eye(WIDTH)[t] * log_softmax(z)).sum(-1),
    ),
    LossCase(
        id="BinaryCrossentropy", factory=o.BinaryCrossentropy, draw=bits,
        reference=binary_crossentropy,
    ),
    LossCase(
        id="BinaryCrossentropy-logits", factory=lambda: o.BinaryCrossentropy(from_logits=True),
        draw=bit_logits, reference=lambda t, z: binary_crossentropy(t, sigmoid(z)),
    ),
    LossCase(
        id="BinaryCrossentropy-smoothed", factory=lambda: o.BinaryCrossentropy(label_smoothing=0.2),
        draw=bits, perfect=lambda t: smoothed(t, 0.2, 2), reference=lambda t, p: binary_crossentropy(smoothed(t, 0.2, 2), p),
    ),
    LossCase(
        id="BinaryFocalCrossentropy", factory=o.BinaryFocalCrossentropy, draw=bits, reference=binary_focal,
    ),
    LossCase(
        id="BinaryFocalCrossentropy-balanced", factory=lambda: o.BinaryFocalCrossentropy(True, 0.3, 1.5), draw=bits, finite=False,
        reference=lambda t, p: binary_focal(t, p, 1.5, 0.3),
    ),
    LossCase(
        id="BinaryFocalCrossentropy-logits", factory=lambda: o.BinaryFocalCrossentropy(from_logits=True), draw=bit_logits,
        reference=lambda t, z: binary_focal(t, sigmoid(z)),
    ),
    LossCase(
        id="CategoricalFocalCrossentropy", factory=o.CategoricalFocalCrossentropy, draw=one_hot, reference=focal,
    ),
    LossCase(
        id="CategoricalFocalCrossentropy-logits", factory=lambda: o.CategoricalFocalCrossentropy(from_logits=True, gamma=1.5),
        draw=one_hot_logits, reference=lambda t, z: focal(t, softmax(z), gamma=1.5),
    ),
    LossCase(
        id="CategoricalFocalCrossentropy-by-class",
        factory=lambda: o.CategoricalFocalCrossentropy(alpha=np.array([0.1, 0.2, 0.3, 0.4])), draw=one_hot,
        reference=lambda t, p: focal(t, p) / 0.25 * (t @ [0.1, 0.2, 0.3, 0.4]),
    ),
    LossCase(
        id="CategoricalGeneralizedCrossEntropy", factory=lambda: o.CategoricalGeneralizedCrossEntropy(0.7), draw=indices,
        reference=lambda t, p: (1 - p[np.arange(len(t)), t] ** 0.7) / 0.7,
    ),
    LossCase(
        id="Circle", factory=lambda: o.Circle(gamma=3.0, margin=0.3), draw=embeddings, finite=False,
        reference=lambda t, p: circle(t, p, 3.0, 0.3), exempt={
            "parts_make_the_whole": "it compares the samples of a batch with each other",
            "linear_in_weights": "a sample alone has nothing to be compared with",
            "foreign_classes_refused": "a class is any whole number",
        },
    ),
    LossCase(id="Hinge", factory=o.Hinge, draw=signs, perfect=lambda t: 2 * t, reference=lambda t, p: np.maximum(0, 1 - t * p).mean(-1)),
    LossCase(
        id="Hinge-bits", factory=o.Hinge, draw=bit_logits, perfect=lambda t: 4 * t - 2,
        reference=lambda t, p: np.maximum(0, 1 - (2 * t - 1) * p).mean(-1),
    ),
    LossCase(
        id="SquaredHinge", factory=o.SquaredHinge, draw=signs, perfect=lambda t: 2 * t,
        reference=lambda t, p: (np.maximum(0, 1 - t * p) ** 2).mean(-1),
    ),
    LossCase(
        id="CategoricalHinge", factory=o.CategoricalHinge, draw=one_hot_logits, perfect=lambda t: 2 * t,
        reference=lambda t, p: np.maximum(0, 1 + ((1 - t) * p).max(-1) - (t * p).sum(-1)),
    ),
    LossCase(
        id="CosineSimilarity", factory=o.CosineSimilarity, draw=numbers, perfect=same, reference=cosine,
    ),
    LossCase(
        id="Dice", factory=lambda: o.Dice(axis=-1), draw=bits,
        reference=lambda t, p: 1 - 2 * (t * p).sum(-1) / (t.sum(-1) + p.sum(-1) + EPSILON),
    ),
    LossCase(
        id="Tversky", factory=lambda: o.Tversky(0.3, 0.7, axis=[-1]), draw=bits,
        reference=lambda t, p: tversky(t, p, 0.3, 0.7),
    ),
    LossCase(
        id="FunctionLoss", factory=lambda: o.FunctionLoss(cube), draw=numbers, perfect=same,
        reference=lambda t, p: (np.abs(t - p) ** 3).mean(-1), exempt={
            "config_round_trip": "a config holds no code, and says so",
            "widths_refused": "targets of any shape reach the function, which may make something of them",
        },
    ),
    LossCase(
        id="Huber", factory=lambda: o.Huber(0.7), draw=numbers, perfect=same,
        reference=lambda t, p: np.where(np.abs(t - p) <= 0.7, (t - p) ** 2 / 2, 0.7 * np.abs(t - p) - 0.245).mean(-1),
    ),
    LossCase(id="KLDivergence", factory=o.KLDivergence, draw=distributions, reference=lambda t, p: (t * np.log(t / p)).sum(-1)),
    LossCase(
        id="LogCosh", factory=o.LogCosh, draw=numbers, perfect=same, reference=lambda t, p: np.log(np.cosh(t - p)).mean(-1),
    ),
    LossCase(
        id="MeanAbsolutePercentageError", factory=o.MeanAbsolutePercentageError, draw=positive, perfect=same,
        reference=lambda t, p: (100 * np.abs(t - p) / t).mean(-1),
    ),
    LossCase(
        id="MeanSquaredLogarithmicError", factory=o.MeanSquaredLogarithmicError, draw=positive, perfect=same,
        reference=lambda t, p: (np.log((1 + t) / (1 + p)) ** 2).mean(-1),
    ),
    LossCase(
        id="Poisson", factory=o.Poisson, draw=positive, perfect=same, smooth=False, finite=False,
        reference=lambda t, p: (p - t * np.log(p + EPSILON)).mean(-1),
    ),
]  # fmt: skip
