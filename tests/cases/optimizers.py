"""Optimizers, each beside its paper's algorithm written down again, one parameter vector at a time."""

from __future__ import annotations

import math

import numpy as np

from aseq import optimizers as o
from aseq.testing import OptimizerCase

VARIABLES = (slice(0, 2), slice(2, 5), slice(5, 6))


def sgd(lr, momentum=0.0, nesterov=False):
    def run(w, gradients):
        v = np.zeros_like(w)
        for g in gradients:
            v = momentum * v - lr * g
            w = w + (momentum * v - lr * g if nesterov else v)
        return w

    return run


def adam(lr, b1=0.9, b2=0.999, epsilon=1e-7, amsgrad=False, decay=0.0, change=lambda g: g):
    def run(w, gradients):
        m, v, largest = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
        for t, g in enumerate(gradients, 1):
            g = change(g)
            w = w - lr * decay * w
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g**2
            largest = np.maximum(largest, v)
            alpha = lr * math.sqrt(1 - b2**t) / (1 - b1**t)
            w = w - alpha * m / (np.sqrt(largest if amsgrad else v) + epsilon)
        return w

    return run


def adamax(lr, b1=0.9, b2=0.999, epsilon=1e-7):
    def run(w, gradients):
        m, u = np.zeros_like(w), np.zeros_like(w)
        for t, g in enumerate(gradients, 1):
            m = b1 * m + (1 - b1) * g
            u = np.maximum(b2 * u, np.abs(g))
            w = w - lr / (1 - b1**t) * m / (u + epsilon)
        return w

    return run


def lamb(lr, b1=0.9, b2=0.999, eps=1e-7, decay=0.0):
    """Variable by variable."""

    def run(w, gradients):
        m, v = np.zeros_like(w), np.zeros_like(w)
        for t, g in enumerate(gradients, 1):
            w = w * (1 - lr * decay)
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
            d = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps)
            for start, stop in ((0, 2), (2, 5), (5, 6)):
                own = slice(start, stop)
                w[own] -= lr * np.linalg.norm(w[own]) / np.linalg.norm(d[own]) * d[own]
        return w

    return run


def nadam(lr, b1=0.9, b2=0.999, epsilon=1e-7):
    def run(w, gradients):
        m, v, product = np.zeros_like(w), np.zeros_like(w), 1.0
        for t, g in enumerate(gradients, 1):
            now, ahead = b1 * (1 - 0.5 * 0.96**t), b1 * (1 - 0.5 * 0.96 ** (t + 1))
            product *= now
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g**2
            mean = ahead * m / (1 - product * ahead) + (1 - now) * g / (1 - product)
            w = w - lr * mean / (np.sqrt(v / (1 - b2**t)) + epsilon)
        return w

    return run


