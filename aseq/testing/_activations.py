"""Conformance of activations: the value against an independent formula, the gradient against differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import activations
from aseq.testing._case import Case, named, run
from aseq.testing._numbers import agree, check_dtype, check_gradient, close, frozen, shadows, strict_floats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aseq.activations import Activation
    from aseq.testing._case import Check
    from aseq.types import Array

__all__ = ["ActivationCase", "check_activation", "yield_activation_checks"]


@dataclass(frozen=True, kw_only=True)
class ActivationCase(Case):
    """An activation under test.

    Attributes:
        activation: The activation.
        reference: The same function, written down independently, for float64.
        spread: Standard deviation of the inputs, wide enough to reach every branch.
        tolerance: Relative, of gradients.

    Examples:
        >>> ActivationCase(id="tanh", activation=activations.tanh, reference=np.tanh).component
        'tanh'
    """

    activation: Activation
    reference: Callable[[Array], Any]
    spread: float = 2.0
    tolerance: float = 1e-6

    def inputs(self, dtype: Any = np.float64, seed: int = 0) -> Array:
        """Random inputs, (5, 6)."""
        return np.random.default_rng(seed).normal(scale=self.spread, size=(5, 6)).astype(dtype)


def check_activation(case: ActivationCase) -> None:
    """Run all checks of an activation.

    Raises:
        AssertionError: Some fail; the message names each.

    Examples:
        >>> check_activation(ActivationCase(id="tanh", activation=activations.tanh, reference=np.tanh))
    """
    run(case, yield_activation_checks(case))


def yield_activation_checks(case: ActivationCase) -> Iterator[tuple[str, Check]]:
    """The checks of an activation, by name.

    Examples:
        >>> case = ActivationCase(id="tanh", activation=activations.tanh, reference=np.tanh)
        >>> [name for name, check in yield_activation_checks(case)][:2]
        ['values', 'gradient']
    """
    return named(case, CHECKS)


def values(case: ActivationCase) -> None:
    """The value is that of the reference; a call and `forward` agree."""
    x = case.inputs()
    y = case.activation(x)
    close(case.id, y, case.reference(x), rtol=1e-12)
    agree("forward's value", case.activation.forward(x)[0], y)
    single = case.activation(x.astype(np.float32))
    close("value in float32", single, case.reference(x), rtol=1e-5)


def gradient(case: ActivationCase) -> None:
    """backward is the gradient of central differences."""
    x = case.inputs()
    y, backward = case.activation.forward(x)
    (weights,) = shadows(7, [y])
    dx = backward(weights)
    check_gradient("dx", dx, lambda: float(np.sum(case.activation(x) * weights)), x, case.tolerance)


def backward_is_linear(case: ActivationCase) -> None:
    """backward(2 a + b) = 2 backward(a) + backward(b), however often it is called."""
    y, backward = case.activation.forward(case.inputs())
    (a,), (b,) = shadows(1, [y]), shadows(2, [y])
    close("backward of a sum", backward(2 * a + b), 2 * backward(a) + backward(b), rtol=1e-12)


def dtypes(case: ActivationCase) -> None:
    """Float32 stays float32 and float64 stays float64."""
    for dtype in (np.float32, np.float64):
        y, backward = case.activation.forward(case.inputs(dtype))
        dx = backward(np.ones_like(y))
        check_dtype("value", y, dtype)
        check_dtype("gradient", dx, dtype)


def reads_only(case: ActivationCase) -> None:
    """Input and incoming gradient are read and not written; the value stays as it is."""
    x = frozen(case.inputs())
    y, backward = case.activation.forward(x)
    kept = y.copy()
    backward(frozen(np.ones_like(y)))
    agree("value after backward", y, kept)


def in_place(case: ActivationCase) -> None:
    """With `out=x` value and gradient are the same: nothing reads x after it was overwritten."""
    y, backward = case.activation.forward(case.inputs())
    x = case.inputs()
    z, backward_in_place = case.activation.forward(x, out=x)
    (dy,) = shadows(1, [y])
    agree("value with out=x", z, y)
    agree("gradient with out=x", backward_in_place(dy), backward(dy))


def extreme_inputs(case: ActivationCase) -> None:
    """Inputs up to 1e4 give finite values and gradients, without a floating-point warning."""
    for dtype in (np.float32, np.float64):
        x = np.array([[-1e4, -100.0, -1.0, 0.0, 100.0, 1e4]], dtype)
        with strict_floats():
            y, backward = case.activation.forward(x)
            dx = backward(np.ones_like(y))
        assert np.isfinite(y).all(), f"expected finite values, received {y}."
        assert np.isfinite(dx).all(), f"expected finite gradients, received {dx}."


def empty_input(case: ActivationCase) -> None:
    """No rows in, no rows out."""
    with strict_floats():
        y, backward = case.activation.forward(np.zeros((0, 6)))
        dx = backward(y)
    assert (len(y), dx.shape) == (0, (0, 6)), f"expected no rows, received {y.shape} and {dx.shape}."


def found_by_name(case: ActivationCase) -> None:
    """`activations.get` finds it by its name, and by Keras's config of a function."""
    name = case.activation.name
    for identifier in (name, {"class_name": "function", "config": name}, case.activation):
        found = activations.get(identifier)
        assert found is case.activation, f"get({identifier!r}): expected {case.activation}, received {found}."


CHECKS = (
    values,
    gradient,
    backward_is_linear,
    dtypes,
    reads_only,
    in_place,
    extreme_inputs,
    empty_input,
    found_by_name,
)
