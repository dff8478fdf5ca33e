"""`data.csv` from outside: elements, types, labels, missing values, and errors that say where."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv

from aseq import data
from aseq.data._csv_text import records
from aseq.errors import ConfigError, DataError, ParseError

SMALL = b"height,weight,kind\n1.5,60,0\n1.75,70,1\n1.6,,0\n"


def table(text: bytes | str, *, chunk_size: int = 1 << 20, **options):
    content = text.encode() if isinstance(text, str) else text
    return data.csv(data.MemorySource(content, name="t.csv", chunk_size=chunk_size), **options)


def same(a, b) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return np.array_equal(a, b, equal_nan=True)


async def test_rows_are_dicts_of_floats():
    rows = await table(SMALL).to_list()
    assert rows[:2] == [{"height": 1.5, "weight": 60, "kind": 0}, {"height": 1.75, "weight": 70, "kind": 1}]
    assert np.isnan(rows[2]["weight"])
    assert {type(value) for row in rows for value in row.values()} == {np.float32}


@pytest.mark.parametrize("label", ["kind", 2, -1])
async def test_a_label_makes_pairs(label):
    rows = await table(SMALL, label=label).to_list()
    x, y = rows[1]
    assert x.dtype == np.float32
    assert x.tolist() == [1.75, 70]
    assert (y, y.dtype) == (1, np.float32)
    (x, y), _ = await table(SMALL, label=label).batch(2).to_list()
    assert x.shape == (2, 2)
    assert x.flags.c_contiguous
    assert y.shape == (2,)


async def test_several_labels_make_a_vector_in_the_order_asked_for():
    ((x, y),) = await table(SMALL, label=["kind", "height"]).batch(3).to_list()
    assert x.shape == (3, 1)
    assert y[:2].tolist() == [[0, 1.5], [1, 1.75]]
    ((x, y),) = await table(SMALL, label=["kind"]).batch(3).to_list()
    assert y.shape == (3, 1)


async def test_is_label_and_camel_case_in_column_configs():
    configs = {"kind": {"isLabel": True, "dtype": "int32"}}
    ((_, y),) = await table(SMALL, column_configs=configs).batch(3).to_list()
    assert (y.tolist(), y.dtype) == ([0, 1, 0], np.int32)


async def test_label_first_keeps_the_order_of_the_other_columns():
    ((x, _),) = await table(b"5,1,2\n6,3,4\n", has_header=False, label=0).batch(2).to_list()
    assert x.tolist() == [[1, 2], [3, 4]]


async def test_without_header_columns_have_numbers():
    ds = table(b"1,2\n3,4", has_header=False)
    assert await ds.column_names() == ["column_0", "column_1"]
    assert await ds.to_list() == [{"column_0": 1, "column_1": 2}, {"column_0": 3, "column_1": 4}]


async def test_column_names_replace_a_header():
    ds = table(b"a,b\n1,2\n", column_names=["x", "y"])
    assert await ds.to_list() == [{"x": 1, "y": 2}]
    assert await table(b"1,2\n", column_names=["x", "y"], has_header=False).to_list() == [{"x": 1, "y": 2}]


async def test_column_names_are_read_without_reading_the_rest():
    source = data.MemorySource(SMALL + b"1,2,3\n" * 1000, chunk_size=10)
    ds = data.csv(source, label="kind").batch(2)
    assert await ds.column_names() == ["height", "weight", "kind"]
    assert ds.statistics().bytes == 0
    packed = data.csv(data.MemorySource(gzip.compress(b'"a\nb",c'), chunk_size=1))
    assert await packed.column_names() == ["a\nb", "c"]


async def test_only_configured_columns():
    ds = table(SMALL, column_configs={"weight": {}, "kind": {"dtype": "int"}}, configured_columns_only=True)
    assert await ds.column_names() == ["weight", "kind"]
    assert (await ds.to_list())[0] == {"weight": 60, "kind": 0}
    ((x, _),) = (
        await table(SMALL, column_configs={1: {}}, configured_columns_only=True, label="kind")
        .batch(3)
        .to_list()
    )
    assert x.shape == (3, 1)


async def test_missing_values():
    text = b'a,b\n1,\n,2\n  ,""\n'
    rows = await table(text, column_configs={"a": {"default": -1}}).to_list()
    assert [row["a"] for row in rows] == [1, -1, -1]
    assert np.isnan([row["b"] for row in rows]).tolist() == [True, False, True]
    ((x, _),) = (
        await table(b"a,b,y\n,,1\n5,6,0\n", label="y", column_configs={"a": {"default": 9}})
        .batch(2)
        .to_list()
    )
    assert same(x, np.array([[9, np.nan], [5, 6]]))


@pytest.mark.parametrize(
    ("dtype", "config"), [(None, {"required": True}), ("int", {}), ("bool", {}), ("category", {})]
)
async def test_missing_where_a_value_is_needed(dtype, config):
    ds = table(b"a,b\n1,x\n,y\n", column_configs={"a": {"dtype": dtype, **config}})
    with pytest.raises(ParseError, match="expected a value, received none") as caught:
        await ds.to_list()
    assert (caught.value.line, caught.value.column) == (3, "a")
    with_default = table(b"a,b\n1,x\n,y\n", column_configs={"a": {"dtype": dtype, "default": 1, **config}})
    rows = await with_default.to_list()
    assert rows[0]["a"] == rows[1]["a"]


async def test_every_kind_of_column():
    text = "i,b,s,c,d,f\n7,true,x,red,1970-01-02,1e3\n-8,0, y ,blue,1970-01-01T12:00:00Z,.5\n9,No,,red,,+2\n"
    configs = {
        "i": {"dtype": "int16"},
        "b": {"dtype": bool},
        "s": {"dtype": "string"},
        "c": "category",
        "d": {"dtype": "date"},
        "f": {"dtype": np.float64},
    }
    ds = table(text, column_configs=configs)
    (batch,) = await ds.batch(3).to_list()
    expected = {
        "i": np.array([7, -8, 9], np.int16),
        "b": np.array([True, False, False]),
        "s": ["x", " y ", np.nan],
        "c": np.array([0, 1, 0], np.int32),
        "d": np.array([1, 0.5, np.nan]),
        "f": np.array([1000, 0.5, 2]),
    }
    for name, values in expected.items():
        assert same(list(batch[name]), list(values)), name
        if name != "s":
            assert batch[name].dtype == values.dtype
    assert ds.categories == {"c": ["red", "blue"]}


async def test_all_kinds_go_into_the_matrix():
    configs = {"b": {"dtype": "bool"}, "c": {"dtype": "category", "categories": ["lo", "hi"]}}
    ds = table("b,c,y\nyes,hi,1\nno,lo,2\n", label="y", column_configs=configs)
    ((x, _),) = await ds.batch(2).to_list()
    assert x.tolist() == [[1, 1], [0, 0]]
    assert x.dtype == np.float32


async def test_dates_in_a_format():
    ds = table("d\n03.01.1970\n", column_configs={"d": {"dtype": "date", "format": "%d.%m.%Y"}})
    assert await ds.to_list() == [{"d": 2.0}]


async def test_labels_as_categories_are_codes():
    text = b"x,species\n1,setosa\n2,virginica\n3,setosa\n"
    ds = table(text, label="species", column_configs={"species": {"dtype": "category"}}).batch(3)
    ((_, y),) = await ds.to_list()
    assert (y.tolist(), y.dtype) == ([0, 1, 0], np.int32)
    assert ds.categories == {"species": ["setosa", "virginica"]}


async def test_text_columns_are_known_by_their_first_value_however_late_it_comes():
    text = "a,b\n1,\n2,\n3,x\n4,5\n"
    for chunk_size in (1, 7, 100):
        rows = await table(text, chunk_size=chunk_size).to_list()
        assert [row["b"] for row in rows][2:] == ["x", "5"]
        assert same([row["b"] for row in rows][:2], [np.nan, np.nan])


async def test_columns_without_any_value_are_nan():
    text = b"a,b\n" + b"1,\n" * 1500
    rows = await table(text, chunk_size=50).to_list()
    assert len(rows) == 1500
    assert np.isnan([row["b"] for row in rows]).all()


async def test_integers_may_turn_into_floats_and_back():
    values = [1, 2, 3, 4.5, 2**40, -7, 1e300, float("nan"), float("inf")]
    text = "a\n" + "\n".join(map(str, values))
    for chunk_size in (1, 4, 100):
        rows = await table(text, chunk_size=chunk_size).to_list()
        with np.errstate(over="ignore"):
            assert same([row["a"] for row in rows], np.array(values).astype(np.float32))
        rows = await table(text, chunk_size=chunk_size, dtype=np.float64).to_list()
        assert same([row["a"] for row in rows], values)


async def test_delimiters_and_whitespace():
    assert await table("a;b\n1;2,5\n", delimiter=";", column_configs={"b": "string"}).to_list() == [
        {"a": 1, "b": "2,5"}
    ]
    text = '  a   b\tc \n 1  2   3\r\n4\t"x y"  6\n'
    rows = await table(text, delim_whitespace=True, column_configs={"b": "string"}).to_list()
    assert rows == [{"a": 1, "b": "2", "c": 3}, {"a": 4, "b": "x y", "c": 6}]


@pytest.mark.parametrize("chunk_size", [1, 6, 1000])
@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('5"   3\n6"   4\n', ['5"', "3", '6"', "4"]),
        ('"5  "   3\n  "6"\t\t4  \n', ["5  ", "3", "6", "4"]),
        ('"a""  b"  3\nc"d  e"f\n', ['a"  b', "3", 'c"d', 'e"f']),
        ('"a"b  "c\n  d"\n', ["ab", "c\n  d"]),
    ],
)
async def test_among_whitespace_a_quote_opens_only_at_the_start_of_a_field(text, fields, chunk_size):
    texts = {0: "string", 1: "string"}
    options = {
        "delim_whitespace": True,
        "has_header": False,
        "column_configs": texts,
        "chunk_size": chunk_size,
    }
    rows = await table(text, **options).to_list()
    assert [value for row in rows for value in row.values()] == fields


async def test_encodings():
    text = "näme,b\nü,1\n"
    for encoding in ("latin-1", "utf-16", "utf-8-sig", "cp1252"):
        ds = table(text.encode(encoding), encoding=encoding, chunk_size=1)
        assert await ds.to_list() == [{"näme": "ü", "b": 1}]
    with pytest.raises(ParseError, match="expected text in ascii"):
        await table(text.encode(), encoding="ascii").to_list()


# Malformed input

MALFORMED = [
    (b"a,b\n1,2\n3\n", 3, "b", "expected 2 fields, received 1"),
    (b"a,b\n1,2\n3,4,5\n", 3, 3, "expected 2 fields, received 3"),
    (b"a,b\n1,2\n3,x\n", 3, "b", "expected a number, received 'x'"),
    (b'a,b\n1,"2\n"\n\n3,x', 5, "b", "expected a number, received 'x'"),
    (b"a,b\r\n1,2\r\n3,1_000\r\n", 3, "b", "expected a number, received '1_000'"),
    (b"a,b\n1,2\n3,NA\n", 3, "b", "expected a number, received 'NA'"),
    (b'a,b\n1,2\n3,"4\n5,6\n', 3, "b", "expected a closing quote"),
    (b"a,b\n1,2\n3,\x00\n", 3, "b", "received a NUL character. Pass encoding=... if the file has another.$"),
    (b"a,b\n1,2\n\xff\xfe,4\n", 3, "a", "not UTF-8 text"),
]


@pytest.mark.parametrize(("text", "line", "column", "problem"), MALFORMED)
@pytest.mark.parametrize("chunk_size", [1, 5, 1000])
async def test_malformed_rows_are_named_after_the_good_ones(text, line, column, problem, chunk_size):
    ds = table(text, chunk_size=chunk_size)
    rows = []
    with pytest.raises(ParseError, match=problem) as caught:
        await ds.for_each(rows.append)
    assert (caught.value.source, caught.value.line, caught.value.column) == ("t.csv", line, column)
    assert rows == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(("text", "line", "column", "problem"), MALFORMED)
@pytest.mark.parametrize("chunk_size", [1, 5, 1000])
async def test_malformed_rows_can_be_skipped(text, line, column, problem, chunk_size):
    ds = table(text, on_error="skip", chunk_size=chunk_size)
    assert await ds.to_list() == [{"a": 1, "b": 2}]
    assert ds.statistics().bad_rows == 1
    assert ds.statistics().rows == 1
    seen = []
    ds = table(text, on_error=seen.append, chunk_size=chunk_size)
    assert len(await ds.to_list()) == 1
    assert [(error.line, error.column) for error in seen] == [(line, column)]


async def test_good_rows_around_bad_ones_survive():
    text = b"a,b\n" + b"".join(b"%d,x\n" % i if i % 7 == 3 else b"%d,0.1\n" % i for i in range(100))
    rows = await table(text, on_error="skip", chunk_size=37).to_list()
    assert [row["a"] for row in rows] == [i for i in range(100) if i % 7 != 3]
    assert {row["b"] for row in rows} == {np.float32(0.1)}


@pytest.mark.parametrize(
    ("configs", "text", "problem"),
    [
        ({"a": "int"}, b"a\n1\n2.5\n", "expected an integer, received '2.5'"),
        ({"a": "uint8"}, b"a\n1\n256\n", "expected an integer that fits uint8, received '256'"),
        ({"a": "uint64"}, b"a\n1\n-1\n", "expected an integer that fits uint64, received '-1'"),
        ({"a": "uint64"}, b"a\n1\n18446744073709551616\n", "expected an integer that fits uint64"),
        ({"a": "int64"}, b"a\n1\n9223372036854775808\n", "expected an integer that fits int64"),
        ({"a": "bool"}, b"a\n1\nmaybe\n", "expected a truth value"),
        ({"a": "date"}, b"a\n2020-01-01\n2020-13-01\n", "expected a date"),
        ({"a": {"dtype": "category", "categories": ["1"]}}, b"a\n1\n2\n", "expected one of the categories 1"),
    ],
)
async def test_values_that_do_not_fit_their_dtype(configs, text, problem):
    with pytest.raises(ParseError, match=problem) as caught:
        await table(text, column_configs=configs).to_list()
    assert (caught.value.line, caught.value.column) == (3, "a")


async def test_the_whole_range_of_unsigned_integers():
    rows = await table(b"a\n18446744073709551615\n0\n", column_configs={"a": "uint64"}).to_list()
    assert rows == [{"a": 2**64 - 1}, {"a": 0}]
    assert rows[0]["a"].dtype == np.uint64


async def test_a_missing_number_says_nothing_about_text():
    with pytest.raises(ParseError, match=r"received none\. Give the column a default\.$"):
        await table(b"a,b\n,1\n", column_configs={"a": {"required": True}}).to_list()


async def test_text_cannot_be_a_feature():
    with pytest.raises(ConfigError, match=r't.csv: .* received \'b\' of dtype "string"\. Make it "category"'):
        await table(b"a,b\n1,x\n", label="a", column_configs={"b": "string"}).to_list()
    ((_, y),) = await table(b"a,b\n1,x\n", label="b", column_configs={"b": "string"}).to_list()
    assert y == "x"


@pytest.mark.parametrize("label", [None, "a"])
async def test_a_default_that_is_no_number_in_a_column_that_turns_out_to_hold_them(label):
    options = {"column_configs": {"b": {"default": "zz"}}}
    with pytest.raises(ConfigError, match=r"column_configs\['b'\]: expected a number, received 'zz'"):
        await table(b"a,b\n1,2\n3,\n", label=label, **options).to_list()
    assert [row["b"] for row in await table(b"a,b\n1,x\n3,\n", **options).to_list()] == ["x", "zz"]


@pytest.mark.parametrize("dtype", [None, "float32", float, "float16"])
async def test_the_dtype_of_numbers(dtype):
    ((x, y),) = await table(b"a,b\n1,2\n", label="b", dtype=dtype).to_list()
    assert x.dtype == y.dtype == np.dtype(dtype or np.float32)


async def test_text_among_features_says_the_way_out():
    with pytest.raises(ParseError, match=r"column 'kind': expected a number.*\"dtype\": \"category\""):
        await table(b"x,kind\n1,setosa\n", label=0).to_list()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"a,b,a\n1,2,3\n", "received 'a' again"),
        (b"a,,column_1\n1,2,3\n", "received 'column_1' again"),
        (b"", "received an empty file"),
        (b"\n\n", "received an empty file"),
    ],
)
async def test_bad_headers(text, problem):
    with pytest.raises(ParseError, match=problem) as caught:
        await table(text).to_list()
    assert caught.value.line == 1
    with pytest.raises(ParseError):
        await table(text).column_names()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b",a,b\n0,1,2\n", ["column_0", "a", "b"]),
        (b'a,"", \n0,1,2\n', ["a", "column_1", "column_2"]),
    ],
)
async def test_columns_without_a_name_go_by_their_number(text, names):
    assert await table(text).to_list() == [dict(zip(names, range(3), strict=True))]
    assert await table(text).column_names() == names


async def test_unknown_columns_are_named():
    for options in ({"label": "z"}, {"label": 5}, {"column_configs": {"z": {}}}):
        with pytest.raises(ConfigError, match=r"t.csv: expected one of its 3 columns 'height'"):
            await table(SMALL, **options).to_list()
    with pytest.raises(ParseError, match="expected 2 fields as column_names says, received 3"):
        await table(SMALL, column_names=["a", "b"]).to_list()


async def test_header_alone_and_empty_lines():
    assert await table(b"a,b\n").to_list() == []
    assert await table(b"a,b").to_list() == []
    assert await table(b"", has_header=False).to_list() == []
    assert await table(b"\n\na,b\n\n1,2\n\n\n").to_list() == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("chunk_size", [1, 4, 1000])
async def test_blank_lines_are_left_out_where_they_cannot_be_a_row(chunk_size):
    ds = table(b" \t\na,b\n  \n1,2\n \r\n3,4\n ", chunk_size=chunk_size)
    assert await ds.to_list() == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert ds.statistics().bad_rows == 0
    assert same(
        await table(b"a\n1\n  \n2\n", chunk_size=chunk_size).batch(3).to_list(), [{"a": [1, np.nan, 2]}]
    )


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": ""},
        {"delimiter": ";;"},
        {"delimiter": '"'},
        {"delimiter": ";", "delim_whitespace": True},
        {"dtype": np.int32},
        {"on_error": "ignore"},
        {"compression": "zip"},
        {"encoding": "utf-9"},
        {"encoding": None},
        {"encoding": "rot13"},
        {"encoding": "hex"},
        {"max_record_bytes": -1},
        {"max_record_bytes": "a"},
        {"on_error": asyncio.sleep},
        {"configured_columns_only": True},
        {"configured_columns_only": True, "label": "kind"},
        {"column_names": ["a", "a"]},
        {"column_names": "abc"},
        {"column_names": []},
        {"column_configs": {"a": {"type": "int"}}},
        {"column_configs": {"a": {"dtype": "complex64"}}},
        {"column_configs": {"a": {"dtype": "int", "default": "x"}}},
        {"column_configs": {"a": {"dtype": "uint8", "default": 300}}},
        {"column_configs": {"a": {"dtype": "int", "categories": ["x"]}}},
        {"column_configs": {"a": {"dtype": "category", "categories": "xy"}}},
        {"column_configs": {"a": {"dtype": "category", "categories": ["x", "x"]}}},
        {"column_configs": ["a"]},
        {"label": 1.5},
        {"label": []},
    ],
)
def test_wrong_arguments_are_refused_at_the_call(options):
    with pytest.raises(ConfigError):
        table(SMALL, **options)


def test_a_source_that_is_none():
    with pytest.raises(
        ConfigError, match="expected a path, a URL, a source or a list of these, received bytes"
    ):
        data.csv(b"a,b\n")
    with pytest.raises(ConfigError, match="FileSource: expected a path, received 5"):
        data.disk(5)


async def test_categories_of_passes_that_are_open_at_once():
    texts = [f"t{number % 40}" for number in range(200)]
    ds = table("c\n" + "\n".join(texts), column_configs={"c": "category"}, chunk_size=50)
    both = data.zip((ds, ds))
    pairs = await both.to_list()
    assert both.categories == ds.categories
    assert [ds.categories["c"][pair[0]["c"]] for pair in pairs] == texts
    passes = await asyncio.gather(ds.to_list(), ds.take(100).to_list(), ds.to_list())
    for rows in passes:
        assert [ds.categories["c"][row["c"]] for row in rows] == texts[: len(rows)]


async def test_categories_follow_the_pass_that_has_come_furthest_or_the_content():
    source = data.MemorySource(b"c\nx\ny\nz\n", chunk_size=2)
    ds = data.csv(source, column_configs={"c": "category"})
    await ds.to_list()
    assert len(await ds.take(1).to_list()) == 1
    assert ds.categories == {"c": ["x", "y", "z"]}
    source.content = b"c\nx\nz\n"
    await ds.to_list()
    assert ds.categories == {"c": ["x", "z"]}


async def test_too_many_categories(monkeypatch):
    monkeypatch.setattr("aseq.data._rows.MAX_CATEGORIES", 3)
    with pytest.raises(DataError, match="expected at most 3 categories"):
        await table("a\n" + "\n".join("abcde"), column_configs={"a": "category"}).to_list()


async def test_a_record_beyond_the_limit():
    with pytest.raises(ParseError, match="line 2"):
        await table(b'a\n"' + b"x\n" * 1000, max_record_bytes=500, chunk_size=100).to_list()


# Splits

TRICKY = (
    b'\xef\xbb\xbfn,"te""xt",f\r\n1,"a\r\nb",0.5\n\r\n-2,"c,""d""",1e-3\r\n'
    b'3, \xe2\x82\xac ,nan\n4,5" wide,\n 5 ,"",7'
)


