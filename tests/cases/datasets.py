"""Sources and operators of datasets, each beside the same thing said with plain lists."""

from __future__ import annotations

import io
import itertools
import json
import math
from contextlib import asynccontextmanager

import numpy as np
import pyarrow
import pyarrow.parquet

from aseq import data
from aseq.testing import DatasetCase, FaultyServer


def stream(source):
    """A dataset of the items of a source that counts, read in the event loop."""
    return data.from_async_iterable(source)


def batches(items, n, whole=False):
    """Runs of n items, as arrays."""
    runs = [items[i : i + n] for i in range(0, len(items), n)]
    return [np.array(run) for run in runs if len(run) == n or not whole]


def rows(n):
    """Arrays of two rows each."""
    return [np.array([[i, 0], [i, 1]]) for i in range(n)]


async def later(x):
    return 10 * x


OPERATORS = [
    DatasetCase(
        id="from_async_iterable", make=stream, expected=list, delivered=lambda k: k, read_for_first=1,
    ),
    DatasetCase(
        id="generator", make=lambda source: data.generator(source.iterate), expected=list,
        delivered=lambda k: k, read_for_first=3, gated=False,
    ),
    DatasetCase(
        id="generator-async", make=lambda source: data.generator(source._pass), expected=list,
        delivered=lambda k: k, read_for_first=1,
    ),
    DatasetCase(
        id="Dataset-batch", make=lambda source: stream(source).batch(2), expected=lambda items: batches(items, 2),
        delivered=lambda k: k // 2, read_for_first=2,
    ),
    DatasetCase(
        id="Dataset-batch-drop", make=lambda source: stream(source).batch(3, drop_remainder=True),
        expected=lambda items: batches(items, 3, whole=True), delivered=lambda k: k // 3, read_for_first=3,
    ),
    DatasetCase(
        id="Dataset-unbatch", items=rows, make=lambda source: stream(source).unbatch(),
        expected=lambda items: [row for item in items for row in item], delivered=lambda k: 2 * k, read_for_first=1,
    ),
    DatasetCase(
        id="Dataset-map", make=lambda source: stream(source).map(lambda x: x * 10),
        expected=lambda items: [10 * x for x in items], delivered=lambda k: k, read_for_first=1,
    ),
    DatasetCase(
        id="Dataset-map-async", make=lambda source: stream(source).map(later),
        expected=lambda items: [10 * x for x in items], delivered=lambda k: k, read_for_first=1,
    ),
    DatasetCase(
        id="Dataset-map-parallel", make=lambda source: stream(source).map(later, num_parallel=3),
        expected=lambda items: [10 * x for x in items], delivered=lambda k: k, read_for_first=3,
    ),
    DatasetCase(
        id="Dataset-map-unordered", make=lambda source: stream(source).map(later, num_parallel=3, ordered=False),
        expected=lambda items: [10 * x for x in items], delivered=lambda k: k, read_for_first=3, ordered=False,
    ),
    DatasetCase(
        id="Dataset-filter", make=lambda source: stream(source).filter(lambda x: x % 2),
        expected=lambda items: [x for x in items if x % 2], delivered=lambda k: k // 2, read_for_first=2,
    ),
    DatasetCase(
        id="Dataset-shuffle", make=lambda source: stream(source).shuffle(4, seed=1), expected=list,
        ordered=False, read_for_first=5,
    ),
    DatasetCase(
        id="Dataset-shuffle-fixed", make=lambda source: stream(source).shuffle(100, seed=1, reshuffle_each_iteration=False),
        expected=list, ordered=False, read_for_first=600,
    ),
    DatasetCase(
        id="Dataset-take", make=lambda source: stream(source).take(3), expected=lambda items: items[:3],
        delivered=lambda k: min(k, 3), read_for_first=1,
    ),
    DatasetCase(
        id="Dataset-skip", make=lambda source: stream(source).skip(3), expected=lambda items: items[3:],
        delivered=lambda k: max(0, k - 3), read_for_first=4,
    ),
    DatasetCase(
        id="Dataset-shard", make=lambda source: stream(source).shard(3, 1), expected=lambda items: items[1::3],
        delivered=lambda k: (k + 1) // 3, read_for_first=2,
    ),
    DatasetCase(
        id="Dataset-enumerate", make=lambda source: stream(source).enumerate(5),
        expected=lambda items: list(enumerate(items, 5)), delivered=lambda k: k, read_for_first=1,
    ),
    DatasetCase(
        id="Dataset-repeat", make=lambda source: stream(source).repeat(2), expected=lambda items: items * 2,
        delivered=lambda k: k, read_for_first=1, opens=2,
    ),
    DatasetCase(
        id="Dataset-repeat-endless", make=lambda source: stream(source).repeat().take(9),
        expected=lambda items: list(itertools.islice(itertools.cycle(items), 9)), sizes=(1, 7),
        delivered=lambda k: k, read_for_first=1, opens=2,
    ),
    DatasetCase(
        id="Dataset-concatenate", make=lambda source: stream(source).concatenate(data.array([70, 80])).map(int),
        expected=lambda items: [*items, 70, 80], delivered=lambda k: k, read_for_first=1,
    ),
    DatasetCase(
        id="Dataset-zip", make=lambda source: stream(source).zip(stream(source).map(str)),
        expected=lambda items: [(x, str(x)) for x in items], delivered=lambda k: k, read_for_first=2, opens=2,
    ),
    DatasetCase(
        id="zip", make=lambda source: data.zip({"xs": stream(source), "ys": stream(source).skip(1)}),
        expected=lambda items: [{"xs": x, "ys": y} for x, y in itertools.pairwise(items)], read_for_first=3, opens=2,
    ),
    DatasetCase(
        id="interleave", make=lambda source: data.interleave((stream(source), data.array([70, 80])), 2).map(int),
        expected=lambda items: [*items[:2], 70, 80, *items[2:]], read_for_first=2,
    ),
    DatasetCase(
        id="Dataset-cache", make=lambda source: stream(source).cache(), expected=list, delivered=lambda k: k,
        read_for_first=1,
    ),
    DatasetCase(
        id="Dataset-prefetch", make=lambda source: stream(source).prefetch(2), expected=list, delivered=lambda k: k,
        read_for_first=4, buffered=2, covers=("StreamStatistics",),
    ),
    DatasetCase(
        id="Dataset-pipeline",
        make=lambda source: stream(source).map(float).filter(lambda x: x != 2).batch(2).map(np.negative).prefetch(1),
        expected=lambda items: [-b.astype(np.float32) for b in batches([x for x in items if x != 2], 2)],
        delivered=lambda k: (k - (k > 2)) // 2, read_for_first=8, buffered=1,
    ),
]  # fmt: skip


