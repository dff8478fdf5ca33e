"""Every operator against a plain-Python model of itself, over blocks of every size."""

from __future__ import annotations

import asyncio
import itertools
import os
import pickle
import re
import secrets
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aseq import data
from aseq.data._block import Columns, Items, leaves, together, transform
from aseq.data._chain import Chain
from aseq.errors import ConfigError, DataError

BLOCKS = st.lists(st.integers(0, 7), max_size=6)


def run(dataset):
    return asyncio.run(dataset.to_list())


def plain(elements):
    return [
        element.tolist() if isinstance(element, np.ndarray | np.generic) else element for element in elements
    ]


def blocks_of(sizes, columns):
    """A dataset over 0, 1, 2 ... whose blocks have the given sizes, stacked or as lists."""
    total = list(itertools.accumulate(sizes, initial=0))

    def make():
        for start, stop in itertools.pairwise(total):
            yield Columns(np.arange(start, stop), stop - start)

    dataset = data.generator(make)
    return dataset if columns else dataset.map(int)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    global FOLDER
    FOLDER = tmp_path_factory.mktemp("caches")


def filed(dataset):
    """Kept in a file of its own."""
    return dataset.cache(FOLDER / secrets.token_hex())


def later(function):
    """The same function, after some turns of the loop: the larger the value, the fewer."""

    async def call(value):
        for _ in range(max(0, 20 - int(value))):
            await asyncio.sleep(0)
        return function(value)

    return call


def in_turns(first, second, n):
    """n elements of each in turns, until both are through."""
    turns = max(len(first), len(second))
    return [v for start in range(0, turns, n) for each in (first, second) for v in each[start : start + n]]


def batched(elements, n, drop_remainder):
    batches = [elements[start : start + n] for start in range(0, len(elements), n)]
    return [batch for batch in batches if not drop_remainder or len(batch) == n]


MODELS = {
    "take": (lambda ds, n: ds.take(n), lambda e, n: e[:n]),
    "skip": (lambda ds, n: ds.skip(n), lambda e, n: e[n:]),
    "shard": (lambda ds, n: ds.shard(3, n % 3), lambda e, n: e[n % 3 :: 3]),
    "enumerate": (lambda ds, n: ds.enumerate(n), lambda e, n: list(enumerate(e, n))),
    "batch": (lambda ds, n: ds.batch(n + 1), lambda e, n: batched(e, n + 1, False)),
    "batch_drop": (lambda ds, n: ds.batch(n + 1, drop_remainder=True), lambda e, n: batched(e, n + 1, True)),
    "unbatch": (lambda ds, n: ds.batch(n + 1).unbatch(), lambda e, n: e),
    "map": (lambda ds, n: ds.map(lambda v: v * n), lambda e, n: [v * n for v in e]),
    "map_async": (
        lambda ds, n: ds.map(later(lambda v: v * n), num_parallel=n + 1),
        lambda e, n: [v * n for v in e],
    ),
    "filter": (
        lambda ds, n: ds.filter(lambda v: v % (n + 1) == 0),
        lambda e, n: [v for v in e if v % (n + 1) == 0],
    ),
    "repeat": (lambda ds, n: ds.repeat(n), lambda e, n: e * n),
    "concatenate": (lambda ds, n: ds.concatenate(ds.take(n)), lambda e, n: e + e[:n]),
    "concatenate_many": (
        lambda ds, n: ds.take(n).concatenate(ds, ds.skip(n)).concatenate(ds),
        lambda e, n: e[:n] + e + e[n:] + e,
    ),
    "zip": (lambda ds, n: ds.zip(ds.skip(n)), lambda e, n: list(zip(e, e[n:], strict=False))),
    "prefetch": (lambda ds, n: ds.prefetch(n + 1), lambda e, n: e),
    "cache": (lambda ds, n: ds.cache(), lambda e, n: e),
    "cache_file": (lambda ds, n: filed(ds), lambda e, n: e),
    "cache_file_batches": (lambda ds, n: filed(ds.batch(n + 1)), lambda e, n: batched(e, n + 1, False)),
    "interleave": (
        lambda ds, n: data.interleave((ds, ds.take(n)), n + 1),
        lambda e, n: in_turns(e, e[:n], n + 1),
    ),
    "zip_dict": (
        lambda ds, n: data.zip({"a": ds.skip(n), "b": ds}).map(lambda row: row["a"] - row["b"]),
        lambda e, n: [n] * max(0, len(e) - n),
    ),
    "rebatch": (
        lambda ds, n: ds.batch(n + 1).unbatch().skip(1).batch(2).take(n),
        lambda e, n: batched(e[1:], 2, False)[:n],
    ),
}


