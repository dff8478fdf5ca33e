"""Frames, tables and loaders of other libraries, through the interfaces that they share."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from aseq import data
from aseq.errors import ConfigError, DataError, ParseError, StreamConsumed

TABLE = pa.table({"a": [1, 2, 3], "b": [0.5, None, 1.5], "c": ["x", "y", "x"]})


class Frame:
    """What pandas and polars frames look like from here."""

    def __len__(self):
        return TABLE.num_rows

    def __arrow_c_stream__(self, requested_schema=None):
        return TABLE.__arrow_c_stream__(requested_schema)


class Tensor:
    """What a torch tensor looks like from here."""

    def __init__(self, values):
        self.values = np.array(values)

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.values


@pytest.mark.parametrize("frame", [TABLE, Frame(), TABLE.combine_chunks().to_batches()[0]])
async def test_frames(frame):
    ds = data.table(frame, label="c", column_configs={"c": {"dtype": "category"}, "b": {"default": 0}})
    assert ds.length in (3, None)
    for _ in range(2):
        ((x, y),) = await ds.batch(3).to_list()
        assert x.tolist() == [[1, 0.5], [2, 0], [3, 1.5]]
        assert y.tolist() == [0, 1, 0]
    assert ds.categories == {"c": ["x", "y"]}
    assert await ds.column_names() == ["a", "b", "c"]


async def test_dictionary_columns_and_slices():
    table = TABLE.set_column(2, "c", TABLE["c"].dictionary_encode()).slice(1)
    rows = await data.table(table).to_list()
    assert [row["c"] for row in rows] == ["y", "x"]
    rows = await data.table(table, column_configs={"c": "category"}).to_list()
    assert [row["c"] for row in rows] == [0, 1]
    texts = pa.array(["x", "y"], pa.string_view())  # as in polars
    views = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1], pa.uint32()), texts)
    assert [row["c"] for row in await data.table(pa.table({"c": views})).to_list()] == ["y", "x", "y"]


async def test_a_reader_serves_one_pass():
    ds = data.table(TABLE.to_reader())
    assert len(await ds.to_list()) == 3
    with pytest.raises(StreamConsumed, match="a RecordBatchReader"):
        await ds.to_list()


async def test_what_is_no_frame():
    with pytest.raises(ConfigError, match="expected a data frame or table"):
        data.table([[1, 2]])
    with pytest.raises(ParseError, match="column 'l': expected numbers, truth values, texts or dates"):
        await data.table(pa.table({"l": [[1], [2]]})).to_list()


async def test_pandas_frames():
    frame = pd.DataFrame(TABLE.to_pydict())
    frame["c"] = pd.Categorical(frame["c"])
    frame["i"] = pd.array([1, None, 3], dtype="Int64")
    frame["t"] = [True, False, True]
    frame["day"] = [datetime.date(1970, 1, day) for day in (1, 2, 3)]
    configs = {"c": {"dtype": "category"}, "day": {"dtype": "date"}, "i": {"default": 9}}
    ((x, y),) = await data.table(frame, label="c", column_configs=configs).batch(3).to_list()
    np.testing.assert_equal(x, np.float32([[1, 0.5, 1, 1, 0], [2, np.nan, 9, 0, 1], [3, 1.5, 3, 1, 2]]))
    assert y.tolist() == [0, 1, 0]


async def test_a_pandas_index_is_no_feature():
    frame = pd.DataFrame({"a": [1, 2, 3], "y": [0, 1, 0]}, index=["k", "l", "m"])
    for rows in (frame, frame.reset_index(drop=True)[[True, False, True]]):
        ((x, _),) = await data.table(rows, label="y").batch(3).to_list()
        assert x.shape == (len(rows), 1)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1, "x"]}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.Series([1, 2]),
        pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}),
        pa.table([[1], [2]], names=["a", "a"]),
    ],
)
async def test_frames_that_are_no_tables(frame):
    with pytest.raises(DataError):
        await data.table(frame).to_list()


async def test_loaders_give_arrays():
    class Loader:
        def __iter__(self):
            yield [Tensor([[1.0, 2.0]]), Tensor([0])]
            yield [Tensor([[3.0, 4.0]]), Tensor([1])]

    ds = data.from_iterable(Loader())
    for _ in range(2):
        batches = await ds.to_list()
        assert [type(batch) for batch in batches] == [tuple, tuple]
        assert batches[1][0].tolist() == [[3, 4]]
    rows = data.from_iterable([{"x": Tensor([1, 2]), "y": 3}])
    ((row),) = await rows.to_list()
    assert row["x"].tolist() == [1, 2]


async def test_tensors_become_arrays_wherever_they_are():
    class Half(Tensor):
        """What a bfloat16 tensor looks like from here."""

        def numpy(self):
            raise TypeError("Got unsupported ScalarType BFloat16")

        def float(self):
            return Tensor(self.values)

    class Eager:
        """What a TensorFlow tensor looks like from here."""

        def numpy(self):
            return np.array([7])

    nested = [[{"x": Tensor([1])}, {"y": Half([2])}], [[Tensor([3]), 4], (Eager(), "t")], [5, 6]]
    for ds in (
        data.from_iterable(nested),
        data.generator(lambda: iter(nested)),
        data.from_async_iterable(each(nested)),
    ):
        collated, deeper, plain = await ds.to_list()
        assert (collated[0]["x"].tolist(), collated[1]["y"].tolist()) == ([1], [2])
        assert (deeper[0][0].tolist(), deeper[0][1], deeper[1][0].tolist(), deeper[1][1]) == (
            [3],
            4,
            [7],
            "t",
        )
        assert plain == [5, 6]


async def each(items):
    for item in items:
        yield item


async def test_named_tuples_keep_their_names():
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    ds = data.generator(lambda: frame.itertuples(index=False))
    assert await ds.map(lambda row: row.a + row.b).to_list() == [4, 6]


@pytest.mark.parametrize("frame", [TABLE, pd.DataFrame({"a": [1]}), {"train": [1], "test": [2]}])
def test_what_would_give_its_keys_is_refused(frame):
    with pytest.raises(ConfigError, match="which would give its keys or columns"):
        data.from_iterable(frame)
    assert data.from_iterable(pd.Series([1, 2]))


async def test_a_loader_is_let_go_of_at_once():
    class Worker:
        """An iterator that ends what it runs when nobody has it, as that of a DataLoader."""

        alive = 0

        def __init__(self):
            Worker.alive += 1

        def __iter__(self):
            return self

        def __next__(self):
            return 1

        def __del__(self):
            Worker.alive -= 1

    class Loader:
        def __iter__(self):
            return Worker()

    with pytest.raises(ZeroDivisionError) as error:
        await data.from_iterable(Loader()).map(lambda value: value // 0).to_list()
    assert Worker.alive == 0  # although the traceback of the error is still there
    assert error.tb is not None


async def test_iterators_serve_one_pass_and_are_closed():
    closed = []

    def numbers():
        try:
            yield from range(10)
        finally:
            closed.append(True)

    ds = data.from_iterable(numbers())
    assert await ds.take(3).to_list() == [0, 1, 2]
    assert closed == [True]
    with pytest.raises(StreamConsumed, match="a generator"):
        await ds.to_list()
    with pytest.raises(ConfigError):
        data.from_iterable(3)
