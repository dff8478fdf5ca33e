"""Keeping what a first pass read: in memory, or in an Arrow IPC file that appears when it is whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from aseq.data._block import Block, Columns, Items, nbytes, transform
from aseq.data._cache_file import BlockReader, BlockWriter
from aseq.data._lanes import PARSE_LANE, settle
from aseq.data._owned import Owned
from aseq.errors import ConfigError, FormatError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aseq.data._dataset import Dataset
    from aseq.data._stages import Pass
    from aseq.data._table import Table

__all__ = ["FileCacheOrigin", "MemoryCacheOrigin"]

FEW = 256
PORTION = 1 << 20  # bytes that are worth a hop to a thread


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
                yield await _frozen(blocks)
            return
        kept = []
        async with Owned(self.dataset.blocks(this_pass)) as groups:
            async for blocks in groups:
                kept.append(await _frozen(blocks))
                yield await _frozen(blocks)
        self.kept = kept


class FileCacheOrigin:
    """Another dataset's blocks, kept in a file when a pass has seen them all.

    Args:
        dataset: What to keep.
        path: The file. Where it exists already, the dataset is not read at all.

    Raises:
        ConfigError: If `path` is not the path of a file.
    """

    lane = PARSE_LANE
    ready = True

    def __init__(self, dataset: Dataset, path: str | os.PathLike[str]) -> None:
        self.dataset = dataset
        try:
            self.path = os.fsdecode(path)
        except TypeError:
            raise ConfigError(
                f"cache: expected a path or None, received {path!r}. Without one, elements stay in memory."
            ) from None
        if not os.path.basename(self.path) or "\0" in self.path:
            raise ConfigError(f"cache: expected the path of a file, received {self.path!r}.")

    async def inputs(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Give what is in the file, or read and write it."""
        reader = await PARSE_LANE.run(BlockReader.open, self.path)
        kept = self._keep(this_pass) if reader is None else self._kept(reader)
        async with Owned(kept) as groups:
            async for blocks in groups:
                yield blocks

    async def _kept(self, reader: BlockReader) -> AsyncGenerator[list[Block], None]:
        try:
            self._check_length(reader.elements)
            for table, summary in zip(self._tables(), reader.beside, strict=False):
                table.restore(summary)
            while blocks := await PARSE_LANE.run(reader.read):
                yield blocks
        finally:
            reader.close()

    async def _keep(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        writer = BlockWriter(self.path)
        waiting: list[Block] = []
        weight = PORTION  # the first block is written at once: it shows whether there is a place
        try:
            async with Owned(self.dataset.blocks(this_pass)) as groups:
                async for blocks in groups:
                    waiting += await _frozen(blocks)
                    weight += sum(map(_weight, blocks))
                    if weight >= PORTION:
                        await PARSE_LANE.run(writer.write, waiting)
                        waiting, weight = [], 0
                    yield await _frozen(blocks)
            await PARSE_LANE.run(writer.write, waiting)
            await PARSE_LANE.run(writer.finish, [table.summary() for table in self._tables()])
        finally:
            await settle(PARSE_LANE.run(writer.discard))

    def _check_length(self, elements: int) -> None:
        if self.dataset.length not in (None, elements):
            raise FormatError(
                self.path,
                f"expected the {self.dataset.length} elements of the dataset, received a file of {elements}. The data "
                "or the steps before cache() are others than when it was written: delete or rename it.",
            )

    def _tables(self) -> list[Table]:
        """What is known about the files that the elements come from."""
        return [each._table for each in self.dataset._family() if each._table is not None]


def _weight(block: Block) -> int:
    """Its bytes, and what its elements cost however small they are."""
    return nbytes(block) + 256 * len(block)


async def _frozen(blocks: list[Block]) -> list[Block]:
    """The same elements in dicts of their own, with arrays that cannot be written to."""
    if sum(1 if isinstance(block, Columns) else len(block) for block in blocks) <= FEW:
        return _freeze(blocks)
    return await PARSE_LANE.run(_freeze, blocks)


def _freeze(blocks: list[Block]) -> list[Block]:
    return [
        Columns(transform(block.data, _read_only), len(block))
        if isinstance(block, Columns)
        else Items([transform(item, _read_only) for item in block.items])
        for block in blocks
    ]


def _read_only(leaf: object) -> object:
    if not isinstance(leaf, np.ndarray):
        return leaf
    view = leaf.view()
    view.flags.writeable = False
    return view
