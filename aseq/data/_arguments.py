"""Checks of operators' arguments, at the call rather than at the first element."""

from __future__ import annotations

import inspect
import operator
from typing import TYPE_CHECKING, Any

from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["checked_function", "is_async", "whole_number"]


def whole_number(where: str, name: str, value: Any, minimum: int | None, way_out: str = "") -> int:
    """Check an integer argument.

    Raises:
        ConfigError: If it is not an integer, or below `minimum`.

    Examples:
        >>> whole_number("batch", "n", 32, 1)
        32
    """
    wanted = {None: "an integer", 0: "an integer of 0 or more", 1: "a positive integer"}[minimum]
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or (minimum is not None and number < minimum):
        raise ConfigError(f"{where}: expected {name} to be {wanted}, received {value!r}. {way_out}".rstrip())
    return number


def checked_function(where: str, function: Any) -> Callable[..., Any]:
    """Check that an argument can be called.

    Raises:
        ConfigError: If it cannot.
    """
    if not callable(function):
        raise ConfigError(f"{where}: expected a function, received {function!r}. Pass something callable.")
    return function


def is_async(function: Callable[..., Any]) -> bool:
    """True for `async def` functions and for objects whose call is one.

    Examples:
        >>> async def fetch(row): ...
        >>> is_async(fetch), is_async(len)
        (True, False)
    """
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
