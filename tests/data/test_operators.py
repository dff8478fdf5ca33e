"""Every operator against a plain-Python model of itself, over blocks of every size."""

from __future__ import annotations

import asyncio
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aseq import data
from aseq.data._block import Columns, Items, leaves
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
    "filter": (
        lambda ds, n: ds.filter(lambda v: v % (n + 1) == 0),
        lambda e, n: [v for v in e if v % (n + 1) == 0],
    ),
    "repeat": (lambda ds, n: ds.repeat(n), lambda e, n: e * n),
    "concatenate": (lambda ds, n: ds.concatenate(ds.take(n)), lambda e, n: e + e[:n]),
    "zip": (lambda ds, n: ds.zip(ds.skip(n)), lambda e, n: list(zip(e, e[n:], strict=False))),
    "prefetch": (lambda ds, n: ds.prefetch(n + 1), lambda e, n: e),
    "cache": (lambda ds, n: ds.cache(), lambda e, n: e),
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


@pytest.mark.parametrize("name", MODELS)
@given(count=st.integers(0, 12), n=st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_length_is_the_number_of_elements_where_it_is_known(name, count, n):
    dataset = MODELS[name][0](data.array(np.arange(count)), n)
    if dataset.length is not None:
        assert dataset.length == len(run(dataset))
    else:
        assert name in ("filter", "unbatch", "rebatch")


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
    ("elements", "problem"),
    [
        ([np.ones(2), np.ones(3)], r"expected elements of one shape, received \(2,\) and \(3,\)"),
        ([{"a": 1}, {"b": 1}], "expected elements of one structure"),
        ([(1, 2), 3], "expected elements of one structure"),
        ([3, (1, 2)], "expected elements of one structure"),
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

    with pytest.raises(DataError, match="received an awaitable"):
        await data.array([1]).map(lambda value: work(value)).to_list()


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