@pytest.mark.parametrize("columns", [True, False])
@pytest.mark.parametrize("name", MODELS)
@given(sizes=BLOCKS, n=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_operator_equals_its_model(name, columns, sizes, n):
    operator, model = MODELS[name]
    dataset = operator(blocks_of(sizes, columns), n)
    expected = model(list(range(sum(sizes))), n)
    assert plain(run(dataset)) == expected
    assert plain(run(dataset)) == expected  # a recipe: the second pass is like the first


@given(sizes=BLOCKS, n=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_unordered_async_map_loses_nothing_and_doubles_nothing(sizes, n):
    dataset = blocks_of(sizes, True).map(later(int), num_parallel=n + 1, ordered=False)
    assert sorted(run(dataset)) == list(range(sum(sizes)))


@given(sizes=BLOCKS)
@settings(max_examples=25, deadline=None)
def test_unbatch_takes_batches_of_every_length_apart(sizes):
    total = list(itertools.accumulate(sizes, initial=0))
    batches = [np.arange(start, stop) for start, stop in itertools.pairwise(total)]
    dataset = data.generator(lambda: iter(batches)).unbatch()
    assert plain(run(dataset)) == list(range(sum(sizes)))
    assert plain(run(dataset.batch(3))) == batched(list(range(sum(sizes))), 3, False)


@given(count=st.integers(0, 20), capacity=st.integers(1, 5), pause=st.integers(0, 8))
@settings(max_examples=50, deadline=None)
def test_prefetch_keeps_the_order_however_slow_the_consumer(count, capacity, pause):
    async def numbers():
        for number in range(count):
            yield number

    async def consume():
        received, dataset = [], data.from_async_iterable(numbers).prefetch(capacity)
        async for number in dataset:
            received.append(number)
            for _ in range(pause):
                await asyncio.sleep(0)
        return received, dataset.statistics()

    received, statistics = asyncio.run(consume())
    assert received == list(range(count))
    assert statistics.rows == count
    assert statistics.buffered == 0
    assert statistics.buffered_peak <= capacity


def nested(number):
    return {"a": (number, [number, -number]), "b": number % 2 == 0, "c": str(number)}


def nested_blocks(sizes):
    """A dataset of nested elements in stacked blocks of the given sizes."""
    total = list(itertools.accumulate(sizes, initial=0))

    def make():
        for start, stop in itertools.pairwise(total):
            n = np.arange(start, stop)
            texts = np.array([str(i) for i in n], object)
            yield Columns({"a": (n, np.stack([n, -n], axis=1)), "b": n % 2 == 0, "c": texts}, len(n))

    return data.generator(make)


def deep(element):
    """Nested elements, with lists and plain numbers in place of arrays and NumPy's."""
    return transform(element, lambda leaf: leaf.tolist() if hasattr(leaf, "tolist") else leaf)


def piled(batches):
    """Lists of nested elements as batches of them."""
    return [together(batch, list, "test") for batch in batches]


def ready(sizes, columns):
    dataset = nested_blocks(sizes)
    return dataset if columns else dataset.map(lambda element: element)


STRUCTURED = {
    name: MODELS[name]
    for name in (
        "take", "skip", "shard", "enumerate", "unbatch", "repeat", "concatenate", "zip", "prefetch", "cache",
        "cache_file", "interleave",
    )
} | {
    "batch": (lambda ds, n: ds.batch(n + 1), lambda e, n: piled(batched(e, n + 1, False))),
    "cache_file_batches": (lambda ds, n: filed(ds.batch(n + 1)), lambda e, n: piled(batched(e, n + 1, False))),
    "filter": (
        lambda ds, n: ds.filter(lambda row: row["a"][0] % (n + 1) == 0),
        lambda e, n: [row for row in e if row["a"][0] % (n + 1) == 0],
    ),
    "shuffle": (lambda ds, n: ds.shuffle(n + 1, seed=n, reshuffle_each_iteration=False),
        lambda e, n: shuffled(e, n + 1, np.random.default_rng(np.random.SeedSequence(n)))),
}  # fmt: skip


@pytest.mark.parametrize("columns", [True, False])
@pytest.mark.parametrize("name", STRUCTURED)
@given(sizes=BLOCKS, n=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_operator_equals_its_model_on_nested_elements(name, columns, sizes, n):
    operator, model = STRUCTURED[name]
    dataset = operator(ready(sizes, columns), n)
    expected = model([nested(number) for number in range(sum(sizes))], n)
    for _ in range(2):
        assert [deep(element) for element in run(dataset)] == expected


def test_every_operator_has_a_model():
    operators = {
        name
        for name in vars(data.Dataset)
        if not name.startswith("_") and callable(getattr(data.Dataset, name))
    }
    assert operators - {name.partition("_")[0] for name in MODELS} == {"shuffle"}  # which has one below


@pytest.mark.parametrize("name", MODELS)
@given(count=st.integers(0, 12), n=st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_length_is_the_number_of_elements_where_it_is_known(name, count, n):
    dataset = MODELS[name][0](data.array(np.arange(count)), n)
    if dataset.length is not None:
        assert dataset.length == len(run(dataset))
    else:
        assert name in ("filter", "unbatch", "rebatch")


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
async def test_a_seed_gives_the_same_orders_in_every_process(hash_seed):
    program = (
        "import asyncio; from aseq import data\n"
        "ds = data.array(range(30)).shuffle(10, seed=5)\n"
        "for _ in range(2): print(*asyncio.run(ds.to_list()))"
    )
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env={**os.environ, "PYTHONHASHSEED": hash_seed}, stdout=subprocess.PIPE
    )
    printed, _ = await other.communicate()
    here = data.array(np.arange(30)).shuffle(10, seed=5)
    for line in printed.decode().splitlines():
        assert [*map(int, line.split())] == plain(await here.to_list())


def shuffled(elements, size, random):
    """The documented order, one element at a time."""
    buffer, out = elements[:size], []
    for element in elements[size:]:
        slot = int(random.integers(size))
        out.append(buffer[slot])
        buffer[slot] = element
    return out + [buffer[index] for index in random.permutation(len(buffer))]


@pytest.mark.parametrize("columns", [True, False])
@given(sizes=BLOCKS, size=st.integers(1, 12), seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_shuffle_equals_the_loop_over_single_elements_whatever_the_blocks(columns, sizes, size, seed):
    dataset = blocks_of(sizes, columns).shuffle(size, seed=seed)
    elements = list(range(sum(sizes)))
    for epoch in range(2):
        random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(epoch,)))
        assert plain(run(dataset)) == shuffled(elements, size, random)


async def collect(groups):
    return plain([element async for group in groups for element in group])


async def test_an_epochs_order_can_be_asked_for():
    dataset = data.array(np.arange(50)).shuffle(20, seed=3).batch(1).unbatch()
    first, second = plain(await dataset.to_list()), plain(await dataset.to_list())
    assert first != second
    assert await collect(dataset.groups(epoch=1)) == second
    assert await collect(dataset.groups(epoch=0)) == first


async def test_a_shuffle_can_keep_its_order():
    dataset = data.array(np.arange(50)).shuffle(20, reshuffle_each_iteration=False)
    assert plain(await dataset.to_list()) == plain(await dataset.to_list())
    other = data.array(np.arange(50)).shuffle(20, reshuffle_each_iteration=False)
    assert plain(await dataset.to_list()) != plain(await other.to_list())


async def test_every_repetition_has_an_order_of_its_own():
    dataset = data.array(np.arange(30)).shuffle(30, seed=1).repeat(2)
    for _ in range(2):
        order = plain(await dataset.to_list())
        assert order[:30] != order[30:]
        assert sorted(order[:30]) == sorted(order[30:]) == list(range(30))
    assert await collect(dataset.groups(epoch=0)) != await collect(dataset.groups(epoch=1))


async def test_shuffle_is_uniform_enough():
    first = np.array(
        [(await data.array(np.arange(10)).shuffle(5, seed=seed).take(1).to_list())[0] for seed in range(500)]
    )
    assert np.bincount(first, minlength=10)[:5].min() > 60
    assert first.max() == 4  # the first element can only come from the first five


async def test_batches_inside_a_block_are_views():
    x = np.arange(12.0).reshape(6, 2)
    for batch in await data.array(x).batch(3).to_list():
        assert batch.base is not None
        assert np.shares_memory(batch, x)


async def test_structures_survive_batching():
    x = {"a": np.arange(5), "b": (np.ones((5, 2)), np.arange(5.0))}
    batches = await data.array(x).skip(1).batch(3).to_list()
    assert [sorted(batch) for batch in batches] == [["a", "b"]] * 2
    assert batches[0]["b"][0].shape == (3, 2)
    assert batches[1]["a"].tolist() == [4]


async def test_batches_of_python_values():
    rows = [(1.5, 1, "a", None), (2.5, 2, "b", None)]
    ((floats, ints, texts, nones),) = await data.generator(lambda: iter(rows)).batch(2).to_list()
    assert (floats.dtype, ints.dtype, texts.dtype) == (np.float32, np.int64, object)
    assert nones.tolist() == [None, None]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2.5], np.float32),
        ([2.5, 1], np.float32),
        ([np.float64(2.5), 1.5], np.float64),
        ([1.5, np.float64(2.5)], np.float64),
        ([1.5, np.float32(2.5)], np.float32),
        ([np.int64(1), np.float32(2.5)], np.float64),
        ([True, False], np.bool_),
    ],
)
async def test_dtypes_do_not_depend_on_the_order_of_values(values, dtype):
    for each in (values, values[::-1]):
        (batch,) = await data.generator(lambda each=each: iter(each)).batch(2).to_list()
        assert batch.dtype == dtype
        assert batch.tolist() == each