async def test_every_split_of_a_tricky_file_gives_the_same_rows():
    whole = await table(TRICKY).to_list()
    assert [row['te"xt'] for row in whole][:4] == ["a\r\nb", 'c,"d"', " € ", '5" wide']
    for place in range(1, len(TRICKY)):
        assert same(await table(TRICKY, chunk_size=place).to_list(), whole)


numbers = st.one_of(
    st.floats(width=32, allow_nan=False).map(repr),
    st.integers(-(10**6), 10**6).map(str),
    st.just(""),
)
words = st.text(alphabet='xyz ,"\n', min_size=1, max_size=6).filter(lambda word: word.strip())


def quoted(field: str) -> str:
    return '"' + field.replace('"', '""') + '"' if any(c in field for c in ',"\n') else field


@given(
    st.lists(st.tuples(numbers, words, numbers), min_size=1, max_size=12),
    st.integers(1, 40),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_any_table_in_any_chunks_reads_as_pyarrow_reads_the_whole(rows, chunk_size, newline, trailing):
    text = newline.join(["a,b,c", *(",".join(map(quoted, row)) for row in rows)]) + newline * trailing
    configs = {"a": "float32", "b": "string", "c": "float32"}
    got = asyncio.run(table(text, chunk_size=chunk_size, column_configs=configs).to_list())
    types = {"a": pa.float32(), "b": pa.string(), "c": pa.float32()}
    with ThreadPoolExecutor(1) as pool:  # in the main thread pyarrow opens pipes for signals
        whole = pool.submit(
            arrow_csv.read_csv,
            pa.py_buffer(text.encode()),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(column_types=types, null_values=[""]),
        ).result()
    expected = {name: whole[name].to_pylist() for name in "abc"}
    for name in "ac":
        values = [np.nan if value is None else value for value in expected[name]]
        assert same([row[name] for row in got], np.array(values, np.float32))
    assert [row["b"] for row in got] == expected["b"]


@given(st.binary(max_size=80), st.integers(1, 20), st.sampled_from(["raise", "skip"]))
@settings(max_examples=300, deadline=None)
def test_random_bytes_give_rows_or_an_error_of_ours(content, chunk_size, on_error):
    ds = table(content, chunk_size=chunk_size, on_error=on_error)
    with contextlib.suppress(DataError):
        asyncio.run(ds.to_list())


async def test_several_files_are_read_as_one(tmp_path):
    for number, text in enumerate(("a,b\n1,x\n2,y\n", "a,b\n3,z\n4,x")):
        (tmp_path / f"{number}.csv").write_text(text)
    configs = {"b": {"dtype": "category"}}
    expected = [{"a": 1, "b": 0}, {"a": 2, "b": 1}, {"a": 3, "b": 2}, {"a": 4, "b": 0}]
    for source in (str(tmp_path / "*.csv"), [tmp_path / "0.csv", tmp_path / "1.csv"]):
        ds = data.disk(source, column_configs=configs)
        assert await ds.column_names() == ["a", "b"]
        assert await ds.to_list() == await ds.to_list() == expected
        assert ds.categories == {"b": ["x", "y", "z"]}
        assert ds.statistics().rows == 4
    (tmp_path / "2.csv").write_text("a,c\n5,x\n")
    with pytest.raises(ParseError, match=r"2.csv, line 1: expected the columns of the files before it"):
        await data.disk(str(tmp_path / "*.csv")).to_list()


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("bad", [[], [1], [29_999], [7, 8, 15_000, 29_000]], ids=str)
async def test_few_bad_rows_leave_the_others_to_the_fast_way(quote, bad, monkeypatch):
    looked_at, lines = [], []
    monkeypatch.setattr(
        "aseq.data._csv_parse.records",
        lambda cut, delimiter: (looked_at.append(record) or record for record in records(cut, delimiter)),
    )
    rows = [f"{quote}{row}{quote},{row % 7}" for row in range(30_000)]
    for row in bad:
        rows[row] = "wrong," + rows[row]
    text = "\n".join(rows).encode()
    ds = data.csv(
        data.MemorySource(text), has_header=False, label=-1, on_error=lambda error: lines.append(error.line)
    )
    x = [int(x[0]) for x, _ in await ds.to_list()]
    assert x == sorted(set(range(30_000)) - set(bad))
    assert lines == [row + 1 for row in bad]
    assert len(looked_at) < 30_000 / 2
