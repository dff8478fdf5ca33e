"""Streams of data: sources, the CSV parser, and datasets with their operators.

A dataset is a recipe. Every pass over it starts anew; nothing is read before the first element is asked for.
"""

from __future__ import annotations

from aseq.data._adapters import from_iterable as from_iterable
from aseq.data._adapters import table as table
from aseq.data._arrow import arrow as arrow
from aseq.data._arrow import parquet as parquet
from aseq.data._csv import csv as csv
from aseq.data._dataset import Dataset as Dataset
from aseq.data._dataset import interleave as interleave
from aseq.data._dataset import zip_datasets as zip
from aseq.data._factories import array as array
from aseq.data._factories import disk as disk
from aseq.data._factories import from_async_iterable as from_async_iterable
from aseq.data._factories import generator as generator
from aseq.data._factories import web as web
from aseq.data._file import FileSource as FileSource
from aseq.data._lines import json_lines as json_lines
from aseq.data._lines import text_lines as text_lines
from aseq.data._source import MemorySource as MemorySource
from aseq.data._source import Source as Source
from aseq.data._statistics import StreamStatistics as StreamStatistics
from aseq.data._web import WebSource as WebSource

__all__ = [
    "Dataset",
    "FileSource",
    "MemorySource",
    "Source",
    "StreamStatistics",
    "WebSource",
    "array",
    "arrow",
    "csv",
    "disk",
    "from_async_iterable",
    "from_iterable",
    "generator",
    "interleave",
    "json_lines",
    "parquet",
    "table",
    "text_lines",
    "web",
    "zip",
]