@pytest.mark.parametrize(
    ("elements", "problem"),
    [
        ([np.ones(2), np.ones(3)], r"expected elements of one shape, received \(2,\) and \(3,\)"),
        ([{"a": 1}, {"b": 1}], "expected elements of one structure"),
        ([(1, 2), 3], "expected elements of one structure"),
        ([3, (1, 2)], "expected elements of one structure"),
        ([[[1], [1, 2]], 3], "batch: expected arrays, or lists of lists of one length"),
    ],
)
async def test_elements_that_do_not_stack(elements, problem):
    with pytest.raises(DataError, match=problem):
        await data.generator(lambda: iter(elements)).batch(2).to_list()


async def test_unbatch_refuses_what_has_no_rows():
    with pytest.raises(DataError, match="received the scalar"):
        await data.array([1, 2]).unbatch().to_list()
    with pytest.raises(DataError, match=r"arrays of one length, received \[2, 3\]"):
        await data.generator(lambda: [(np.ones(2), np.ones(3))]).unbatch().to_list()
    with pytest.raises(DataError, match="unbatch: expected arrays, or lists of lists of one length"):
        await data.generator(lambda: [[[1], [1, 2]]]).unbatch().to_list()


async def test_functions_of_several_arguments_get_the_parts_of_a_pair():
    pairs = data.array([1, 2, 3], [4, 5, 6])
    assert plain(await pairs.map(lambda x, y: x + y).to_list()) == [5, 7, 9]
    assert plain(await pairs.map(lambda pair: pair[1]).to_list()) == [4, 5, 6]
    assert len(await pairs.filter(lambda x, y: x == 2 and y == 5).to_list()) == 1
    seen = []
    await pairs.for_each(lambda x, y: seen.append(int(x * y)))
    assert seen == [4, 10, 18]

    async def add(x, y):
        return x + y

    assert plain(await pairs.map(add).to_list()) == [5, 7, 9]
    await pairs.for_each(add)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("num_parallel", [1, 3])
