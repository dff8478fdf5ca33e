"""Comparing numbers: central differences, closeness, arrays that cannot be written to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aseq.types import Array

__all__ = [
    "EPSILON",
    "agree",
    "as_list",
    "check_config",
    "check_dtype",
    "check_gradient",
    "check_like",
    "close",
    "frozen",
    "no_mutable_defaults",
    "numeric_gradient",
    "shadows",
    "strict_floats",
]

EPSILON = 1e-6
"""Step of central differences: in float64 their error is then about 1e-9 of the function's values."""


def numeric_gradient(function: Callable[[], float], x: Array, epsilon: float = EPSILON) -> Array:
    """The gradient of `function` with respect to `x`, which it reads and which is put back as it was.

    Examples:
        >>> x = np.array([1.0, 3.0])
        >>> numeric_gradient(lambda: float(np.sum(x * x)), x).round(6).tolist()
        [2.0, 6.0]
    """
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + epsilon
        above = function()
        x[index] = kept - epsilon
        below = function()
        x[index] = kept
        gradient[index] = (above - below) / (2 * epsilon)
    return gradient


def check_gradient(
    what: str, received: Array | None, function: Callable[[], float], x: Array, tolerance: float
) -> None:
    """Assert that `received` is the gradient of `function` with respect to `x`.

    The bound is `tolerance` of the largest entry, plus what rounding does to a central difference.
    """
    assert received is not None, f"{what}: expected a gradient, received None."
    assert received.shape == x.shape, f"{what}: expected shape {x.shape}, received {received.shape}."
    expected = numeric_gradient(function, x)
    size = float(np.abs(expected).max(initial=0))
    bound = tolerance * size + 1e-15 * (1 + abs(function())) / EPSILON
    error = float(np.abs(received - expected).max(initial=0))
    assert error <= bound, (
        f"{what}: expected the gradient of central differences, received one that is off by {error:.3g} "
        f"where entries go up to {size:.3g} and {bound:.3g} is allowed."
    )


def close(what: str, received: Any, expected: Any, rtol: float = 1e-9, atol: float = 1e-12) -> None:
    """Assert that two arrays have one shape and nearly one value.

    Examples:
        >>> close("sum", 1.0, 1.5)
        Traceback (most recent call last):
        AssertionError: sum: expected values within 1.5e-09, received one that is off by 0.5.
    """
    received, expected = np.asarray(received), np.asarray(expected)
    assert received.shape == expected.shape, (
        f"{what}: expected shape {expected.shape}, received {received.shape}."
    )
    bound = atol + rtol * float(np.abs(expected).max(initial=0))
    error = float(np.abs(received - expected).max(initial=0))
    assert error <= bound, (
        f"{what}: expected values within {bound:.3g}, received one that is off by {error:.3g}."
    )


def agree(what: str, received: Any, expected: Any) -> None:
    """Assert that two structures of arrays, dicts, tuples, lists and plain values are equal to the bit.

    Examples:
        >>> agree("state", {"a": [np.zeros(2)]}, {"a": [np.zeros(2)]})
    """
    if isinstance(expected, dict):
        assert isinstance(received, dict), f"{what}: expected a dict, received {received!r}."
        assert list(received) == list(expected), (
            f"{what}: expected keys {list(expected)}, received {list(received)}."
        )
        for key, value in expected.items():
            agree(f"{what}[{key!r}]", received[key], value)
    elif isinstance(expected, (list, tuple)):
        assert type(received) is type(expected), f"{what}: expected {expected!r}, received {received!r}."
        assert len(received) == len(expected), (
            f"{what}: expected {len(expected)} items, received {len(received)}."
        )
        for index, (one, other) in enumerate(zip(received, expected, strict=True)):
            agree(f"{what}[{index}]", one, other)
    elif isinstance(expected, np.ndarray):
        same = (
            isinstance(received, np.ndarray)
            and received.dtype == expected.dtype
            and np.array_equal(received, expected, equal_nan=expected.dtype.kind in "fc")
        )
        assert same, f"{what}: expected {expected!r}, received {received!r}."
    else:
        both_nan = expected != expected and received != received
        assert received == expected or both_nan, f"{what}: expected {expected!r}, received {received!r}."


def frozen(array: Array) -> Array:
    """A read-only copy: any edit in place raises at once."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def as_list(value: Any) -> list[Any]:
    """Several arrays as they are, one array as a list of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def shadows(seed: int, like: list[Array]) -> list[Array]:
    """Random arrays of the shapes and dtypes of others: gradients that come in, projections."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=array.shape), array.dtype) for array in like]


def strict_floats() -> np.errstate:
    """Under it overflow, division by zero and invalid operations raise; underflow to 0 is exact enough."""
    return np.errstate(over="raise", divide="raise", invalid="raise")


def check_config(component: Any, revive: Callable[[Any], Any]) -> Any:
    """Assert that config -> JSON -> component -> config comes out equal; return the second component."""
    config = component.get_config()
    text = json.dumps(config)
    revived = revive(json.loads(text))
    assert type(revived) is type(component), (
        f"from_config: expected a {type(component).__name__}, received a {type(revived).__name__}."
    )
    again = json.dumps(revived.get_config())
    assert json.loads(again) == json.loads(text), f"from_config: expected config {text}, received {again}."
    return revived


def check_dtype(what: str, array: Array, dtype: Any) -> None:
    """Assert that an array is of a dtype."""
    assert array.dtype == np.dtype(dtype), f"{what}: expected {np.dtype(dtype)}, received {array.dtype}."


def check_like(what: str, array: Array, shape: tuple[int, ...], dtype: Any) -> None:
    """Assert that an array is of a shape and dtype."""
    assert array.shape == shape, f"{what}: expected shape {shape}, received {array.shape}."
    check_dtype(what, array, dtype)


def no_mutable_defaults(component: Any) -> None:
    """Assert that no default argument of the class is a list, dict or set, which all instances would share."""
    for cls, name, default in _defaults(type(component)):
        assert not isinstance(default, (list, dict, set, np.ndarray)), (
            f"{cls.__name__}.{name}: expected immutable default arguments, received {default!r}."
        )


def _defaults(component: type) -> Iterator[tuple[type, str, Any]]:
    for cls in component.__mro__[:-1]:
        for name, function in vars(cls).items():
            function = getattr(function, "__func__", function)
            for default in getattr(function, "__defaults__", None) or ():
                yield cls, name, default
            for default in (getattr(function, "__kwdefaults__", None) or {}).values():
                yield cls, name, default
