"""Feed the parsers with random bytes: `python -m tests.data.fuzz_csv --minutes 10`.

Ends with an error at the first input that gives a foreign exception, hangs, or gives other rows or errors when it
comes in other chunks; and at the first CSV whose fields are not those of the csv module. `tests/data/test_splits.py`
tries a few inputs of each kind.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import random
import time

import numpy as np

from aseq import data
from aseq.errors import AseqError

CSV_PIECES = [
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b"\xff",
    b"\xe2\x82\xac",
    b"x",
    b"#",
]
CSV_PIECES += [
    b"1",
    b"-2.5e3",
    b"nan",
    b"nan(1)",
    b"0x10",
    b"+3",
    b"true",
    b"2020-01-01",
    b"9007199254740993",
]
CSV_PIECES += [b",", b"\n", b"1,2\n", b"3,4\n", b'"q\n",5\n']
JSON_LINES = [
    "",
    "  ",
    "[]",
    "null",
    "{",
    "1}",
    '{"a":',
    '{"a":{}',
    '{"a":1} {"b":2}',
    "\xff",
    "{}",
    '{"a":1}\r{"a":2}',
]
JSON_VALUES = [
    "1",
    "-2.5",
    "true",
    "null",
    '"x"',
    '""',
    '" "',
    '"2020-01-01"',
    "NaN",
    "Infinity",
    "1e400",
    "[1]",
]
JSON_VALUES += ['{"q":1}', "300", "9007199254740993", "18446744073709551616", '"\\ud83d"', '"\xff"']
KINDS = [None, "float32", "float64", "int8", "int64", "uint64", "bool", "string", "category", "date"]


def csv_content(chance: random.Random) -> bytes:
    """Bytes that look like CSV now and then."""
    if chance.random() < 0.1:
        return chance.randbytes(chance.randrange(300))
    start = chance.choice([b"", b"a,b\n1,2\n", b"\xef\xbb\xbfa,b\n"])
    return start + b"".join(chance.choices(CSV_PIECES, k=chance.randrange(60)))


def json_content(chance: random.Random) -> bytes:
    """Lines that are JSON objects, mostly."""

    def line() -> str:
        if chance.random() < 0.1:
            return chance.choice(JSON_LINES)
        fields = [
            f'"{chance.choice("aabbc")}":{chance.choice(JSON_VALUES)}' for _ in range(chance.randrange(4))
        ]
        return "{" + ",".join(fields) + "}"

    end = chance.choice(["\n", "\n", "\r\n"])
    return (end.join(line() for _ in range(chance.randrange(9))) + chance.choice(["", end])).encode("latin-1")


def options_of(chance: random.Random, columns: list[int] | list[str]) -> dict:
    """Options that all formats know."""
    options: dict = {"on_error": chance.choice(["raise", "skip", "call"])}
    if chance.random() < 0.7:
        options["column_configs"] = {
            column: {"dtype": chance.choice(KINDS), "required": chance.random() < 0.2}
            for column in chance.sample(columns, chance.randrange(1, len(columns) + 1))
        }
        options["configured_columns_only"] = chance.random() < 0.2
    if chance.random() < 0.2:
        options["label"] = chance.choice([columns[0], columns[-1], columns[:1]])
    if chance.random() < 0.1:
        options["max_record_bytes"] = chance.randrange(1, 60)
    return options


def csv_options(chance: random.Random) -> dict:
    """Options of `data.csv`."""
    options = options_of(chance, [0, -1]) | {"has_header": chance.random() < 0.5}
    if chance.random() < 0.2:
        options |= chance.choice(
            [{"delim_whitespace": True}, {"delimiter": ";"}, {"delimiter": "x"}, {"encoding": "latin-1"}]
        )
    return options


def comparable(value: object) -> object:
    """A value that equals another if both are of one type and look the same, NaN too."""
    if isinstance(value, dict):
        return {key: comparable(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(map(comparable, value))
    if isinstance(value, np.ndarray):
        return value.dtype, [comparable(part) for part in value]
    if isinstance(value, float | np.floating):
        return type(value), repr(value + type(value)(0))  # without the sign of zero
    return type(value), value


async def outcome(read, content: bytes, chunk_size: int, options: dict) -> list:
    """All that a user sees of a pass."""
    rows: list = []
    errors: list = []
    if options["on_error"] == "call":
        options = options | {"on_error": lambda error: errors.append((str(error), error.line, error.column))}
    ds = read(data.MemorySource(content, chunk_size=chunk_size, name="file"), **options)
    try:
        async with asyncio.timeout(30):
            await ds.for_each(rows.append)
    except AseqError as error:
        errors.append((type(error), str(error)))
    return [
        [comparable(row) for row in rows],
        errors,
        ds.statistics().rows,
        ds.statistics().bad_rows,
        ds.categories,
    ]


async def compare_with_the_csv_module(content: bytes, chunk_size: int) -> None:
    """The texts of all rows that are as wide as the first."""
    try:
        text = content.decode("utf-8-sig")
        reference = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error):
        return
    if not reference or "\0" in text:
        return
    width = len(reference[0])
    wide = [row for row in reference if len(row) == width and (width > 1 or row[0])]
    configs = {place: {"dtype": "string", "default": ""} for place in range(width)}
    options = {"has_header": False, "column_configs": configs, "on_error": "skip"}
    ds = data.csv(data.MemorySource(content, chunk_size=chunk_size), **options)
    rows = [list(row.values()) for row in await ds.to_list()]
    assert [row for row in rows if any(field.strip() for field in row)] == [
        row for row in wide if any(field.strip() for field in row)
    ], f"{content!r} in {chunk_size}"


async def check(seed: int) -> None:
    """Try one input of each kind."""
    for read, make_content, make_options in (
        (data.csv, csv_content, csv_options),
        (data.json_lines, json_content, lambda chance: options_of(chance, ["a", "b"])),
    ):
        chance = random.Random(seed)
        content, options, chunk_size = (
            make_content(chance),
            make_options(chance),
            chance.choice([1, 2, 3, 7, 17]),
        )
        what = f"seed {seed}: {read.__name__} of {content!r} in {chunk_size} with {options!r}"
        try:
            whole = await outcome(read, content, len(content) + 1, options)
            parts = await outcome(read, content, chunk_size, options)
            if read is data.csv:
                await compare_with_the_csv_module(content, chunk_size)
        except BaseException as error:
            raise AssertionError(what) from error
        assert parts == whole, f"{what}:\n{parts}\n{whole}"


async def run(minutes: float, seed: int) -> int:
    start, end = seed, time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        await check(seed)
        seed += 1
    return seed - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(asyncio.run(run(arguments.minutes, arguments.seed)), "inputs, no surprises")