async def test_async_map(ordered, num_parallel):
    under_way = peak = 0

    async def work(value):
        nonlocal under_way, peak
        under_way += 1
        peak = max(peak, under_way)
        await asyncio.sleep(0.02 if value == 0 else 0.001)
        under_way -= 1
        return int(value) * 10

    dataset = data.array(np.arange(8)).map(work, num_parallel=num_parallel, ordered=ordered)
    results = await dataset.to_list()
    assert peak == num_parallel
    assert sorted(results) == [value * 10 for value in range(8)]
    assert (results == sorted(results)) == (ordered or num_parallel == 1)
    assert dataset.length == 8


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("num_parallel", [1, 2, 4])
async def test_async_map_holds_no_result_back_while_the_source_is_silent(ordered, num_parallel):
    more = asyncio.Event()

    async def live():
        for number in range(6):
            yield number
            await more.wait()
            more.clear()

    async def work(value):
        return value * 10

    dataset = data.from_async_iterable(live).map(work, num_parallel=num_parallel, ordered=ordered)
    async with asyncio.timeout(10), aiter(dataset) as results:
        for number in range(6):
            assert await anext(results) == number * 10
            more.set()


async def test_unordered_async_map_gives_what_is_done_first_while_the_source_is_silent():
    silence, first = asyncio.Event(), asyncio.Event()

    async def live():
        yield 0
        yield 1
        await silence.wait()

    async def work(value):
        if value == 0:
            await first.wait()
        return value

    async with asyncio.timeout(10):
        dataset = data.from_async_iterable(live).map(work, num_parallel=4, ordered=False)
        async with aiter(dataset) as results:
            assert await anext(results) == 1
            first.set()
            assert await anext(results) == 0
            silence.set()
            assert await anext(results, "end") == "end"


