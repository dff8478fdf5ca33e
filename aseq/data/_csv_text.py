"""CSV as text, without types: where records end, and what their fields are. Sans-IO.

`RecordCutter` makes blocks of whole records out of chunks at memchr speed; `records` takes a block apart
field by field, slowly, for headers and for finding what is wrong. Both follow RFC 4180 and its common
readings: a quote opens a field only at its start, two in it stand for one, text behind it is kept.
"""

from __future__ import annotations

import codecs
import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aseq.data._stages import Stage
from aseq.errors import ConfigError, ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aseq.data._stages import Pass

__all__ = [
    "Cut",
    "Recode",
    "Record",
    "RecordCutter",
    "Squeeze",
    "count_lines",
    "halved",
    "has_pair",
    "merged",
    "records",
]

QUOTE, NEWLINE = b'"\n'
LARGEST_CUT = 2 << 20
CACHED = 256 << 10  # bytes at a time, so that what is made of them needs no fresh memory
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Cut(NamedTuple):
    """A block of whole records.

    Attributes:
        data: The text, UTF-8.
        line: The 1-based line of the source on which it begins.
        quoted: Whether there is a quote in it.
        open: Whether the source ended inside a quote.
    """

    data: bytes
    line: int
    quoted: bool = True
    open: bool = False


class Record(NamedTuple):
    """One record, taken apart.

    Attributes:
        line: The 1-based line of the source on which it begins.
        fields: The fields without their quotes; bytes that are not UTF-8 become surrogates.
        end: The index after the record in its block.
        unclosed: Whether its last field opens a quote that nothing closes.
    """

    line: int
    fields: list[str]
    end: int
    unclosed: bool


def merged(cuts: list[Cut]) -> Cut:
    """Blocks that follow each other as one."""
    if len(cuts) == 1:
        return cuts[0]
    data = b"".join(cut.data for cut in cuts)
    return Cut(data, cuts[0].line, any(cut.quoted for cut in cuts), cuts[-1].open)


def count_lines(data: bytes) -> int:
    r"""The number of line ends: \n, \r\n, and \r alone, which ends a record as well.

    Examples:
        >>> count_lines(b"a\r\nb\nc"), count_lines(b"a\rb\r")
        (2, 2)
    """
    text = np.frombuffer(data, np.uint8)
    parts = range(0, len(text), CACHED)
    newlines = sum(int(np.count_nonzero(text[at : at + CACHED] == NEWLINE)) for at in parts)
    if b"\r" not in data:  # which is found out ten times as fast as it is counted
        return newlines
    return newlines + data.count(b"\r") - data.count(b"\r\n")


def has_pair(data: bytes, pair: bytes) -> bool:
    """Whether two characters, letters in any case, stand beside each other; rarely true if they do not.

    Examples:
        >>> has_pair(b"10,0X10", b"0x"), has_pair(b"10,x0", b"0x")
        (True, False)
    """
    text = np.frombuffer(data, np.uint8)
    parts = (text[at : at + CACHED + 1] | 32 for at in range(0, len(text), CACHED))
    return any(bool(((part[:-1] == pair[0]) & (part[1:] == pair[1])).any()) for part in parts)


class Recode(Stage):
    """Turn another encoding into UTF-8."""

    def __init__(self, _: Pass | None, encoding: str, name: str) -> None:
        self.encoding = encoding
        self.name = name
        self.decoder = codecs.getincrementaldecoder(encoding)("strict")

    def feed(self, chunk: bytes) -> Iterable[bytes]:
        """Recode a chunk."""
        return (self._decode(chunk, final=False),)

    def flush(self) -> Iterable[bytes]:
        """Check that no character is left half."""
        return (self._decode(b"", final=True),)

    def _decode(self, chunk: bytes, final: bool) -> bytes:
        try:
            return self.decoder.decode(chunk, final).encode()
        except UnicodeError as error:
            raise ParseError(
                self.name, f"expected text in {self.encoding}, received bytes that are not: {error}."
            ) from error


