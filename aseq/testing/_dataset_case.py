"""A dataset under test, and what its checks have in common: reading it, and looking at what is left."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aseq.testing._case import Case
from aseq.testing._interrupt import no_tasks_left
from aseq.testing._numbers import agree
from aseq.testing._source import CountingSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from aseq.data import Dataset

__all__ = ["ITEMS", "DatasetCase", "check_closed", "read"]

ITEMS = 7


def _count_up(n: int) -> list[Any]:
    return list(range(n))


@dataclass(frozen=True, kw_only=True)
class DatasetCase(Case):
    """A dataset under test: an operator over a source that counts, or a source of its own.

    Attributes:
        make: Makes the dataset over a CountingSource, or over what `world` gives.
        expected: From the items of the source to the elements of the dataset, written down independently.
        items: Makes the items of a source of a given length; 0, 1, 2 ... if not given.
        world: For sources that have a world of their own (files, servers): a context that serves the
            items and gives what `make` takes. Checks that count do not apply then.
        sizes: Numbers of items to try.
        delivered: From the number of the item instead of which the source fails to the number of
            elements that must have come out before the error; None promises none.
        read_for_first: The most items that may have been read when one element has been taken;
            None for datasets that read all at once.
        opens: Passes over the source in one pass over the dataset.
        buffered: The most elements that may ever lie ready, by `statistics()`.
        ordered: False if only the elements count, not their order (shuffles).
        gated: False if the source is read by a thread, which cannot be held.
        content: For byte sources: a small file that is cut at every byte.

    Examples:
        >>> from aseq import data
        >>> DatasetCase(id="take", make=lambda source: data.from_async_iterable(source).take(2),
        ...     expected=lambda items: items[:2], read_for_first=1).sizes
        (0, 1, 7)
    """

    make: Callable[[Any], Dataset]
    expected: Callable[[list[Any]], list[Any]]
    items: Callable[[int], list[Any]] = _count_up
    world: Callable[[list[Any]], AbstractAsyncContextManager[Any]] | None = None
    sizes: Sequence[int] = (0, 1, ITEMS)
    delivered: Callable[[int], int] | None = None
    read_for_first: int | None = None
    opens: int = 1
    buffered: int = 0
    ordered: bool = True
    gated: bool = True
    content: bytes | None = None

    @asynccontextmanager
    async def dataset(self, n: int = ITEMS) -> AsyncIterator[Dataset]:
        """The dataset over n items; no task may be left when the block is through."""
        async with no_tasks_left():
            if self.world is None:
                yield self.make(CountingSource(self.items(n)))
            else:
                async with self.world(self.items(n)) as world:
                    yield self.make(world)

    def wanted(self, n: int = ITEMS) -> list[Any]:
        """The elements that must come over n items."""
        return self.expected(self.items(n))

    def check(self, what: str, received: list[Any], wanted: list[Any]) -> None:
        """Assert that elements are the wanted ones, in order if order counts."""
        if not self.ordered:
            received, wanted = sorted(received, key=repr), sorted(wanted, key=repr)
        agree(what, received, wanted)

    async def check_tasks(self, before: set[asyncio.Task[Any]], when: str) -> None:
        """Assert that no task is alive but those that were."""
        left = asyncio.all_tasks() - before
        if left and self.world is not None:  # a server that runs in this loop hears of the end a little later
            _, left = await asyncio.wait(left, timeout=1)
        assert not left, (
            f"{when}: expected no task left behind, received {[task.get_name() for task in left]}."
        )


async def read(dataset: Dataset, stop: int | None = None) -> list[Any]:
    """Elements of one pass, closed at its end.

    Args:
        dataset: What to read.
        stop: Leave after so many elements.
    """
    elements: list[Any] = []
    async with aiter(dataset) as iterator:
        if stop == 0:
            return elements
        async for element in iterator:
            elements.append(element)
            if len(elements) == stop:
                break
    return elements


def check_closed(source: CountingSource, when: str) -> None:
    """Assert that every pass over the source that began has ended."""
    assert source.open_passes == 0, (
        f"{when}: expected the source closed, received {source.opened} opened and {source.closed} closed."
    )
