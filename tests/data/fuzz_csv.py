"""Feed the CSV parser with random bytes: `python -m tests.data.fuzz_csv --minutes 10`.

Not collected by pytest. Ends with an error at the first input that gives a foreign exception or hangs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time

from aseq import data
from aseq.errors import DataError

PIECES = [
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"1",
    b"-2.5e3",
    b"nan",
    b"a",
    b" ",
    b"\xff",
    b"\xe2\x82\xac",
]
CONFIGS = [
    {},
    {"label": 0},
    {"label": -1, "has_header": False},
    {"has_header": False, "column_configs": {0: {"dtype": "int"}, -1: {"dtype": "category"}}},
    {"column_configs": {0: {"dtype": "date", "default": "2020-01-01"}}, "on_error": "skip"},
    {"delim_whitespace": True, "on_error": "skip", "has_header": False},
    {"max_record_bytes": 30},
]


def content(chance: random.Random) -> bytes:
    """Bytes that look like CSV now and then."""
    if chance.random() < 0.2:
        return chance.randbytes(chance.randrange(300))
    return b"".join(chance.choices(PIECES, weights=[3, 1, 8, 8] + [2] * 10, k=chance.randrange(200)))


async def run(minutes: float, seed: int) -> int:
    chance, count, end = random.Random(seed), 0, time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        source = data.MemorySource(content(chance), chunk_size=chance.choice([1, 3, 17, 1000]))
        options = chance.choice(CONFIGS)
        try:
            async with asyncio.timeout(30):
                await data.csv(source, **options).batch(chance.randrange(1, 9)).to_list()
        except (DataError, ValueError) as error:
            if not type(error).__module__.startswith("aseq."):
                raise AssertionError(f"{options!r} of {source.content!r} in {source.chunk_size}") from error
        except BaseException as error:
            raise AssertionError(f"{options!r} of {source.content!r} in {source.chunk_size}") from error
        count += 1
    return count


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(asyncio.run(run(arguments.minutes, arguments.seed)), "inputs, no surprises")
