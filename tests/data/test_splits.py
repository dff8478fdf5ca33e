"""Rows and errors do not depend on how the bytes come, nor on what else is in the block."""

from __future__ import annotations

import asyncio
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aseq import data
from aseq.errors import AseqError, ParseError
from tests.data import fuzz_csv


@pytest.mark.parametrize("start", range(0, 200, 25))
async def test_the_first_inputs_of_the_fuzzer(start):
    for seed in range(start, start + 25):
        await fuzz_csv.check(seed)


def read(text: str, *, chunk_size: int = 1 << 20, **options) -> list | type[AseqError]:
    """The column b of a table, or the error."""

    async def rows() -> list:
        ds = data.csv(data.MemorySource(text.encode(), chunk_size=chunk_size), **options)
        return [fuzz_csv.comparable(row["b"]) for row in await ds.to_list()]

    try:
        return asyncio.run(rows())
    except ParseError as error:
        return type(error)


FIELDS = [
    "0x10",
    "0XFF",
    "0xFFFFFFFF",
    "nan(1)",
    "nan()",
    "-nan",
    "+inf",
    "Infinity",
    "1e400",
    "+3",
    "-0",
    "1.0",
]
FIELDS += [
    "1e3",
    "9007199254740993.0",
    "9007199254740992.5",
    "9223372036854775808",
    "1_0",
    " 8 ",
    "\t8",
    "     ",
    "T",
]
FIELDS += [
    "1970-01-01T00:00:00+02:00",
    "0001-01-01T00:00:00+12:00",
    "9999-12-31T23:00:00-12:00",
    "0e999999999",
]
anything = st.one_of(st.sampled_from(FIELDS), st.text("0123456789.+-eExXnaif() _", min_size=1, max_size=6))


@given(anything, st.sampled_from(fuzz_csv.KINDS[1:]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_field_means_the_same_whatever_is_beside_it(field, dtype, quoted):
    options = {"column_configs": {"b": {"dtype": dtype}}}
    field = f'"{field}"' if quoted else field
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = read(f"a,b\n1,{field}\n", **options)
        assert read(f"a,b\n0.5,{field}\n", **options) == alone  # numbers are not read as integers
        assert read(f"a,b\n,{field}", chunk_size=1, **options) == alone
        skipped = read(f"a,b\n1,{field}\n1,1,1\n", on_error="skip", **options)  # the slow way
        assert skipped == ([] if alone is ParseError else alone)


@pytest.mark.parametrize(
    ("dtype", "field", "value"),
    [
        ("int64", "9007199254740993.0", np.int64(2**53 + 1)),
        ("int64", "9007199254740993", np.int64(2**53 + 1)),
        ("int64", "9007199254740992.5", None),
        ("int64", "0e999999999", np.int64(0)),
        ("int32", "0x10", None),
        ("float32", "0x10", None),
        ("float64", "nan(1)", None),
        ("float32", "1e39", np.float32(np.inf)),
        ("float16", "-70000", np.float16(-np.inf)),
        ("date", "9999-12-31T23:00:00-12:00", None),
        ("date", "1969-12-31T23:00:00-02:00", np.float64(1 / 24)),
        ("date", "1968-02-29", np.float64(-672)),
        ("bool", "2", None),
        ("bool", " tRUE", np.True_),
    ],
)
def test_what_a_field_means(dtype, field, value):
    got = read(f"a,b\n1,{field}\n", column_configs={"b": {"dtype": dtype}})
    assert got == (ParseError if value is None else [fuzz_csv.comparable(value)])


def test_hexadecimal_texts_beside_integers_keep_to_the_fast_way(monkeypatch):
    monkeypatch.delattr("aseq.data._csv_parse.CsvParser._repaired")
    text = "a,b\n" + "".join(f"{n},0x{n:x}\n" for n in range(100))
    configs = {"a": {"dtype": "int32"}, "b": {"dtype": "string"}}
    assert read(text, column_configs=configs) == [(str, f"0x{n:x}") for n in range(100)]


@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
@pytest.mark.parametrize("longest", ["x" * 51, '"' + "x\n" * 24 + 'x"'])
async def test_the_limit_of_a_record_does_not_depend_on_chunks(longest, chunk_size):
    source = data.MemorySource(f"a,b\n1,2\n3,4\n{longest},5\n6,7\n".encode(), chunk_size=chunk_size, name="t")
    rows: list = []
    with pytest.raises(ParseError, match="t, line 4: expected records of at most 50 bytes"):
        await data.csv(source, max_record_bytes=50, on_error="skip").for_each(rows.append)
    assert rows == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    ds = data.csv(source, max_record_bytes=53, on_error="skip")
    assert [row["b"] for row in await ds.to_list()] == [2, 4, 7]


@pytest.mark.parametrize("chunk_size", [1, 4, 1000])
async def test_a_carriage_return_alone_ends_a_line_beside_others(chunk_size):
    source = data.MemorySource(b"a,b\r\n1,2\r3,4\n5,6\n7,x\n", chunk_size=chunk_size, name="t")
    with pytest.raises(ParseError, match="t, line 5, column 'b'"):
        await data.csv(source).to_list()


@pytest.mark.parametrize("chunk_size", [1, 1000])
async def test_malformed_rows_take_no_category(chunk_size):
    text = b"c,d,n\nx,,1\ny,z,1\nw,q,bad\nv,r,2\n"
    configs = {"c": {"dtype": "category"}, "d": {"dtype": "category"}}
    ds = data.csv(data.MemorySource(text, chunk_size=chunk_size), column_configs=configs, on_error="skip")
    assert [(row["c"], row["d"]) for row in await ds.to_list()] == [(0, 0), (1, 1)]
    assert ds.categories == {"c": ["y", "v"], "d": ["z", "r"]}
