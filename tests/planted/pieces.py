"""Activations, initializers, regularizers and constraints at fault."""

from __future__ import annotations

import numpy as np

from aseq.activations import Activation
from aseq.constraints import Constraint
from aseq.initializers import Initializer
from aseq.regularizers import Regularizer
from aseq.testing import ActivationCase, ConstraintCase, InitializerCase, RegularizerCase


def square(x, out):
    """x^2, without a defect."""
    return x * x, lambda dy: dy * 2 * x


def wrong_slope(x, out):
    return x * x, lambda dy: dy * x


def bent_slope(x, out):
    return x * x, lambda dy: dy * dy * 2 * x


def upcast(x, out):
    return (x * x).astype(np.float64), lambda dy: dy * 2 * x


def eats_gradient(x, out):
    def backward(dy):
        dy *= 2 * x
        return dy

    return x * x, backward


def reads_overwritten(x, out):
    return np.multiply(x, x, out=out), lambda dy: dy * 2 * x


def explodes(x, out):
    return np.exp(x) + 0 * x, lambda dy: dy * np.exp(x)


def centred(x, out):
    return x - x.mean(0), lambda dy: dy


def activation(forward, reference=np.square):
    return ActivationCase(
        id="Activation-defect", activation=Activation("defect", forward, None), reference=reference
    )


SOUND_ACTIVATION = activation(square)
ACTIVATIONS = {
    "values": activation(square, reference=lambda x: x * x + 1e-6),
    "gradient": activation(wrong_slope),
    "backward_is_linear": activation(bent_slope),
    "dtypes": activation(upcast),
    "reads_only": activation(eats_gradient),
    "in_place": activation(reads_overwritten),
    "extreme_inputs": activation(explodes, np.exp),
    "empty_input": activation(centred),
    "found_by_name": activation(square),
}


class Flat(Initializer):
    """All 1, without a defect."""

    def draw(self, shape, rng):
        return np.ones(shape)


class FixedShape(Initializer):
    def draw(self, shape, rng):
        return np.ones((2, 2))


class Restless(Initializer):
    def draw(self, shape, rng):
        return np.random.default_rng().normal(size=shape)


class Obstinate(Initializer):
    def draw(self, shape, rng):
        return np.random.default_rng(1).normal(size=shape)


class Greedy(Flat):
    def draw(self, shape, rng):
        rng.normal()
        return super().draw(shape, rng)


class Normal(Initializer):
    def __init__(self, width=1.0, things=(), seed=None):
        super().__init__(seed)
        self.width = width

    def draw(self, shape, rng):
        return self.width * rng.normal(size=shape)

    def get_config(self):
        return {"width": self.width / 2}


class SharedList(Flat):
    def __init__(self, things=[]):
        super().__init__()


def fixed(factory):
    return InitializerCase(id="Initializer-defect", factory=factory, reference=np.ones)


def random(factory, deviation=1.0):
    return InitializerCase(id="Initializer-defect", factory=factory, deviation=deviation)


INITIALIZERS = {
    "shape_and_dtype": fixed(FixedShape),
    "repeats_itself": random(Restless),
    "distribution": random(Normal, deviation=1.1),
    "seeds": random(Obstinate),
    "draws_nothing": fixed(Greedy),
    "config_round_trip": random(Normal),
    "default_arguments": fixed(SharedList),
}


class Squares(Regularizer):
    """sum w^2, without a defect."""

    factor = 1.0

    def penalty(self, w):
        return float((w * w).sum())

    def gradient(self, w):
        return 2 * w


class Scalar(Squares):
    def penalty(self, w):
        return (w * w).sum()


class WrongGradient(Squares):
    def gradient(self, w):
        return w


class UpcastGradient(Squares):
    def gradient(self, w):
        return 2.0 * w.astype(np.float64)


class Misquoted(Squares):
    def __init__(self, factor=1.0):
        self.factor = factor

    def get_config(self):
        return {"factor": self.factor + 1}


class SharedDict(Squares):
    def __init__(self, things={}):
        pass


def regularizer(factory):
    return RegularizerCase(id="Regularizer-defect", factory=factory, reference=lambda w: (w * w).sum())


SOUND_REGULARIZER = regularizer(Squares)
REGULARIZERS = {
    "penalty_value": regularizer(Scalar),
    "penalty_gradient": regularizer(WrongGradient),
    "penalty_dtype": regularizer(UpcastGradient),
    "config_round_trip": regularizer(Misquoted),
    "default_arguments": regularizer(SharedDict),
}


class Clipped(Constraint):
    """Between -1 and 1, without a defect."""

    def __call__(self, w):
        return np.clip(w, -1, 1)


class InPlaceClip(Constraint):
    def __call__(self, w):
        return np.clip(w, -1, 1, out=w)


class Halved(Constraint):
    def __call__(self, w):
        return w / 2


class UpcastClip(Constraint):
    def __call__(self, w):
        return np.clip(w.astype(np.float64), -1, 1)


class MisquotedClip(Clipped):
    def __init__(self, limit=1.0):
        self.limit = limit

    def get_config(self):
        return {"limit": self.limit + 1}


class SharedSet(Clipped):
    def __init__(self, things={1}):
        pass


def constraint(factory, reference=lambda w: np.minimum(np.maximum(w, -1), 1)):
    return ConstraintCase(id="Constraint-defect", factory=factory, reference=reference)


SOUND_CONSTRAINT = constraint(Clipped)
CONSTRAINTS = {
    "projection": constraint(InPlaceClip),
    "projects_once": constraint(Halved, lambda w: w / 2),
    "projection_dtype": constraint(UpcastClip),
    "config_round_trip": constraint(MisquotedClip),
    "default_arguments": constraint(SharedSet),
}