@pytest.mark.parametrize("num_parallel", [1, 3])
async def test_async_map_reads_no_further_than_its_slots(num_parallel):
    given = []

    async def numbers():
        for number in range(100):
            given.append(number)
            yield number

    async def work(value):
        return value

    dataset = data.from_async_iterable(numbers).map(work, num_parallel=num_parallel)
    async with aiter(dataset) as results:
        await anext(results)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(given) <= num_parallel


async def test_async_map_delivers_what_came_before_an_error():
    async def work(value):
        if value == 3:
            raise ValueError("three")
        return int(value)

    for num_parallel in (1, 2, 8):
        got = []
        with pytest.raises(ValueError, match="three"):
            await data.array(np.arange(6)).map(work, num_parallel=num_parallel).for_each(got.append)
        assert got == [0, 1, 2]


async def test_a_function_that_forgot_its_async():
    async def work(value):
        return value

    for operator in (data.Dataset.map, data.Dataset.filter):
        with pytest.raises(DataError, match="received an awaitable"):
            await operator(data.array([1]), lambda value: work(value)).to_list()


async def test_a_function_that_makes_several_of_one():
    async def twice(value):
        yield value
        yield value

    for function in (twice, iter_twice):
        with pytest.raises(DataError, match="received a generator"):
            await data.array([1]).map(function).to_list()


def iter_twice(value):
    yield value
    yield value


