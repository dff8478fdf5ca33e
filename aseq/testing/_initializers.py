"""Conformance of initializers: shapes, seeds, and the distribution that they promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aseq import initializers
from aseq.testing._case import Case, named, run
from aseq.testing._numbers import agree, check_config, check_dtype, check_like, no_mutable_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aseq.initializers import Initializer
    from aseq.testing._case import Check
    from aseq.types import Array

__all__ = ["InitializerCase", "check_initializer", "yield_initializer_checks"]


@dataclass(frozen=True, kw_only=True)
class InitializerCase(Case):
    """An initializer under test.

    Attributes:
        factory: Makes it, without a seed of its own.
        shape: Of the weight; many entries, so that their statistics mean something.
        reference: From a shape to the value, for initializers that draw nothing.
        mean: Of the entries, for those that draw.
        deviation: Standard deviation of the entries, for those that draw.

    Examples:
        >>> InitializerCase(id="Ones", factory=initializers.Ones, reference=np.ones).component
        'Ones'
    """

    factory: Callable[[], Initializer]
    shape: tuple[int, ...] = (60, 50)
    reference: Callable[[tuple[int, ...]], Array] | None = None
    mean: float = 0.0
    deviation: float = 0.0


def check_initializer(case: InitializerCase) -> None:
    """Run all checks of an initializer.

    Raises:
        AssertionError: Some fail; the message names each.

    Examples:
        >>> check_initializer(InitializerCase(id="Zeros", factory=initializers.Zeros, reference=np.zeros))
    """
    run(case, yield_initializer_checks(case))


def yield_initializer_checks(case: InitializerCase) -> Iterator[tuple[str, Check]]:
    """The checks that apply to an initializer, by name.

    Examples:
        >>> case = InitializerCase(id="Ones", factory=initializers.Ones, reference=np.ones)
        >>> [name for name, check in yield_initializer_checks(case)][-1]
        'draws_nothing'
    """
    own = [distribution, seeds] if case.reference is None else [draws_nothing]
    return named(case, [*ALWAYS, *own])


def shape_and_dtype(case: InitializerCase) -> None:
    """Values come in the shape and dtype asked for, float32 if none is, in memory of their own."""
    for dtype in (np.float32, np.float64):
        value = case.factory()(case.shape, dtype, np.random.default_rng(0))
        check_like("value", value, case.shape, dtype)
        assert value.flags.writeable, "expected memory that can be written to."
    check_dtype("value, no dtype given", case.factory()(case.shape), np.float32)
    assert np.isfinite(value).all(), "expected finite values."


def distribution(case: InitializerCase) -> None:
    """Mean and standard deviation are the promised ones, within 5 standard errors."""
    value = case.factory()(case.shape, np.float64, np.random.default_rng(0))
    error = case.deviation / np.sqrt(value.size)
    off = abs(float(value.mean()) - case.mean)
    assert off <= 5 * error, f"mean: expected {case.mean}, received {value.mean()}."
    deviation = float(value.std())
    assert abs(deviation - case.deviation) <= 5 * error, (
        f"deviation: expected {case.deviation}, received {deviation}."
    )


def repeats_itself(case: InitializerCase) -> None:
    """Equal random numbers give equal values."""
    first, second = (case.factory()(case.shape, rng=np.random.default_rng(3)) for _ in range(2))
    agree("values of equal random numbers", second, first)


def seeds(case: InitializerCase) -> None:
    """Other random numbers give other values; a seed of its own wins over them."""
    first, second = (case.factory()(case.shape, rng=np.random.default_rng(seed)) for seed in (3, 4))
    assert (first != second).any(), "expected other values from other random numbers."
    seeded = []
    for seed in (3, 4):
        initializer = case.factory()
        initializer.seed = 11
        seeded.append(initializer(case.shape, rng=np.random.default_rng(seed)))
    agree("values under a seed of its own", seeded[1], seeded[0])


def draws_nothing(case: InitializerCase) -> None:
    """The value is the reference's, and the model's random numbers stay as they are for other weights."""
    assert case.reference is not None
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    value = case.factory()(case.shape, np.float64, rng)
    agree("value", value, case.reference(case.shape).astype(np.float64))
    agree("state of the random numbers", rng.bit_generator.state, before)


def config_round_trip(case: InitializerCase) -> None:
    """Config -> JSON -> initializer -> config is the same, through `initializers.get` as well."""
    initializer = case.factory()
    check_config(initializer, type(initializer).from_config)
    if type(initializer).__module__.startswith("aseq."):
        found = initializers.get(initializers.serialize(initializer))
        assert found == initializer, f"expected {initializer}, received {found}."


def default_arguments(case: InitializerCase) -> None:
    """No default argument is a list or dict, which all instances would share."""
    no_mutable_defaults(case.factory())


ALWAYS = (shape_and_dtype, repeats_itself, config_round_trip, default_arguments)
