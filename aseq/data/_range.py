"""One content over several tries: what to ask for, what an answer means, which bytes are new. No I/O here.

The rules are those of RFC 9110, sections 13.1.5 (If-Range), 14 (Range) and 15.3.7 (206): parts of two
answers may be joined only under a strong validator. Without one the content is read again from the start,
and the bytes that were handed on already are compared by checksum while they are thrown away.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from aseq.data._retry import PASSING_STATUSES, parse_http_date
from aseq.errors import SourceChanged, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "Head", "Transfer", "Version"]

UNREADABLE_ENCODINGS = frozenset({"br", "compress", "deflate", "x-compress"})
"""Content-Encodings that nobody knows by the first bytes. Others are known so, or are mere words: "utf-8"."""

CONTENT_RANGE = re.compile(r"bytes\s+(?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.IGNORECASE | re.ASCII)
CONTENT_LENGTH = re.compile(r"[0-9]{1,18}")
STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]*"')  # others cannot be sent back as they came


class Answer(Enum):
    """What to do after a response's head."""

    BODY = auto()  # read it and feed it
    END = auto()  # there is nothing more to read
    AGAIN = auto()  # a passing fault


@dataclass(frozen=True, slots=True)
class Head:
    """What matters of a response before its body.

    Args:
        status: The HTTP status.
        headers: Names in lower case.
        location: The address that answered in the end, without its query, which may hold a fresh signature.
    """

    status: int
    headers: Mapping[str, str]
    location: str = ""

    @property
    def length(self) -> int | None:
        """The bytes of the body, if they are stated."""
        stated = CONTENT_LENGTH.fullmatch(self.headers.get("content-length", ""))
        return int(stated[0]) if stated and "transfer-encoding" not in self.headers else None

    def __str__(self) -> str:
        from http import HTTPStatus

        known = self.status in HTTPStatus.__members__.values()
        return f"HTTP {self.status} {HTTPStatus(self.status).phrase}" if known else f"HTTP {self.status}"


@dataclass(frozen=True, slots=True)
class Version:
    """What tells one version of a content from another.

    Args:
        etag: The ETag as sent, weak or strong.
        modified: Last-Modified as sent.
        validator: The strong validator fit for If-Range, if there is one.
        encoding: Content-Encoding, since two encodings of one content have different bytes; None if not said.
        length: All bytes of it, if known.
        location: As in `Head`.

    Examples:
        >>> Version.of(Head(200, {"etag": '"abc"', "content-length": "10"})).validator
        '"abc"'
        >>> Version.of(Head(200, {"etag": 'W/"abc"'})).validator  # weak: not good for joining bytes
    """

    etag: str | None
    modified: str | None
    validator: str | None
    encoding: str | None
    length: int | None
    location: str

    @classmethod
    def of(cls, head: Head, length: int | None = None) -> Version:
        """Read a version from a response's headers; `length` stands in where they do not tell."""
        headers = head.headers
        etag, modified = headers.get("etag"), headers.get("last-modified")
        if head.status != 206 and head.length is not None:
            length = head.length
        strong = etag is not None and STRONG_ETAG.fullmatch(etag) is not None
        validator = etag if strong else _strong_date(modified, headers.get("date"))
        encoding = headers.get("content-encoding", None if head.status == 206 else "")
        return cls(etag, modified, validator, encoding, length, head.location)

    def difference(self, new: Version) -> str | None:
        """Say what shows that `new` is another version, or None if nothing does."""
        same_place = self.location == new.location  # validators mean nothing across addresses
        pairs = [("Content-Encoding", self.encoding, new.encoding), ("length", self.length, new.length)]
        if same_place and self.etag and new.etag:
            pairs.append(("ETag", self.etag.removeprefix("W/"), new.etag.removeprefix("W/")))
        elif same_place:
            pairs.append(("Last-Modified", self.modified, new.modified))
        for what, was, now in pairs:
            if was is not None and now is not None and was != now:
                return f"its {what} was {was!r} and is now {now!r}"
        return None


