"""Origins that read other datasets: one after the other, again and again, side by side."""

from __future__ import annotations

import dataclasses
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from aseq.data._block import Block, Columns, Items
from aseq.data._lanes import PARSE_LANE
from aseq.data._owned import Owned

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from aseq.data._dataset import Dataset
    from aseq.data._stages import Pass

__all__ = ["ConcatenateOrigin", "InterleaveOrigin", "Reader", "RepeatOrigin", "ZipOrigin"]

ENDLESS = 2**32


class ConcatenateOrigin:
    """Datasets one after the other."""

    lane = PARSE_LANE
    ready = True

    def __init__(self, datasets: tuple[Dataset, ...]) -> None:
        self.datasets = datasets

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Read each to its end."""
        for dataset in self.datasets:
            async with Owned(dataset.blocks(this_pass)) as groups:
                async for blocks in groups:
                    yield blocks


class RepeatOrigin:
    """One dataset several times, or without end. Each time is an epoch of its own for shuffles."""

    lane = PARSE_LANE
    ready = True

    def __init__(self, dataset: Dataset, times: int | None) -> None:
        self.dataset = dataset
        self.times = ENDLESS if times is None else times

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Read it again as long as it gives anything."""
        for time in range(self.times):
            epoch = None if this_pass.epoch is None else this_pass.epoch * self.times + time
            empty = True
            async with Owned(self.dataset.blocks(dataclasses.replace(this_pass, epoch=epoch))) as groups:
                async for blocks in groups:
                    empty = False
                    yield blocks
            if empty:
                return


class Reader:
    """Blocks of a dataset in portions of the length that the reader wants."""

    def __init__(self, groups: AsyncIterator[list[Block]]) -> None:
        self.groups = groups
        self.blocks: list[Block] = []
        self.start = 0

    async def available(self) -> int:
        """How many elements can be had at once; reads on if none are left, 0 at the end."""
        while not self.blocks:
            self.blocks = (await anext(self.groups, []))[::-1]
            if not self.blocks:
                return 0
        return len(self.blocks[-1]) - self.start

    def get(self, count: int) -> Block:
        """The next `count` elements, no more than are available."""
        block = self.blocks[-1]
        part = block.slice(self.start, self.start + count)
        self.start += count
        if self.start == len(block):
            self.blocks.pop()
            self.start = 0
        return part


class ZipOrigin:
    """Datasets side by side, to the end of the shortest.

    Args:
        datasets: At least one.
        keys: Names for the parts of an element that is a dict; None makes tuples.
    """

    lane = PARSE_LANE
    ready = True

    def __init__(self, datasets: tuple[Dataset, ...], keys: tuple[Any, ...] | None) -> None:
        self.datasets = datasets
        self.keys = keys

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Read as much of each as all have."""
        async with AsyncExitStack() as stack:
            readers = [
                Reader(await stack.enter_async_context(Owned(dataset.blocks(this_pass))))
                for dataset in self.datasets
            ]
            while True:
                count = None
                for reader in readers:
                    available = await reader.available()
                    if not available:
                        return
                    count = available if count is None else min(count, available)
                yield [self._side_by_side([reader.get(count or 0) for reader in readers])]

    def _side_by_side(self, blocks: list[Block]) -> Block:
        if all(isinstance(block, Columns) for block in blocks):
            data = [block.data for block in blocks if isinstance(block, Columns)]
            return Columns(self._element(data), len(blocks[0]))
        rows = zip(*[block.elements() for block in blocks], strict=True)
        return Items([self._element(row) for row in rows])

    def _element(self, parts: Any) -> Any:
        return tuple(parts) if self.keys is None else dict(zip(self.keys, parts, strict=True))


class InterleaveOrigin:
    """Datasets in turns of `block_length` elements; one that ends drops out."""

    lane = PARSE_LANE
    ready = True

    def __init__(self, datasets: tuple[Dataset, ...], block_length: int) -> None:
        self.datasets = datasets
        self.block_length = block_length

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Give turn after turn."""
        async with AsyncExitStack() as stack:
            readers = [
                Reader(await stack.enter_async_context(Owned(dataset.blocks(this_pass))))
                for dataset in self.datasets
            ]
            while readers:
                for reader in list(readers):
                    turn = await _turn(reader, self.block_length)
                    if turn:
                        yield turn
                    else:
                        readers.remove(reader)


async def _turn(reader: Reader, length: int) -> list[Block]:
    turn: list[Block] = []
    while length and (available := await reader.available()):
        part = reader.get(min(available, length))
        turn.append(part)
        length -= len(part)
    return turn
