"""Servers that no library would write: bytes on a socket, each answer spelled out."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from aseq.data._retry import Pace
from aseq.data._statistics import Statistics
from aseq.data._web import WebSource
from aseq.errors import ConfigError, SourceChanged, SourceError, SourceTruncated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BODY = b"a,b\n" + b"".join(b"%d,%d\n" % (n, 2 * n) for n in range(20))
SIZE = len(BODY)
CERTIFICATE = Path(__file__).with_name("localhost.pem")  # signed by itself, good for "localhost" alone


RESET = b"reset"


def answer(
    body: bytes = BODY, *lines: str, status: str = "200 OK", length: Any = "right", version: str = "1.1"
) -> bytes:
    """Spell a response; `length` is what Content-Length says, None leaves it out."""
    size = len(body) if length == "right" else length
    stated = [] if size is None else [f"Content-Length: {size}"]
    return "\r\n".join([f"HTTP/{version} {status}", *stated, *lines, "", ""]).encode() + body


def chunked(body: bytes, size: int = 31) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


class RawServer:
    """Sends one answer a connection, the last one again and again, and closes; notes the requests.

    An answer may be a list of pieces, sent one by one. RESET among them resets the connection.
    """

    def __init__(self, *answers: bytes | list[bytes], tls: ssl.SSLContext | None = None) -> None:
        self.answers = answers
        self.tls = tls
        self.requests: list[str] = []
        self.connections = 0

    async def __aenter__(self) -> RawServer:
        self.server = await asyncio.start_server(self.talk, "127.0.0.1", 0, ssl=self.tls)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        async with asyncio.timeout(5):
            while self.connections:
                await asyncio.sleep(0.001)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/data.csv"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
            pieces = self.answers[min(len(self.requests), len(self.answers)) - 1]
            for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                if piece is RESET:
                    linger = struct.pack("ii", 1, 0)  # close() then sends RST instead of FIN
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    writer.transport.abort()
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01 if isinstance(pieces, list) else 0)
        with suppress(ConnectionError, ssl.SSLError):
            writer.close()
            await writer.wait_closed()
        self.connections -= 1


async def read(url: str, **options: Any) -> tuple[bytes, SourceError | None, int]:
    """What came, the error that ended it, and how often it was tried again."""
    statistics, content = Statistics(), b""

    async def no_sleep(_: float) -> None: ...

    try:
        source = WebSource(url, _pace=Pace(sleep=no_sleep), **options)
        async with asyncio.timeout(20), source.open(statistics) as chunks:
            async for chunk in chunks:
                content += chunk
    except SourceError as error:
        return content, error, statistics.retries
    return content, None, statistics.retries


TAGGED = 'ETag: "1"'
CHUNKED = answer(chunked(BODY), "Transfer-Encoding: chunked", TAGGED, length=None)
HEAD = CHUNKED.index(b"\r\n\r\n") + 4


async def test_a_chunked_answer_cut_at_every_byte() -> None:
    """In a chunk's size, its line end, its bytes, the last chunk: none of it passes for an end."""
    for cut in range(1, len(CHUNKED)):
        async with RawServer(CHUNKED[:cut], answer(BODY, TAGGED)) as server:
            content, error, retries = await read(server.url)
        assert (content, error) == (BODY, None), cut
        assert retries == (cut >= HEAD)  # aiohttp itself asks once more where no answer came
        assert len(server.requests) == 2
        assert ("if-range" in server.requests[1]) == (cut > HEAD + len("1f\r\n"))


WHOLE = {
    "HTTP/1.0, ended by closing": answer(length=None, version="1.0"),
    "HTTP/1.1, ended by closing": answer(BODY, "Connection: close", length=None),
    "behind 100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n" + answer(),
    "behind 103 Early Hints": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(),
    "headers in Latin-1": answer().replace(b"\r\n\r\n", b"\r\nX: \xe4\xff\r\n\r\n", 1),
}


@pytest.mark.parametrize("how", WHOLE)
async def test_odd_but_whole(how: str) -> None:
    async with RawServer(WHOLE[how]) as server:
        assert await read(server.url) == (BODY, None, 0)


