"""Conformance of what may be asked of a weight: regularizers (penalties) and constraints (projections)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import constraints, regularizers
from aseq.testing._case import Case, named, run
from aseq.testing._numbers import (
    agree,
    check_config,
    check_dtype,
    check_gradient,
    check_like,
    close,
    frozen,
    no_mutable_defaults,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aseq.constraints import Constraint
    from aseq.regularizers import Regularizer
    from aseq.testing._case import Check
    from aseq.types import Array

__all__ = [
    "ConstraintCase",
    "RegularizerCase",
    "check_constraint",
    "check_regularizer",
    "yield_constraint_checks",
    "yield_regularizer_checks",
]


@dataclass(frozen=True, kw_only=True)
class RegularizerCase(Case):
    """A regularizer under test.

    Attributes:
        factory: Makes it.
        reference: The penalty of a weight, written down independently.
        shape: Of the weight.

    Examples:
        >>> make = lambda: regularizers.L1L2(l1=1.0)
        >>> RegularizerCase(id="L1L2", factory=make, reference=lambda w: np.abs(w).sum()).shape
        (4, 3)
    """

    factory: Callable[[], Regularizer]
    reference: Callable[[Array], Any]
    shape: tuple[int, ...] = (4, 3)


@dataclass(frozen=True, kw_only=True)
class ConstraintCase(Case):
    """A constraint under test.

    Attributes:
        factory: Makes it.
        reference: The projection of a weight, written down independently.
        shape: Of the weight.

    Examples:
        >>> ConstraintCase(id="NonNeg", factory=constraints.NonNeg, reference=lambda w: w * (w > 0)).shape
        (4, 3)
    """

    factory: Callable[[], Constraint]
    reference: Callable[[Array], Any]
    shape: tuple[int, ...] = (4, 3)


def check_regularizer(case: RegularizerCase) -> None:
    """Run all checks of a regularizer.

    Raises:
        AssertionError: Some fail; the message names each.

    Examples:
        >>> make = lambda: regularizers.L1L2(l1=1.0)
        >>> case = RegularizerCase(id="L1L2", factory=make, reference=lambda w: np.abs(w).sum())
        >>> check_regularizer(case)
    """
    run(case, yield_regularizer_checks(case))


def check_constraint(case: ConstraintCase) -> None:
    """Run all checks of a constraint.

    Raises:
        AssertionError: Some fail; the message names each.

    Examples:
        >>> case = ConstraintCase(id="NonNeg", factory=constraints.NonNeg, reference=lambda w: w * (w > 0))
        >>> check_constraint(case)
    """
    run(case, yield_constraint_checks(case))


def yield_regularizer_checks(case: RegularizerCase) -> Iterator[tuple[str, Check]]:
    """The checks of a regularizer, by name.

    Examples:
        >>> make = lambda: regularizers.L1L2(l1=1.0)
        >>> case = RegularizerCase(id="L1L2", factory=make, reference=lambda w: np.abs(w).sum())
        >>> [name for name, check in yield_regularizer_checks(case)][:2]
        ['penalty_value', 'penalty_gradient']
    """
    return named(case, [penalty_value, penalty_gradient, penalty_dtype, config_round_trip, default_arguments])


def yield_constraint_checks(case: ConstraintCase) -> Iterator[tuple[str, Check]]:
    """The checks of a constraint, by name.

    Examples:
        >>> case = ConstraintCase(id="NonNeg", factory=constraints.NonNeg, reference=lambda w: w * (w > 0))
        >>> [name for name, check in yield_constraint_checks(case)][:2]
        ['projection', 'projects_once']
    """
    checks = [projection, projects_once, projection_dtype, config_round_trip, default_arguments]
    return named(case, checks)


def _weight(case: RegularizerCase | ConstraintCase, dtype: Any = np.float64) -> Array:
    return np.random.default_rng(0).normal(scale=2, size=case.shape).astype(dtype)


def penalty_value(case: RegularizerCase) -> None:
    """The penalty is a plain float, that of the reference, and not negative."""
    weight = frozen(_weight(case))
    penalty = case.factory().penalty(weight)
    assert type(penalty) is float, f"expected a plain float, received {type(penalty).__name__}."
    close("penalty", penalty, case.reference(weight), rtol=1e-12)
    assert penalty >= 0, f"expected a penalty of 0 or more, received {penalty}."


def penalty_gradient(case: RegularizerCase) -> None:
    """The gradient is that of central differences, and reads its weight only."""
    regularizer, weight = case.factory(), _weight(case)
    gradient = regularizer.gradient(frozen(weight))
    check_gradient("gradient", gradient, lambda: regularizer.penalty(weight), weight, 1e-6)


def penalty_dtype(case: RegularizerCase) -> None:
    """The gradient has the dtype of the weight."""
    for dtype in (np.float32, np.float64):
        gradient = case.factory().gradient(_weight(case, dtype))
        check_dtype("gradient", gradient, dtype)


def projection(case: ConstraintCase) -> None:
    """The projection is that of the reference, in an array of its own."""
    weight = frozen(_weight(case))
    projected = case.factory()(weight)
    close("projection", projected, case.reference(weight), rtol=1e-6)
    assert not np.shares_memory(projected, weight), "expected a new array, received the weight."


def projects_once(case: ConstraintCase) -> None:
    """What is in the set already stays where it is."""
    constraint = case.factory()
    once = constraint(_weight(case))
    close("second projection", constraint(once), once, rtol=1e-6)


def projection_dtype(case: ConstraintCase) -> None:
    """The projection has the shape and dtype of the weight; a weight of zeros stays finite."""
    for dtype in (np.float32, np.float64):
        for weight in (_weight(case, dtype), np.zeros(case.shape, dtype)):
            projected = case.factory()(weight)
            check_like("projection", projected, weight.shape, dtype)
            assert np.isfinite(projected).all(), f"expected finite values, received {projected}."


def config_round_trip(case: RegularizerCase | ConstraintCase) -> None:
    """Config -> JSON -> component -> config is the same, through the room's `get` as well."""
    component: Any = case.factory()
    check_config(component, type(component).from_config)
    room: Any = regularizers if isinstance(case, RegularizerCase) else constraints
    if type(component).__module__.startswith("aseq."):
        agree("found by config", room.get(room.serialize(component)).get_config(), component.get_config())


def default_arguments(case: RegularizerCase | ConstraintCase) -> None:
    """No default argument is a list or dict, which all instances would share."""
    no_mutable_defaults(case.factory())
