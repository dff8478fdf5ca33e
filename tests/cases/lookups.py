"""The way from names to components that every room has: get, serialize, from_config."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aseq import (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from aseq.errors import ConfigError
from aseq.optimizers import schedules
from aseq.registry import snake_case
from aseq.testing import Case

if TYPE_CHECKING:
    from collections.abc import Callable


def found_by_name(case):
    """Every component that can be made without arguments is found by class name, Keras's name and tf.js's."""
    made = [each for each in map(_made, _classes(case)) if each is not None]
    assert made, "expected at least one component without required arguments."
    for component in made:
        name = type(component).__name__
        spellings = {name, snake_case(name)}
        if name[1].islower():  # tf.js writes meanSquaredError, but neither sGD nor kLDivergence
            spellings.add(name[0].lower() + name[1:])
        for spelling in spellings:
            found = case.find(spelling)
            assert type(found) is type(component), f"{spelling}: received {found!r}"


def unknown_names_refused(case):
    """A name that means nothing is a ConfigError that says what there is."""
    known = {getattr(each, "__name__", each) for each in _classes(case)} or {"relu"}
    for name in ("no_such_thing", ""):
        message = _refusal(case, name)
        assert any(one in message or snake_case(one) in message for one in known), message


def nonsense_refused(case):
    """Neither numbers nor configs without a class mean a component."""
    for identifier in (3, {"config": {}}, object()):
        _refusal(case, identifier)


def _refusal(case, identifier):
    try:
        case.find(identifier)
    except ConfigError as error:
        return str(error)
    raise AssertionError(f"expected a ConfigError for {identifier!r}.")


def _classes(case):
    public = [getattr(case.room, name) for name in case.room.__all__]
    return [
        each
        for each in public
        if inspect.isclass(each) and issubclass(each, case.base) and each not in case.bases
    ]


def _made(cls):
    try:
        return cls()
    except TypeError:
        return None


@dataclass(frozen=True, kw_only=True)
class LookupCase(Case):
    """A room's lookup.

    Attributes:
        room: The module.
        base: Class of its components.
        find: From an identifier to a component.
        bases: Classes that are there to be derived from.
    """

    room: Any
    base: type
    find: Callable[[Any], Any]
    bases: tuple[type, ...] = ()
    checks: tuple[Callable[[Any], None], ...] = (found_by_name, unknown_names_refused, nonsense_refused)


def _layer(name):
    return layers.from_config({"class_name": name, "config": {}})


PAIR = ("serialize",)
LOOKUPS = {
    "activations": LookupCase(
        id="get", room=activations, base=activations.Activation, find=activations.get, checks=(unknown_names_refused,),
    ),
    "initializers": LookupCase(
        id="get", covers=PAIR, room=initializers, base=initializers.Initializer, bases=(initializers.Initializer,), find=initializers.get,
    ),
    "regularizers": LookupCase(
        id="get", covers=PAIR, room=regularizers, base=regularizers.Regularizer, bases=(regularizers.Regularizer,), find=regularizers.get,
    ),
    "constraints": LookupCase(
        id="get", covers=PAIR, room=constraints, base=constraints.Constraint, bases=(constraints.Constraint,), find=constraints.get,
    ),
    "losses": LookupCase(id="get", covers=PAIR, room=losses, base=losses.Loss, bases=(losses.Loss,), find=losses.get),
    "metrics": LookupCase(
        id="get", covers=PAIR, room=metrics, base=metrics.Metric, bases=(metrics.Metric, metrics.Mean, metrics.MeanMetric), find=metrics.get,
    ),
    "optimizers": LookupCase(
        id="get", covers=PAIR, room=optimizers, base=optimizers.Optimizer, bases=(optimizers.Optimizer,), find=optimizers.get,
    ),
    "schedules": LookupCase(
        id="deserialize", covers=PAIR, room=schedules, base=schedules.LearningRateSchedule, find=schedules.deserialize,
        checks=(unknown_names_refused, nonsense_refused),
    ),
    "layers": LookupCase(
        id="from_config", room=layers, base=layers.Layer, bases=(layers.Layer, layers.InputLayer), find=_layer,
        checks=(unknown_names_refused,),
    ),
    "callbacks": LookupCase(
        id="get", room=callbacks, base=callbacks.Callback, bases=(callbacks.Callback,), find=callbacks.get,
        checks=(unknown_names_refused, nonsense_refused),
    ),
}  # fmt: skip
