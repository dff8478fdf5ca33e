"""JSON lines, Parquet, Arrow IPC and plain text: the elements of `csv`, from other files."""

from __future__ import annotations

import datetime
import io
import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from aseq import data
from aseq.errors import ConfigError, DataError, ParseError, SourceError

ROWS = [
    {"i": 1, "f": 0.5, "s": "a", "b": True, "d": datetime.date(1970, 1, 2)},
    {"i": 2, "f": None, "s": "é\n", "b": False, "d": datetime.date(1970, 1, 3)},
    {"i": 3, "f": 1.5, "s": None, "b": True, "d": None},
]
EXPECTED = [
    {"i": 1, "f": 0.5, "s": "a", "b": True, "d": 1},
    {"i": 2, "f": np.nan, "s": "é\n", "b": False, "d": 2},
    {"i": 3, "f": 1.5, "s": np.nan, "b": True, "d": np.nan},
]


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return np.array_equal(a, b, equal_nan=True)


def as_json(rows):
    return "".join(json.dumps(row, default=str) + "\n" for row in rows).encode()


def as_parquet(rows):
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


def as_arrow(rows, stream=False):
    table = pa.Table.from_pylist(rows)
    file = io.BytesIO()
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


FORMATS = {
    "json": (data.json_lines, as_json),
    "parquet": (data.parquet, as_parquet),
    "arrow file": (data.arrow, as_arrow),
    "arrow stream": (data.arrow, lambda rows: as_arrow(rows, stream=True)),
}
formats = pytest.mark.parametrize(("read", "write"), FORMATS.values(), ids=FORMATS.keys())


@formats
async def test_elements_are_those_of_csv(read, write):
    ds = read(data.MemorySource(write(ROWS)), column_configs={"d": {"dtype": "date"}})
    rows = await ds.to_list()
    assert same(rows, EXPECTED)
    assert {type(row["i"]) for row in rows} == {np.float32}
    assert await ds.column_names() == list("ifsbd")
    assert ds.statistics().rows == 3
    assert same(await ds.to_list(), EXPECTED)


@formats
async def test_labels_and_configs(read, write):
    configs = {
        "s": {"dtype": "category", "default": "none"},
        "f": {"default": -1},
        "b": {"dtype": "float64"},
        "i": {"dtype": "int32"},
        "d": {"dtype": "date", "default": "1970-01-11"},
    }
    ds = read(data.MemorySource(write(ROWS)), label="s", column_configs=configs)
    ((x, y),) = await ds.batch(3).to_list()
    assert x.dtype == np.float32
    assert x.tolist() == [[1, 0.5, 1, 1], [2, -1, 0, 2], [3, 1.5, 1, 10]]
    assert (y.tolist(), y.dtype) == ([0, 1, 2], np.int32)
    assert ds.categories == {"s": ["a", "é\n", "none"]}


@formats
async def test_plain_numbers_make_one_matrix(read, write):
    rows = [{"a": float(i), "b": i / 4 if i % 3 else None, "y": i} for i in range(50)]
    ((x, y),) = await read(data.MemorySource(write(rows)), label="y").batch(50).to_list()
    assert x.flags.c_contiguous
    assert same(x, np.array([[i, i / 4 if i % 3 else np.nan] for i in range(50)], np.float32))
    assert y.tolist() == list(range(50))


@formats
async def test_only_configured_columns(read, write):
    ds = read(data.MemorySource(write(ROWS)), column_configs={"f": {}}, configured_columns_only=True)
    assert same(await ds.to_list(), [{"f": row["f"]} for row in EXPECTED])


@formats
async def test_what_does_not_fit_is_named(read, write):
    for configs in ({"i": {"dtype": "date"}}, {"s": "float32"}, {"f": {"required": True}}, {"f": "int"}):
        (column,) = configs
        with pytest.raises(ParseError) as caught:
            await read(data.MemorySource(write(ROWS), name="file"), column_configs=configs).to_list()
        assert (caught.value.source, caught.value.column) == ("file", column)
    with pytest.raises(ConfigError, match="expected one of its 5 columns"):
        await read(data.MemorySource(write(ROWS)), label="z").to_list()


