"""What a conformance case is, and how its checks run: one by one, or all with one report."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Case", "Check", "named", "run", "run_async"]

Check: TypeAlias = Callable[[], Any]
"""A function without arguments that raises if the component is at fault; for streams a coroutine function."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A component under test, as data.

    Attributes:
        id: The component's public name and, after a hyphen, what is special about it: "Dense-relu".
        covers: More public names that this case shows at work.
        exempt: Why a check need not pass, by the check's name. An exempted check that passes is an
            error: then the exemption is out of date.

    Examples:
        >>> Case(id="Dense-relu").component
        'Dense'
    """

    id: str
    covers: tuple[str, ...] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)

    @property
    def component(self) -> str:
        """The public name."""
        return self.id.partition("-")[0]


def named(case: Case, checks: Iterable[Callable[[Any], Any]]) -> Iterator[tuple[str, Check]]:
    """The checks, bound to their case and called by their own names, exemptions turned round.

    Raises:
        ConfigError: An exemption names no check of this case.

    Examples:
        >>> def is_short(case):
        ...     assert len(case.id) < 9
        >>> [name for name, check in named(Case(id="Dense"), [is_short])]
        ['is_short']
    """
    checks = list(checks)
    unknown = set(case.exempt) - {check.__name__ for check in checks}
    if unknown:
        raise ConfigError(
            f"case {case.id!r}: expected exemptions from {', '.join(c.__name__ for c in checks)}, "
            f"received {', '.join(sorted(unknown))}."
        )
    for check in checks:
        reason = case.exempt.get(check.__name__)
        bound = functools.partial(check, case)
        yield check.__name__, bound if reason is None else _turned(case, check.__name__, bound, reason)


def _turned(case: Case, name: str, check: Check, reason: str) -> Check:
    """A check that passes if `check` does not."""
    stale = AssertionError(
        f"{case.id}: exempt from {name} ({reason}), but it passes. Take the exemption out."
    )

    def fails() -> None:
        try:
            check()
        except Exception:
            return
        raise stale

    async def fails_async() -> None:
        try:
            await check()
        except Exception:
            return
        raise stale

    return fails_async if inspect.iscoroutinefunction(check) else fails


def run(case: Case, checks: Iterable[tuple[str, Check]]) -> None:
    """Run all checks.

    Raises:
        AssertionError: Some failed; the message names each.

    Examples:
        >>> def fails(case):
        ...     raise AssertionError("expected 1, received 2")
        >>> case = Case(id="Dense")
        >>> run(case, named(case, [fails]))
        Traceback (most recent call last):
        AssertionError: Dense fails 1 of 1 checks:
          fails: expected 1, received 2
    """
    total, failures = 0, []
    for name, check in checks:
        total += 1
        try:
            check()
        except Exception as error:
            failures.append((name, error))
    _report(case, total, failures)


async def run_async(case: Case, checks: Iterable[tuple[str, Check]]) -> None:
    """Run all checks that are coroutine functions, one after the other.

    Raises:
        AssertionError: Some failed; the message names each.
    """
    total, failures = 0, []
    for name, check in checks:
        total += 1
        try:
            await check()
        except Exception as error:
            failures.append((name, error))
    _report(case, total, failures)


def _report(case: Case, total: int, failures: list[tuple[str, Exception]]) -> None:
    if failures:
        lines = [f"{name}: {str(error) or type(error).__name__}" for name, error in failures]
        report = f"{case.id} fails {len(failures)} of {total} checks:\n  " + "\n  ".join(lines)
        raise AssertionError(report) from failures[0][1]
