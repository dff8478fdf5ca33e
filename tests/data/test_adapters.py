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
