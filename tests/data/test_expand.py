from __future__ import annotations

import asyncio
import itertools
import os
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from aseq.data._expand import as_sources, expand, is_pattern
from aseq.data._file import FileSource
from aseq.data._fsspec import FsspecSource
from aseq.data._source import CHUNK_SIZE, MemorySource, Source
from aseq.data._statistics import Statistics
from aseq.data._web import WebSource
from aseq.errors import ConfigError, SourceError


async def read(source: Source) -> bytes:
    async with asyncio.timeout(20), source.open(Statistics()) as chunks:
        return b"".join([chunk async for chunk in chunks])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "a.csv", "c.txt", "sub/d.csv", "e[1].csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n1\n")
    (tmp_path / "folder.csv").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("a.csv", FileSource),
        (Path("a.csv"), FileSource),
        ("-", FileSource),
        ("http://host/a.csv", WebSource),
        ("HTTPS://host/a.csv", WebSource),
        ("s3://bucket/a.csv", FsspecSource),
        ("memory://a.csv", FsspecSource),
        ("simplecache::s3://bucket/a.csv", FsspecSource),
        ("file:///data/a.csv", FileSource),
        (r"C:\data\a.csv", FileSource),
        (MemorySource(b"a\n"), MemorySource),
    ],
)
def test_a_source_is_known_by_its_form(source: object, kind: type) -> None:
    (found,) = as_sources(source)  # type: ignore[arg-type]
    assert type(found) is kind
    assert expand(source)[0].name == found.name  # type: ignore[arg-type]


def test_lists_are_taken_in_their_order() -> None:
    names = ["https://host/b.csv", Path("a.csv"), MemorySource(b"", name="m"), ["z.csv", "y.csv"]]
    assert [source.name for source in expand(names)] == ["https://host/b.csv", "a.csv", "m", "z.csv", "y.csv"]
    assert [source.name for source in expand(str(n) for n in range(2))] == ["0", "1"]


def test_patterns_give_files_in_sorted_order(folder: Path) -> None:
    found = [Path(source.name).name for source in expand(f"{folder}/*.csv")]
    assert found == ["a.csv", "b.csv", "e[1].csv"]
    assert [Path(s.name).name for s in expand(folder / "**" / "d.csv")] == ["d.csv"]
    assert len(expand(FileSource(folder / "?.csv"))) == 2


def test_a_file_whose_name_looks_like_a_pattern_is_itself(folder: Path) -> None:
    assert [source.name for source in expand(folder / "e[1].csv")] == [str(folder / "e[1].csv")]


def test_a_pattern_without_files_is_an_error(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"\*\.tsv: expected files that match this pattern, found none"):
        expand(f"{folder}/*.tsv")


def test_patterns_are_known_without_looking() -> None:
    assert is_pattern(as_sources("nowhere/*.csv")[0])
    assert is_pattern(as_sources("s3://bucket/[ab].csv")[0])
    assert not is_pattern(as_sources("https://host/a.csv?x=*")[0])
    assert not is_pattern(as_sources("a.csv")[0])


@pytest.mark.parametrize("source", [3, None, b"a,b\n1,2\n", [3], object()])
def test_what_names_no_source_is_refused(source: object) -> None:
    with pytest.raises(ConfigError, match="source: expected a path, a URL, a source or a list of these"):
        as_sources(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", [[], [[], []]])
def test_an_empty_list_is_refused(source: list[object]) -> None:
    with pytest.raises(ConfigError, match="received an empty list"):
        as_sources(source)  # type: ignore[arg-type]


async def test_fsspec_reads_what_it_knows(folder: Path) -> None:
    content = os.urandom(2 * CHUNK_SIZE + 3)
    system = fsspec.filesystem("memory")
    system.pipe("/aseq/one.bin", content)
    system.pipe("/aseq/two.bin", b"2")
    assert await read(*expand("memory://aseq/one.bin")) == content
    assert [await read(source) for source in expand("memory://aseq/*.bin")] == [content, b"2"]
    assert await read(*expand(f"file://{folder}/a.csv")) == b"a.csv\n1\n"
    statistics = Statistics()
    async with FsspecSource("memory://aseq/one.bin").open(statistics) as chunks:
        assert [len(chunk) async for chunk in chunks] == [CHUNK_SIZE, CHUNK_SIZE, 3]
    assert statistics.bytes == len(content)


async def test_fsspec_errors_are_named() -> None:
    with pytest.raises(
        SourceError, match="memory://aseq/none: expected a file that can be read, received FileNot"
    ):
        await read(FsspecSource("memory://aseq/none"))
    with pytest.raises(
        ConfigError, match=r"nonsense://x: expected fsspec and its driver .* Install aseq\[fsspec\]"
    ):
        await read(FsspecSource("nonsense://x"))
    with pytest.raises(SourceError, match="found none"):
        expand("memory://nowhere/*.csv")


class Stubborn(MemoryFileSystem):
    """A driver that raises what it likes, as those for cloud storage do."""

    protocol = "stubborn"

    def open(self, *_: object, **__: object) -> None:
        raise RuntimeError("not today")

    def glob(self, *_: object, **__: object) -> None:
        raise KeyError("bucket")


async def test_errors_of_an_fsspec_driver_are_named() -> None:
    fsspec.register_implementation("stubborn", Stubborn, clobber=True)
    with pytest.raises(SourceError, match=r"stubborn://x: expected a file .* RuntimeError \(not today\)"):
        await read(FsspecSource("stubborn://x"))
    with pytest.raises(SourceError, match=r"stubborn://\*: expected files .* KeyError \('bucket'\)"):
        expand("stubborn://*")


async def test_fsspec_closes_at_every_cancel(folder: Path) -> None:
    files = sorted(os.listdir("/proc/self/fd"))
    for turns in itertools.count():
        task = asyncio.create_task(read(FsspecSource(f"file://{folder}/a.csv")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.done()
        assert sorted(os.listdir("/proc/self/fd")) == files
        if not task.cancelled():
            break
    assert turns > 2
