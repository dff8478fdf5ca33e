"""Conformance of optimizers: an independent transcription of the paper, two landscapes, state, memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import optimizers
from aseq.testing._case import Case, named, run
from aseq.testing._numbers import (
    agree,
    check_config,
    check_dtype,
    check_like,
    close,
    frozen,
    no_mutable_defaults,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aseq.optimizers import Optimizer
    from aseq.testing._case import Check
    from aseq.types import Array

__all__ = ["OptimizerCase", "check_optimizer", "yield_optimizer_checks"]

SIZE = 6
LAYOUT = (("a", 0, 2), ("b", 2, 5), ("c", 5, 6))
TILES = 30_000
"""Copies of six parameters that make a vector of several chunks, a broken one last."""


@dataclass(frozen=True, kw_only=True)
class OptimizerCase(Case):
    """An optimizer under test.

    Attributes:
        factory: Makes it, with a learning rate that suits the two landscapes.
        reference: From first parameters and gradients, in order, to last parameters: the paper's
            algorithm written down independently, in float64. Three variables of 2, 3 and 1
            parameters, should the algorithm go by variable.
        steps: Budget on each landscape.
        parabola: Share of the parabola's height that may be left.
        rosenbrock: Height that may be left of Rosenbrock's valley, which begins at 4.

    Examples:
        >>> def descend(w, gradients):
        ...     return w - 0.1 * sum(gradients)
        >>> make = lambda: optimizers.SGD(0.1)
        >>> OptimizerCase(id="SGD", factory=make, reference=descend).steps
        2000
    """

    factory: Callable[[], Optimizer]
    reference: Callable[[Array, Sequence[Array]], Array]
    steps: int = 2000
    parabola: float = 1e-3
    rosenbrock: float = 0.1


def check_optimizer(case: OptimizerCase) -> None:
    """Run all checks of an optimizer.

    Raises:
        AssertionError: Some fail; the message names each.

    Examples:
        >>> make = lambda: optimizers.SGD(0.002)
        >>> case = OptimizerCase(id="SGD", factory=make, reference=lambda w, gradients: w - 0.002 * sum(gradients))
        >>> check_optimizer(case)
    """
    run(case, yield_optimizer_checks(case))


def yield_optimizer_checks(case: OptimizerCase) -> Iterator[tuple[str, Check]]:
    """The checks of an optimizer, by name.

    Examples:
        >>> make = lambda: optimizers.SGD(0.002)
        >>> case = OptimizerCase(id="SGD", factory=make, reference=lambda w, gradients: w - 0.002 * sum(gradients))
        >>> [name for name, check in yield_optimizer_checks(case)][:3]
        ['trajectory', 'parabola', 'rosenbrock']
    """
    return named(case, CHECKS)


def _gradients(count: int = 5, dtype: Any = np.float64) -> list[Array]:
    rng = np.random.default_rng(5)
    return [frozen(rng.normal(size=SIZE).astype(dtype)) for _ in range(count)]


def _start(dtype: Any = np.float64) -> Array:
    return np.random.default_rng(4).normal(size=SIZE).astype(dtype)


def _steps(optimizer: Optimizer, w: Array, gradients: Sequence[Array]) -> Array:
    """Steps on a whole vector, through one gradient buffer, as a network has it."""
    g = np.empty_like(w)
    for gradient in gradients:
        g[...] = gradient
        optimizer.step(w, g, [(0, len(w))], LAYOUT if len(w) == SIZE else ())
    return w


def trajectory(case: OptimizerCase) -> None:
    """Five steps lead where the paper's algorithm leads; in float32 nearly so."""
    expected = case.reference(_start(), _gradients())
    close("parameters", _steps(case.factory(), _start(), _gradients()), expected, rtol=1e-10)
    single = _steps(case.factory(), _start(np.float32), _gradients())
    close("parameters in float32", single, expected, rtol=1e-4)


def parabola(case: OptimizerCase) -> None:
    """A parabola, twice as steep along one axis, is walked down within the budget."""
    steepness = np.array([1.0, 2.0])
    target = np.array([0.5, -0.5])

    def height(w: Array) -> float:
        return float(np.sum(steepness * (w - target) ** 2)) / 2

    w = np.array([1.5, 1.0])
    before = height(w)
    after = height(_descend(case, w, lambda w: steepness * (w - target)))
    assert after <= case.parabola * before, (
        f"expected at most {case.parabola * before:.3g}, received {after:.3g}."
    )


def rosenbrock(case: OptimizerCase) -> None:
    """Rosenbrock's curved valley is entered and followed within the budget."""

    def slope(w: Array) -> Array:
        x, y = w
        return np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])

    x, y = _descend(case, np.array([-1.0, 1.0]), slope)
    height = float((1 - x) ** 2 + 100 * (y - x * x) ** 2)
    assert height <= case.rosenbrock, f"expected at most {case.rosenbrock}, received {height:.3g}."


def _descend(case: OptimizerCase, w: Array, slope: Callable[[Array], Array]) -> Array:
    optimizer, g = case.factory(), np.empty(2)
    for _ in range(case.steps):
        g[...] = slope(w)
        optimizer.step(w, g, [(0, 2)])
    optimizer.finalize(w, [(0, 2)])
    return w


def no_gradient_no_step(case: OptimizerCase) -> None:
    """From the start, gradients of zero leave the parameters where they are."""
    w = _steps(case.factory(), _start(), [np.zeros(SIZE)] * 3)
    agree("parameters", w, _start())


