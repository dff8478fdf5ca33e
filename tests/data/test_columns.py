"""`column_configs`, `label` and `dtype`: what the user says about columns, whatever the format."""

from __future__ import annotations

import datetime
import warnings

import numpy as np
import pytest

from aseq import data
from aseq.errors import ConfigError, ParseError


def table(text: str, **options):
    return data.csv(data.MemorySource(text.encode(), name="t.csv"), **options)


@pytest.mark.parametrize(
    ("dtype", "default", "value"),
    [
        ("bool", "false", False),
        ("bool", "0", False),
        ("bool", np.True_, True),
        ("int32", " 3.0 ", 3),
        ("int32", "1e3", 1000),
        ("int64", 2**53 + 1, 2**53 + 1),
        ("float32", "+7.5", 7.5),
        ("float32", 1e300, np.inf),
        ("float32", 10**400, np.inf),
        (None, " 7 ", 7),
        ("string", "", ""),
        ("string", 5, "5"),
        ("date", datetime.date(1970, 1, 3), 2),
        ("date", "1969-12-31T12:00Z", -0.5),
    ],
)
async def test_a_default_is_read_as_its_column_is(dtype, default, value):
    ds = table("a,b\n,1\n", column_configs={"a": {"dtype": dtype, "default": default}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ((got,), _) = zip(*[row.values() for row in await ds.to_list()], strict=True)
    assert (got, isinstance(got, str)) == (value, isinstance(value, str))


@pytest.mark.parametrize(
    "config",
    [
        {"dtype": "int", "default": ""},
        {"dtype": "float32", "default": " "},
        {"dtype": "date", "default": ""},
        {"dtype": "date", "default": 5},
        {"dtype": "bool", "default": 0.5},
        {"dtype": "int64", "default": 2**63},
        {"dtype": "date", "format": 5},
        {"required": "no"},
        {"isLabel": "false"},
    ],
)
def test_a_config_that_cannot_be_right_is_refused_at_the_call(config):
    with pytest.raises(ConfigError, match=r"column_configs\['a'\]: expected "):
        table("a,b\n1,2\n", column_configs={"a": config})


@pytest.mark.parametrize("key", [True, 1.5, None, ("a",)])
def test_columns_go_by_name_or_index(key):
    with pytest.raises(ConfigError, match="column_configs: expected names or indices"):
        table("a,b\n1,2\n", column_configs={key: {}})


@pytest.mark.parametrize(
    "options", [{"column_configs": {"a": {}, -2: {"default": 1}}}, {"label": ["a", 0]}, {"label": ["b", "b"]}]
)
async def test_no_column_is_named_twice(options):
    with pytest.raises(ConfigError, match=r"t.csv: expected each column once, received '[ab]' and again"):
        await table("a,b\n1,2\n", **options).to_list()


LABELS = [
    {"column_configs": {"y": {"is_label": True}}},
    {"label": "y", "column_configs": {"y": {"required": True}}},
    {"label": ["x", "y"], "column_configs": {"y": {"is_label": True}}},
]


@pytest.mark.parametrize("options", LABELS)
async def test_a_label_of_tfjs_is_required(options):
    text = "x,y\n1,2\n3,\n5, \n7,8\n"
    with pytest.raises(ParseError, match=r"line 3, column 'y': expected a value, received none"):
        await table(text, **options).to_list()
    ds = table(text, **options, on_error="skip")
    assert [np.ravel(y)[-1] for _, y in await ds.to_list()] == [2, 8]
    assert ds.statistics().bad_rows == 2


async def test_a_label_may_be_missing_like_any_number():
    text = "x,y\n1,2\n3,\n"
    assert np.array_equal([y for _, y in await table(text, label="y").to_list()], [2, np.nan], equal_nan=True)
    for default in (np.nan, 7):
        ds = table(text, label="y", column_configs={"y": {"default": default}})
        assert np.array_equal([y for _, y in await ds.to_list()], [2, default], equal_nan=True)


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "float16"},
        {"dtype": "float16", "label": "y"},
        {"column_configs": {"x": "float64"}, "label": "y"},
        {"column_configs": {"x": "float16"}},
    ],
)
async def test_what_is_beyond_a_dtype_is_infinite(options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (row,) = await table("x,y\n1e300,2\n", **options).to_list()
    value = row["x"] if isinstance(row, dict) else row[0][0]
    assert np.isposinf(value)


async def test_thousands_of_columns():
    width = 3000
    text = "\n".join([",".join(f"c{n}" for n in range(width)), ",".join(map(str, range(width)))])
    ((x, y),) = await table(text, label="c7").to_list()
    assert (x.shape, x[-1], y) == ((width - 1,), width - 1, 7)
    with pytest.raises(ParseError, match=r"column 3001: expected a header.*received 'c0' again"):
        await table(text.replace("\n", ",c0\n", 1)).to_list()
