"""`cache`: later passes do not read, elements come back the same, and no half file is ever seen."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import numpy as np
import pytest

from aseq import data
from aseq.errors import DataError, FormatError, SourceError

TEXT = b"a,b,s\n" + b"".join(b"%d,%d.5,t%d\n" % (i, i, i % 3) for i in range(100))


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype == object:
        return a.dtype == b.dtype and all(x == y or x != x for x, y in zip(a.flat, b.flat, strict=True))
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def counting(dataset):
    passes = []

    async def groups():
        passes.append(True)
        async with aclosing(dataset.groups()) as each:
            async for group in each:
                for element in group:
                    yield element

    return data.from_async_iterable(groups), passes


@pytest.fixture(params=["memory", "file"])
def where(request, tmp_path):
    return None if request.param == "memory" else tmp_path / "cache.arrow"


DATASETS = {
    "rows": data.csv(data.MemorySource(TEXT)),
    "pairs": data.csv(
        data.MemorySource(TEXT), label="a", column_configs={"s": {"dtype": "category", "default": "x"}}
    ),
    "batches": data.csv(data.MemorySource(TEXT)).batch(7),
    "images": data.array(np.arange(60, dtype=np.uint8).reshape(5, 3, 4), np.arange(5) > 2).batch(2),
    "halves": data.array({"x": np.arange(6, dtype=np.float16)}, np.arange(6, dtype=np.int16)),
    "texts": data.generator(lambda: iter(["a", "b", "c"])),
    "empty": data.array(np.zeros((0, 3))),
}


@pytest.mark.parametrize("name", DATASETS)
async def test_later_passes_give_the_same_without_reading(name, where):
    source, passes = counting(DATASETS[name])
    expected = await DATASETS[name].to_list()
    dataset = source.cache(where)
    for _ in range(3):
        assert same(await dataset.to_list(), expected)
    assert passes == [True]


@pytest.mark.parametrize(
    "rows", [DATASETS["rows"], DATASETS["batches"], data.csv(data.MemorySource(TEXT + b"1,2,"))]
)
async def test_blocks_survive(rows, where):
    dataset = rows.cache(where)
    expected = await rows.to_list()
    assert same(await dataset.to_list(), expected)
    assert same(await dataset.to_list(), expected)
    assert same(await dataset.skip(3).take(5).to_list(), expected[3:8])


async def test_another_recipe_finds_the_file(tmp_path):
    path = tmp_path / "cache.arrow"
    first, _ = counting(DATASETS["batches"])
    expected = await first.cache(path).to_list()
    second, passes = counting(data.array([1]))
    assert same(await second.cache(path).to_list(), expected)
    assert passes == []


async def test_only_a_whole_pass_is_kept(where, tmp_path):
    source, passes = counting(DATASETS["rows"])
    dataset = source.cache(where)
    assert len(await dataset.take(3).to_list()) == 3
    assert list(tmp_path.iterdir()) == []
    assert len(await dataset.to_list()) == 100
    assert len(await dataset.take(3).to_list()) == 3
    assert len(passes) == 2


async def test_cancelling_leaves_no_file(tmp_path):
    async def endless():
        while True:
            await asyncio.sleep(0.001)
            yield np.zeros(3)

    dataset = data.from_async_iterable(endless).cache(tmp_path / "cache.arrow")
    task = asyncio.create_task(dataset.for_each(lambda element: None))
    while not list(tmp_path.iterdir()):
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []


async def test_kept_arrays_cannot_be_written_to(where):
    dataset = DATASETS["batches"].cache(where)
    for _ in range(2):
        for batch in await dataset.to_list():
            with pytest.raises(ValueError, match="read-only"):
                batch["a"][:] = 0


@pytest.mark.parametrize(
    "elements",
    [
        [np.ones(2), "text"],
        [{"a": 1.0}, {"b": 1.0}],
        [{1: 2.0}],
        [np.array([object()], object)],
        [np.ones((2, 3)), np.ones((2, 4))],
        [1 + 2j],
    ],
)
async def test_what_does_not_fit_into_a_file(elements, tmp_path):
    with pytest.raises(DataError):
        await data.generator(lambda: iter(elements)).cache(tmp_path / "c.arrow").to_list()
    assert list(tmp_path.iterdir()) == []
    assert len(await data.generator(lambda: iter(elements)).cache().to_list()) == len(elements)


async def test_another_file_under_the_name(tmp_path):
    (tmp_path / "c.arrow").write_text("no arrow")
    with pytest.raises(FormatError, match=r"c\.arrow: expected a file that cache\(\) wrote"):
        await data.array([1]).cache(tmp_path / "c.arrow").to_list()


async def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(SourceError, match=rf"c.arrow: expected a folder .* for '{tmp_path}/no'. Create"):
        await data.array([1]).cache(tmp_path / "no" / "c.arrow").to_list()


async def test_shuffles_behind_the_cache_go_on(where):
    dataset = data.array(np.arange(50)).cache(where).shuffle(50, seed=1)
    first, second = await dataset.to_list(), await dataset.to_list()
    assert first != second
    assert sorted(first) == sorted(second) == list(range(50))
