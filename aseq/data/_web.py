"""Bytes over HTTP(S). This file moves bytes and closes connections; what to ask for and when to try again
is decided without I/O in `_range` and `_retry`.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import math
import re
import sys
from collections.abc import Mapping
from contextlib import aclosing, asynccontextmanager
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from aseq.compute import Lane
from aseq.data._arguments import whole_number
from aseq.data._chunk import fill_chunk
from aseq.data._range import Answer, Head, Transfer
from aseq.data._retry import PASSING_STATUSES, Budget, Pace, parse_retry_after
from aseq.errors import ConfigError, SourceError, SourceTruncated

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

    from aiohttp import ClientResponse, ClientSession, ClientTimeout, StreamReader

    from aseq.data._statistics import Statistics

    Headers: TypeAlias = Mapping[str, str]
    HeadersFactory: TypeAlias = Callable[[], Headers | Awaitable[Headers]]

__all__ = ["WebSource"]

OWN_HEADERS = frozenset({"accept-encoding", "range", "if-range"})
IMPORTS = Lane("imports", 1)
PIECE = 256 << 10


class WebSource:
    """Bytes of one http(s) URL, streamed, never held as a whole.

    A connection that is refused, reset or silent for `timeout` seconds, and the answers 408, 425, 429
    (honouring Retry-After), 500, 502, 503 and 504 are tried again: up to `retries` times in a row, with
    waits that double from half a second to half a minute, half of each by chance. New bytes refill the
    budget, so a long stream over a bad link goes on for as long as it gets anywhere.

    After a loss the source goes on where it stopped, with a Range request under If-Range, if the server
    gave a strong validator: a strong ETag, or a Last-Modified at least a second older than the response.
    Otherwise it reads from the start again and throws away what it has handed on, comparing its
    checksum. So no byte is lost or doubled, and two versions of a content never mix. A body shorter
    than promised is a loss, not an end.

    Args:
        url: An http or https address.
        headers: Sent with every try; or a function, sync or async, that gives fresh ones for each
            (signatures and tokens that expire).
        session: An aiohttp session to use, which stays open, for instance one with a proxy or cookies.
            Without it each stream opens and closes one of its own.
        timeout: Seconds without a byte after which a connection counts as lost, or an
            `aiohttp.ClientTimeout`; None waits for ever. There is no limit on the whole: streams may be long.
        retries: Failures in a row that are forgiven.
        max_redirects: Redirects that are followed before an error; 0 follows none.
        max_bytes: Refuse a content longer than this; None for no limit.

    Raises:
        ConfigError: If an argument cannot be right.

    Examples:
        >>> WebSource("https://example.org/digits.csv.gz", retries=3)
        WebSource('https://example.org/digits.csv.gz')
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Headers | HeadersFactory | None = None,
        session: ClientSession | None = None,
        timeout: float | ClientTimeout | None = 60.0,
        retries: int = 5,
        max_redirects: int = 10,
        max_bytes: int | None = None,
        _pace: Pace | None = None,
    ) -> None:
        self.url = url
        self.name = _checked_name(url)
        self.headers = headers
        self.session = session
        self.timeout = timeout
        self.retries = whole_number("WebSource", "retries", retries, 0)
        self.max_redirects = whole_number("WebSource", "max_redirects", max_redirects, 0)
        self.max_bytes = None if max_bytes is None else whole_number("WebSource", "max_bytes", max_bytes, 0)
        self._pace = _pace or Pace()
        self._check()

    def _check(self) -> None:
        _check_timeout(self.timeout)
        if self.session is not None and not isinstance(getattr(self.session, "closed", None), bool):
            raise ConfigError(
                f"WebSource: expected session to be an aiohttp.ClientSession, received {self.session!r}. "
                "Leave it out for one of its own."
            )
        if self.headers is not None and not callable(self.headers):
            for name in _checked_headers(self.headers):
                if name.lower() in OWN_HEADERS:
                    raise ConfigError(
                        f"WebSource: expected headers without {name}, which resuming needs for itself, "
                        f"received {name}: {self.headers[name]}. Leave it out."
                    )

    def __repr__(self) -> str:
        return f"WebSource({self.name!r})"

    @asynccontextmanager
    async def open(self, statistics: Statistics) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give the content in chunks of about 2 MiB; a slow link gives smaller ones four times a second.

        The connection is made when the first chunk is asked for.

        Raises:
            SourceError: From the iterator: the URL is missing, refused, unreachable or too long.
            SourceTruncated: From the iterator: the content kept breaking off without getting further.
            SourceChanged: From the iterator: the content changed between two tries.
        """
        async with self._session() as session, aclosing(self._chunks(session, statistics)) as chunks:
            yield chunks

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[ClientSession]:
        if self.session is not None:
            yield self.session
            return
        if "aiohttp" not in sys.modules:  # a quarter of a second that the event loop should not stand still
            await IMPORTS.run(importlib.import_module, "aiohttp")
        from aiohttp import ClientSession

        async with ClientSession() as session:
            yield session

    async def _chunks(self, session: ClientSession, statistics: Statistics) -> AsyncGenerator[bytes, None]:
        transfer = Transfer(self.name, max_bytes=self.max_bytes)
        budget = Budget(self.retries, self._pace.random)
        while True:
            before = transfer.position
            loss = _Loss("the body ended early")
            try:
                async with aclosing(self._attempt(session, transfer, statistics)) as chunks:
                    async for chunk in chunks:
                        statistics.bytes += len(chunk)
                        yield chunk
            except _Loss as error:
                loss = error
            if transfer.complete:
                return
            if transfer.position > before:
                budget.refill()
            wait = budget.spend(loss.retry_after)
            if wait is None:
                raise self._exhausted(transfer, loss) from loss.__cause__
            await self._pace.sleep(wait)
            statistics.retries += 1

    async def _attempt(
        self, session: ClientSession, transfer: Transfer, statistics: Statistics
    ) -> AsyncGenerator[bytes, None]:
        """Ask once and give the new bytes of the answer. Raises _Loss for whatever may pass."""
        response = await self._request(session, transfer)
        try:
            head = _head_of(response)
            answer = transfer.begin(head)
            if answer is Answer.AGAIN:
                raise _Loss(str(head), parse_retry_after(head.headers.get("retry-after"), self._pace.now()))
            if answer is Answer.END:
                return
            if transfer.position:
                statistics.resumed_at = transfer.position
            ending = _ending(response)
            while data := await self._read(response.content):
                if new := await _fed(transfer, data):
                    yield new
            if ending is not None and ending.done() and (error := ending.exception()):
                raise _Loss(str(error))
            transfer.finish()
        finally:
            response.close()

    async def _request(self, session: ClientSession, transfer: Transfer) -> ClientResponse:
        import aiohttp

        headers = {**await self._fresh_headers(), **transfer.request_headers()}
        if session.closed:
            raise ConfigError(f"{self.name}: expected an open session, received a closed one.")
        try:
            return await session.get(
                self.url,
                headers=headers,
                timeout=_client_timeout(self.timeout),
                max_redirects=self.max_redirects + 1,  # aiohttp counts the one it refuses, and 0 has no end
                raise_for_status=False,  # whatever the session says: answers are judged by what they mean
                auto_decompress=False,  # it would run on the event loop, and offsets would lose their meaning
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._judged(error) from error
        except RuntimeError as error:
            problem = f"expected a session of the event loop that runs, received {_said(error)}"
            raise ConfigError(f"{self.name}: {problem}. Make it in the coroutine that uses it.") from error

    async def _fresh_headers(self) -> Headers:
        headers = self.headers() if callable(self.headers) else self.headers
        return _checked_headers((await headers if inspect.isawaitable(headers) else headers) or {})

    async def _read(self, content: StreamReader) -> bytes:
        import aiohttp

        try:
            return await fill_chunk(content.readany)
        except (aiohttp.ClientError, OSError, RuntimeError) as error:  # Runtime: somebody closed the session
            raise self._judged(error) from error

    def _judged(self, error: Exception) -> Exception:
        """Tell losses that may pass from errors that will not."""
        import aiohttp

        if isinstance(error, aiohttp.ClientSSLError | aiohttp.ServerFingerprintMismatch):
            problem = (
                f"expected a trusted TLS connection, received {_said(error)}. If the server is to be trusted"
            )
            return SourceError(self.name, f"{problem}, give a session whose connector knows its certificate.")
        if isinstance(error, aiohttp.TooManyRedirects):
            problem = f"expected at most {self.max_redirects} redirects, received more. Check the URL."
            return SourceError(self.name, problem)
        if isinstance(
            error, aiohttp.ClientHttpProxyError
        ):  # a tunnel's refusal is no answer, so it comes as an error
            said = str(Head(error.status, {}))
            if error.status in PASSING_STATUSES:
                return _Loss(f"{said} from the proxy")
            return SourceError(
                self.name, f"expected the proxy to connect, received {said}. Check its settings."
            )
        passing = aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError | RuntimeError
        if isinstance(error, passing):
            return _Loss(_said(error))
        return SourceError(self.name, f"expected an HTTP response, received {_said(error)}.")

    def _exhausted(self, transfer: Transfer, loss: _Loss) -> SourceError:
        tries = f"{self.retries + 1} tries in a row" if self.retries else "the only try"
        if transfer.version is None:
            problem = f"expected a response, received {loss} at {tries}. Check the URL and the network."
            return SourceError(self.name, problem)
        problem = f"expected the bytes from {transfer} on, received none at {tries}: {loss}."
        return SourceTruncated(self.name, problem)


class _Loss(Exception):
    """A fault that may have passed by the next try."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