# Sources ------------------------------------------------------------------------------------------

CSV = '\ufeffname,size,"note"\r\nä,1,"a ""b"", c"\r\nβ,2.5,"two\nlines"\r\n,3,\r\n'.encode()


def lines(n):
    """Records of a file without a header, one a chunk."""
    return [f"{i},{i / 2}\n".encode() for i in range(n)]


def records(items):
    """What `csv` gives for them."""
    pairs = [item.decode().split(",") for item in items]
    return [{"column_0": np.float32(a), "column_1": np.float32(b)} for a, b in pairs]


def file_of(tmp_name):
    """A world that keeps the lines in a file of its own."""

    @asynccontextmanager
    async def world(items):
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / tmp_name
            path.write_bytes(b"".join(items))
            yield path

    return world


@asynccontextmanager
async def memory(items):
    """A world that keeps the lines in memory, in chunks that cut them anywhere."""
    yield data.MemorySource(b"".join(items), chunk_size=5)


@asynccontextmanager
async def server(items):
    """A world that serves the lines over HTTP on loopback."""
    async with FaultyServer(b"".join(items)) as faulty:
        yield faulty


@asynccontextmanager
async def arrays(items):
    """A world of the items in an array."""
    yield np.array(items, np.float64)


def numbered(n):
    """The numbers of a column."""
    return list(range(n))


def columns(items):
    """A table of two columns."""
    return pyarrow.table({"a": pyarrow.array(items, pyarrow.int64()), "b": [item / 2 for item in items]})