@formats
async def test_files_on_disk_and_several_at_once(read, write, tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.x").write_bytes(write([{"a": number, "c": f"t{number % 2}"}]))
    ds = read(tmp_path / "1.x")
    assert await ds.to_list() == [{"a": 1, "c": "t1"}]
    every = read(str(tmp_path / "*.x"), label="a", column_configs={"c": "category"})
    ((x, y),) = await every.batch(3).to_list()
    assert (x.tolist(), y.tolist()) == ([[0], [1], [0]], [0, 1, 2])
    with pytest.raises(SourceError):
        await read(tmp_path / "none.x").to_list()


@formats
@pytest.mark.parametrize("content", [b"\x00\x01binary\xff" * 50, b"{", b"[1]\n"])
async def test_foreign_files(read, write, content):
    with pytest.raises(DataError):
        await read(data.MemorySource(content)).to_list()


async def test_parquet_from_a_stream_goes_through_a_file():
    class Streamed:
        name = "streamed"
        open = data.MemorySource(as_parquet(ROWS), chunk_size=100).open

    assert same(await data.parquet(Streamed()).to_list(), EXPECTED)


@pytest.mark.parametrize("chunk_size", [1, 9, 1000])
async def test_json_in_any_chunks(chunk_size):
    rows = [{"a": 1, "b": None}, {"a": 2.5, "c": 1}, {"b": "x", "a": None}, {"a": np.inf, "b": "7"}]
    ds = data.json_lines(data.MemorySource(as_json(rows) + b"\n", chunk_size=chunk_size))
    expected = [
        {"a": 1, "b": np.nan},
        {"a": 2.5, "b": np.nan},
        {"a": np.nan, "b": "x"},
        {"a": np.inf, "b": "7"},
    ]
    assert same(await ds.to_list(), expected)


BAD_JSON = [
    (b'{"a": 1}\n{"a": 2\n', 2, None, "expected a JSON object"),
    (b'{"a": 1}\n[2]\n', 2, None, "expected a JSON object, received list"),
    (b'{"a": 1}\n{"a": "x"}\n', 2, "a", "expected a value of dtype 'number', received \"x\""),
    (b'{"a": 1}\n{"a": [1]}\n', 2, "a", "expected a value of dtype 'number'"),
]


@pytest.mark.parametrize(("text", "line", "column", "problem"), BAD_JSON)
@pytest.mark.parametrize("chunk_size", [1, 1000])
async def test_malformed_json_is_named_or_skipped(text, line, column, problem, chunk_size):
    source = data.MemorySource(text + b'{"a": 3}\n', name="x.jsonl", chunk_size=chunk_size)
    rows = []
    with pytest.raises(ParseError, match=problem) as caught:
        await data.json_lines(source).for_each(rows.append)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert rows == [{"a": 1}]
    ds = data.json_lines(source, on_error="skip")
    assert await ds.to_list() == [{"a": 1}, {"a": 3}]
    assert ds.statistics().bad_rows == 1


@pytest.mark.parametrize(
    ("dtype", "value", "problem"),
    [
        ("uint8", 300, "an integer that fits uint8, received '300'"),
        ("int64", 2**63, "an integer that fits int64"),
        ("uint64", 2**64, "an integer that fits uint64"),
        ("uint64", -1, "an integer that fits uint64"),
    ],
)
async def test_json_integers_beyond_their_dtype(dtype, value, problem):
    source = data.MemorySource(as_json([{"a": 1}, {"a": value}]), name="x.jsonl")
    with pytest.raises(ParseError, match=f"x.jsonl, line 2, column 'a': expected {problem}"):
        await data.json_lines(source, column_configs={"a": dtype}).to_list()


@formats
async def test_the_whole_range_of_unsigned_integers(read, write):
    whole = int if write is as_json else np.uint64  # an int of this size is beyond what pyarrow infers
    rows = [{"a": whole(2**64 - 1)}, {"a": whole(2**63)}]
    assert await read(data.MemorySource(write(rows)), column_configs={"a": "uint64"}).to_list() == rows


@pytest.mark.parametrize("read", [data.text_lines, data.json_lines])
async def test_the_longest_line_can_be_raised(read):
    source = data.MemorySource(b'{"a": 1}' + b" " * 100, name="t.txt", chunk_size=10)
    with pytest.raises(ParseError, match=r"at most 50 bytes.* for binary data, or raise max_record_bytes"):
        await read(source, max_record_bytes=50).to_list()
    assert len(await read(source, max_record_bytes=200).to_list()) == 1
    with pytest.raises(ConfigError, match=rf"{read.__name__}: expected max_record_bytes to be a positive"):
        read(source, max_record_bytes=-1)


async def test_text_lines():
    source = data.MemorySource('eins\r\nzwö\n\n"drei\nvier'.encode(), chunk_size=3)
    assert await data.text_lines(source).to_list() == ["eins", "zwö", "", '"drei', "vier"]
    latin = data.MemorySource("zwö".encode("latin-1"))
    assert await data.text_lines(latin, encoding="latin-1").to_list() == ["zwö"]
    seen = []
    bad = data.MemorySource(b"a\nb\n\xff\nc", name="t.txt")
    with pytest.raises(ParseError, match=r"t.txt, line 3: expected text in UTF-8"):
        await data.text_lines(bad).for_each(seen.append)
    assert seen == ["a", "b"]
