"""Compressed bytes in, plain bytes out, piece by piece; no I/O. Meant to run in a worker thread."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, Protocol

from aseq.data._source import CHUNK_SIZE
from aseq.data._zstd import ZstdDecoder
from aseq.errors import ConfigError, ParseError, SourceTruncated

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

__all__ = ["COMPRESSIONS", "LONGEST_MAGIC", "Decoder", "Decompressor", "recognize"]

COMPRESSIONS = ("gzip", "zstd", "bz2", "xz")

LONGEST_MAGIC = 10
"""Bytes by which every compression is recognized."""

SLICE = 256 << 10
FREE_EXPANSION = 64 << 20
XZ_MEMORY = 256 << 20  # xz -9 needs 65 MiB


class Decoder(Protocol):
    """Undoes one compression. Raises EOFError from `flush` if the end is missing."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take compressed bytes, give plain pieces of at most 2 MiB."""
        ...

    def flush(self) -> Iterator[bytes]:
        """Give what is left at the end."""
        ...

    def close(self) -> None:
        """Let go of whatever is held."""
        ...


class Decompressor:
    """Finds out how a stream of bytes is compressed and undoes it.

    The first bytes decide, not the name: a server may have undone the compression of a `.csv.gz` on the
    way, or may have compressed a `.csv`. Several members or frames in a row are one content.

    What comes out is limited to 64 MiB or `max_ratio` times what went in, whichever is more: a few
    kilobytes can hold terabytes of zeros. gzip itself reaches 1032.

    Args:
        compression: "infer", "gzip", "zstd", "bz2", "xz", or None to pass bytes on as they are, and to refuse
            what is compressed after all.
        name: URL or path, for messages.
        max_ratio: Largest expansion; None for no limit.

    Raises:
        ConfigError: If `compression` is none of those.

    Examples:
        >>> import gzip
        >>> packed = gzip.compress(b"a,b\\n1,2\\n")
        >>> decompressor = Decompressor("infer", name="example.csv.gz")
        >>> b"".join([*decompressor.feed(packed[:1]), *decompressor.feed(packed[1:]), *decompressor.flush()])
        b'a,b\\n1,2\\n'
        >>> decompressor.compression
        'gzip'
    """

    def __init__(
        self, compression: str | None = "infer", *, name: str, max_ratio: float | None = 1000.0
    ) -> None:
        if compression not in (None, "infer", *COMPRESSIONS):
            raise ConfigError(
                f"{name}: expected compression to be 'infer', None or one of {', '.join(COMPRESSIONS)}, "
                f"received {compression!r}."
            )
        self.name = name
        self.compression = compression
        """What the content turned out to be; "infer" until enough of it has come."""
        self.max_ratio = max_ratio
        self.bytes_in = 0
        self.bytes_out = 0
        self._undecided = compression in (None, "infer")
        self._head = b""  # bytes too few to recognize anything by
        self._decoder = _decoder(compression)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take bytes as they came from the source and give plain ones, decompressed in pieces of up to 2 MiB.

        The pieces are made as they are asked for: walk the iterator to its end before the next call.

        Raises:
            ParseError: From the iterator: the bytes are not what their beginning or `compression` says, or
                expand beyond the limit.
        """
        self.bytes_in += len(chunk)
        if self._undecided:
            chunk, self._head = self._head + chunk, b""
            if len(chunk) < LONGEST_MAGIC:
                self._head = chunk
                return
            self._decide(chunk)
        yield from self._passed(chunk)

    def flush(self) -> Iterator[bytes]:
        """Give what is left at the end of the source.

        Raises:
            ParseError: As `feed`.
            SourceTruncated: From the iterator: the compressed content breaks off.
        """
        if self._undecided:
            self._decide(self._head)
            yield from self._passed(self._head)
        if self._decoder is not None:
            if not self.bytes_in:
                raise SourceTruncated(self.name, f"expected {self.compression} data, received nothing.")
            yield from self._guarded(self._decoder.flush())

    def close(self) -> None:
        """Let go of the decoder. Dropping the decompressor does the same."""
        if self._decoder is not None:
            self._decoder.close()

    def _decide(self, head: bytes) -> None:
        found = recognize(head)
        if found is not None and self.compression is None:
            raise ParseError(
                self.name,
                f"expected plain content as compression=None says, received {found} data. Leave compression "
                "out: it is then known by its first bytes, whether the file or the server is behind it.",
            )
        self._undecided = False
        self.compression = found
        self._decoder = _decoder(found)

    def _passed(self, chunk: bytes) -> Iterator[bytes]:
        if self._decoder is not None:
            yield from self._guarded(self._decoder.feed(chunk))
        elif chunk:
            self.bytes_out += len(chunk)
            yield chunk

    def _guarded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Give the pieces of a decoder, with the errors and the limit of this class."""
        while True:
            try:
                piece = next(pieces, None)
            except EOFError:
                problem = f"expected a whole {self.compression} content, received only its beginning."
                raise SourceTruncated(self.name, f"{problem} Fetch it again.") from None
            except (OSError, zlib.error, lzma.LZMAError) as error:
                problem = f"expected {self.compression} data, received bytes that are not ({error})."
                raise ParseError(self.name, f"{problem} The content is damaged.") from error
            if piece is None:
                return
            self.bytes_out += len(piece)
            self._refuse_bomb()
            yield piece

    def _refuse_bomb(self) -> None:
        if self.max_ratio is None:
            return
        limit = max(FREE_EXPANSION, self.max_ratio * self.bytes_in)
        if self.bytes_out > limit:
            raise ParseError(
                self.name,
                f"expected {self.compression} data that expands at most {self.max_ratio:g} times, received "
                f"{self.bytes_out} out of {self.bytes_in} bytes. Decompress it first if that is right.",
            )


