"""Conformance of datasets, sources and operators: every pass anew, in order, closed whatever happens."""

from __future__ import annotations

import asyncio
import gc
import itertools
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from aseq.compute import Lane
from aseq.testing._case import named, run_async
from aseq.testing._dataset_case import ITEMS, DatasetCase, check_closed, read
from aseq.testing._interrupt import Interrupted, Trip, no_tasks_left, quiet
from aseq.testing._numbers import agree
from aseq.testing._source import CountingSource, Planted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aseq.data import Dataset
    from aseq.testing._case import Check

__all__ = ["check_dataset", "yield_dataset_checks"]

MANY = 600
COLLECT = Lane("garbage collection", 1)


async def check_dataset(case: DatasetCase) -> None:
    """Run all checks of a dataset.

    Raises:
        AssertionError: Some fail; the message names each.

    Examples:
        >>> from aseq import data
        >>> case = DatasetCase(id="take", make=lambda source: data.from_async_iterable(source).take(2),
        ...     expected=lambda items: items[:2], read_for_first=1)
        >>> asyncio.run(check_dataset(case))
    """
    await run_async(case, yield_dataset_checks(case))


def yield_dataset_checks(case: DatasetCase) -> Iterator[tuple[str, Check]]:
    """The checks that apply to a dataset, by name: coroutine functions.

    Examples:
        >>> from aseq import data
        >>> case = DatasetCase(id="take", make=lambda source: data.from_async_iterable(source).take(2),
        ...     expected=lambda items: items[:2])
        >>> "backpressure" in dict(yield_dataset_checks(case))  # the case promises nothing about it
        False
    """
    checks: list[Callable[[DatasetCase], Any]] = [*ALWAYS]
    if case.world is None:
        checks += COUNTED
        if case.gated:
            checks.append(one_consumer_at_a_time)
        if case.read_for_first is not None:
            checks.append(backpressure)
    if case.content is not None:
        checks.append(cuts_make_no_difference)
    return named(case, checks)


async def elements(case: DatasetCase) -> None:
    """The elements are the expected ones, in order, for empty, single and longer sources; a length hint is right."""
    for n in case.sizes:
        async with case.dataset(n) as dataset:
            received = await read(dataset)
            case.check(f"elements over {n} items", received, case.wanted(n))
            agree("to_list", sorted(map(repr, await dataset.to_list())), sorted(map(repr, received)))
            assert dataset.length in (None, len(received)), (
                f"length: expected {len(received)} or None, received {dataset.length}."
            )


async def every_pass_anew(case: DatasetCase) -> None:
    """A second pass over the same epoch gives the same elements, and so do two passes side by side."""
    async with case.dataset() as dataset:
        first, second = [await _epoch(dataset, 0) for _ in range(2)]
        agree("second pass", second, first)
        both = await asyncio.gather(_epoch(dataset, 0), _epoch(dataset, 0))
        agree("two passes side by side", both, [first, first])
        later = await _epoch(dataset, 1)
        case.check("elements of another epoch", later, first)


async def _epoch(dataset: Dataset, epoch: int) -> list[Any]:
    elements: list[Any] = []
    async with aclosing(dataset.groups(epoch=epoch)) as groups:
        async for group in groups:
            assert group, "groups: expected non-empty lists, received an empty one."
            elements += group
            await asyncio.sleep(0)
    return elements


async def early_exit(case: DatasetCase) -> None:
    """Leaving after any element leaves no task behind, and the next pass is whole."""
    async with case.dataset() as dataset:
        for stop in range(len(case.wanted()) + 1):
            tasks = asyncio.all_tasks()
            part = await read(dataset, stop)
            assert len(part) == stop, f"expected {stop} elements, received {len(part)}."
            await case.check_tasks(tasks, f"left after {stop}")
        case.check("pass after early exits", await read(dataset), case.wanted())
        assert dataset.statistics().buffered == 0, "expected nothing buffered after the last pass."


async def cancelled_anywhere(case: DatasetCase) -> None:
    """Cancelled at the 1st, 2nd, ... nth wait: CancelledError surfaces, all is closed, a new pass is whole."""
    async with case.dataset() as dataset:
        for at in itertools.count(1):
            tasks = asyncio.all_tasks()
            trip = Trip(read(dataset), at)
            try:
                received = await trip.run()
            except Interrupted:
                await case.check_tasks(tasks, f"cancelled at wait {at}")
                case.check(f"pass after a cancel at wait {at}", await read(dataset), case.wanted())
                continue
            assert trip.waits < at, f"cancelled at wait {at}: expected CancelledError, received a whole pass."
            case.check("pass without a cancel", received, case.wanted())
            return


async def closed_iterator(case: DatasetCase) -> None:
    """An iterator may be closed before it begins, after it ended, and twice; then it gives nothing more."""
    async with case.dataset() as dataset:
        for stop in (0, 1, None):
            iterator = aiter(dataset)
            taken = 0
            while stop is None or taken < stop:
                if await anext(iterator, CLOSED) is CLOSED:
                    break
                taken += 1
            if stop is None:
                assert await anext(iterator, CLOSED) is CLOSED, (
                    "expected an exhausted iterator to stay exhausted."
                )
            await iterator.aclose()
            await iterator.aclose()
            assert await anext(iterator, CLOSED) is CLOSED, "expected nothing from a closed iterator."


CLOSED = object()


async def opened_once_and_late(case: DatasetCase) -> None:
    """Making the dataset and its iterator opens nothing; a pass opens once and closes once."""
    source = CountingSource(case.items(ITEMS))
    dataset = case.make(source)
    iterator = aiter(dataset)
    await quiet(source)
    assert source.opened == 0, f"expected nothing opened before the first element, received {source.opened}."
    await iterator.aclose()
    await read(dataset)
    assert source.opened == case.opens, f"expected {case.opens} opened, received {source.opened}."
    check_closed(source, "after a whole pass")