async def test_an_error_of_a_function_says_on_which_element():
    def fails(value):
        if value == 300:
            raise ValueError("three hundred")
        return True

    async def fails_later(value):
        return fails(value)

    numbers = data.generator(lambda: range(1000))
    for dataset, name in (
        (numbers.map(fails), "map(.*fails)"),
        (numbers.filter(fails), "filter(.*fails)"),
        (numbers.map(lambda x: x).map(fails), "map(.*fails)"),
        (numbers.map(fails_later, num_parallel=3), "map(.*fails_later)"),
        (numbers.enumerate().map(lambda _, x: fails(x)), "map(.*<lambda>)"),
    ):
        with pytest.raises(ValueError, match="three hundred") as error:
            await dataset.to_list()
        (note,) = error.value.__notes__
        wanted = f"raised by {name} on element 300 of the pass, counted from 0"
        assert re.fullmatch(wanted.replace("(", r"\(").replace(")", r"\)"), note)


@pytest.mark.parametrize("operator", ["map", "filter"])
async def test_results_before_an_exception_come_out_before_it(operator):
    def fails(value):
        if value == 4:
            raise ZeroDivisionError
        return True

    got = []
    with pytest.raises(ZeroDivisionError):
        await getattr(data.array(np.arange(9)), operator)(fails).for_each(got.append)
    assert len(got) == 4
    assert len(await getattr(data.array(np.arange(9)), operator)(fails).take(4).to_list()) == 4


async def test_zip_of_dicts_and_of_different_blocks():
    letters = data.generator(lambda: iter("abcdef"))
    zipped = data.zip({"n": data.array(np.arange(4)), "s": letters})
    assert [(int(e["n"]), e["s"]) for e in await zipped.to_list()] == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]
    assert data.zip((data.array([1, 2, 3]), data.array([1]))).length == 1


async def test_interleave():
    parts = [data.array(np.arange(start, start + count)) for start, count in ((0, 5), (10, 2), (20, 3))]
    assert plain(await data.interleave(parts).to_list()) == [0, 10, 20, 1, 11, 21, 2, 22, 3, 4]
    assert plain(await data.interleave(parts, 2).to_list()) == [0, 1, 10, 11, 20, 21, 2, 3, 22, 4]
    assert data.interleave(parts).length == 10


async def test_endless_datasets():
    endless = data.array([1, 2]).repeat()
    assert endless.length is None
    assert plain(await endless.take(5).to_list()) == [1, 2, 1, 2, 1]
    assert endless.take(5).length == 5
    filtered = endless.filter(lambda value: True)
    assert plain(await filtered.take(2).to_list()) == [1, 2]
    for dataset in (endless, filtered, endless.concatenate(endless.take(1)), endless.zip(filtered)):
        with pytest.raises(DataError, match="endless"):
            await dataset.to_list()
    with pytest.raises(DataError, match="endless"):
        await endless.batch(2).to_list()
    assert await data.array([]).repeat().to_list() == []


async def test_repeating_what_may_be_empty_promises_no_length():
    empty = data.generator(lambda: [])
    for dataset in (empty.repeat().take(9), empty.repeat().zip(data.array([1, 2])), empty.repeat(3)):
        assert dataset.length is None
        assert await dataset.to_list() == []
    with pytest.raises(DataError, match="endless"):
        await empty.repeat().to_list()


@pytest.mark.parametrize(
    "call",
    [
        lambda ds: ds.batch(0),
        lambda ds: ds.batch(2.5),
        lambda ds: ds.batch(True),
        lambda ds: ds.batch("2"),
        lambda ds: ds.take(-1),
        lambda ds: ds.skip(-1),
        lambda ds: ds.repeat(-1),
        lambda ds: ds.shuffle(0),
        lambda ds: ds.shuffle(5, seed=-1),
        lambda ds: ds.shard(2, 2),
        lambda ds: ds.shard(0, 0),
        lambda ds: ds.prefetch(0),
        lambda ds: ds.map(None),
        lambda ds: ds.map(len, num_parallel=0),
        lambda ds: ds.filter(3),
        lambda ds: ds.filter(asyncio.sleep),
        lambda ds: ds.concatenate([1]),
        lambda ds: ds.zip([1]),
        lambda ds: data.zip(ds),
        lambda ds: data.zip(()),
        lambda ds: data.interleave((ds,), 0),
        lambda ds: data.interleave(ds),
        lambda ds: data.interleave(()),
        lambda ds: data.interleave(each for each in (ds, ds)),
        lambda ds: data.interleave(None),
        lambda ds: data.generator([1, 2]),
        lambda ds: data.from_async_iterable([1, 2]),
        lambda ds: data.array([1], sample_weight=[1]),
    ],
)
def test_wrong_arguments_are_refused_at_the_call(call):
    with pytest.raises(ConfigError):
        call(data.array([1, 2, 3]))