def recognize(head: bytes) -> str | None:
    """Return the compression that the first bytes of a content show, or None.

    Examples:
        >>> recognize(b"\\x1f\\x8b\\x08\\x00"), recognize(b"BZh9,height\\n")
        ('gzip', None)
    """
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    # The second is a skippable frame, with which parallel compressors begin.
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50):
        return "zstd"
    if head.startswith(b"\xfd7zXZ\x00"):
        return "xz"
    # BZh9 alone might be the name of a column. What follows are the digits of pi, or of its root if empty.
    if head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return "bz2"
    return None


def _decoder(compression: str | None) -> Decoder | None:
    if compression == "zstd":
        return ZstdDecoder()
    if compression == "gzip":
        return _Members(_Gzip)
    if compression == "bz2":
        return _Members(bz2.BZ2Decompressor)
    if compression == "xz":
        return _Members(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY))
    return None


class _Member(Protocol):
    """One gzip member, bz2 or xz stream: the interface of `bz2.BZ2Decompressor`."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """`zlib` with the interface of `bz2`. Checks length and checksum."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self.needs_input = len(piece) < max_length and not self._zlib.unconsumed_tail
        return piece


class _Members:
    """One member after the other, with zeros allowed after each, as tape and block devices leave them."""

    def __init__(self, begin: Callable[[], _Member]) -> None:
        self._begin = begin
        self._member: _Member | None = None
        self._seen = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        # Each member copies what follows it. Slices keep a chunk of many tiny members cheap.
        for start in range(0, len(chunk), SLICE):
            rest = chunk[start : start + SLICE]
            while rest:
                rest = yield from self._feed_member(rest)

    def _feed_member(self, data: bytes) -> Generator[bytes, None, bytes]:
        """Give what the member at hand makes of `data`, and return what belongs to the next."""
        if self._member is None:
            data = data.lstrip(b"\0") if self._seen else data
            if not data:
                return b""
            self._member, self._seen = self._begin(), True
        member = self._member
        while not member.eof and (data or not member.needs_input):
            if piece := member.decompress(data, CHUNK_SIZE):
                yield piece
            data = b""
        if not member.eof:
            return b""
        self._member = None
        return member.unused_data

    def flush(self) -> Iterator[bytes]:
        if self._member is not None:
            raise EOFError
        yield from ()

    def close(self) -> None:
        self._member = None