@pytest.mark.parametrize("lines", [(), (TAGGED,)])
async def test_a_reset_is_not_the_end_of_a_body_that_is_ended_by_closing(lines: tuple[str, ...]) -> None:
    cut = [answer(BODY[:30], *lines, "Connection: close", length=None), RESET]
    async with RawServer(cut, answer(BODY, *lines)) as server:
        assert await read(server.url) == (BODY, None, 1)
    async with RawServer(cut) as server:
        content, error, _ = await read(server.url, retries=2)
    assert content == BODY[:30]
    assert isinstance(error, SourceTruncated)
    assert "Connection reset by peer" in str(error)


NO_ANSWERS = {
    "nothing": (b"", "received ServerDisconnectedError at 2 tries"),
    "half a status line": (b"HTTP/1.1 2", "received ServerDisconnectedError at 2 tries"),
    "bytes": (b"\x00\xff\x16\x03" * 50, "expected"),
    "a length that is none": (answer(length="many"), "expected an HTTP response"),
    "a length below 0": (answer(length=-5), "expected an HTTP response"),
    "two lengths": (answer(BODY, "Content-Length: 1"), "expected"),
    "a long header": (answer(BODY, "X: " + "y" * 100_000), "expected an HTTP response"),
    "a chunk size that is none": (
        answer(b"zz\r\n", "Transfer-Encoding: chunked", length=None),
        "expected an HTTP response",
    ),
    "a part that nobody asked for": (
        answer(BODY, f"Content-Range: bytes 0-{SIZE - 1}/{SIZE}", status="206 Partial Content"),
        "received HTTP 206 Partial Content",
    ),
    "a redirect to nowhere": (answer(b"", status="302 Found"), "received HTTP 302 Found"),
    "a redirect to what is no address": (
        answer(b"", "Location: http://[::1", status="302 Found"),
        "expected an HTTP response",
    ),
    "a length too large": (answer(length=SIZE + 10), f"the bytes from byte {SIZE} of {SIZE + 10} on"),
}


@pytest.mark.parametrize("what", NO_ANSWERS)
async def test_what_is_no_answer_is_one_clear_error(what: str) -> None:
    sent, says = NO_ANSWERS[what]
    async with RawServer(sent) as server:
        content, error, _ = await read(server.url, retries=1)
    assert says in str(error)
    assert "\n" not in str(error)
    assert content in (b"", BODY)


async def test_a_drip_slower_than_the_timeout_as_a_whole_is_no_stall() -> None:
    head = answer(b"", length=SIZE)
    async with RawServer([head[:9], head[9:], *(BODY[n : n + 2] for n in range(0, SIZE, 2))]) as server:
        assert await read(server.url, timeout=0.5) == (BODY, None, 0)


PARTS = {
    "a byte too early": (f"bytes 29-{SIZE - 1}/{SIZE}", SourceError, "to start at byte 30"),
    "a byte too late": (f"bytes 31-{SIZE - 1}/{SIZE}", SourceError, "to start at byte 30"),
    "of another content": (f"bytes 30-{SIZE - 1}/{SIZE + 1}", SourceChanged, "its length was"),
    "that ends before it starts": (f"bytes 30-20/{SIZE}", SourceError, "expected a range of bytes"),
    "that says less than it sends": (f"bytes 30-{SIZE - 2}/{SIZE}", SourceError, "Content-Length"),
}


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_that_does_not_fit_gives_no_byte(part: str) -> None:
    stated, kind, says = PARTS[part]
    wrong = answer(BODY[30:], f"Content-Range: {stated}", TAGGED, status="206 Partial Content")
    async with RawServer(answer(BODY[:30], TAGGED, length=SIZE), wrong) as server:
        content, error, _ = await read(server.url)
    assert type(error) is kind
    assert says in str(error)
    assert content == BODY[:30]


async def test_a_whole_body_in_a_part_gives_no_byte() -> None:
    """A server that answers Range with 206, and sends everything all the same."""
    whole = answer(BODY, f"Content-Range: bytes 30-{SIZE - 1}/{SIZE}", TAGGED, status="206 Partial Content")
    async with RawServer(answer(BODY[:30], TAGGED, length=SIZE), whole) as server:
        content, error, _ = await read(server.url)
    assert f"expected {SIZE - 30} bytes" in str(error)
    assert content == BODY[:30]


