"""How a recipe is read: fresh stages for each pass, one hop to a thread per input, everything closed."""

from __future__ import annotations

import asyncio
import inspect
import math
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

from aseq.data._block import Columns, leaves
from aseq.data._chain import Chain
from aseq.data._iterator import DatasetIterator
from aseq.data._lanes import PARSE_LANE
from aseq.data._owned import Owned
from aseq.data._stages import Pass, Step, spread
from aseq.data._statistics import Statistics, StreamStatistics
from aseq.errors import DataError, ParseError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator

    from aseq.data._block import Block, Element
    from aseq.data._origins import Origin
    from aseq.data._table import Table

__all__ = ["Recipe"]

T = TypeVar("T")
VALUES_AT_ONCE = 4096
TURN_SECONDS = 0.002


class Recipe:
    """An origin and the steps that follow it; the base of `Dataset`, without its operators.

    Args:
        origin: What is read.
        steps: The stages that everything goes through.
        length: The number of elements, `math.inf` if there is no end, None if nobody knows.
        endless: Whether there is no end, or at most the one of having no elements at all.
        parents: What this one was made from.
        table: What is known about the columns of a file, where there is one.
    """

    def __init__(
        self,
        origin: Origin,
        steps: tuple[Step, ...] = (),
        *,
        length: float | None = None,
        endless: bool = False,
        parents: tuple[Recipe, ...] = (),
        table: Table | None = None,
    ) -> None:
        self._origin = origin
        self._steps = steps
        self._length = length
        self._endless = endless
        self._parents = parents
        self._table = table
        self._statistics = Statistics()

    def __repr__(self) -> str:
        steps = "".join(f" -> {getattr(step.stage, '__name__', step.stage)}" for step in self._steps)
        return f"<Dataset {type(self._origin).__name__}{steps}, length={self.length}>"

    # Reading

    def __aiter__(self) -> DatasetIterator:
        """Start a pass over the elements."""
        return DatasetIterator(self.groups())

    async def groups(self, *, epoch: int | None = None) -> AsyncGenerator[list[Element], None]:
        """Start a pass, several elements at a time: what is ready after one hop to a worker thread.

        Use it under `contextlib.aclosing`, so that the source is closed when the loop is left.

        Args:
            epoch: Which epoch's order seeded shuffles take; without it they count their own passes.

        Yields:
            Non-empty lists of elements.
        """
        async with Owned(self.blocks(self._begin(epoch))) as groups:
            turn = time.perf_counter()
            async for blocks in groups:
                for elements in _portions(blocks):
                    yield elements
                    if time.perf_counter() > turn + TURN_SECONDS:
                        await asyncio.sleep(0)  # what lies in memory waits for nothing: let the loop breathe
                        turn = time.perf_counter()

    async def blocks(self, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        """Start a pass at the level of blocks: how datasets read from each other."""
        with closing(Chain([step.build(this_pass) for step in self._steps])) as chain:
            async with Owned(self._through(chain, this_pass)) as groups:
                async for blocks in groups:
                    yield blocks

    async def _through(self, chain: Chain, this_pass: Pass) -> AsyncGenerator[list[Block], None]:
        ready: list[Block] = []
        if not chain.is_done():
            async with Owned(self._origin.inputs(this_pass)) as inputs:
                async for blocks in inputs:
                    ready, error = await self._hop(chain, chain.feed, blocks)
                    if chain.is_done():
                        break
                    if ready:
                        yield ready
                    if error is not None:
                        raise error
                    ready = []
        rest, error = await self._hop(chain, chain.flush)
        if ready or rest:
            yield ready + rest
        if error is not None:
            raise error

    async def _hop(self, chain: Chain, function: Callable[..., T], *blocks: Iterable[Any]) -> T:
        """Run the stages where they belong: nowhere special, or in a worker thread."""
        if self._origin.ready and not chain.stages:
            return function(*blocks)
        lane = self._origin.lane or (PARSE_LANE if chain.blocking else None)
        if lane is None:
            return function(*blocks)
        return await lane.run(function, *blocks, interrupt=chain.interrupt)

    def _begin(self, epoch: int | None) -> Pass:
        statistics = Statistics()
        for dataset in self._family():
            dataset._statistics = statistics
        return Pass(epoch, statistics)

    def _family(self) -> Iterable[Recipe]:
        seen, waiting = set(), [self]
        while waiting:
            dataset = waiting.pop()
            if id(dataset) not in seen:
                seen.add(id(dataset))
                yield dataset
                waiting += dataset._parents[::-1]

    async def to_list(self) -> list[Element]:
        """Read all elements into a list.

        Raises:
            DataError: If the dataset is endless.
        """
        if self._endless:
            raise DataError(
                "to_list: expected a finite dataset, received an endless one. Put take(n) before it, "
                "or give repeat() a count."
            )
        elements: list[Element] = []
        async with Owned(self.groups()) as groups:
            async for group in groups:
                elements += group
        return elements

    async def for_each(self, function: Callable[..., Any]) -> None:
        """Call `function` with every element, in the event loop; an awaitable that it returns is awaited."""
        call = spread(function)
        async with Owned(self.groups()) as groups:
            async for group in groups:
                for element in group:
                    result = call(element)
                    if inspect.isawaitable(result):
                        await result

    # Looking

    @property
    def length(self) -> int | None:
        """The number of elements if it is known beforehand, else None (also if endless)."""
        return None if self._length is None or self._length == math.inf else int(self._length)

    def statistics(self) -> StreamStatistics:
        """What the latest pass has done so far: bytes, rows, bad rows, retries, buffered now and peak."""
        return self._statistics.snapshot()

    async def column_names(self) -> list[str]:
        """The names of the columns that are read, in file order; begins to read the file if need be.

        Raises:
            DataError: If the dataset does not come from a file with columns, or the file is empty.
        """
        file, table = self._file("column_names")
        if table.names is None:
            await file._read_names(table)
        return table.read_names()

    async def _read_names(self, table: Table) -> None:
        try:
            async with Owned(self.blocks(Pass(None, Statistics()))) as groups:
                async for _ in groups:
                    break
        except ParseError:
            if table.names is None:  # what is wrong behind the header does not matter here
                raise
        if table.names is None:
            raise DataError(f"column_names: expected a file with columns, received an empty one: {self!r}.")

    @property
    def categories(self) -> dict[str, list[str]]:
        """For each "category" column, the texts that its codes 0, 1, 2 ... stand for, as known so far."""
        _, table = self._file("categories")
        return {name: list(texts) for name, texts in table.categories.items()}

    def _file(self, what: str) -> tuple[Recipe, Table]:
        for dataset in self._family():
            if dataset._table is not None:
                return dataset, dataset._table
        raise DataError(
            f"{what}: expected a dataset that is read from a file with columns, received {self!r}. "
            "Ask the dataset that data.csv() returned."
        )


def _portions(blocks: Iterable[Block]) -> Iterator[list[Element]]:
    """The elements of blocks, not too many at a time."""
    for block in blocks:
        values = sum(1 for _ in leaves(block.data)) if isinstance(block, Columns) else 1
        rows = max(1, VALUES_AT_ONCE // max(1, values))
        for start in range(0, len(block), rows):
            yield block.slice(start, start + rows).elements()
