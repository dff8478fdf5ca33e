"""`cache`: later passes do not read, elements come back the same, and no half file is ever seen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from contextlib import aclosing

import numpy as np
import pytest

from aseq import data
from aseq.errors import ConfigError, DataError, FormatError, SourceError

TEXT = b"a,b,s\n" + b"".join(b"%d,%d.5,t%d\n" % (i, i, i % 3) for i in range(100))


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype == object:
        return a.dtype == b.dtype and all(x == y or x != x for x, y in zip(a.flat, b.flat, strict=True))
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind in "fmM")


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
    "no width": data.array({"x": np.zeros((5, 0)), "y": np.arange(5)}).batch(2),
    "ragged": data.generator(lambda: (np.ones((length, 2), np.int8) for length in (0, 0, 3, 1, 0))),
    "days": data.array(np.array(["2020-01-01", "NaT"], "datetime64[ns]"), np.array(["a", "bc"])),
    "rest": data.array(np.arange(5)).concatenate(data.generator(lambda: iter([7, 8]))),
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


async def test_a_file_of_another_length_is_refused(tmp_path):
    path = tmp_path / "cache.arrow"
    await data.array(np.arange(10)).batch(2).cache(path).to_list()
    for other in (data.array(np.arange(10)).batch(5), data.array(np.arange(12)).batch(2)):
        with pytest.raises(
            FormatError, match=rf"expected the {other.length} elements .* received a file of 5"
        ):
            await other.cache(path).to_list()
    assert len(await data.array(np.arange(9)).batch(2).cache(path).to_list()) == 5


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
        [{}, {}],
        [{"t": "\ud800"}],
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


@pytest.mark.parametrize("name", ["batches", "texts", "numbers"])
async def test_a_damaged_file_is_an_error_wherever_the_damage_is(name, tmp_path):
    rows, path = {**DATASETS, "numbers": data.array(np.arange(9.0))}[name], tmp_path / "c.arrow"
    expected = await rows.cache(path).to_list()
    whole = path.read_bytes()
    harmless = 0
    for place in range(0, len(whole), 13):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0b100]) + whole[place + 1 :])
        with contextlib.suppress(FormatError):
            assert same(await rows.cache(path).to_list(), expected)
            harmless += 1  # between the parts of a file there is padding
    assert harmless < len(whole) / 13 / 2
    path.write_bytes(whole[:-20])
    with pytest.raises(FormatError, match="Delete or rename it"):
        await rows.cache(path).to_list()


async def test_a_full_disk_is_an_error_and_leaves_no_file(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceError, match=r"c\.arrow: .* received No space left on device"):
        await DATASETS["rows"].cache(tmp_path / "c.arrow").to_list()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["", 3, "folder/"])
def test_what_is_no_path_of_a_file_is_refused_at_the_call(path):
    with pytest.raises(ConfigError, match="cache: expected"):
        data.array([1]).cache(path)


async def test_a_folder_in_its_place_is_an_error(tmp_path):
    with pytest.raises(FormatError, match="is a directory"):
        await data.array([1]).cache(tmp_path).to_list()


KILLED = """
import asyncio, os, signal, sys
from aseq import data

def numbers():
    for number in range(10_000):
        if number == 9_000:
            os.kill(os.getpid(), signal.SIGKILL)
        yield number

asyncio.run(data.generator(numbers).cache(sys.argv[1]).to_list())
"""


async def test_a_killed_process_leaves_nothing_that_lasts(tmp_path):
    path = tmp_path / "c.arrow"
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, path)
    assert await killed.wait() == -9
    (half,) = tmp_path.iterdir()
    assert half.name != path.name
    source, passes = counting(data.array(np.arange(5)))
    assert same(await source.cache(path).to_list(), list(range(5)))
    assert passes == [True]
    assert list(tmp_path.iterdir()) == [path]


async def test_two_passes_at_once_may_write_one_file(tmp_path):
    dataset = DATASETS["batches"].cache(tmp_path / "c.arrow")
    first, second = await asyncio.gather(dataset.to_list(), dataset.to_list())
    assert same(first, second)
    assert same(await dataset.to_list(), first)
    assert len(list(tmp_path.iterdir())) == 1


async def test_elements_that_come_one_by_one_are_written_together(tmp_path):
    path = tmp_path / "c.arrow"

    async def numbers():
        for number in range(10_000):
            yield number

    dataset = data.from_async_iterable(numbers).cache(path)
    first = await dataset.to_list()
    assert path.stat().st_size < 10_000 * 20  # 8 bytes for each, and little beside
    async with aclosing(dataset.groups()) as groups:
        assert len([group async for group in groups]) < 10
    assert await dataset.to_list() == first


async def test_pythons_own_values_come_back_as_they_were(where):
    rows = [
        {"x": 0.1, "n": 3, "b": True, "t": "a", "v": [1, 2]},
        {"x": 0.2, "n": 4, "b": False, "t": "b", "v": [3, 4]},
    ]
    dataset = data.from_iterable(rows).cache(where)
    for _ in range(2):
        for row, kept in zip(rows, await dataset.to_list(), strict=True):
            assert [type(kept[name]) for name in "xnbt"] == [float, int, bool, str]
            assert {**kept, "v": list(kept["v"])} == row
    assert (await dataset.batch(2).to_list())[0]["x"].dtype == np.float32


async def test_what_a_function_does_to_a_row_does_not_last(where):
    def without_id(row):
        row.pop("id")
        return row

    dataset = data.from_iterable([{"id": 1, "x": 2}]).cache(where).map(without_id)
    for _ in range(3):
        assert await dataset.to_list() == [{"x": 2}]


async def test_a_file_knows_columns_and_categories(tmp_path):
    def rows(source):
        configs = {"s": {"dtype": "category", "default": "x"}}
        return data.csv(source, label="s", column_configs=configs).cache(tmp_path / "c.arrow")

    first = rows(data.MemorySource(TEXT))
    await first.to_list()
    later = rows(data.FileSource(tmp_path / "gone.csv"))
    assert len(await later.to_list()) == 100
    assert later.categories == first.categories == {"s": ["t0", "t1", "t2"]}
    assert await later.column_names() == ["a", "b", "s"]


async def test_reading_memory_lets_the_loop_breathe():
    dataset = data.from_iterable(range(3)).cache()
    await dataset.to_list()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            async for _ in dataset.repeat():
                pass


async def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(SourceError, match=rf"c.arrow: expected a folder .* for '{tmp_path}/no'. Create"):
        await data.array([1]).cache(tmp_path / "no" / "c.arrow").to_list()


async def test_shuffles_behind_the_cache_go_on(where):
    dataset = data.array(np.arange(50)).cache(where).shuffle(50, seed=1)
    first, second = await dataset.to_list(), await dataset.to_list()
    assert first != second
    assert sorted(first) == sorted(second) == list(range(50))
