"""Synchronous operators as sans-IO stages.

A stage takes a block and gives blocks: `feed(block)` as often as there is input, `flush()` once at the
end, `done` as soon as no more input is of use. Everything a stage remembers between two calls is plain
data in its attributes.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Awaitable
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from aseq.data._block import Block, Columns, Element, Items, as_array, join, leaves, stack, transform
from aseq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aseq.data._statistics import Statistics

__all__ = [
    "Batch",
    "Enumerate",
    "Filter",
    "Map",
    "Pass",
    "Shard",
    "Skip",
    "Stage",
    "Step",
    "Take",
    "Unbatch",
    "checked_result",
    "spread",
    "tell_where",
]

NO_VALUES = (Awaitable, GeneratorType, AsyncGeneratorType)


@dataclasses.dataclass(frozen=True, slots=True)
class Pass:
    """One pass over a dataset: what its stages need to know about it.

    Attributes:
        epoch: The index that seeded shuffles derive their order from; None lets each count its own passes.
        statistics: The counters of this pass.
    """

    epoch: int | None
    statistics: Statistics


class Stage:
    """Base of all stages: passes on what it gets.

    Attributes:
        blocking: True if it runs a user's function or parses, so that it belongs into a worker thread.
        exposed: True if a call does what others see: it runs a user's function, or uses what must be closed.
        done: True once further input would change nothing.
    """

    blocking: ClassVar[bool] = False
    exposed: bool = False
    done: bool = False

    def feed(self, block: Any) -> Iterable[Any]:
        """Take one block, give what is ready."""
        return (block,)

    def flush(self) -> Iterable[Any]:
        """Give what is left at the end of the input."""
        return ()

    def close(self) -> None:
        """Let go of what is held, however the pass ended; most stages hold nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """The recipe of a stage: its class and arguments; every pass builds a fresh one."""

    stage: Callable[..., Stage]
    arguments: tuple[Any, ...] = ()

    def build(self, this_pass: Pass) -> Stage:
        """Make the stage for one pass."""
        return self.stage(this_pass, *self.arguments)


class Take(Stage):
    """Let the first `count` elements through."""

    def __init__(self, _: Pass | None, count: int) -> None:
        self.left = count
        self.done = count == 0

    def feed(self, block: Block) -> Iterable[Block]:
        """Give the block, or as much of it as is wanted."""
        block = block if len(block) <= self.left else block.slice(0, self.left)
        self.left -= len(block)
        self.done = self.left == 0
        return (block,)


class Skip(Stage):
    """Leave out the first `count` elements."""

    def __init__(self, _: Pass | None, count: int) -> None:
        self.left = count

    def feed(self, block: Block) -> Iterable[Block]:
        """Give what lies behind the skipped elements."""
        if not self.left:
            return (block,)
        skipped = min(self.left, len(block))
        self.left -= skipped
        return (block.slice(skipped, len(block)),)


class Shard(Stage):
    """Keep every `num_shards`-th element, beginning with number `index`."""

    def __init__(self, _: Pass | None, num_shards: int, index: int) -> None:
        self.num_shards = num_shards
        self.skip = index

    def feed(self, block: Block) -> Iterable[Block]:
        """Give the elements of this shard."""
        kept = np.arange(self.skip, len(block), self.num_shards)
        self.skip = (self.skip - len(block)) % self.num_shards
        return (block.gather(kept),)


class Enumerate(Stage):
    """Pair every element with its number."""

    def __init__(self, _: Pass | None, start: int) -> None:
        self.next = start

    def feed(self, block: Block) -> Iterable[Block]:
        """Give pairs of number and element."""
        first = self.next
        self.next += len(block)
        if isinstance(block, Columns):
            return (Columns((np.arange(first, self.next), block.data), len(block)),)
        return (Items(list(enumerate(block.items, first))),)


class Batch(Stage):
    """Stack runs of `size` elements; a batch that lies inside one block is a view of it."""

    def __init__(self, _: Pass | None, size: int, drop_remainder: bool) -> None:
        self.size = size
        self.drop_remainder = drop_remainder
        self.carry: list[Block] = []
        self.carried = 0

    def feed(self, block: Block) -> Iterable[Block]:
        """Give the full batches as one block."""
        length, start = len(block), 0
        if self.carried + length < self.size:
            self._keep(block)
            return ()
        batches = []
        if self.carried:
            start = self.size - self.carried
            batches.append(self._joined(block.slice(0, start)))
        full = length - (length - start) % self.size
        if isinstance(block, Columns):
            batches += block.runs(start, full, self.size)
        else:
            batches += [_whole(block.slice(at, at + self.size)) for at in range(start, full, self.size)]
        if full < length:
            self._keep(block.slice(full, length))
        return (Items(batches),)

    def flush(self) -> Iterable[Block]:
        """Give the smaller last batch, unless the remainder is dropped."""
        if not self.carried or self.drop_remainder:
            return ()
        return (Items([self._joined()]),)

    def _keep(self, block: Block) -> None:
        self.carry.append(block)
        self.carried += len(block)

    def _joined(self, *last: Block) -> Element:
        whole = join([*self.carry, *last])
        self.carry, self.carried = [], 0
        return _whole(whole)