def test_unequal_arrays_are_refused_at_the_call():
    with pytest.raises(DataError, match="expected arrays of one length, received lengths 3, 2"):
        data.array([1, 2, 3], [1, 2])
    with pytest.raises(DataError, match="received a scalar"):
        data.array(3)
    with pytest.raises(DataError, match="array: expected rows of one shape"):
        data.array({"x": [[1], [1, 2]]})
    with pytest.raises(DataError, match="expected arrays, received None"):
        data.array(None)
    with pytest.raises(DataError, match="received a masked one"):
        data.array(np.ma.array([1, 2], mask=[True, False]))


@pytest.mark.parametrize(
    ("call", "way_out"),
    [
        (lambda ds: ds.repeat(-1), "Leave it out to repeat without end"),
        (lambda ds: ds.take(-1), "All of them are there without take"),
    ],
)
def test_what_means_everything_elsewhere_is_refused_with_the_way_out(call, way_out):
    with pytest.raises(ConfigError, match=way_out):
        call(data.array([1]))


async def test_what_a_function_does_in_place_does_not_reach_the_arrays():
    def double(batch):
        batch *= 2
        return batch

    x = np.ones((4, 1))
    for dataset in (data.array(x), data.array(x).batch(2), data.array({"x": x}, x).map(lambda x, y: x["x"])):
        with pytest.raises(ValueError, match="read-only"):
            await dataset.map(double).to_list()
    assert x.tolist() == [[1], [1], [1], [1]]
    x += 1  # it is still the user's own


async def test_hundreds_of_datasets_one_after_the_other():
    dataset = data.array([0])
    for number in range(1, 500):
        dataset = dataset.concatenate(data.array([number]))
    assert plain(await dataset.to_list()) == list(range(500))
    assert dataset.length == 500


async def test_array_with_weights():
    ((x, y, w),) = await data.array([[1.0], [2.0]], [0, 1], [0.5, 1]).batch(2).to_list()
    assert (x.shape, y.tolist(), w.tolist()) == ((2, 1), [0, 1], [0.5, 1])


def test_a_chain_stops_where_a_stage_is_done():
    walked = []

    def inputs():
        for number in range(100):
            walked.append(number)
            yield Items([number])

    dataset = data.array([0]).map(int).skip(1).take(3)
    chain = Chain([step.build(None) for step in dataset._steps])
    ready, error = chain.feed(inputs())
    assert [element for block in ready for element in block.items] == [1, 2, 3]
    assert error is None
    assert walked == [0, 1, 2, 3]


async def test_recipes_can_be_sent_elsewhere():
    source = data.MemorySource(b"a,b\n1,2\n3,4\n5,6\n")
    for rows in (
        data.csv(source, label="b"),
        data.csv([source, source], label="b"),
        data.array(np.arange(3.0)),
    ):
        dataset = (
            rows.shuffle(3, seed=1).filter(len_is_fine).batch(2).prefetch(2).repeat(2).zip(rows.repeat())
        )
        copy = pickle.loads(pickle.dumps(dataset))
        first, second = await dataset.to_list(), await copy.to_list()
        assert len(first) == len(second) > 2
        for one, other in zip(first, second, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(leaves(one), leaves(other), strict=True))


def len_is_fine(*parts):
    return True
