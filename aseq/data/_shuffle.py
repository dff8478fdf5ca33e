"""The seeded buffer shuffle, a block at a time.

The order is that of the classic loop, whatever the blocks: fill a buffer of `size` elements; for every
further element draw a slot, give out what lies there and put the new element in its place; at the end
give out the buffer in a random order. Each epoch's order follows from (seed, epoch) alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aseq.data._block import Block, Columns, Items, alike, join, together, transform
from aseq.data._stages import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aseq.data._stages import Pass

__all__ = ["Order", "Shuffle"]


class Order:
    """Which random order a shuffle takes in which pass.

    Args:
        seed: Any non-negative integer; None draws one now, so that the recipe is fixed from here on.
        reshuffle: Whether every epoch has an order of its own.

    Examples:
        >>> order = Order(7, reshuffle=True)
        >>> order.generator(0).integers(100) == order.generator(0).integers(100)
        np.True_
    """

    def __init__(self, seed: int | None, reshuffle: bool) -> None:
        self.entropy = np.random.SeedSequence(seed).entropy
        self.reshuffle = reshuffle
        self.passes = 0

    def generator(self, epoch: int | None) -> np.random.Generator:
        """The random generator of an epoch; without an epoch, of the next pass in turn."""
        if epoch is None:
            epoch = self.passes
            self.passes += 1
        key = (epoch,) if self.reshuffle else ()
        return np.random.default_rng(np.random.SeedSequence(self.entropy, spawn_key=key))


class Shuffle(Stage):
    """Give the elements in a random order, looking `size` elements ahead."""

    def __init__(self, this_pass: Pass, size: int, order: Order) -> None:
        self.size = size
        self.random = order.generator(this_pass.epoch)
        self.filling: list[Block] = []
        self.filled = 0
        self.buffer: Block | None = None  # behind its `size` elements a stacked one has room for a block

    def feed(self, block: Block) -> Iterable[Block]:
        """Fill the buffer first, then give one element for each that comes."""
        if self.buffer is None:
            room = self.size - self.filled
            self.filling.append(block.slice(0, room))
            self.filled += len(self.filling[-1])
            if self.filled < self.size:
                return ()
            self.buffer = _writable(join(self.filling))
            self.filling = []
            block = block.slice(room, len(block))
        return (self._exchange(block),) if len(block) else ()

    def flush(self) -> Iterable[Block]:
        """Give the buffer in a random order."""
        rest = self.buffer.slice(0, self.size) if self.buffer else join(self.filling or [Items([])])
        self.buffer, self.filling = None, []
        return (rest.gather(self.random.permutation(len(rest))),)

    def _exchange(self, block: Block) -> Block:
        """Swap each element of `block` with a drawn slot of the buffer, as if one after the other."""
        assert self.buffer is not None
        slots = self.random.integers(self.size, size=len(block))
        if isinstance(block, Columns) and isinstance(self.buffer, Columns) and alike(self.buffer, block):
            if len(self.buffer) < self.size + len(block):
                self.buffer = _with_room(self.buffer.slice(0, self.size), len(block))
            return _exchange_rows(self.buffer, self.size, block, slots)
        if isinstance(self.buffer, Columns):
            self.buffer = Items(self.buffer.slice(0, self.size).elements())
        kept, out = self.buffer.items, []
        for slot, element in zip(slots.tolist(), block.elements(), strict=True):
            out.append(kept[slot])
            kept[slot] = element
        return Items(out)


def _writable(block: Block) -> Block:
    """A buffer of its own that may be written to."""
    return _with_room(block, len(block)) if isinstance(block, Columns) else Items(list(block.items))


def _with_room(rows: Columns, room: int) -> Columns:
    """A copy with room for `room` more elements behind it."""

    def extend(array: np.ndarray) -> np.ndarray:
        extended = np.empty((len(array) + room, *array.shape[1:]), array.dtype)
        extended[: len(array)] = array
        return extended

    return Columns(transform(rows.data, extend), len(rows) + room)


def _exchange_rows(buffer: Columns, size: int, block: Columns, slots: np.ndarray) -> Columns:
    """What the loop over single elements would do, as one gather and one scatter.

    The block is laid behind the buffer. Sorted by slot (stably), equal slots stand side by side in order of
    time: the first takes what lay in the buffer, each further one takes the element that came in before it,
    and the last one's element stays.
    """
    length = len(slots)
    narrow = slots.astype(np.uint16) if size <= 1 << 16 else slots  # short integers are sorted by radix
    by_slot = np.argsort(narrow, kind="stable")
    ordered = slots[by_slot]
    repeats = np.flatnonzero(ordered[1:] == ordered[:-1])
    earlier, later = by_slot[repeats], by_slot[repeats + 1]
    origins = slots.copy()
    origins[later] = size + earlier
    stays = np.ones(length, bool)
    stays[earlier] = False
    last = np.flatnonzero(stays)

    def exchange(kept: np.ndarray, new: np.ndarray) -> np.ndarray:
        kept[size : size + length] = new
        out = kept.take(origins, axis=0)
        kept[slots[last]] = new.take(last, axis=0)
        return out

    return Columns(together((buffer.data, block.data), lambda pair: exchange(*pair), "shuffle"), length)
