"""Parts of a batch, worked on side by side by layers that treat each sample by itself.

A convolution or a pooling hands in what it has to do with the samples from one to another. Layers of
this kind that follow one another are then done together: each thread goes through all of them with its
part of the batch. It is woken once for them all, and finds in its cache what it has just written.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from aseq.linalg import PARTS, SPLIT_FROM, in_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    Piece: TypeAlias = tuple[Callable[[int, slice], object], Callable[[], object] | None]

__all__ = ["Pieces", "over_batch", "settle"]

FIRST = 0.53
"""Share of the first part: its thread begins while the other one wakes up."""


class Pieces:
    """Work that has been handed in and not been done, all of it on one batch.

    Attributes:
        waiting: The pieces, first come first.

    Examples:
        >>> pieces, done = Pieces(), []
        >>> def double(x):
        ...     over_batch(lambda part, samples: done.append((part, "double")), x, work=10**9)
        >>> def halve(x):
        ...     over_batch(lambda part, samples: done.append((part, "halve")), x, work=10**9)
        >>> pieces.hand_in(double, 2), pieces.hand_in(halve, 2), done
        (None, None, [])
        >>> pieces.do()
        >>> done
        [(0, 'double'), (0, 'halve'), (1, 'double'), (1, 'halve')]
    """

    def __init__(self) -> None:
        self._batch = 0
        self.waiting: list[Piece] = []

    def hand_in(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function whose `over_batch` waits for `do`; it may not look at what that will write."""
        token = _OPEN.set(self)
        try:
            return function(*args)
        finally:
            _OPEN.reset(token)

    def add(self, piece: Piece, batch: int) -> None:
        """Keep a piece for later."""
        if batch != self._batch:
            self.do()
            self._batch = batch
        self.waiting.append(piece)

    def wait_for(self, batch: int) -> bool:
        """Whether something is waiting that is done in parts of a batch of this size."""
        return bool(self.waiting) and batch == self._batch

    def do(self) -> None:
        """Do all that is waiting."""
        waiting, self.waiting = self.waiting, []
        if waiting:
            _do(waiting, self._batch, PARTS)


_OPEN: ContextVar[Pieces | None] = ContextVar("aseq pieces", default=None)


def over_batch(
    function: Callable[[int, slice], object],
    batch: int,
    work: int,
    then: Callable[[], object] | None = None,
    parts: int | None = None,
) -> None:
    """Call `function(part, samples)` for the whole batch or, where it pays, for two parts side by side.

    Args:
        function: Takes the number of the part and the samples that belong to it.
        batch: Number of samples.
        work: Multiply-adds of it all, a float copied counting as `MOVE` of them. It decides about the cut
            with `batch` and what is waiting, never with threads, so that the results do not depend on them.
        then: Called when all parts are done.
        parts: How many to make, where something kept from an earlier call says it.

    Examples:
        >>> over_batch(lambda part, samples: print(part, samples), 6, work=10**9)
        0 slice(0, 3, None)
        1 slice(3, 6, None)
    """
    pieces = _OPEN.get()
    pays = parts == PARTS if parts else work >= SPLIT_FROM and batch >= PARTS
    if pieces is not None and (pays or (not parts and pieces.wait_for(batch))):
        pieces.add((function, then), batch)
    else:
        settle()
        _do([(function, then)], batch, PARTS if pays else 1)


def settle() -> None:
    """Do what is waiting, for whoever is about to look at a result of it."""
    pieces = _OPEN.get()
    if pieces is not None:
        pieces.do()


def _do(pieces: list[Piece], batch: int, parts: int) -> None:
    cut = batch if parts == 1 else round(batch * FIRST)
    samples = [slice(0, cut), slice(cut, batch)][:parts] if batch else []
    in_parts(_go_through, [(pieces, index, part) for index, part in enumerate(samples)])
    for _, then in pieces:
        if then is not None:
            then()


def _go_through(pieces: list[Piece], index: int, samples: slice) -> None:
    for function, _ in pieces:
        function(index, samples)
