"""What every pass promises: starting anew, reading no more than needed, closing at once, whatever happens."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from contextlib import aclosing, asynccontextmanager

import numpy as np
import pyarrow as pa
import pytest

from aseq import data
from aseq.errors import DataError, StreamConsumed

ROWS = 20
TEXT = b"a,another_column\n" + b"".join(b"%d,%d\n" % (i, i % 3) for i in range(ROWS))


class CountingSource:
    """One CSV row per chunk; counts what is opened, read and closed, and may fail."""

    name = "counting"

    def __init__(self, fail_at: int | None = None) -> None:
        self.fail_at = fail_at
        self.opened = self.closed = self.read = 0

    @asynccontextmanager
    async def open(self, statistics):
        await asyncio.sleep(0)
        self.opened += 1
        try:
            yield self._chunks(statistics)
        finally:
            await asyncio.sleep(0)
            self.closed += 1

    async def _chunks(self, statistics):
        for number, line in enumerate(TEXT.splitlines(keepends=True)):
            await asyncio.sleep(0)
            if number == self.fail_at:
                raise ConnectionError(f"failed at {number}")
            self.read += 1
            statistics.bytes += len(line)
            yield line


async def double(value):
    await asyncio.sleep(0)
    return value


PIPELINES = {
    "rows": lambda ds: ds,
    "map": lambda ds: ds.map(lambda row: row),
    "filter": lambda ds: ds.filter(lambda row: True),
    "prefetch": lambda ds: ds.prefetch(2),
    "async map": lambda ds: ds.map(double, num_parallel=2),
    "zip": lambda ds: ds.zip(data.array(np.arange(ROWS))).map(lambda row, _: row),
    "concatenate": lambda ds: ds.concatenate(data.array(np.arange(0))),
    "interleave": lambda ds: data.interleave((ds,)),
    "repeat": lambda ds: ds.repeat(1),
    "cache": lambda ds: ds.cache(),
    "twice": lambda ds: (
        ds.prefetch(1).map(double).prefetch(3).map(lambda row: row).enumerate().map(lambda _, r: r)
    ),
}
pipelines = pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES.keys())


@pytest.fixture(autouse=True)
async def nothing_is_left_behind():
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pipelines
async def test_passes_start_anew_and_do_not_disturb_each_other(pipeline):
    source = CountingSource()
    dataset = pipeline(data.csv(source))
    assert source.opened == 0
    first, second = aiter(dataset), aiter(dataset)
    assert source.opened == 0
    async with first, second:
        for number in range(ROWS):
            assert (await anext(first))["a"] == number
            assert (await anext(second))["a"] == number
        for each in (first, second):
            for _ in range(2):
                with pytest.raises(StopAsyncIteration):
                    await anext(each)
    assert source.opened == source.closed == 2


@pipelines
async def test_leaving_early_closes_before_the_next_statement(pipeline):
    for count in range(ROWS + 1):
        source = CountingSource()
        async with aclosing(pipeline(data.csv(source)).groups()) as groups:
            if count:
                async for group in groups:
                    count -= len(group)
                    if count <= 0:
                        break
        assert source.opened == source.closed <= 1


@pipelines
async def test_a_failing_source_delivers_what_came_before(pipeline):
    for fail_at in range(ROWS + 1):
        source = CountingSource(fail_at)
        got = []
        with pytest.raises(ConnectionError, match=f"failed at {fail_at}$"):
            await pipeline(data.csv(source)).for_each(got.append)
        assert [row["a"] for row in got] == list(range(max(fail_at - 1, 0)))
        assert source.opened == source.closed == 1


@pipelines
async def test_cancelling_anywhere_closes_everything(pipeline):
    for steps in (*range(80), *range(80, 10**6, 97)):  # a hop to a thread takes many turns of the loop
        source = CountingSource()
        dataset = pipeline(data.csv(source))
        task = asyncio.create_task(dataset.to_list())
        for _ in range(steps):
            await asyncio.sleep(0)
        finished = task.done()
        task.cancel()
        if finished:
            assert len(await task) == ROWS
            break
        with pytest.raises(asyncio.CancelledError):
            await task
        assert source.opened == source.closed
        assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(await dataset.to_list()) == ROWS


async def test_breaking_out_of_a_loop_closes_soon():
    source = CountingSource()
    async for _ in data.csv(source).prefetch(2):
        break
    gc.collect()
    await asyncio.sleep(0.05)
    assert source.closed == 1


ENDS = r"""
import asyncio, io
import pyarrow as pa
from pyarrow import parquet
from aseq import data

opened = closed = 0
kept = []

async def numbers():
    global opened, closed
    opened += 1
    try:
        for number in range(100):
            await asyncio.sleep(0)
            yield number
    finally:
        await asyncio.sleep(0)
        closed += 1

async def slow(number):
    await asyncio.sleep(0.001)
    return number

async def main(dataset, hold):
    elements = aiter(dataset)
    kept[:] = [elements] if hold else []
    async for _ in elements:
        return