class RecordCutter(Stage):
    """Cut chunks into blocks of whole records.

    Whether a newline ends a record depends on the quotes before it. As long as every quote that opens by
    count also stands at the start of a field, counting is right; otherwise the records at hand are scanned
    exactly, which is slower.

    Args:
        this_pass: Unused.
        name: URL or path, for messages.
        delimiters: The bytes that separate fields.
        max_record_bytes: The longest record that is accepted.
        quoting: False if quotes mean nothing, so that every line is a record.
    """

    def __init__(
        self,
        this_pass: Pass | None,
        name: str,
        delimiters: bytes,
        max_record_bytes: int,
        quoting: bool = True,
    ) -> None:
        self.name = name
        self.quoting = quoting
        self.delimiters = delimiters
        self.max_record_bytes = max_record_bytes
        self.head: bytes | None = b""  # the first bytes, until it is clear whether they are a mark
        self.carry: list[bytes] = []
        self.carried = 0
        self.line = 1
        self.quoted = False
        self.open = False
        self.irregular = False

    def feed(self, chunk: bytes) -> Iterable[Cut]:
        """Give the whole records of what has come so far."""
        if self.head is not None:
            chunk = self.head + chunk
            if len(chunk) < len(BYTE_ORDER_MARK):
                self.head = chunk
                return
            self.head = None
            chunk = chunk.removeprefix(BYTE_ORDER_MARK)
        for start in range(0, len(chunk), LARGEST_CUT):
            yield from self._cut(chunk[start : start + LARGEST_CUT])

    def flush(self) -> Iterable[Cut]:
        """Give the last record, whose line may have no end."""
        if self.head:
            yield from self._cut(self.head)
        if self.carried:
            yield Cut(b"".join(self.carry), self.line, self.quoted, self.open)
        self.carry, self.carried = [], 0

    def _cut(self, piece: bytes) -> Iterable[Cut]:
        end = self._last_end(piece)
        if end <= 0:
            self._keep(piece)
            return
        data = b"".join((*self.carry, memoryview(piece)[:end])) if self.carry else piece[:end]
        short = self._up_to_a_long_record(data)
        if short:
            yield Cut(data[:short], self.line, self.quoted and b'"' in data)
            self.line += count_lines(data[:short]) if self.quoting else data.count(b"\n", 0, short)
        if short < len(data):
            raise self._too_long()
        self.carry, self.carried = [], 0
        rest = piece[end:]
        self.quoted = self.quoting and b'"' in rest
        self.irregular = self.irregular and self.quoted
        if rest:
            self._keep(rest)

    def _keep(self, piece: bytes) -> None:
        self.carry.append(piece)
        self.carried += len(piece)
        if self.carried > self.max_record_bytes:
            raise self._too_long()

    def _up_to_a_long_record(self, data: bytes) -> int:
        """Where the first record begins that is too long; the end of the data if none is."""
        if len(data) <= self.max_record_bytes:
            return len(data)
        end = 0
        if self.quoted:
            data = _quoted_field(self.delimiters).sub(_without_newlines, data)
        for line in data.split(b"\n"):
            if len(line) > self.max_record_bytes:
                return end
            end += len(line) + 1
        return len(data)

    def _too_long(self) -> ParseError:
        return ParseError(
            self.name,
            f"expected records of at most {self.max_record_bytes} bytes, received a longer one. "
            f"Look for {'a stray quote or for ' * self.quoting}binary data, or raise max_record_bytes.",
            line=self.line,
        )

    def _last_end(self, piece: bytes) -> int:
        """Index after the last record end in `piece`, 0 if there is none; notes whether a quote is open."""
        if not self.quoting or b'"' not in piece:
            return 0 if self.open else piece.rfind(b"\n") + 1
        self.quoted = True
        quotes = np.flatnonzero(np.frombuffer(piece, np.uint8) == QUOTE)
        if self.irregular or not self._regular(piece, quotes):
            self.irregular = True
            whole = b"".join((*self.carry, piece))
            end, self.open = _scan(whole, self.delimiters)
            return end - self.carried
        opened, self.open = self.open, bool((len(quotes) + self.open) % 2)
        stop = len(piece)
        while (newline := piece.rfind(b"\n", 0, stop)) >= 0:
            before = int(np.searchsorted(quotes, newline))
            if (before + opened) % 2 == 0:
                return newline + 1
            stop = int(quotes[before - 1]) if before else 0  # inside quotes: go on before their start
        return 0

    def _regular(self, piece: bytes, quotes: np.ndarray) -> bool:
        """True if quotes that open by count stand where a quote may open."""
        before = self.carry[-1][-1:] if self.carry else b"\n"
        text = np.frombuffer(before + piece, np.uint8)
        preceding = text[quotes[int(self.open) :: 2]]
        return bool(np.isin(preceding, np.frombuffer(self.delimiters + b'\r\n"', np.uint8)).all())


@functools.lru_cache(maxsize=16)
def _quoted_field(delimiters: bytes) -> re.Pattern[bytes]:
    return re.compile(rb'(?:\A|[%s\r\n])"(?:[^"]++|"")*+("?)' % re.escape(delimiters))


def _without_newlines(match: re.Match[bytes]) -> bytes:
    return match[0][:1] + match[0][1:].replace(b"\n", b" ")