def pairs(items):
    """Its rows, as every format gives them."""
    return [{"a": np.float32(item), "b": np.float32(item / 2)} for item in items]


@asynccontextmanager
async def parquet_file(items):
    """A world that keeps the table in a Parquet file, in groups of three rows."""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(columns(items), sink, row_group_size=3)
    yield data.MemorySource(sink.getvalue())


@asynccontextmanager
async def arrow_file(items):
    """A world that keeps the table in an Arrow IPC stream."""
    sink = io.BytesIO()
    with pyarrow.ipc.new_stream(sink, columns(items).schema) as writer:
        writer.write_table(columns(items), max_chunksize=3)
    yield data.MemorySource(sink.getvalue())


@asynccontextmanager
async def plain(items):
    """A world of the items themselves."""
    yield items


@asynccontextmanager
async def frame(items):
    """A world of the table itself."""
    yield columns(items)


def objects(n):
    """JSON objects, one a line and a chunk."""
    return [json.dumps({"a": i, "b": i / 2}).encode() + b"\n" for i in range(n)]


def read(source):
    return data.csv(source, has_header=False)


SOURCES = [
    DatasetCase(
        id="array", make=data.array, world=arrays, expected=lambda items: [np.float64(item) for item in items],
    ),
    DatasetCase(
        id="array-labels", make=lambda x: data.array(x, x + 1), world=arrays,
        expected=lambda items: [(np.float64(item), np.float64(item + 1)) for item in items],
    ),
    DatasetCase(
        id="csv", make=read, items=lines, expected=records, sizes=(1, 7), read_for_first=4,
        delivered=lambda k: max(0, k - 2), covers=("Source",),
    ),
    DatasetCase(
        id="csv-quoted", make=data.csv, items=lambda n: [CSV], expected=lambda items: [
            {"name": "ä", "size": np.float32(1), "note": 'a "b", c'},
            {"name": "β", "size": np.float32(2.5), "note": "two\nlines"},
            {"name": math.nan, "size": np.float32(3), "note": math.nan},
        ], sizes=(1,), content=CSV,
    ),
    DatasetCase(id="MemorySource", make=read, world=memory, items=lines, expected=records, sizes=(1, 7)),
    DatasetCase(
        id="FileSource", make=lambda path: read(data.FileSource(path)), world=file_of("a.csv"), items=lines,
        expected=records, sizes=(1, 7),
    ),
    DatasetCase(
        id="disk", make=lambda path: data.disk(path, has_header=False), world=file_of("a.csv"), items=lines,
        expected=records, sizes=(1, 7),
    ),
    DatasetCase(
        id="WebSource", make=lambda world: read(data.WebSource(world.url)), world=server, items=lines,
        expected=records, sizes=(1, 7),
    ),
    DatasetCase(
        id="web", make=lambda world: data.web(world.url, has_header=False), world=server, items=lines,
        expected=records, sizes=(1, 7),
    ),
    DatasetCase(id="parquet", make=data.parquet, world=parquet_file, items=numbered, expected=pairs, sizes=(1, 7)),
    DatasetCase(id="arrow", make=data.arrow, world=arrow_file, items=numbered, expected=pairs, sizes=(1, 7)),
    DatasetCase(id="table", make=data.table, world=frame, items=numbered, expected=pairs, sizes=(1, 7)),
    DatasetCase(
        id="json_lines", make=data.json_lines, items=objects, sizes=(1, 7), read_for_first=4,
        expected=lambda items: pairs([json.loads(item)["a"] for item in items]), delivered=lambda k: max(0, k - 2),
        content='{"a": "ä", "b": 1}\r\n{"a": "\\n", "b": 2}\n'.encode(),
    ),
    DatasetCase(
        id="text_lines", make=data.text_lines, items=lines, sizes=(1, 7), read_for_first=4,
        expected=lambda items: [item.decode().strip() for item in items], delivered=lambda k: max(0, k - 2),
        content="ä\r\n\nβγ\nlast".encode(),
    ),
    DatasetCase(id="from_iterable", make=data.from_iterable, world=plain, expected=list),
]  # fmt: skip

CASES = [*OPERATORS, *SOURCES]
