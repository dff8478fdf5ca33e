"""Matrix products that use several cores and still give the same bits on any number of threads.

A BLAS that splits one product over its own threads rounds differently with one thread than with two,
so a model's numbers would depend on what else the process is doing. Here a big product is cut into
parts by its shape alone; whether the parts run side by side or one after the other changes nothing.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aseq.types import Array

__all__ = ["Team", "column_sums", "dot", "in_parts", "row_sums", "team", "total"]

SPLIT_FROM = 8_000_000
"""Multiply-adds from which a product is worth a hand-over to a second thread (about 0.2 ms)."""

PARTS = 2

HEAD_START = 3_000_000
"""Multiply-adds that the first thread does while the second wakes up (about 0.04 ms)."""

PAIRWISE_FROM = 1024
"""Numbers from which a sum is exact to more digits when it is not one BLAS product."""


class Team(Protocol):
    """Threads that share the parts of one piece of work."""

    def run(self, function: Callable[..., object], parts: Sequence[tuple[Any, ...]]) -> None:
        """Call `function(*part)` for every part and return when all are done."""


team: ContextVar[Team | None] = ContextVar("aseq team", default=None)
"""The team of the running burst, if it has one."""


def in_parts(function: Callable[..., object], parts: Sequence[tuple[Any, ...]]) -> None:
    """Call `function(*part)` for every part, side by side where the running burst has a team.

    Args:
        function: What to call; the parts must not depend on one another.
        parts: One tuple of arguments a call.

    Examples:
        >>> done = []
        >>> in_parts(done.append, [(1,), (2,)])
        >>> sorted(done)
        [1, 2]
    """
    helpers = team.get()
    if helpers is None:
        for part in parts:
            function(*part)
    else:
        helpers.run(function, parts)


def dot(a: Array, b: Array, out: Array | None = None) -> Array:
    """The product of two matrices, (M, K) times (K, N), as (M, N).

    Args:
        a: Left matrix.
        b: Right matrix.
        out: C-contiguous array that takes the result.

    Returns:
        `out`, or a new array.

    Examples:
        >>> dot(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    if len(a) * b.size < SPLIT_FROM:
        return a.dot(b, out)
    m, n = len(a), b.shape[1]
    if out is None:
        out = np.empty((m, n), np.result_type(a, b))
    cut = _cut(max(m, n), len(a) * b.size)
    if m >= n:
        parts = [(a[:cut], b, out[:cut]), (a[cut:], b, out[cut:])]
    else:
        parts = [(a, b[:, :cut], out[:, :cut]), (a, b[:, cut:], out[:, cut:])]
    in_parts(np.matmul, parts)
    return out


def column_sums(a: Array, out: Array | None = None) -> Array:
    """The sum of each column of a matrix.

    A product with ones: BLAS takes a third of the time of `np.add.reduce` for the small arrays of
    which small models have many.

    Examples:
        >>> column_sums(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [4.0, 6.0]
    """
    return _ones(len(a), a.dtype).dot(a, out)


def row_sums(a: Array) -> Array:
    """The sums over the last axis; see `column_sums`.

    Examples:
        >>> row_sums(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [3.0, 7.0]
    """
    return a.dot(_ones(a.shape[-1], a.dtype))


def total(a: Array) -> float:
    """The sum of all elements; see `column_sums`. Long arrays are left to NumPy, which sums them pairwise.

    Examples:
        >>> total(np.array([[1.0, 2.0], [3.0, 4.0]]))
        10.0
    """
    if a.size > PAIRWISE_FROM:
        return float(np.add.reduce(a, None))
    return float(a.reshape(-1).dot(_ones(a.size, a.dtype)))


@lru_cache(maxsize=64)
def _ones(size: int, dtype: Any) -> Array:
    ones = np.ones(size, dtype)
    ones.flags.writeable = False
    return ones


def _cut(size: int, work: int) -> int:
    """Where to cut `size` rows or columns in two: in whole cache lines (16 float32), after a little more
    than half, since the first part is begun while the other thread wakes up.
    """
    share = (1 + HEAD_START / work) / 2
    return round(size * share / 16) * 16
