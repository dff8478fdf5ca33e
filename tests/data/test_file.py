from __future__ import annotations

import asyncio
import itertools
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from aseq import data
from aseq.data._file import FileSource
from aseq.data._source import CHUNK_SIZE, Source
from aseq.data._statistics import Statistics
from aseq.errors import ConfigError, SourceError, SourceTruncated, StreamConsumed

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = b"a,b\n" + b"1,2\n" * 1000


async def read(source: Source) -> bytes:
    async with asyncio.timeout(20), source.open(Statistics()) as chunks:
        return b"".join([chunk async for chunk in chunks])


def open_files() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))


async def no_thread_left(before: int) -> None:
    async with asyncio.timeout(5):
        while threading.active_count() > before:
            await asyncio.sleep(0.001)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(CONTENT)
    return path


async def test_is_a_source_that_can_be_read_again(file: Path) -> None:
    source = FileSource(file)
    assert isinstance(source, Source)
    assert source.name == str(file)
    assert await read(source) == await read(source) == CONTENT


async def test_reads_large_chunks(tmp_path: Path) -> None:
    content = os.urandom(5 * CHUNK_SIZE + 17)
    (tmp_path / "big").write_bytes(content)
    statistics = Statistics()
    async with FileSource(str(tmp_path / "big")).open(statistics) as chunks:
        read = [chunk async for chunk in chunks]
    assert [len(chunk) for chunk in read] == [CHUNK_SIZE] * 5 + [17]
    assert b"".join(read) == content
    assert statistics.bytes == len(content)


async def test_an_empty_file_is_no_chunks(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert await read(FileSource(tmp_path / "empty")) == b""


async def test_leaves_no_file_and_no_thread(file: Path) -> None:
    files, threads = open_files(), threading.active_count()
    assert await read(FileSource(file)) == CONTENT
    assert open_files() == files
    await no_thread_left(threads)


async def test_leaving_early_closes_the_file(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(4 << 20))
    files, threads = open_files(), threading.active_count()
    for taken in range(3):
        async with FileSource(tmp_path / "big").open(Statistics()) as chunks:
            for _ in range(taken):
                await anext(chunks)
        assert open_files() == files
    await no_thread_left(threads)


async def test_does_not_use_the_threads_of_the_program_around_it(file: Path) -> None:
    names: set[str] = set()
    async with FileSource(file).open(Statistics()) as chunks:
        async for _ in chunks:
            names |= {thread.name for thread in threading.enumerate()}
    assert any(name.startswith("aseq file") for name in names)
    assert not any(name.startswith("asyncio_") for name in names)


@pytest.mark.parametrize("impatient", [False, True])
async def test_a_cancel_at_every_suspension_closes_everything(tmp_path: Path, impatient: bool) -> None:
    (tmp_path / "big").write_bytes(bytes(3 << 20))
    files, threads, tasks = open_files(), threading.active_count(), len(asyncio.all_tasks())
    for turns in itertools.count():
        task = asyncio.create_task(read(FileSource(tmp_path / "big")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        if impatient:
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.done()
        assert open_files() == files
        assert len(asyncio.all_tasks()) == tasks
        if not task.cancelled():
            assert task.result() == bytes(3 << 20)
            break
    assert turns > 3
    await no_thread_left(threads)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "found nothing there. Check the path"),
        (lambda path: path.mkdir(), "found a directory. Name the files in it with a pattern"),
    ],
)
async def test_what_cannot_be_read_is_named(tmp_path: Path, make: object, says: str) -> None:
    path = tmp_path / "thing"
    make(path)  # type: ignore[operator]
    with pytest.raises(SourceError, match=says) as caught:
        await read(FileSource(path))
    assert isinstance(caught.value, OSError)
    assert str(caught.value).startswith(f"{path}: ")


async def test_a_part_of_the_path_that_is_no_directory_is_named(file: Path) -> None:
    with pytest.raises(SourceError, match="expected a file that can be read, received Not a directory"):
        await read(FileSource(file / "inner.csv"))