ds = data.from_async_iterable(numbers)
table, rows = io.BytesIO(), data.MemorySource(b"a\n" + 9 * b"1\n")
parquet.write_table(pa.table({"a": range(9)}), table, row_group_size=2)
files = data.parquet(data.MemorySource(table.getvalue())), data.csv(rows), data.csv([rows, rows])
for dataset in files:
    for hold in (False, True):
        asyncio.run(main(dataset, hold))
for dataset in (
    ds, ds.map(str), ds.prefetch(2), ds.map(slow, num_parallel=3, ordered=False).prefetch(1), ds.zip(ds),
    data.interleave((ds, ds)), ds.concatenate(ds), ds.repeat(), ds.cache(), ds.shuffle(3).batch(2).prefetch(1).repeat(),
):
    for hold in (False, True):
        asyncio.run(main(dataset, hold))
        assert 0 < opened == closed, (dataset, hold, opened, closed)
"""


async def test_a_program_that_ends_in_a_pass_closes_it_without_a_word():
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "dev", "-c", ENDS, stderr=asyncio.subprocess.PIPE
    )
    _, complaints = await program.communicate()
    assert complaints.decode() == ""
    assert program.returncode == 0


@pipelines
async def test_a_wait_that_was_cancelled_does_not_look_like_the_end(pipeline):
    more = asyncio.Event()

    async def live():
        yield 0
        await more.wait()
        yield 1

    async with aiter(pipeline(data.from_async_iterable(live))) as elements:
        await anext(elements)
        waiting = asyncio.ensure_future(anext(elements))
        for _ in range(100):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        for _ in range(2):
            with pytest.raises(StreamConsumed, match="a wait for its next element was cancelled"):
                await anext(elements)
    with pytest.raises(StopAsyncIteration):
        await anext(elements)


def test_a_dataset_serves_one_event_loop_after_another():
    for pipeline in PIPELINES.values():
        dataset = pipeline(data.csv(CountingSource()))
        for _ in range(2):
            assert len(asyncio.run(dataset.to_list())) == ROWS


async def test_what_a_cancel_finds_half_begun_is_closed():
    class Connection:
        opened = closed = 0

        def __init__(self):
            Connection.opened += 1

        def __iter__(self):
            return self

        def __next__(self):
            return 1

        def close(self):
            Connection.closed += 1

    for turns in range(50):
        task = asyncio.create_task(data.generator(Connection).take(5).to_list())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert Connection.opened == Connection.closed
    assert Connection.opened > 0


async def test_a_generator_that_has_ended_is_refused():
    async def async_numbers():
        yield 1

    numbers, others = iter_once(), async_numbers()
    for dataset in (data.generator(lambda: numbers), data.from_async_iterable(lambda: others)):
        assert await dataset.to_list() == [1]
        with pytest.raises(StreamConsumed, match="expected a new iterator"):
            await dataset.to_list()


def iter_once():
    yield 1


async def test_take_reads_no_further_than_needed():
    source = CountingSource()
    assert len(await data.csv(source).take(3).to_list()) == 3
    assert source.read <= 3 + 3  # the header, the row that is parsed, one read ahead
    source = CountingSource()
    assert await data.csv(source).take(0).to_list() == []
    assert source.opened == 0
    pulled = []
    numbers = data.generator(lambda: (pulled.append(n) or n for n in range(100)))
    assert await numbers.map(lambda n: n).take(3).to_list() == [0, 1, 2]
    assert pulled == [0, 1, 2]


@pytest.mark.parametrize("capacity", [1, 2, 5])
async def test_prefetch_reads_ahead_and_no_further(capacity):
    given = 0

    async def numbers():
        nonlocal given
        for number in range(50):
            given += 1
            yield number

    dataset = data.from_async_iterable(numbers).prefetch(capacity)
    async with aiter(dataset) as elements:
        for taken in range(1, 10):
            assert await anext(elements) == taken - 1
            await asyncio.sleep(0.002)
            assert given == taken + capacity
            assert dataset.statistics().buffered == capacity
    assert dataset.statistics().buffered == 0
    assert dataset.statistics().buffered_peak == capacity


async def test_prefetch_is_bounded_by_bytes(monkeypatch):
    monkeypatch.setattr("aseq.data._prefetch.MAX_BYTES", 3000)
    given = 0

    async def arrays():
        nonlocal given
        for _ in range(50):
            given += 1
            yield np.zeros(125)

    async with aiter(data.from_async_iterable(arrays).prefetch(30)) as elements:
        await anext(elements)
        await asyncio.sleep(0.01)
        assert given == 4


async def test_one_consumer_at_a_time():
    async def slow():
        await asyncio.sleep(0.02)
        yield 1

    elements = aiter(data.from_async_iterable(slow))
    first = asyncio.create_task(anext(elements))
    await asyncio.sleep(0.005)
    with pytest.raises(RuntimeError, match="one consumer at a time"):
        await anext(elements)
    assert await first == 1
    await elements.aclose()
    await elements.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(elements)


async def test_an_async_iterator_serves_one_pass():
    closed = []

    async def numbers():
        try:
            for number in range(5):
                yield number
        finally:
            closed.append(True)

    dataset = data.from_async_iterable(numbers())
    assert await dataset.take(2).to_list() == [0, 1]
    assert closed == [True]
    with pytest.raises(StreamConsumed, match="read only once"):
        await dataset.to_list()
    again = data.from_async_iterable(numbers)
    assert await again.to_list() == await again.to_list() == [0, 1, 2, 3, 4]


async def test_a_generator_runs_in_one_thread_at_a_time_and_is_closed():
    threads, closed = set(), []

    def numbers():
        try:
            for number in range(1000):
                threads.add(threading.current_thread() is threading.main_thread())
                yield number
        finally:
            closed.append(True)

    dataset = data.generator(numbers)
    assert await dataset.to_list() == list(range(1000))
    assert threads == {False}
    async with aiter(dataset) as elements:
        assert await anext(elements) == 0
    assert closed == [True, True]


async def test_generators_of_all_kinds():
    async def async_numbers():
        yield 1

    async def made():
        return async_numbers()

    assert await data.generator(async_numbers).to_list() == [1]
    assert await data.from_async_iterable(made).to_list() == [1]
    assert await data.generator(lambda: [1, 2]).to_list() == [1, 2]
    for wrong in (data.generator(lambda: 3), data.from_async_iterable(lambda: [1])):
        with pytest.raises(DataError, match="expected"):
            await wrong.to_list()


async def test_an_error_in_a_generator_comes_after_its_elements():
    def numbers():
        yield 1
        yield 2
        raise KeyError("three")

    got = []
    with pytest.raises(KeyError, match="three"):
        await data.generator(numbers).for_each(got.append)
    assert got == [1, 2]


async def test_statistics_belong_to_the_latest_pass():
    source = CountingSource()
    rows = data.csv(source)
    batches = rows.batch(4)
    assert batches.statistics().bytes == 0
    await batches.take(1).to_list()
    await batches.to_list()
    assert batches.statistics().bytes == rows.statistics().bytes == len(TEXT)
    assert rows.statistics().rows == ROWS


COUNTED = {
    "array": lambda: data.array(np.arange(6)),
    "generator": lambda: data.generator(lambda: range(6)),
    "iterable": lambda: data.from_iterable([*range(6)]),
    "async": lambda: data.from_async_iterable(six),
    "table": lambda: data.table(pa.table({"a": range(6)})),
    "csv": lambda: data.csv(data.MemorySource(b"a\n" + b"1\n" * 6)),
}


async def six():
    for number in range(6):
        yield number


@pytest.mark.parametrize("name", COUNTED)
async def test_rows_are_counted_whatever_they_come_from(name):
    dataset = COUNTED[name]()
    for each, rows in (
        (dataset, 6),
        (dataset.batch(4), 6),
        (dataset.repeat(2), 12),
        (dataset.zip(dataset), 12),
    ):
        await each.to_list()
        assert each.statistics().rows == dataset.statistics().rows == rows
    cached = dataset.cache()
    for rows in (6, 0):
        await cached.to_list()
        assert cached.statistics().rows == rows


async def test_the_bytes_of_texts_count_in_a_buffer(monkeypatch):
    monkeypatch.setattr("aseq.data._prefetch.MAX_BYTES", 3000)
    given = []

    async def texts():
        for _ in range(50):
            given.append(1)
            yield "a" * 1000

    async with aiter(data.from_async_iterable(texts).prefetch(30)) as elements:
        await anext(elements)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(given) == 4


async def test_the_loop_stays_free_while_a_large_chunk_is_parsed():
    text = (b",".join(b"%d.5" % column for column in range(100)) + b"\n") * 20_000
    dataset = data.csv(data.MemorySource(text, chunk_size=1 << 20), has_header=False, label=0).batch(32)
    gaps, running = [], True

    async def heartbeat():
        loop = asyncio.get_running_loop()
        while running:
            before = loop.time()
            await asyncio.sleep(0.001)
            gaps.append(loop.time() - before)

    beat = asyncio.create_task(heartbeat())
    await dataset.for_each(lambda x, y: None)
    running = False
    await beat
    assert len(gaps) > 20
    assert max(gaps) < 0.05


async def test_memory_is_let_go_of():
    dataset = data.csv(data.MemorySource(b"1,2\n" * 500_000), has_header=False, label=0).batch(1000)
    async with aclosing(dataset.groups()) as groups:
        most = max([sum(x.nbytes for x, _ in group) async for group in groups])
    assert most < 4 << 20


def test_event_loops_in_several_threads_read_side_by_side():
    problems = []

    async def passes():
        under_way = [aiter(data.array([1.0, 2.0])) for _ in range(500)]
        for iterator in under_way:
            await anext(iterator)
        for iterator in under_way:
            await iterator.aclose()

    def run():
        try:
            asyncio.run(passes())
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not problems
