"""Readers of CSV files that are no frameworks: pyarrow (the bar), pandas, the csv module."""

from __future__ import annotations

import csv
import sys
import time

from benchmarks.workers.protocol import serve


def describe() -> str:
    if READER == "csv":
        return "csv module"
    module = __import__(READER)
    if READER == "pyarrow":
        import pyarrow.csv  # noqa: F401  # loads it before the clock runs
    return f"{READER} {module.__version__}"


def pyarrow_rows(source: str, columns: int) -> int:
    """Its streaming reader on one thread, into float32 columns."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = [f"column_{index}" for index in range(columns)]
    reader = arrow_csv.open_csv(
        source,
        arrow_csv.ReadOptions(use_threads=False, block_size=1 << 20, column_names=names),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float32())),
    )
    return sum(batch.num_rows for batch in reader)


def pandas_rows(source: str, columns: int) -> int:
    """Its C parser, in chunks."""
    import pandas as pd

    chunks = pd.read_csv(source, header=None, dtype="float32", chunksize=4096)
    return sum(len(chunk.to_numpy()) for chunk in chunks)


def csv_rows(source: str, columns: int) -> int:
    """A loop of Python."""
    count = 0
    with open(source, newline="") as file:
        for row in csv.reader(file):
            count += bool([float(value) for value in row])
    return count


READER = sys.argv[1]
COUNTS = {"pyarrow": pyarrow_rows, "pandas": pandas_rows, "csv": csv_rows}


def rows(source: str, columns: int) -> float:
    begun = time.perf_counter()
    return COUNTS[READER](source, columns) / (time.perf_counter() - begun)


if __name__ == "__main__":
    serve(describe, {"rows": rows})