def test_a_file_that_may_not_be_read_is_named(file: Path) -> None:
    """In a process of its own that gives up its rights, since root may read everything."""
    file.chmod(0)
    file.parent.chmod(0o755)
    code = (
        "import asyncio, os, sys\n"
        "from aseq.data._file import FileSource\n"
        "from aseq.data._statistics import Statistics\n"
        "from aseq.errors import SourceError\n"
        "import aiofiles.os\n"
        "async def main():\n"
        "    async with FileSource(sys.argv[1]).open(Statistics()) as chunks:\n"
        "        return [chunk async for chunk in chunks]\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "try: asyncio.run(main())\n"
        "except SourceError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=True)
    assert "permission denied" in done.stdout


@pytest.mark.parametrize("path", ["", 3, None, b"", "a\0b", "\ud800", ["a.csv"]])
def test_what_is_no_path_is_refused_at_once(path: object) -> None:
    with pytest.raises(ConfigError, match="FileSource: expected a path"):
        FileSource(path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", ["http://host/a.csv", "s3://bucket/a.csv", "file://other/a.csv", "file://a.csv", "file:///%00"]
)
def test_an_address_elsewhere_is_refused_at_once(path: str) -> None:
    with pytest.raises(ConfigError, match="expected a path or a file:// URL of this machine, received"):
        FileSource(path)


@pytest.mark.parametrize("form", ["file://{}", "FILE://{}", "file://localhost{}"])
async def test_a_file_url_is_a_path(tmp_path: Path, form: str) -> None:
    path = tmp_path / "100 % näher.csv"
    path.write_bytes(CONTENT)
    assert FileSource(path.as_uri()).path == str(path)
    assert await read(FileSource(form.format(quote(str(path))))) == CONTENT


async def test_a_path_may_begin_at_home(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(file.parent))
    assert await read(FileSource("~/a.csv")) == await read(FileSource(Path("~/a.csv"))) == CONTENT
    assert await data.csv("~/*.csv").to_list() == await data.csv(file).to_list()


def shorter(path: Path) -> None:
    os.truncate(path, 3 << 20)


def longer(path: Path) -> None:
    with path.open("ab") as end:
        end.write(b"more")


def replaced(path: Path) -> None:
    path.with_name("new").write_bytes(b"new")
    path.with_name("new").replace(path)


@pytest.mark.parametrize(
    ("change", "whole"), [(shorter, False), (longer, True), (replaced, True), (Path.unlink, True)]
)
async def test_a_file_that_is_cut_while_it_is_read_is_an_error(
    tmp_path: Path, change: Callable[[Path], None], whole: bool
) -> None:
    path, content, received = tmp_path / "big", os.urandom(5 << 20), b""
    path.write_bytes(content)

    async def read_and_change() -> None:
        nonlocal received
        async with FileSource(path).open(Statistics()) as chunks:
            received = await anext(chunks)
            change(path)
            async for chunk in chunks:
                received += chunk

    if whole:
        await read_and_change()
        assert received[: 5 << 20] == content
    else:
        with pytest.raises(SourceTruncated, match=f"big: expected {5 << 20} bytes, .* was cut to {3 << 20}"):
            await read_and_change()


async def test_a_standard_input_that_is_closed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceError, match="standard input: expected it to be open, found it closed"):
        await read(FileSource("-"))


def test_a_recipe_travels() -> None:
    assert pickle.loads(pickle.dumps(FileSource("a.csv"))).path == "a.csv"


async def test_standard_input_from_a_pipe_is_read_once() -> None:
    reading, writing = os.pipe()
    source = FileSource("-", _stdin=reading)
    assert source.name == "standard input"

    def write() -> None:
        for start in range(0, len(CONTENT), 700):
            os.write(writing, CONTENT[start : start + 700])
            time.sleep(0.001)
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    assert await read(source) == CONTENT
    writer.join()
    with pytest.raises(StreamConsumed, match="standard input: expected one pass"):
        await read(source)
    os.close(reading)


async def test_a_silent_pipe_can_be_left_and_cancelled() -> None:
    reading, writing = os.pipe()
    files = open_files()
    task = asyncio.create_task(read(FileSource("-", _stdin=reading)))
    await asyncio.sleep(0.02)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done
    assert task.cancelled()
    assert open_files() == files
    os.close(reading)
    os.close(writing)


async def test_what_came_through_a_slow_pipe_is_not_held_back() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a,b\n")
    async with asyncio.timeout(5), FileSource("-", _stdin=reading).open(Statistics()) as chunks:
        assert await anext(chunks) == b"a,b\n"
    os.close(reading)
    os.close(writing)


async def test_a_named_pipe_waits_for_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    source = FileSource(path)
    files = open_files()
    task = asyncio.create_task(read(source))
    await asyncio.sleep(0.02)
    with open(path, "wb") as pipe:  # noqa: ASYNC230
        pipe.write(CONTENT)
    assert await task == CONTENT
    assert open_files() == files
    with pytest.raises(StreamConsumed):
        await read(source)


@pytest.mark.parametrize("how", ["pipe", "file", "null"])
def test_real_standard_input(how: str, file: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from aseq.data._file import FileSource\n"
        "from aseq.data._statistics import Statistics\n"
        "async def main():\n"
        "    async with FileSource('-').open(Statistics()) as chunks:\n"
        "        return b''.join([chunk async for chunk in chunks])\n"
        "sys.stdout.buffer.write(asyncio.run(main(), debug=True))\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    if how == "pipe":
        done = subprocess.run(command, input=CONTENT, capture_output=True, check=True)
    else:
        with open(file if how == "file" else os.devnull, "rb") as stdin:
            done = subprocess.run(command, stdin=stdin, capture_output=True, check=True)
    assert done.stdout == (b"" if how == "null" else CONTENT)
    assert done.stderr == b""
