"""The views that an optimizer's step works on, cut once and used at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from aseq.types import Array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CHUNK", "Chunk", "Layout", "Plan"]

CHUNK = 3 << 15
"""Floats a chunk at most: its slices of parameters, gradients and slots stay in the core's cache."""

SHARED_FROM = 1 << 17
"""Floats from which an update is worth a hand-over to a second thread."""

Layout: TypeAlias = Sequence[tuple[str, int, int]]
"""The variables that learn, as (name, start, stop) in a flat vector."""
Chunk: TypeAlias = tuple[Array, Array, tuple[Array, ...], tuple[Array, ...], bool]
"""Slices of parameters, gradients and slots, scratch for each worker, and whether weight decay applies."""
Span: TypeAlias = tuple[int, int, bool]
"""A range of the flat vector, and whether weight decay applies to it."""


class Plan:
    """Chunks of parameters, gradients and slots that belong together.

    Args:
        params: Flat vector.
        grads: Its gradients.
        ranges: The parts that learn, as (start, stop).
        layout: The variables within them.
        slots: Flat arrays that `update` keeps.
        own_gradient: Whether the update takes a gradient that differs from the given one.
        is_decayed: Whether weight decay reaches the variable of a name.

    Attributes:
        gradient: What the update takes: `grads`, or a buffer for what is made of it.
        ranges: The parts that learn, as slices.
        pieces: The variables that learn, as slices.
        chunks: All that is to be updated; they do not depend on one another.
        workers: How many threads may take chunks at once.
    """

    def __init__(
        self,
        params: Array,
        grads: Array,
        ranges: Sequence[tuple[int, int]],
        layout: Layout,
        slots: Sequence[Array],
        own_gradient: bool,
        is_decayed: Callable[[str], bool],
    ) -> None:
        self.params, self.grads = params, grads
        self._given_ranges, self._ranges, self._layout = ranges, list(ranges), layout
        self.ranges = [slice(*pair) for pair in ranges]
        self.pieces = [slice(start, stop) for _, start, stop in layout] or self.ranges
        self.gradient = np.zeros_like(grads) if own_gradient else grads
        self._values = np.empty(0, params.dtype)
        self._numbers: tuple[Array, ...] = ()
        spans = _spans(ranges, [(start, stop, is_decayed(name)) for name, start, stop in layout])
        self.workers = 1 + (sum(stop - start for start, stop, _ in spans) > SHARED_FROM)
        self.chunks = self._chunks(spans, slots)

    def serves(self, params: Array, grads: Array, ranges: Sequence[tuple[int, int]], layout: Layout) -> bool:
        """Whether the plan was made for these arguments."""
        if params is not self.params or grads is not self.grads or layout is not self._layout:
            return False
        return ranges is self._given_ranges or list(ranges) == self._ranges

    def _chunks(self, spans: Sequence[Span], slots: Sequence[Array]) -> list[Chunk]:
        pieces = [(i, j, decayed) for start, stop, decayed in spans for i, j in _even(start, stop)]
        longest = max((j - i for i, j, _ in pieces), default=0)
        scratch = [np.empty(longest, self.params.dtype) for _ in range(self.workers)]
        return [
            (
                self.params[i:j],
                self.gradient[i:j],
                tuple(slot[i:j] for slot in slots),
                tuple(room[: j - i] for room in scratch),
                decayed,
            )
            for i, j, decayed in pieces
        ]

    def numbers(self, values: Sequence[float]) -> Sequence[Array]:
        """`values` as 0-d arrays of the parameters' dtype, the same arrays at every step."""
        if len(self._numbers) != len(values):
            self._values = np.empty(len(values), self.params.dtype)
            self._numbers = tuple(self._values[i : i + 1].reshape(()) for i in range(len(values)))
        self._values[:] = values
        return self._numbers

    def number(self, value: float) -> Array:
        """One number as a 0-d array."""
        return np.array(value, self.params.dtype)


def _spans(ranges: Sequence[tuple[int, int]], variables: Sequence[Span]) -> list[Span]:
    """Ranges cut where weight decay begins or ends: neighbours of one kind stay together."""
    if all(decayed for _, _, decayed in variables):
        return [(start, stop, True) for start, stop in ranges if stop > start]
    joined: list[Span] = []
    for begin, stop, decayed in variables:
        start = joined.pop()[0] if joined and joined[-1][1:] == (begin, decayed) else begin
        joined.append((start, stop, decayed))
    return [span for span in joined if span[1] > span[0]]


def _even(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Chunks of about equal size, of whole cache lines (16 float32)."""
    count = -(-(stop - start) // CHUNK)
    step = -(-(stop - start) // (16 * count)) * 16
    for i in range(start, stop, step):
        yield i, min(i + step, stop)
