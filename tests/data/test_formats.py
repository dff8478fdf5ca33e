"""JSON lines, Parquet, Arrow IPC and plain text: the elements of `csv`, from other files."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import random

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


BINARY = {name: both for name, both in FORMATS.items() if name != "json"}


@pytest.mark.parametrize(("read", "write"), BINARY.values(), ids=BINARY.keys())
async def test_damaged_files_give_rows_or_an_error_of_ours(read, write):
    rows = [{"a": number, "b": f"text {number}", "c": number % 2 > 0} for number in range(50)]
    sound, chance = write(rows), random.Random(0)
    for _ in range(150):
        damaged = bytearray(sound[: chance.choice([len(sound), chance.randrange(len(sound))])])
        for _ in range(chance.choice([1, 3, 20])):
            damaged[chance.randrange(len(damaged) or 1) :][:1] = [chance.randrange(256)]
        with contextlib.suppress(DataError, ConfigError):
            await read(data.MemorySource(bytes(damaged)), column_configs={"b": "category"}).to_list()


@pytest.mark.parametrize(("read", "write"), BINARY.values(), ids=BINARY.keys())
async def test_truth_values_in_files_of_types_are_0_and_1(read, write):
    source = data.MemorySource(write([{"a": 0}, {"a": 1}, {"a": None}]))
    rows = await read(source, column_configs={"a": {"dtype": "bool", "default": "yes"}}).to_list()
    assert [row["a"] for row in rows] == [False, True, True]
    with pytest.raises(ParseError, match="column 'a': expected truth values, or 0 and 1, received other"):
        await read(data.MemorySource(write([{"a": 2}])), column_configs={"a": "bool"}).to_list()


@pytest.mark.parametrize(("read", "write"), BINARY.values(), ids=BINARY.keys())
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
async def test_timestamps_of_any_unit_are_days(read, write, unit):
    day = 86_400 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    times = pa.array([-day // 2, 0, None, 20_000 * day + 1], pa.timestamp(unit, "Asia/Tokyo"))
    file = write([{"t": time} for time in times])
    values = [row["t"] for row in await read(data.MemorySource(file)).to_list()]
    assert {value.dtype for value in values} == {np.dtype(float)}
    assert same(values, [-0.5, 0, np.nan, 20_000 + 1 / day])


@pytest.mark.parametrize(("read", "write"), BINARY.values(), ids=BINARY.keys())
async def test_nested_values_name_the_way_out(read, write):
    source = data.MemorySource(write([{"a": 1, "b": [1]}]))
    with pytest.raises(ParseError, match=r"column 'b': .* received list.*configured_columns_only=True"):
        await read(source).to_list()
    ds = read(source, column_configs={"a": {}}, configured_columns_only=True)
    assert await ds.to_list() == [{"a": 1}]


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
    (b'{"a": 1}\n{"a": [1]}\n', 2, "a", "expected a value of dtype 'number'.*configured_columns_only=True"),
    (b'{"a": 1}\nnull\n', 2, None, "expected a JSON object"),
    (b'{"a": 1}\n \n[2]\n', 3, None, "expected a JSON object"),
    (b'{"a": 1}\n{"a": 2}{"a": 3}\n', 2, None, "expected a JSON object"),
    (b'{"a": 1}\n{"a": 2} {"a": 2}\n', 2, None, "expected a JSON object"),
    (b'{"a": 1}\n{"b": "\xff"}\n', 2, None, "expected a JSON object"),
    (b'{"a": 1}\n{"b": ' + b"[" * 5_000 + b"\n", 2, None, "expected a JSON object"),
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


BAD_BEGINNINGS = [
    b"null",
    b"{}",
    b"[1]",
    b'{"a": 1} {"a": 2}',
    b'{"a": "\xff"}',
    b'{"\\ud83d": 1}',
    b'{"a": ' + b"[" * 5_000,
]


@pytest.mark.parametrize("chunk_size", [1, 1000])
@pytest.mark.parametrize("line", BAD_BEGINNINGS)
async def test_the_first_json_object_names_the_columns(line, chunk_size):
    source = data.MemorySource(b"\n" + line + b'\n{"a": 3}\n', name="x.jsonl", chunk_size=chunk_size)
    with pytest.raises(ParseError, match=r"x.jsonl, line 2: expected "):
        await data.json_lines(source).to_list()
    ds = data.json_lines(source, on_error="skip")
    assert await ds.to_list() == [{"a": 3}]
    assert ds.statistics().bad_rows == 1


@pytest.mark.parametrize("chunk_size", [1, 1000])
async def test_blank_lines_count_while_columns_are_undecided(chunk_size):
    source = data.MemorySource(b'{"a": 1, "b": null}\n \n[]\n', chunk_size=chunk_size)
    with pytest.raises(ParseError, match="line 3"):
        await data.json_lines(source).to_list()


async def test_an_object_on_several_lines_is_none():
    with pytest.raises(ParseError, match="line 1"):
        await data.json_lines(data.MemorySource(b'{"a":\n1}{"a": 2}\n')).to_list()


@pytest.mark.parametrize(
    ("config", "value", "problem"),
    [
        ("date", '"yesterday"', "expected a date"),
        ("date", "20200101", "expected a value of dtype 'date'"),
        ("category", '""', "expected a value, received none"),
        ({"dtype": "category", "categories": ["x"]}, '"y"', "expected one of the categories x"),
        ({"dtype": "string", "required": True}, '""', "expected a value, received none"),
        ("string", '"\\ud83d"', "expected text, received half of a surrogate pair"),
        ("bool", "2", "expected a value of dtype 'bool'"),
        ("int", "NaN", "expected a value, received none"),
    ],
)
async def test_json_values_that_do_not_fit_are_named_or_skipped(config, value, problem):
    good = {"date": "1970-01-02", "string": "x", "category": "x", "bool": True, "int": 1}
    first = good[config if isinstance(config, str) else config["dtype"]]
    source = data.MemorySource(b'%s{"a": %s}\n' % (as_json([{"a": first}]), value.encode()))
    with pytest.raises(ParseError, match=problem) as caught:
        await data.json_lines(source, column_configs={"a": config}).to_list()
    assert (caught.value.line, caught.value.column) == (2, "a")
    ds = data.json_lines(source, column_configs={"a": config}, on_error="skip")
    assert len(await ds.to_list()) == 1
    assert ds.statistics().bad_rows == 1


async def test_json_texts_are_as_in_the_file():
    source = data.MemorySource(b'{"a": "x"}\n{"a": true}\n{"a": 1.5}\n')
    assert [row["a"] for row in await data.json_lines(source).to_list()] == ["x", "true", "1.5"]


@pytest.mark.parametrize("beside", [b"", b"bad\n"])
async def test_nan_is_a_number_in_json_and_no_missing_value(beside):
    source = data.MemorySource(b'{"a": NaN}\n{"a": null}\n' + beside)
    configs = {"a": {"dtype": "float32", "default": 5}}
    rows = await data.json_lines(source, column_configs=configs, on_error="skip").to_list()
    assert same([row["a"] for row in rows], [np.nan, 5])


async def test_json_fields_that_are_not_read_may_be_anything(monkeypatch):
    monkeypatch.delattr("aseq.data._lines.JsonParser._repaired")  # they do not lead off the fast way
    source = data.MemorySource(b'{"a": 1, "b": [1]}\n{"a": 2, "b": {"c": 1}}\n{"b": "x", "a": 3}\n')
    ds = data.json_lines(source, column_configs={"a": {}}, configured_columns_only=True)
    assert await ds.to_list() == [{"a": 1}, {"a": 2}, {"a": 3}]


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
