"""How progress is put into words: numbers, durations, rates and sizes, in plain text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.callbacks._values import numeric

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["byte_size", "clock", "duration", "measures", "number", "rate"]


def number(value: Any) -> str:
    """Four significant digits, always as many; of an array those of its mean, as Keras shows it.

    Examples:
        >>> [number(v) for v in (0.95, 0.00012345, 0.00001, 1234.5, 123456, float("nan"), np.array([0, 1]))]
        ['0.9500', '0.0001234', '1.000e-05', '1234', '1.235e+05', 'nan', '0.5000']
    """
    value = float(np.mean(value) if np.ndim(value) else value)
    if value == 0 or not math.isfinite(value):
        return f"{value:.4g}"
    return f"{value:#.4g}".rstrip(".")


def measures(logs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The numbers of the logs, each behind its key: pieces of text and their styles.

    Examples:
        >>> measures({"loss": 0.5, "note": "what is no number is left out", "val_loss": float("nan")})
        [('loss ', 'dim'), ('0.5000', ''), ('  ', ''), ('val_loss ', 'dim'), ('nan', 'bold red')]
    """
    pieces: list[tuple[str, str]] = []
    for key, value in logs.items():
        if not numeric(value):
            continue
        pieces += [
            (f"{key} ", "dim"),
            (number(value), "" if np.isfinite(np.asarray(value, float)).all() else "bold red"),
            ("  ", ""),
        ]
    return pieces[:-1]


def duration(seconds: float) -> str:
    """How long something took.

    Examples:
        >>> [duration(s) for s in (0.0123, 1.25, 83, 4000)]
        ['12ms', '1.2s', '1:23', '1:06:40']
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.1f}s" if seconds < 60 else clock(seconds)


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours and days if there are any.

    Examples:
        >>> [clock(s) for s in (7, 83, 4000, 200_000)]
        ['0:07', '1:23', '1:06:40', '2d 7:33:20']
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if not hours:
        return f"{minute}:{second:02d}"
    days, hour = divmod(hours, 24)
    return f"{days}d " * bool(days) + f"{hour}:{minute:02d}:{second:02d}"


def rate(steps_per_second: float) -> str:
    """Steps per second, or seconds per step where that is the greater number.

    Examples:
        >>> [rate(r) for r in (19_100, 812.3, 12.34, 0.25)]
        ['19100 steps/s', '812 steps/s', '12.3 steps/s', '4.00 s/step']
    """
    if steps_per_second < 1:
        return f"{1 / steps_per_second:.2f} s/step"
    return f"{steps_per_second:.{1 if steps_per_second < 100 else 0}f} steps/s"


def byte_size(count: float) -> str:
    """Bytes in units of 1000.

    Examples:
        >>> [byte_size(n) for n in (512, 18_230_000)]
        ['512 B', '18.2 MB']
    """
    if count < 1000:
        return f"{count} B"
    power = min(int(math.log10(count)) // 3, 4)
    return f"{count / 1000**power:.1f} {' kMGT'[power]}B"