def _strong_date(modified: str | None, date: str | None) -> str | None:
    """Return `modified` if it is strong: at least a second older than the answer (RFC 9110, 8.8.2.2)."""
    then, now = parse_http_date(modified), parse_http_date(date)
    return modified if then is not None and now is not None and now - then >= 1.0 else None


class Transfer:
    """The state of reading one content, however many responses it takes.

    Call `request_headers` before every try, `begin` with each head, `feed` with each piece of the body and
    `finish` when a body ends without an error. `complete` says when all is there.

    Args:
        name: For messages.
        max_bytes: Refuse a content longer than this.

    Examples:
        >>> transfer = Transfer("http://example.org/a.csv")
        >>> transfer.begin(Head(200, {"etag": '"1"', "content-length": "6"}))
        <Answer.BODY: 1>
        >>> transfer.feed(b"a,b")                                     # and here the connection breaks
        b'a,b'
        >>> transfer.request_headers()
        {'Accept-Encoding': 'identity', 'Range': 'bytes=3-', 'If-Range': '"1"'}
        >>> transfer.begin(Head(206, {"etag": '"1"', "content-range": "bytes 3-5/6"}))
        <Answer.BODY: 1>
        >>> transfer.feed(b",c\\n"), transfer.complete
        (b',c\\n', True)
    """

    def __init__(self, name: str, *, max_bytes: int | None = None) -> None:
        self.name = name
        self.max_bytes = max_bytes
        self.position = 0
        self.version: Version | None = None
        self._ended = False
        self._ranges = True  # whether asking for a part makes sense
        self._skip = 0  # bytes of this body that were handed on in an earlier try
        self._seen = 0  # checksum of the bytes handed on
        self._again = 0  # checksum of the same bytes as they come again

    @property
    def length(self) -> int | None:
        """All bytes of the content, if known."""
        return self.version.length if self.version else None

    @property
    def complete(self) -> bool:
        """Whether every byte has been handed on."""
        return self._ended or (self.length is not None and self.position == self.length and not self._skip)

    def __str__(self) -> str:
        return f"byte {self.position}" + ("" if self.length is None else f" of {self.length}")

    def request_headers(self) -> dict[str, str]:
        """Return the headers of the next request: only the missing part where that is safe."""
        headers = {"Accept-Encoding": "identity"}  # offsets count the bytes of the content itself
        if self.position and self._ranges and self.version and self.version.validator:
            headers |= {"Range": f"bytes={self.position}-", "If-Range": self.version.validator}
        return headers

    def begin(self, head: Head) -> Answer:
        """Judge a response by its head.

        Raises:
            SourceChanged: If it answers with another version after bytes were handed on.
            SourceError: If it is a refusal that trying again would not cure, breaks the rules of HTTP,
                or is too long.
        """
        asked_for_part = "Range" in self.request_headers()
        self._skip = self._again = 0
        if head.status in PASSING_STATUSES:
            return Answer.AGAIN
        if head.status in (200, 203):
            return self._begin_whole(head)
        if head.status == 206 and asked_for_part:
            return self._begin_part(head)
        if head.status == 416 and asked_for_part:
            return self._begin_beyond(head)
        raise SourceError(self.name, f"expected its content, received {head}. {_way_out(head.status)}")

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the body and return what of it is new.

        Raises:
            SourceChanged: If bytes that were handed on before come differently now.
            SourceError: If more comes than was promised or allowed.
        """
        if self._skip:
            data = self._feed_known(data)
        end = self.position + len(data)
        if self.length is not None and end > self.length:
            raise SourceError(self.name, f"expected {self.length} bytes, received more.")
        self._refuse_excess(end)
        self._seen = zlib.crc32(data, self._seen)
        self.position = end
        return data

    def finish(self) -> None:
        """Note that a body ended in good order; `complete` tells whether it was the end of the content."""
        if self._skip and self.length is None:
            raise self._changed(f"it ended {self._skip} bytes before the place reached earlier")
        self._ended = self.length is None

    def _begin_whole(self, head: Head) -> Answer:
        version = Version.of(head, self.length if self.position else None)
        encodings = {each.strip().lower() for each in (version.encoding or "").split(",")}
        if encodings & UNREADABLE_ENCODINGS:
            raise SourceError(
                self.name,
                f"expected the content as it is, or in gzip or zstd, received it with Content-Encoding "
                f"{version.encoding}, which nobody asked for. Turn that off at the server.",
            )
        if self.position and self.version and (reason := self.version.difference(version)):
            raise self._changed(reason)
        if not self.position or self.version is None:
            self.version = version
            self._ranges = head.headers.get("accept-ranges", "").strip().lower() != "none"
        self._refuse_excess(self.length or 0)
        self._skip = self.position
        return Answer.BODY

    def _begin_part(self, head: Head) -> Answer:
        found = CONTENT_RANGE.fullmatch(head.headers.get("content-range", "").strip())
        if not found or found[1] is None or int(found[1]) != self.position:
            received = head.headers.get("content-range")
            raise SourceError(
                self.name,
                f"expected Content-Range to start at byte {self.position}, received {received!r}. "
                "The server does not keep the rules of Range requests.",
            )
        version = Version.of(head, None if found[3] == "*" else int(found[3]))
        assert self.version is not None  # a part is asked for only after a whole began
        if version.location != self.version.location:
            self._ranges = False  # the validator says nothing about another address: compare every byte
            return Answer.AGAIN
        if reason := self.version.difference(version):
            raise self._changed(reason)
        if problem := _contradiction(int(found[1]), int(found[2]), version.length, head):
            raise SourceError(
                self.name, f"expected {problem}. The server does not keep the rules of Range requests."
            )
        if self.length is None:
            self.version = replace(self.version, length=version.length)
        self._refuse_excess(self.length or 0)
        return Answer.BODY

    def _begin_beyond(self, head: Head) -> Answer:
        found = CONTENT_RANGE.fullmatch(head.headers.get("content-range", "").strip())
        if found and found[3] == str(self.position):
            self._ended = True
            return Answer.END
        if found and found[3] != "*":
            raise self._changed(f"it has {found[3]} bytes, but {self.position} were read")
        raise SourceError(self.name, f"expected the bytes after {self.position}, received {head}.")

    def _feed_known(self, data: bytes) -> bytes:
        known, new = data[: self._skip], data[self._skip :]
        self._skip -= len(known)
        self._again = zlib.crc32(known, self._again)  # a quarter of a millisecond a MiB
        if not self._skip and self._again != self._seen:
            raise self._changed(f"its first {self.position} bytes are not what they were")
        return new

    def _refuse_excess(self, length: int) -> None:
        if self.max_bytes is not None and length > self.max_bytes:
            raise SourceError(
                self.name,
                f"expected at most {self.max_bytes} bytes, received {length} or more. Raise max_bytes.",
            )

    def _changed(self, reason: str) -> SourceChanged:
        return SourceChanged(
            self.name,
            f"the content changed while it was read, at {self}: {reason}. "
            "Its rows would mix: read it again from the start.",
        )


def _contradiction(first: int, last: int, length: int | None, head: Head) -> str | None:
    """Say what does not fit together in the headers of a part, or None: its bytes might be any then."""
    received = f"received Content-Range {head.headers['content-range']!r}"
    if last < first or (length is not None and last >= length):
        return f"a range of bytes, {received}"
    if head.length not in (None, last + 1 - first):
        return f"{last + 1 - first} bytes, {received} and Content-Length {head.length}"
    return None


def _way_out(status: int) -> str:
    if status in (401, 403, 407):
        return "Check the credentials in `headers`."
    if status in (404, 410):
        return "Check the URL."
    return "Trying again would not help."
