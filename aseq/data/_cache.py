"""Keeping what a first pass read: in memory, or in an Arrow IPC file that appears when it is whole."""

from __future__ import annotations

import os
from contextlib import aclosing
from typing import TYPE_CHECKING

import numpy as np

from aseq.data._block import Block, Columns, Items, transform
from aseq.data._cache_file import BlockReader, BlockWriter
from aseq.data._lanes import PARSE_LANE, settle

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aseq.data._dataset import Dataset
    from aseq.data._stages import Pass

__all__ = ["FileCacheOrigin", "MemoryCacheOrigin"]


class MemoryCacheOrigin:
    """Another dataset's blocks, kept when a pass has seen them all. Kept arrays cannot be written to."""

    lane = PARSE_LANE
    ready = True

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.kept: list[list[Block]] | None = None

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Give what is kept, or read and keep."""
        if self.kept is not None:
            for blocks in self.kept:
                yield blocks
            return
        kept = []
        async with aclosing(self.dataset.blocks(this_pass)) as groups:
            async for blocks in groups:
                frozen = [_frozen(block) for block in blocks]
                kept.append(frozen)
                yield frozen
        self.kept = kept


class FileCacheOrigin:
    """Another dataset's blocks, kept in a file when a pass has seen them all.

    Args:
        dataset: What to keep.
        path: The file. Where it exists already, the dataset is not read at all.
    """

    lane = PARSE_LANE
    ready = True

    def __init__(self, dataset: Dataset, path: str | os.PathLike[str]) -> None:
        self.dataset = dataset
        self.path = os.fspath(path)

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Give what is in the file, or read and write it."""
        kept = self._kept() if await PARSE_LANE.run(os.path.exists, self.path) else self._keep(this_pass)
        async with aclosing(kept) as groups:
            async for blocks in groups:
                yield blocks

    async def _kept(self) -> AsyncGenerator[list[Block], None]:
        reader = await PARSE_LANE.run(BlockReader, self.path)
        try:
            while blocks := await PARSE_LANE.run(reader.read):
                yield blocks
        finally:
            reader.close()

    async def _keep(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        writer = BlockWriter(self.path)
        try:
            async with aclosing(self.dataset.blocks(this_pass)) as groups:
                async for blocks in groups:
                    await PARSE_LANE.run(writer.write, blocks)
                    yield [_frozen(block) for block in blocks]
            await PARSE_LANE.run(writer.finish)
        finally:
            await settle(PARSE_LANE.run(writer.discard))


def _frozen(block: Block) -> Block:
    if isinstance(block, Columns):
        return Columns(transform(block.data, _read_only), len(block))
    return Items([transform(item, _read_only) for item in block.items])


def _read_only(leaf: object) -> object:
    if not isinstance(leaf, np.ndarray):
        return leaf
    view = leaf.view()
    view.flags.writeable = False
    return view