def _scan(data: bytes, delimiters: bytes) -> tuple[int, bool]:
    """Exact form of the cutter's question: where the last record ends, and whether a quote is open."""
    end = start = 0
    for match in _quoted_field(delimiters).finditer(data):
        end = max(end, data.rfind(b"\n", start, match.start() + 1) + 1)
        start = match.end()
        if not match[1]:
            return end, True
    return max(end, data.rfind(b"\n", start) + 1), False


def halved(cut: Cut, delimiters: bytes) -> tuple[Cut, Cut] | None:
    r"""A block as two of about the same length, or None if no record ends in its first half.

    Examples:
        >>> for half in halved(Cut(b'"1\n",2\n3,4\n5,6\n', 7), b","):
        ...     print(half)
        Cut(data=b'"1\n",2\n', line=7, quoted=True, open=False)
        Cut(data=b'3,4\n5,6\n', line=9, quoted=False, open=False)
    """
    middle = len(cut.data) // 2
    if cut.quoted:
        end, _ = _scan(cut.data[:middle], delimiters)
    else:
        end = cut.data.rfind(b"\n", 0, middle) + 1
    if not end:
        return None
    first, second = cut.data[:end], cut.data[end:]
    line = cut.line + count_lines(first)
    return Cut(first, cut.line, cut.quoted and b'"' in first), Cut(
        second, line, cut.quoted and b'"' in second, cut.open
    )


@functools.lru_cache(maxsize=16)
def _field(delimiter: bytes) -> re.Pattern[bytes]:
    plain = rb"[^%s\r\n]*+" % re.escape(delimiter)
    return re.compile(
        rb'(?:"((?:[^"]++|"")*+)"(%s)|(%s))(%s|\r\n|\r|\n|\Z)' % (plain, plain, re.escape(delimiter))
    )


def records(cut: Cut, delimiter: bytes) -> Iterator[Record]:
    r"""Take a block apart; lines without any text are left out.

    Examples:
        >>> [record.fields for record in records(Cut(b'a,"b\n""c"\n\n1,2', 1), b",")]
        [['a', 'b\n"c'], ['1', '2']]
    """
    pattern, data, line, position = _field(delimiter), cut.data, cut.line, 0
    while position < len(data):
        start, fields = position, []
        unclosed = False
        while True:
            match = pattern.match(data, position)
            if match is None or (match[3] or b"").startswith(b'"'):
                fields.append(_text(data[position + 1 :]))
                position, unclosed = len(data), True
                break
            quoted, after, plain, end = match.groups()
            fields.append(_text(plain if quoted is None else quoted.replace(b'""', b'"') + after))
            position = match.end()
            if end != delimiter:
                break
        if data[start:position].strip(b"\r\n"):
            yield Record(line, fields, position, unclosed)
        line += count_lines(data[start:position])


def _text(field: bytes) -> str:
    return field.decode("utf-8", "surrogateescape")


class Squeeze(Stage):
    """Make runs of spaces and tabs one space, and none at the ends of lines, except inside quotes.

    A quote opens only at the start of a field; elsewhere it is a character like others.
    """

    pattern = re.compile(rb'(?<![^ \t\r\n])"(?:[^"]++|"")*+"|[ \t]+')

    def __init__(self, this_pass: Pass | None = None) -> None:
        pass

    def feed(self, cut: Cut) -> Iterable[Cut]:
        """Give the block with single spaces."""
        return (cut._replace(data=self.pattern.sub(_squeezed, cut.data)),)


def _squeezed(match: re.Match[bytes]) -> bytes:
    text: bytes = match[0]
    if text.startswith(b'"'):
        return text
    before = match.string[match.start() - 1 : match.start()] if match.start() else b"\n"
    after = match.string[match.end() : match.end() + 1] or b"\n"
    if (before, after) == (b"\r", b"\n"):
        return b"\r"  # an empty line, not one line end with the other
    return b"" if before in b"\r\n" or after in b"\r\n" else b" "


def check_encoding(where: str, encoding: Any) -> str:
    """The normal name of an encoding.

    Raises:
        ConfigError: If Python knows no such encoding of text; `where` begins the message.

    Examples:
        >>> check_encoding("csv", "UTF8")
        'utf-8'
    """
    try:
        "a".encode(encoding)  # refuses codecs that are not of text, such as hex
        return codecs.lookup(encoding).name
    except (LookupError, TypeError, ValueError):
        raise ConfigError(
            f"{where}: expected the name of a text encoding, received {encoding!r}. UTF-8 is the default."
        ) from None
