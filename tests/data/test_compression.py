from __future__ import annotations

import bz2
import gc
import gzip
import io
import lzma
import os
import struct
import threading
import time
import tracemalloc
import zlib
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aseq import data
from aseq.data._compression import COMPRESSIONS, Decompressor, _Gzip, recognize
from aseq.data._origins import ByteOrigin
from aseq.data._stages import Pass
from aseq.data._statistics import Statistics
from aseq.errors import ConfigError, ParseError, SourceTruncated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

PLAIN = "name,size\ngrün 漢字,1\n".encode() * 2000


def zstd(data: bytes) -> bytes:
    return pyarrow.Codec("zstd").compress(data, asbytes=True)


def zstd_of_unknown_size(data: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": zstd,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


def run(chunks: Iterable[bytes], compression: str | None = "infer", **options: float | None) -> bytes:
    decompressor = Decompressor(compression, name="data.csv", **options)
    try:
        plain = [piece for chunk in chunks for piece in decompressor.feed(chunk)]
        return b"".join([*plain, *decompressor.flush()])
    finally:
        decompressor.close()


def split(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", [1, 2, 7, 64, 1 << 20])
@pytest.mark.parametrize("told", [True, False])
def test_any_split_gives_the_content(compression: str, size: int, told: bool) -> None:
    packed = COMPRESS[compression](PLAIN)
    assert run(split(packed, size), compression if told else "infer") == PLAIN


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_several_members_are_one_content(compression: str, size: int) -> None:
    compress = COMPRESS[compression]
    packed = compress(PLAIN[:10]) + compress(b"") + compress(PLAIN[10:999]) + compress(PLAIN[999:])
    assert run(split(packed, size)) == PLAIN


@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz"])
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_zeros_after_a_member_are_padding(compression: str, size: int) -> None:
    compress = COMPRESS[compression]
    packed = compress(PLAIN[:10]) + bytes(512) + compress(PLAIN[10:]) + bytes(1024)
    assert run(split(packed, size)) == PLAIN


@pytest.mark.parametrize("size", [1, 13, 1 << 20])
def test_zstd_as_parallel_and_streaming_compressors_write_it(size: int) -> None:
    skippable = struct.pack("<II", 0x184D2A5E, 7) + b"ignored"
    packed = skippable + zstd(PLAIN[:99]) + skippable + zstd_of_unknown_size(PLAIN[99:]) + skippable
    assert run(split(packed, size)) == PLAIN


@pytest.mark.parametrize(
    "content", [b"", b"a", b"a,b\n1,2\n", PLAIN, b"\x1f", b"BZh9,b\n1,2\n", b"\xfd7z", b"(\xb5/"]
)
@pytest.mark.parametrize("size", [1, 5, 1 << 20])
@pytest.mark.parametrize("compression", ["infer", None])
def test_plain_content_passes_as_it_is(content: bytes, size: int, compression: str | None) -> None:
    assert run(split(content, size), compression) == content


class Uneven:
    """A source of chunks of any size."""

    name = "uneven"

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks

    @asynccontextmanager
    async def open(self, _: Statistics) -> AsyncIterator[AsyncIterator[bytes]]:
        yield self.each()

    async def each(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk


@pytest.fixture(params=COMPRESSIONS)
def packed(request: pytest.FixtureRequest) -> bytes:
    return COMPRESS[request.param](os.urandom(1 << 20))


@pytest.mark.parametrize("first", [1, 5, 10, 100])
async def test_what_is_compressed_is_taken_in_small_pieces_however_it_begins(
    packed: bytes, first: int
) -> None:
    """A slow link may give a single byte first. A large piece might expand to more than memory holds."""
    origin = ByteOrigin(Uneven(packed[:first], packed[first:]), "infer")
    pieces = [b"".join(piece) async for piece in origin.inputs(Pass(None, Statistics()))]
    assert b"".join(pieces) == packed
    assert max(map(len, pieces)) <= 256 << 10


async def test_the_event_loop_does_not_decompress(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, decompress = set(), _Gzip.decompress

    def noting(gzip: _Gzip, packed: bytes, max_length: int) -> bytes:
        threads.add(threading.current_thread())
        return decompress(gzip, packed, max_length)

    monkeypatch.setattr(_Gzip, "decompress", noting)
    assert await data.csv(data.MemorySource(gzip.compress(b"a\n1\n"))).to_list() == [{"a": 1}]
    assert threads
    assert threading.main_thread() not in threads


def test_the_first_bytes_decide_and_not_a_name() -> None:
    packed = gzip.compress(PLAIN)
    decompressor = Decompressor(name="data.csv.zst")
    assert b"".join(decompressor.feed(packed)) == PLAIN
    assert decompressor.compression == "gzip"


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_what_is_compressed_is_not_taken_for_plain(compression: str, size: int) -> None:
    with pytest.raises(ParseError, match=f"compression=None says, received {compression} data. Leave"):
        run(split(COMPRESS[compression](PLAIN), size), None)


def test_chunks_of_plain_content_are_not_copied() -> None:
    chunk = bytes(1000)
    assert next(Decompressor(None, name="x").feed(chunk)) is chunk


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_content_that_breaks_off_anywhere_is_truncated(compression: str) -> None:
    packed = COMPRESS[compression](PLAIN)
    for end in [1, 3, 8, len(packed) // 3, len(packed) // 2, len(packed) - 5, len(packed) - 1]:
        with pytest.raises(SourceTruncated, match=rf"^data\.csv: expected a whole {compression} content"):
            run([packed[:end]], compression)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_nothing_at_all_is_truncated_if_a_compression_was_named(compression: str) -> None:
    with pytest.raises(SourceTruncated, match="received nothing"):
        run([], compression)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_plain_content_is_not_what_was_named(compression: str, size: int) -> None:
    with pytest.raises((ParseError, SourceTruncated), match=rf"^data\.csv: .*{compression}"):
        run(split(PLAIN, size), compression)


@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz"])  # a zstd frame need not have a checksum
def test_a_damaged_content_is_one_clear_error(compression: str) -> None:
    packed = bytearray(COMPRESS[compression](os.urandom(20_000)))
    for place in (len(packed) // 4, len(packed) // 2, len(packed) - 6):
        damaged = bytes(packed[:place]) + bytes([packed[place] ^ 0xFF]) + bytes(packed[place + 1 :])
        with pytest.raises((ParseError, SourceTruncated), match=r"^data\.csv: "):
            run(split(damaged, 997), compression)


def test_a_damaged_zstd_header_is_one_clear_error() -> None:
    packed = zstd(PLAIN)
    with pytest.raises(ParseError, match=r"^data\.csv: expected zstd data"):
        run([packed[:4] + b"\xff" * 20 + packed[24:]])


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_garbage_after_a_member_is_an_error(compression: str, size: int) -> None:
    with pytest.raises((ParseError, SourceTruncated), match=rf"^data\.csv: expected .*{compression}"):
        run(split(COMPRESS[compression](PLAIN) + b"garbage, quite a lot of it", size))


def bomb(compression: str, size: int) -> bytes:
    """Compress `size` zeros in several members, since one alone might be told by its head."""
    part = COMPRESS[compression](bytes(size // 4))
    return part * 4


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_bomb_is_refused_before_it_goes_off(compression: str) -> None:
    packed = bomb(compression, 256 << 20)
    sizes = (len(piece) for piece in Decompressor(name="bomb.csv", max_ratio=10.0).feed(packed))
    received = []
    tracemalloc.start()
    with pytest.raises(ParseError, match=r"bomb\.csv: expected \w+ data that expands at most 10 times"):
        received.extend(sizes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(received) <= 4 << 20
    assert sum(received) <= 64 << 20
    assert peak < 16 << 20


def test_a_limit_may_be_lifted() -> None:
    packed = COMPRESS["gzip"](bytes(80 << 20))
    with pytest.raises(ParseError):
        run([packed], max_ratio=10.0)
    assert len(run([packed], max_ratio=None)) == 80 << 20


def test_what_expands_honestly_is_let_through() -> None:
    content = b"0.0,0.0,0.0,1\n" * 700_000
    assert run(split(COMPRESS["gzip"](content), 1 << 20)) == content


def test_xz_that_asks_for_too_much_memory_is_refused() -> None:
    # A dictionary of 1 GiB, which the decoder would have to hold.
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30, "mode": lzma.MODE_FAST, "mf": lzma.MF_HC3}]
    compressor = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{**filters[0], "dict_size": 1 << 16}])
    raw = compressor.compress(b"a,b\n") + compressor.flush()
    head = b"\xfd7zXZ\x00" + b"\x00\x04"
    head += struct.pack("<I", zlib.crc32(head[6:]))
    block = bytes([2, 0, 0x21, 1, 36, 0, 0, 0])  # property 36 is a dictionary of 1 GiB
    with pytest.raises(ParseError, match="Memory usage limit"):
        run([head + block + struct.pack("<I", zlib.crc32(block)) + raw])


def test_many_tiny_members_in_one_chunk_are_no_trap() -> None:
    started = time.process_time()
    assert run([gzip.compress(b"1,2\n") * 40_000]) == b"1,2\n" * 40_000
    assert time.process_time() - started < 10


def test_unknown_names_are_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="'infer', None or one of gzip, zstd, bz2, xz, received 'rar'"):
        Decompressor("rar", name="data.csv")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_recognizes(compression: str) -> None:
    assert recognize(COMPRESS[compression](PLAIN)[:10]) == compression
    assert recognize(COMPRESS[compression](b"")[:10]) == compression


def test_zstd_threads_end_with_their_decoders() -> None:
    before = threading.active_count()
    packed = zstd(PLAIN)
    closed, dropped, failed, whole = (Decompressor(name="x") for _ in range(4))
    for decompressor in (closed, dropped):
        list(decompressor.feed(packed[:-3]))
    assert threading.active_count() == before + 2
    closed.close()
    closed.close()
    assert threading.active_count() == before + 1
    with pytest.raises(ValueError, match="closed"):
        list(closed.feed(packed))
    with pytest.raises(ParseError):
        list(failed.feed(packed[:4] + b"\xff" * 20))
    assert b"".join([*whole.feed(packed), *whole.flush()]) == PLAIN
    del dropped, decompressor
    gc.collect()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.001)
    assert threading.active_count() == before


def test_a_zstd_stream_left_in_the_middle_of_a_piece_can_be_closed() -> None:
    decompressor = Decompressor(name="x")
    assert next(decompressor.feed(zstd(bytes(10 << 20))))
    decompressor.close()


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    st.sampled_from(["gzip", "bz2", "xz", "zstd"]),
    st.integers(1, 50),
)
def test_any_members_in_any_split(contents: list[bytes], compression: str, size: int) -> None:
    packed = b"".join(COMPRESS[compression](content) for content in contents)
    assert run(split(packed, size)) == b"".join(contents)


@given(st.sampled_from(COMPRESSIONS), st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(compression: str, garbage: bytes) -> None:
    for start in (b"", COMPRESS[compression](b"1,2\n")[:-1], COMPRESS[compression](b"1,2\n")):
        with suppress(ParseError, SourceTruncated):
            run([start + garbage], compression)


def test_agrees_with_gzip_on_a_file_of_bgzip_blocks() -> None:
    packed = b"".join(gzip.compress(part) for part in split(PLAIN, 1000))
    assert run(split(packed, 4096)) == gzip.GzipFile(fileobj=io.BytesIO(packed)).read()