def no_rate_no_step(case: OptimizerCase) -> None:
    """A learning rate of zero leaves the parameters where they are."""
    optimizer = case.factory()
    optimizer.learning_rate = 0.0
    close("parameters", _steps(optimizer, _start(), _gradients()), _start(), rtol=1e-14)


def gradients_untouched(case: OptimizerCase) -> None:
    """Gradients are read and not written."""
    optimizer, w = case.factory(), _start()
    for gradient in _gradients(3):
        optimizer.step(w, gradient, [(0, SIZE)], LAYOUT)


def in_place(case: OptimizerCase) -> None:
    """Parameters change within their buffer, and only those in the ranges that learn."""
    whole = np.concatenate([_start(), _start()])
    w, g = whole[:SIZE], np.concatenate(_gradients(1))
    learns = [("a", 0, 2), ("c", 5, 6)]
    optimizer = case.factory()
    for _ in range(3):
        optimizer.step(w, g, [(0, 2), (5, 6)], learns)
    changed = whole != np.concatenate([_start(), _start()])
    expected = np.array([1, 1, 0, 0, 0, 1] + [0] * SIZE, bool)
    agree("parameters that changed", changed, expected)


def slots_follow(case: OptimizerCase) -> None:
    """Parameters keep their dtype, and every slot has their shape and dtype."""
    for dtype in (np.float32, np.float64):
        optimizer = case.factory()
        w = _steps(optimizer, _start(dtype), _gradients(2, dtype))
        check_dtype("parameters", w, dtype)
        for name, slot in optimizer.slots.items():
            check_like(f"slot {name}", slot, w.shape, dtype)


def order_is_irrelevant(case: OptimizerCase) -> None:
    """With the variables in another order every variable ends the same."""
    expected = _steps(case.factory(), _start(), _gradients())
    order = np.array([5, 2, 3, 4, 0, 1])
    layout = (("c", 0, 1), ("b", 1, 4), ("a", 4, 6))
    optimizer, w = case.factory(), _start()[order]
    for gradient in _gradients():
        optimizer.step(w, gradient[order], [(0, SIZE)], layout)
    close("parameters in another order", w, expected[order])


def length_is_irrelevant(case: OptimizerCase) -> None:
    """Among many copies of itself, in a vector updated in chunks, a parameter ends the same."""
    expected = _steps(case.factory(), _start(), _gradients(3))
    many = _steps(case.factory(), np.tile(_start(), TILES), [np.tile(g, TILES) for g in _gradients(3)])
    close("parameters of a long vector", many, np.tile(expected, TILES))


def schedule_counts_steps(case: OptimizerCase) -> None:
    """A schedule is asked once a step, with 0, 1, 2, ...; a constant one changes nothing."""
    optimizer = case.factory()
    rate, asked = optimizer.current_learning_rate(), []

    def schedule(step: int) -> float:
        asked.append(step)
        return rate

    optimizer.learning_rate = schedule
    received = _steps(optimizer, _start(), _gradients())
    agree("steps that the schedule was asked for", asked, [0, 1, 2, 3, 4])
    agree("parameters under a constant schedule", received, _steps(case.factory(), _start(), _gradients()))


def stop_and_go_on(case: OptimizerCase) -> None:
    """Stop, keep the state, restore it into a new optimizer, go on: bit for bit as if nothing had happened."""
    gradients = _gradients(7)
    expected = _steps(case.factory(), _start(), gradients)
    for stop in range(7):
        first, second = case.factory(), case.factory()
        w = _steps(first, _start(), gradients[:stop])
        state = first.get_state()
        kept = {name: slot.copy() for name, slot in first.slots.items()}
        second.set_state(state)
        agree("slots of the restored optimizer", second.slots, kept)
        agree(f"parameters, stopped after {stop}", _steps(second, w, gradients[stop:]), expected)


def state_is_a_copy(case: OptimizerCase) -> None:
    """Steps after get_state do not reach into it."""
    optimizer = case.factory()
    w = _steps(optimizer, _start(), _gradients(2))
    state = optimizer.get_state()
    kept = {name: slot.copy() for name, slot in state["slots"].items()}
    _steps(optimizer, w, _gradients(3))
    agree("slots in a state", state["slots"], kept)
    assert state["iterations"] == 2, f"iterations: expected 2, received {state['iterations']}."


def config_round_trip(case: OptimizerCase) -> None:
    """Config -> JSON -> optimizer -> config is the same, and the optimizer walks the same way."""
    optimizer = case.factory()
    revived = check_config(optimizer, type(optimizer).from_config)
    expected = _steps(case.factory(), _start(), _gradients())
    agree("parameters", _steps(revived, _start(), _gradients()), expected)
    if type(optimizer).__module__.startswith("aseq."):
        found = optimizers.get(optimizers.serialize(case.factory()))
        agree("parameters, found by config", _steps(found, _start(), _gradients()), expected)


def default_arguments(case: OptimizerCase) -> None:
    """No default argument is a list or dict, which all instances would share."""
    no_mutable_defaults(case.factory())


CHECKS = (
    trajectory,
    parabola,
    rosenbrock,
    no_gradient_no_step,
    no_rate_no_step,
    gradients_untouched,
    in_place,
    slots_follow,
    order_is_irrelevant,
    length_is_irrelevant,
    schedule_counts_steps,
    stop_and_go_on,
    state_is_a_copy,
    config_round_trip,
    default_arguments,
)