async def early_exit_closes(case: DatasetCase) -> None:
    """Leaving after any element closes the source before the consumer's next statement."""
    for stop in range(len(case.wanted()) + 1):
        source = CountingSource(case.items(ITEMS))
        await read(case.make(source), stop)
        check_closed(source, f"left after {stop}")


async def cancel_closes(case: DatasetCase) -> None:
    """The same for a cancel at any wait."""
    for at in itertools.count(1):
        source = CountingSource(case.items(ITEMS))
        try:
            await Trip(read(case.make(source)), at).run()
        except Interrupted:
            check_closed(source, f"cancelled at wait {at}")
            continue
        return


async def source_failure(case: DatasetCase) -> None:
    """An error of the source comes out as it is, after the elements before it, and all is closed."""
    for at in range(ITEMS + 1):
        source = CountingSource(case.items(ITEMS), fail_at=at)
        received: list[Any] = []
        failed = None
        async with no_tasks_left():
            try:
                async with aclosing(case.make(source).groups()) as groups:
                    async for group in groups:
                        received += group
            except Exception as error:
                failed = error
        check_closed(source, f"failed at {at}")
        _check_failure(case, source, at, received, failed)


def _check_failure(
    case: DatasetCase, source: CountingSource, at: int, received: list[Any], failed: Exception | None
) -> None:
    wanted = case.wanted()
    if failed is None:
        agree(f"elements, as if item {at} had never been asked for", received, wanted)
    else:
        assert failed is source.error, f"failed at {at}: expected {source.error!r}, received {failed!r}."
    if case.ordered:
        agree(f"elements before the error at {at}", received, wanted[: len(received)])
    due = 0 if case.delivered is None else case.delivered(at)
    assert len(received) >= due, (
        f"failed at {at}: expected {due} elements before it, received {len(received)}."
    )


async def consumer_failure(case: DatasetCase) -> None:
    """An error of the consumer goes through unchanged, and all is closed."""
    for stop in range(1, len(case.wanted()) + 1):
        source = CountingSource(case.items(ITEMS))
        planted = Planted("consumer")
        error = await _consume(case.make(source), stop, planted)
        assert error is planted, f"expected the consumer's error, received {error!r}."
        check_closed(source, f"consumer failed after {stop}")


async def _consume(dataset: Dataset, stop: int, planted: Exception) -> Exception | None:
    """Raise after some elements; return what comes out of the pass."""
    taken = 0
    try:
        async with aclosing(dataset.groups()) as groups:
            async for group in groups:
                taken += len(group)
                if taken >= stop:
                    raise planted
    except Exception as error:
        return error
    return None


async def dropped_iterators_close(case: DatasetCase) -> None:
    """A loop left by `break`, its iterator dropped, closes the source soon after."""
    source = CountingSource(case.items(ITEMS))
    async for _ in case.make(source):
        break
    await quiet(source)
    if source.open_passes:  # the iterator is part of a cycle
        await COLLECT.run(gc.collect)
        await quiet(source)
    check_closed(source, "left by break")


async def one_consumer_at_a_time(case: DatasetCase) -> None:
    """A second __anext__ while the first still waits is a RuntimeError; the first is not disturbed."""
    source = CountingSource(case.items(ITEMS))
    source.hold()
    async with aiter(case.make(source)) as iterator:
        first = asyncio.ensure_future(anext(iterator))
        await quiet(source)
        assert not first.done(), "expected the first __anext__ to wait for the source."
        refusal = await _refusal(iterator)
        source.release()
        received = [await first, *[element async for element in iterator]]
    assert "one consumer" in refusal, (
        f"expected a RuntimeError with a message for people, received {refusal!r}."
    )
    case.check("elements", received, case.wanted())


async def _refusal(iterator: Any) -> str:
    """The message of the RuntimeError that a second __anext__ raises."""
    try:
        await asyncio.wait_for(anext(iterator), 1)
    except RuntimeError as error:
        return str(error)
    except TimeoutError:
        return ""
    return "an element"


async def backpressure(case: DatasetCase) -> None:
    """While the consumer stands still the source is read no further than promised; then all goes on."""
    assert case.read_for_first is not None
    source = CountingSource(case.items(MANY))
    dataset = case.make(source)
    async with aiter(dataset) as iterator:
        first = await anext(iterator)
        await quiet(source)
        assert source.taken <= case.read_for_first, (
            f"expected at most {case.read_for_first} items read for one element, received {source.taken}."
        )
        rest = [element async for element in iterator]
    case.check("elements", [first, *rest], case.wanted(MANY))
    peak = dataset.statistics().buffered_peak
    assert peak <= case.buffered, f"expected at most {case.buffered} elements buffered, received {peak}."


async def cuts_make_no_difference(case: DatasetCase) -> None:
    """However the bytes of a small file are cut into chunks, its elements are the same."""
    assert case.content is not None
    whole = await read(case.make(CountingSource([case.content])))
    assert whole, "expected elements, received none."
    single = [case.content[i : i + 1] for i in range(len(case.content))]
    agree("elements of single bytes", await read(case.make(CountingSource(single))), whole)
    for cut in range(1, len(case.content)):
        parts = [case.content[:cut], case.content[cut:]]
        agree(f"elements, cut at byte {cut}", await read(case.make(CountingSource(parts))), whole)


ALWAYS = (elements, every_pass_anew, early_exit, cancelled_anywhere, closed_iterator)
COUNTED = (
    opened_once_and_late,
    early_exit_closes,
    cancel_closes,
    source_failure,
    consumer_failure,
    dropped_iterators_close,
)