@pytest.mark.parametrize("how", ["headers", "session", "URL"])
async def test_credentials_do_not_follow_a_redirect_to_another_host(how: str) -> None:
    async with RawServer(answer()) as other:
        there = answer(b"", f"Location: {other.url.replace('127.0.0.1', 'localhost')}", status="302 Found")
        async with RawServer(there) as server:
            secret = {"Authorization": "Bearer secret", "Cookie": "name=secret"}
            if how == "headers":
                assert await read(server.url, headers=secret) == (BODY, None, 0)
            elif how == "session":
                async with aiohttp.ClientSession(headers=secret) as session:
                    assert await read(server.url, session=session) == (BODY, None, 0)
            else:
                assert await read(server.url.replace("//", "//me:secret@")) == (BODY, None, 0)
    assert "authorization: " in server.requests[0]
    assert "authorization: " not in other.requests[0]
    assert "cookie: " not in other.requests[0]


@asynccontextmanager
async def tls_server(*answers: bytes) -> AsyncIterator[RawServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    async with RawServer(*answers, tls=context) as server:
        yield server


async def test_a_server_that_signed_its_own_certificate_is_refused_at_once() -> None:
    async with tls_server(answer()) as server:
        _, error, retries = await read(f"https://localhost:{server.port}/")
    assert "expected a trusted TLS connection" in str(error)
    assert "give a session whose connector knows its certificate" in str(error)
    assert retries == 0
    assert server.requests == []


async def test_a_session_may_know_a_certificate() -> None:
    known = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=CERTIFICATE))
    cut = answer(BODY[:30], TAGGED, length=SIZE)
    async with (
        tls_server(cut, answer(BODY, TAGGED)) as server,
        aiohttp.ClientSession(connector=known) as session,
    ):
        assert await read(f"https://localhost:{server.port}/", session=session) == (BODY, None, 1)
        _, error, retries = await read(f"https://127.0.0.1:{server.port}/", session=session)
    assert "expected a trusted TLS connection" in str(error)  # the certificate is for another name
    assert retries == 0


async def test_a_session_may_have_a_proxy() -> None:
    async with RawServer(answer()) as proxy, aiohttp.ClientSession(proxy=proxy.url) as session:
        assert await read("http://example.invalid/a.csv", session=session) == (BODY, None, 0)
    assert proxy.requests[0].startswith("get http://example.invalid/a.csv")


@pytest.mark.parametrize(
    ("status", "says", "tries"),
    [
        ("407 Proxy Authentication Required", "expected the proxy to connect, received HTTP 407", 1),
        ("503 Service Unavailable", "received HTTP 503 Service Unavailable from the proxy at 3 tries", 3),
    ],
)
async def test_a_proxy_that_refuses_a_tunnel(status: str, says: str, tries: int) -> None:
    async with (
        RawServer(answer(b"", status=status)) as proxy,
        aiohttp.ClientSession(proxy=proxy.url) as session,
    ):
        _, error, _ = await read("https://example.invalid/a.csv", session=session, retries=2)
    assert says in str(error)
    assert len(proxy.requests) == tries


async def test_a_session_that_is_closed_in_the_middle_is_named() -> None:
    async with RawServer([answer(BODY, TAGGED, length=10**9), *[BODY * 1000] * 1000]) as server:
        session = aiohttp.ClientSession()
        with pytest.raises(ConfigError, match="expected an open session, received a closed one"):
            async with WebSource(server.url, session=session).open(Statistics()) as chunks:
                async for _ in chunks:
                    await session.close()


@pytest.mark.parametrize("after", [0, 30])
async def test_the_proxies_of_the_environment_are_left_alone(
    after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session with trust_env=True is the way to them."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with RawServer(answer(BODY[:after], TAGGED, length=SIZE), answer(BODY, TAGGED)) as server:
        assert await read(server.url) == (BODY, None, 1)