def _checked_name(url: Any) -> str:
    """Return `url` as messages may show it: without a password."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except (AttributeError, TypeError, ValueError):  # no text, half an IPv6 address, a port that is none
        sound = False
    if not isinstance(url, str) or not sound:
        shown = re.sub("//.*@", "//***@", url, flags=re.DOTALL) if isinstance(url, str) else url
        raise ConfigError(
            f"WebSource: expected an http:// or https:// URL, received {shown!r}. Files are read with data.disk."
        )
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}"))


def _checked_headers(headers: Any) -> Headers:
    if not isinstance(headers, Mapping):
        raise ConfigError(
            f"WebSource: expected headers to be a dict from name to text, or a function that makes one, "
            f"received {type(headers).__name__}. Write {{name: text}}."
        )
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):  # a value may be a secret: not shown
            raise ConfigError(
                f"WebSource: expected headers to map texts to texts, received "
                f"{{{name!r}: {type(value).__name__}}}. Write str(...) around it."
            )
        if re.search(r"[\x00-\x08\n-\x1f\x7f]", name + value):  # a token read from a file ends with one
            raise ConfigError(
                f"WebSource: expected headers of one line, received a line break or another control character "
                f"in {name!r}. Use strip()."
            )
    return headers


def _check_timeout(timeout: Any) -> None:
    if not isinstance(timeout, bool) and isinstance(timeout, Real) and float(timeout) > 0:
        return
    aiohttp = sys.modules.get("aiohttp")  # without it nobody can have made a ClientTimeout
    if timeout is None or (aiohttp is not None and isinstance(timeout, aiohttp.ClientTimeout)):
        return
    raise ConfigError(
        f"WebSource: expected a timeout above 0 seconds, an aiohttp.ClientTimeout or None, received {timeout!r}."
    )


def _client_timeout(timeout: float | ClientTimeout | None) -> ClientTimeout:
    from aiohttp import ClientTimeout

    if isinstance(timeout, ClientTimeout):
        return timeout
    # A total limit would count the time that training takes: every long stream would die of it.
    if timeout is None or timeout == math.inf:
        return ClientTimeout(total=None)
    return ClientTimeout(total=None, sock_connect=min(float(timeout), 30.0), sock_read=float(timeout))


def _head_of(response: ClientResponse) -> Head:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Head(response.status, headers, str(response.url.with_query(None)))


def _ending(response: ClientResponse) -> asyncio.Future[None] | None:
    """The end of the connection, if nothing else ends the body: aiohttp takes a reset there for a whole one."""
    framed = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    if framed or response.connection is None or response.connection.protocol is None:
        return None
    ending = response.connection.protocol.closed
    if ending is not None:  # its error is read in any case, so that asyncio does not report it as lost
        ending.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    return ending


async def _fed(transfer: Transfer, data: bytes) -> bytes:
    """Feed `data` in pieces: their checksums take a third of a millisecond together, and the loop may breathe."""
    new = []
    for start in range(0, len(data), PIECE):
        new.append(transfer.feed(data[start : start + PIECE]))
        await asyncio.sleep(0)
    return b"".join(new)


def _said(error: Exception) -> str:
    from aiohttp import ClientResponseError, InvalidURL, ServerDisconnectedError

    if isinstance(error, ServerDisconnectedError):
        text = ""  # it carries what was parsed of the headers, which says nothing to a reader
    elif isinstance(error, InvalidURL):
        text = error.description or ""  # without the URL: it may hold a password
    else:  # what is no HTTP comes with a status that no server sent
        text = error.message if isinstance(error, ClientResponseError) else str(error)
    text = " ".join(text.split())[:200]
    return f"{type(error).__name__} ({text})" if text else type(error).__name__