def rmsprop(lr, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
    def run(w, gradients):
        s, a, p = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
        for g in gradients:
            s = rho * s + (1 - rho) * g**2
            a = rho * a + (1 - rho) * g
            p = momentum * p + lr * g / np.sqrt(s - (a**2 if centered else 0) + epsilon)
            w = w - p
        return w

    return run


def adagrad(lr, start=0.1, epsilon=1e-7):
    def run(w, gradients):
        total = np.full_like(w, start)
        for g in gradients:
            total = total + g**2
            w = w - lr * g / np.sqrt(total + epsilon)
        return w

    return run


def adadelta(lr, rho=0.95, epsilon=1e-7):
    def run(w, gradients):
        squares, steps = np.zeros_like(w), np.zeros_like(w)
        for g in gradients:
            squares = rho * squares + (1 - rho) * g**2
            step = np.sqrt(steps + epsilon) / np.sqrt(squares + epsilon) * g
            steps = rho * steps + (1 - rho) * step**2
            w = w - lr * step
        return w

    return run


def ftrl(lr, power=-0.5, start=0.1, l1=0.0, l2=0.0, shrinkage=0.0, beta=0.0):
    """McMahan et al., "Ad click prediction", 2013, in the terms of Keras's documentation."""

    def run(w, gradients):
        n, z = np.full_like(w, start), np.zeros_like(w)
        for g in gradients:
            shrunk = g + 2 * shrinkage * w
            previous, n = n, n + g**2
            sigma = (n**-power - previous**-power) / lr
            z = z + shrunk - sigma * w
            quadratic = (n**-power) / lr + 2 * (l2 + beta / (2 * lr))
            w = np.where(np.abs(z) > l1, (np.sign(z) * l1 - z) / quadratic, 0.0)
        return w

    return run


def lion(lr, b1=0.9, b2=0.99):
    def run(w, gradients):
        m = np.zeros_like(w)
        for g in gradients:
            w = w - lr * np.sign(b1 * m + (1 - b1) * g)
            m = b2 * m + (1 - b2) * g
        return w

    return run


def clipped(limit, whole, inner):
    """Gradients scaled down to a norm: of all of them, or of each variable."""
    parts = (slice(None),) if whole else VARIABLES

    def run(w, gradients):
        scaled = []
        for g in gradients:
            g = g.copy()
            for part in parts:
                g[part] *= min(1.0, limit / np.linalg.norm(g[part]))
            scaled.append(g)
        return inner(w, scaled)

    return run


def accumulated(every, inner):
    def run(w, gradients):
        whole = len(gradients) // every
        return inner(w, [np.mean(gradients[i * every : (i + 1) * every], axis=0) for i in range(whole)])

    return run


def averaged(momentum, every, lr):
    """SGD whose parameters are overwritten with their moving average every so many steps."""

    def run(w, gradients):
        average = None
        for t, g in enumerate(gradients, 1):
            w = w - lr * g
            average = w if average is None else momentum * average + (1 - momentum) * w
            if t % every == 0:
                w = average
        return w

    return run


BY_NORM = {"length_is_irrelevant": "the norm of a longer vector is larger"}
BY_VARIABLE = {
    "length_is_irrelevant": "steps are as long as the variables, and a long vector is one variable"
}
DECAYS = {"no_gradient_no_step": "decay moves the parameters without a gradient"}


class SignDescent(o.Optimizer):
    """An optimizer of a user's own."""

    def update(self, w, g, slots, scratch, c):
        np.multiply(np.sign(g), c[0], scratch)
        w -= scratch


def _tfjs(name, **config):
    return lambda: o.get({"class_name": name, "flavor": "tfjs", "config": config})


CASES = [
    OptimizerCase(id="SGD", factory=lambda: o.SGD(0.002), reference=sgd(0.002)),
    OptimizerCase(id="SGD-momentum", factory=lambda: o.SGD(0.001, 0.9), reference=sgd(0.001, 0.9)),
    OptimizerCase(id="SGD-nesterov", factory=lambda: o.SGD(0.001, 0.9, True), reference=sgd(0.001, 0.9, True)),
    OptimizerCase(
        id="SGD-clipnorm", exempt=BY_NORM,
        factory=lambda: o.SGD(0.01, clipnorm=1.0), reference=clipped(1.0, False, sgd(0.01)),
    ),
    OptimizerCase(
        id="SGD-global_clipnorm", exempt=BY_NORM,
        factory=lambda: o.SGD(0.01, global_clipnorm=1.0), reference=clipped(1.0, True, sgd(0.01)),
    ),
    OptimizerCase(
        id="SGD-accumulation", steps=4000,
        factory=lambda: o.SGD(0.002, gradient_accumulation_steps=2), reference=accumulated(2, sgd(0.002)),
    ),
    OptimizerCase(
        id="SGD-ema", steps=4000,
        factory=lambda: o.SGD(0.002, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2),
        reference=averaged(0.5, 2, 0.002),
    ),
    OptimizerCase(id="RMSprop", factory=lambda: o.RMSprop(0.005), reference=rmsprop(0.005)),
    OptimizerCase(
        id="RMSprop-momentum",
        factory=lambda: o.RMSprop(0.001, 0.8, 0.5), reference=rmsprop(0.001, 0.8, 0.5),
    ),
    OptimizerCase(
        id="RMSprop-centered",
        factory=lambda: o.RMSprop(0.001, centered=True, epsilon=1e-3), reference=rmsprop(0.001, epsilon=1e-3, centered=True),
    ),
    OptimizerCase(id="Adam", factory=lambda: o.Adam(0.02), reference=adam(0.02)),
    OptimizerCase(id="Adam-amsgrad", factory=lambda: o.Adam(0.05, amsgrad=True), reference=adam(0.05, amsgrad=True)),
    OptimizerCase(
        id="Adam-clipvalue",
        factory=lambda: o.Adam(0.02, clipvalue=0.5), reference=adam(0.02, change=lambda g: np.clip(g, -0.5, 0.5)),
    ),
    OptimizerCase(
        id="AdamW", exempt=DECAYS,
        factory=lambda: o.AdamW(0.02), reference=adam(0.02, decay=0.004),
    ),
    OptimizerCase(id="Adamax", factory=lambda: o.Adamax(0.05), reference=adamax(0.05)),
    OptimizerCase(id="Lamb", factory=lambda: o.Lamb(0.01), reference=lamb(0.01), rosenbrock=1.0, exempt=BY_VARIABLE),
    OptimizerCase(
        id="Lamb-decay", rosenbrock=1.0, exempt=DECAYS | BY_VARIABLE,
        factory=lambda: o.Lamb(0.01, weight_decay=0.05), reference=lamb(0.01, decay=0.05),
    ),
    OptimizerCase(id="Nadam", factory=lambda: o.Nadam(0.02), reference=nadam(0.02)),
    OptimizerCase(id="Adagrad", factory=lambda: o.Adagrad(0.5), reference=adagrad(0.5)),
    OptimizerCase(id="Adadelta", factory=lambda: o.Adadelta(5.0), reference=adadelta(5.0), rosenbrock=1.0),
    OptimizerCase(id="Ftrl", factory=lambda: o.Ftrl(0.5), reference=ftrl(0.5), exempt={
        "no_gradient_no_step": "the parameters follow from the accumulators alone, first values are not in them",
    }),
    OptimizerCase(id="Lion", factory=lambda: o.Lion(0.001), reference=lion(0.001)),
    OptimizerCase(
        id="Optimizer-own", factory=lambda: SignDescent(0.001),
        reference=lambda w, gradients: w - 0.001 * sum(np.sign(g) for g in gradients),
    ),
]  # fmt: skip
