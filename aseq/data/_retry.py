"""When to try again: which answers are passing faults, how long to wait, and when to give up. No I/O here."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["PASSING_STATUSES", "Budget", "Pace", "parse_http_date", "parse_retry_after"]

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP answers that may be different the next time. Every other refusal is final."""

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
LONGEST_RETRY_AFTER = 120.0  # a server may ask for patience, not for the whole night


@dataclass(frozen=True)
class Pace:
    """The clock, the dice and the pause of whatever retries. Tests bring their own.

    Args:
        sleep: Waits for so many seconds.
        random: Gives a float in [0, 1). Its own generator: jitter must not disturb a user's seed.
        now: Seconds since the epoch, to read HTTP dates against.
    """

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = field(default_factory=lambda: random.Random().random)
    now: Callable[[], float] = time.time


class Budget:
    """How many failures in a row are allowed, and the wait after each: doubling, with jitter.

    Only failures without any new byte between them add up. A link that drops every minute but
    brings data in between goes on for ever.

    Args:
        retries: Failures in a row that are forgiven.
        random: Gives a float in [0, 1) for the jitter.

    Examples:
        >>> budget = Budget(2, random=lambda: 1.0)
        >>> [budget.spend(), budget.spend(), budget.spend()]
        [0.5, 1.0, None]
        >>> budget.refill()
        >>> budget.spend(retry_after=7.0)
        7.0
    """

    def __init__(self, retries: int, random: Callable[[], float]) -> None:
        self.retries = retries
        self.failures = 0
        self._random = random

    def refill(self) -> None:
        """Forget earlier failures: new bytes have come."""
        self.failures = 0

    def spend(self, retry_after: float | None = None) -> float | None:
        """Take one failure from the budget.

        Args:
            retry_after: Seconds that the server asked for; never waited longer than two minutes.

        Returns:
            Seconds to wait before the next try, or None when the budget is used up.
        """
        if self.failures >= self.retries:
            return None
        # Half of the wait is certain, half is chance, so that many clients do not come back as one wave.
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self.failures, 16)) * (0.5 + 0.5 * self._random())
        self.failures += 1
        return max(wait, min(retry_after or 0.0, LONGEST_RETRY_AFTER))


def parse_http_date(text: str | None) -> float | None:
    """Return an HTTP date as seconds since the epoch, or None if it is not one.

    Examples:
        >>> parse_http_date("Thu, 01 Jan 1970 00:01:00 GMT")
        60.0
    """
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text or "")
        # The oldest of the three formats names no zone, and means the same one.
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as a number or as a date.

    Args:
        text: The header's value, if there was one.
        now: Seconds since the epoch.

    Examples:
        >>> parse_retry_after("5", now=0.0), parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=20.0)
        (5.0, 40.0)
        >>> parse_retry_after("soon", now=0.0)
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    date = parse_http_date(text)
    return None if date is None else max(0.0, date - now)