def _whole(block: Block) -> Element:
    """All elements of a block as one stacked element."""
    return block.data if isinstance(block, Columns) else stack(block.items, "batch")


class Unbatch(Stage):
    """Take batches apart again: every batch becomes a block of rows, without a copy."""

    def __init__(self, _: Pass | None = None) -> None:
        pass

    def feed(self, block: Block) -> Iterable[Block]:
        """Give one block per batch."""
        for batch in block.elements():
            arrays = transform(batch, lambda leaf: as_array(leaf, "unbatch"))
            lengths = {_rows(array) for array in leaves(arrays)}
            if len(lengths) != 1:
                raise DataError(
                    f"unbatch: expected arrays of one length, received {sorted(lengths)}. "
                    "Every array of an element needs the same leading axis."
                )
            yield Columns(arrays, lengths.pop())


def _rows(array: np.ndarray) -> int:
    if array.ndim == 0:
        raise DataError(
            f"unbatch: expected elements with a leading axis, received the scalar {array.item()!r}. "
            "Only batches can be taken apart."
        )
    return len(array)


class Map(Stage):
    """Replace every element by what a function makes of it."""

    blocking = True
    exposed = True

    def __init__(self, _: Pass | None, function: Callable[..., Element]) -> None:
        self.function = function
        self.done_before = 0

    def feed(self, block: Block) -> Iterable[Block]:
        """Give the results; those made before an exception come out before it."""
        results: list[Element] = []
        try:
            for element in block.elements():
                result = self.function(element)
                results.append(checked_result("map", result))
        except Exception as error:
            tell_where(error, "map", self.function, self.done_before + len(results))
            yield Items(results)
            raise
        self.done_before += len(results)
        yield Items(results)


def checked_result(operator: str, result: Any) -> Any:
    """What a function returned, if it is a value.

    Raises:
        DataError: If it is something that has to be awaited or iterated first.
    """
    if not isinstance(result, NO_VALUES):
        return result
    if inspect.iscoroutine(result):
        result.close()
    if isinstance(result, Awaitable):
        raise DataError(
            f"{operator}: expected a value from the function, received an awaitable. "
            "Declare the function of map() with `async def`, so that it is awaited."
        )
    raise DataError(
        f"{operator}: expected a value from the function, received a generator. One element makes one: return "
        "arrays and take them apart with unbatch(), or use data.generator()."
    )


def tell_where(error: Exception, operator: str, function: Callable[..., Any], number: int) -> None:
    """Note on an error of a user's function on which element it was raised."""
    function = function.function if isinstance(function, Spread) else function
    name = getattr(function, "__qualname__", type(function).__name__)
    error.add_note(f"raised by {operator}({name}) on element {number} of the pass, counted from 0")


class Filter(Stage):
    """Keep the elements for which a function is true."""

    blocking = True
    exposed = True

    def __init__(self, _: Pass | None, predicate: Callable[..., Any]) -> None:
        self.predicate = predicate
        self.done_before = 0

    def feed(self, block: Block) -> Iterable[Block]:
        """Give the kept elements; those found before an exception come out before it."""
        kept: list[int] = []
        try:
            for index, element in enumerate(block.elements()):
                if checked_result("filter", self.predicate(element)):
                    kept.append(index)
        except Exception as error:
            tell_where(error, "filter", self.predicate, self.done_before + index)
            yield block.gather(np.array(kept, np.intp))
            raise
        self.done_before += len(block)
        yield block if len(kept) == len(block) else block.gather(np.array(kept, np.intp))


@dataclasses.dataclass(frozen=True, slots=True)
class Spread:
    """A function of several arguments, called with a tuple."""

    function: Callable[..., Any]

    def __call__(self, element: Element) -> Any:
        """Call the function with the parts of a tuple, or with anything else as it is."""
        return self.function(*element) if isinstance(element, tuple) else self.function(element)


def spread(function: Callable[..., Any]) -> Callable[[Element], Any]:
    """Let a function that requires two arguments or more take a tuple apart.

    So both `lambda pair: ...` and `lambda x, y: ...` serve datasets of pairs.

    Examples:
        >>> spread(lambda x, y: x + y)((1, 2))
        3
        >>> spread(len)((1, 2))
        2
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # builtins without a signature
        return function
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.kind in positional and p.default is inspect.Parameter.empty]
    return Spread(function) if len(required) >= 2 else function
