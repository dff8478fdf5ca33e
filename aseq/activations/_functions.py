"""The activation functions of Keras and tf.js: maths only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.activations._activation import activation
from aseq.activations._erf import erf
from aseq.linalg import column_sums, row_sums

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.types import Array

__all__ = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "gelu_new",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_sigmoid_tfjs",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
]


@activation
def linear(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """The input itself."""
    return x, lambda dy: dy


@activation
def relu(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """max(x, 0)."""
    zero = _zero(x)
    y = np.maximum(x, zero, out=out)

    def backward(dy: Array) -> Array:
        dx = (y > zero).astype(y.dtype)
        return np.multiply(dx, dy, dx)

    return y, backward


@activation
def relu6(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """min(max(x, 0), 6)."""
    y = np.clip(x, 0, 6, out=out)
    return y, lambda dy: dy * ((y > 0) & (y < 6)).astype(y.dtype)


@activation
def leaky_relu(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """x where positive, else 0.2 x."""
    positive = x > 0
    slope = np.where(positive, x.dtype.type(1), x.dtype.type(0.2))
    return np.multiply(x, slope, out=out), lambda dy: dy * slope


@activation
def elu(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """x where positive, else exp(x) - 1 (Clevert et al., 2015)."""
    y = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
    return y, lambda dy: dy * np.minimum(y + 1, 1)


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@activation
def selu(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """scale * elu(x, alpha): both constants keep mean 0 and variance 1 (Klambauer et al., 2017)."""
    scale, alpha = x.dtype.type(SELU_SCALE), x.dtype.type(SELU_ALPHA)
    low = scale * alpha * np.exp(np.minimum(x, 0))
    positive = x > 0
    return (
        np.where(positive, scale * x, low - scale * alpha),
        lambda dy: dy * np.where(positive, scale, low),
    )


@activation
def sigmoid(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """1 / (1 + exp(-x)): as it stands, small values keep all their digits; exp may become infinite."""
    with np.errstate(over="ignore"):
        y = np.exp(np.negative(x, out=out), out=out)
    one = _ONES.get(y.dtype, 1)
    y = np.add(y, one, out=y)
    y = np.divide(one, y, out=y)

    def backward(dy: Array) -> Array:
        dx = 1 - y
        dx *= y
        dx *= dy
        return dx

    return y, backward


@activation
def tanh(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """The hyperbolic tangent."""
    y = np.tanh(x, out=out)

    def backward(dy: Array) -> Array:
        dx = y * y
        np.subtract(1, dx, out=dx)
        dx *= dy
        return dx

    return y, backward


@activation
def softmax(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """exp(x) / sum(exp(x)) over the last axis, shifted by the maximum."""
    if x.ndim == 2 and x.shape[1] <= FEW:
        y = _softmax_of_few(x, out)
    else:
        y = np.subtract(x, np.maximum.reduce(x, -1, keepdims=True), out=out)
        np.exp(y, out=y)
        y /= np.add.reduce(y, -1, keepdims=True)

    def backward(dy: Array) -> Array:
        dx = dy * y
        dx -= y * row_sums(dx)[..., None]
        return dx

    return y, backward


FEW = 32
"""Classes up to which softmax works on columns: NumPy is slow along axes this short."""


def _softmax_of_few(x: Array, out: Array | None) -> Array:
    y = x.T.copy()
    np.subtract(y, np.maximum.reduce(y, 0), y)
    np.exp(y, y)
    np.divide(y, column_sums(y), y)
    if out is None:
        return y.T.copy()
    out[...] = y.T
    return out


@activation
def log_softmax(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """The logarithm of softmax over the last axis."""
    y = np.subtract(x, np.maximum.reduce(x, -1, keepdims=True), out=out)
    y -= np.log(np.add.reduce(np.exp(y), -1, keepdims=True))
    return y, lambda dy: dy - np.exp(y) * np.add.reduce(dy, -1, keepdims=True)


@activation
def softplus(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """log(1 + exp(x)); its slope sigmoid(x) is 1 - exp(-y)."""
    y = np.logaddexp(x, _zero(x), out=out)
    return y, lambda dy: dy * -np.expm1(-y)


@activation
def softsign(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """x / (1 + |x|)."""
    scale = 1 / (1 + np.abs(x))
    return np.multiply(x, scale, out=out), lambda dy: dy * scale * scale


@activation
def exponential(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """exp(x); inputs whose exponential leaves the dtype give its largest finite value."""
    y = np.exp(np.minimum(x, _largest_exponent(x)), out=out)
    return y, lambda dy: dy * y


@activation
def silu(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """x sigmoid(x), also known as swish (Ramachandran et al., 2017)."""
    s = sigmoid(x)
    y = x * s
    return y, lambda dy: dy * (s + y * (1 - s))


@activation
def gelu(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """x Phi(x) with the exact normal distribution function Phi (Hendrycks and Gimpel, 2016)."""
    phi = 0.5 * (1 + erf(x * math.sqrt(0.5)))
    phi = phi.astype(x.dtype, copy=False)

    def backward(dy: Array) -> Array:
        bell = np.exp(-0.5 * np.minimum(x * x, 200)) * x.dtype.type(1 / math.sqrt(2 * math.pi))
        return dy * (phi + x * bell)

    return x * phi, backward


@activation
def gelu_new(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): gelu's tanh form, Keras's `approximate=True`."""
    c, k = x.dtype.type(math.sqrt(2 / math.pi)), x.dtype.type(0.044715)
    t = np.tanh(c * (x + k * x * x * x))

    def backward(dy: Array) -> Array:
        return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * k * x * x))

    return 0.5 * x * (1 + t), backward


