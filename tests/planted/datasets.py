"""Datasets at fault: variations of one that hands on the items of a source."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from aseq.data import StreamStatistics
from aseq.data._iterator import DatasetIterator
from aseq.data._statistics import Statistics
from aseq.testing import DatasetCase


class HandOn:
    """The items of a source, without a defect."""

    length = None

    def __init__(self, source):
        self.source = source

    async def groups(self, *, epoch=None):
        async with aclosing(aiter(self.source)) as items:
            async for item in items:
                yield [item]

    def __aiter__(self):
        return DatasetIterator(self.groups())

    async def to_list(self):
        async with aclosing(self.groups()) as groups:
            return [item async for group in groups for item in group]

    def statistics(self):
        return StreamStatistics()


class WrongLength(HandOn):
    length = 3


class OneShot(HandOn):
    def __init__(self, source):
        super().__init__(source)
        self.items = aiter(source)

    async def groups(self, *, epoch=None):
        async for item in self.items:
            yield [item]


class LeavesTask(HandOn):
    async def groups(self, *, epoch=None):
        self.task = asyncio.ensure_future(asyncio.sleep(0.2))
        async with aclosing(super().groups()) as groups:
            async for group in groups:
                yield group


class SwallowsCancel(HandOn):
    async def groups(self, *, epoch=None):
        try:
            async with aclosing(super().groups()) as groups:
                async for group in groups:
                    yield group
        except asyncio.CancelledError:
            return


class ClosesOnce(HandOn):
    class Iterator(DatasetIterator):
        closed = False

        async def aclose(self):
            await super().aclose()
            if self.closed:
                raise ValueError("closed twice")
            self.closed = True

    def __aiter__(self):
        return self.Iterator(self.groups())


class OpensTwice(HandOn):
    async def groups(self, *, epoch=None):
        async with aclosing(aiter(self.source)) as header:
            await anext(header, None)
        async with aclosing(super().groups()) as groups:
            async for group in groups:
                yield group


class StaysOpen(HandOn):
    async def groups(self, *, epoch=None):
        self.items = aiter(self.source)
        async for item in self.items:
            yield [item]


class StaysOpenWhileWaiting(HandOn):
    async def groups(self, *, epoch=None):
        self.items = aiter(self.source)
        async for item in self.items:
            await asyncio.sleep(0)
            yield [item]


class KeptAlive(HandOn):
    kept = []

    def __aiter__(self):
        self.kept.append(super().__aiter__())
        return self.kept[-1]


class WrapsErrors(HandOn):
    async def groups(self, *, epoch=None):
        try:
            async with aclosing(super().groups()) as groups:
                async for group in groups:
                    yield group
        except Exception as error:
            raise ExceptionGroup("while reading", [error]) from None


class NoGuard(HandOn):
    class Items:
        def __init__(self, groups):
            self.groups = groups

        def __aiter__(self):
            return self

        async def __anext__(self):
            return (await anext(self.groups))[0]

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            await self.groups.aclose()

    def __aiter__(self):
        return self.Items(self.groups())


class ReadsAll(HandOn):
    async def groups(self, *, epoch=None):
        async with aclosing(super().groups()) as groups:
            everything = [item async for group in groups for item in group]
        for item in everything:
            yield [item]


class LinesOfChunks(HandOn):
    """Takes every chunk for whole lines."""

    async def groups(self, *, epoch=None):
        async with self.source.open(Statistics()) as chunks:
            async for chunk in chunks:
                if lines := chunk.split():
                    yield lines


def row(make, **options):
    return DatasetCase(id="Dataset-defect", make=make, **({"expected": list, "read_for_first": 1} | options))


CONTENT = b"one\ntwo\nthree\n"

SOUND = [row(HandOn)]

DATASETS = {
    "elements": row(WrongLength),
    "every_pass_anew": row(OneShot),
    "early_exit": row(LeavesTask),
    "cancelled_anywhere": row(SwallowsCancel),
    "closed_iterator": row(ClosesOnce),
    "opened_once_and_late": row(OpensTwice),
    "early_exit_closes": row(StaysOpen),
    "cancel_closes": row(StaysOpenWhileWaiting),
    "source_failure": row(WrapsErrors),
    "consumer_failure": row(StaysOpen),
    "dropped_iterators_close": row(KeptAlive),
    "one_consumer_at_a_time": row(NoGuard),
    "backpressure": row(ReadsAll),
    "cuts_make_no_difference": row(LinesOfChunks, content=CONTENT),
}