@activation
def mish(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """x tanh(softplus(x)) (Misra, 2019)."""
    t = np.tanh(softplus(x))
    return x * t, lambda dy: dy * (t + x * (1 - t * t) * sigmoid(x))


@activation
def hard_sigmoid(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """relu6(x + 3) / 6, the form of Keras 3."""
    y = np.clip(x / 6 + x.dtype.type(0.5), 0, 1)
    return y, lambda dy: dy * ((y > 0) & (y < 1)).astype(y.dtype) / 6


@activation
def hard_sigmoid_tfjs(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """clip(0.2 x + 0.5, 0, 1), the form of tf.js and Keras 2."""
    slope = x.dtype.type(0.2)
    y = np.clip(x * slope + x.dtype.type(0.5), 0, 1)
    return y, lambda dy: dy * ((y > 0) & (y < 1)).astype(y.dtype) * slope


hard_sigmoid.tfjs = hard_sigmoid_tfjs


@activation
def hard_silu(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """x hard_sigmoid(x), also known as hard swish (Howard et al., 2019)."""
    s, gate = hard_sigmoid.forward(x)
    return x * s, lambda dy: dy * s + gate(dy * x)


@activation
def hard_tanh(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """clip(x, -1, 1)."""
    y = np.clip(x, -1, 1, out=out)
    return y, lambda dy: dy * ((y > -1) & (y < 1)).astype(y.dtype)


@activation
def tanh_shrink(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """x - tanh(x)."""
    t = np.tanh(x)
    return x - t, lambda dy: dy * t * t


@activation
def hard_shrink(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """x where |x| > 0.5, else 0."""
    keep = (np.abs(x) > 0.5).astype(x.dtype)
    return np.multiply(x, keep, out=out), lambda dy: dy * keep


@activation
def soft_shrink(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """x moved by 0.5 towards 0, and 0 within 0.5 of it."""
    y = np.sign(x) * np.maximum(np.abs(x) - x.dtype.type(0.5), 0)
    return y, lambda dy: dy * (y != 0).astype(y.dtype)


@activation
def squareplus(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """(x + sqrt(x^2 + 4)) / 2."""
    root = np.sqrt(x * x + 4)
    return (x + root) / 2, lambda dy: dy * (1 + x / root) / 2


@activation
def log_sigmoid(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """log(sigmoid(x)) = -softplus(-x)."""
    return -softplus(-x), lambda dy: dy * sigmoid(-x)


@activation
def celu(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """max(x, 0) + min(0, exp(x) - 1), alpha = 1 (Barron, 2017)."""
    return elu.forward(x)


@activation
def glu(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """The first half of the last axis times the sigmoid of the second (Dauphin et al., 2016)."""
    a, b = np.split(x, 2, axis=-1)
    s = sigmoid(b)
    return a * s, lambda dy: np.concatenate([dy * s, dy * a * s * (1 - s)], axis=-1)


@activation
def sparse_plus(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """0 below -1, x above 1, (x + 1)^2 / 4 between."""
    inner = np.clip(x, -1, 1)
    y = np.where(x >= 1, x, (inner + 1) ** 2 / 4)
    return y, lambda dy: dy * (inner + 1) / 2


@activation
def sparse_sigmoid(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """clip((x + 1) / 2, 0, 1)."""
    y = np.clip((x + 1) / 2, 0, 1)
    return y, lambda dy: dy * ((y > 0) & (y < 1)).astype(y.dtype) / 2


@activation
def sparsemax(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """The point of the probability simplex nearest to x (Martins and Astudillo, 2016)."""
    ordered = -np.sort(-x, axis=-1)
    sums = np.cumsum(ordered, axis=-1)
    ranks = np.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    size = np.count_nonzero(1 + ranks * ordered > sums, axis=-1, keepdims=True)
    tau = (np.take_along_axis(sums, size - 1, -1) - 1) / size.astype(x.dtype)
    y = np.maximum(x - tau, 0)
    support = (y > 0).astype(x.dtype)

    def backward(dy: Array) -> Array:
        mean = np.add.reduce(dy * support, -1, keepdims=True) / size.astype(x.dtype)
        return support * (dy - mean)

    return y, backward


_ZEROS = {np.dtype(t): np.zeros((), t) for t in (np.float32, np.float64)}
_ONES = {dtype: zero + 1 for dtype, zero in _ZEROS.items()}
"""0-d arrays: NumPy takes them without the conversion that a Python number costs at every call."""


def _zero(x: Array) -> Array:
    """0 or, for long rows, a row of zeros: NumPy vectorises the maximum of two arrays, not that with 0."""
    if x.ndim > 1 and x.size >= 256 * max(len(x), 1):
        return np.zeros(x.shape[1:], x.dtype)
    zero = _ZEROS.get(x.dtype)
    return np.zeros((), x.dtype) if zero is None else zero


def _largest_exponent(x: Array) -> Any:
    return x.dtype.type(math.log(float(np.finfo(x.dtype).max)) * (1 - 1e-6))
