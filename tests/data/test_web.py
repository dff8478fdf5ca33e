from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np
import pytest

import aseq
from aseq import data, layers
from aseq.data._retry import Pace
from aseq.data._source import CHUNK_SIZE, Source
from aseq.data._statistics import Statistics
from aseq.data._web import WebSource
from aseq.errors import ConfigError, SourceError
from aseq.testing._faulty_server import Fault, FaultyServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONTENT = b"a,b\n" + b"1,2\n" * 1000


async def read(source: WebSource) -> bytes:
    async with asyncio.timeout(20), source.open(Statistics()) as chunks:
        return b"".join([chunk async for chunk in chunks])


def open_sockets() -> int:
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue
    return sum(link.startswith("socket:") for link in links)


async def test_is_a_source_that_can_be_read_again() -> None:
    async with FaultyServer(CONTENT) as server:
        source = WebSource(server.url)
        assert isinstance(source, Source)
        assert await read(source) == await read(source) == CONTENT


async def test_opens_nothing_before_the_first_chunk_is_asked_for() -> None:
    async with FaultyServer(CONTENT) as server, WebSource(server.url).open(Statistics()):
        await asyncio.sleep(0.01)
        assert server.requests == []


async def test_small_reads_become_large_chunks() -> None:
    content = os.urandom(9 << 20)
    statistics = Statistics()
    async with FaultyServer(content) as server, WebSource(server.url).open(statistics) as chunks:
        sizes = [len(chunk) async for chunk in chunks]
    assert sum(sizes) == statistics.bytes == len(content)
    assert max(sizes) <= 1.5 * CHUNK_SIZE
    assert len(sizes) <= 8


async def test_a_slow_link_does_not_hold_back_what_has_come() -> None:
    async with FaultyServer(CONTENT, [Fault("stall", after=100)]) as server:
        async with asyncio.timeout(5), WebSource(server.url, timeout=60.0).open(Statistics()) as chunks:
            assert await anext(chunks) == CONTENT[:100]
        await server.quiet()


async def test_memory_is_bounded_by_the_socket_not_by_the_content() -> None:
    """A consumer that does not read pauses the server: nothing piles up."""
    async with FaultyServer(bytes(64 << 20)) as server, WebSource(server.url).open(Statistics()) as chunks:
        taken = len(await anext(chunks))
        await asyncio.sleep(0.1)
        for _ in range(3):
            taken += len(await anext(chunks))
        assert taken < 5 * CHUNK_SIZE


async def test_a_stream_that_was_left_unread_until_the_server_gave_up_goes_on() -> None:
    """Storage services reset what is not read for minutes: to a slow training that is everyday life."""

    async def no_sleep(_: float) -> None: ...

    content, statistics = os.urandom(16 << 20), Statistics()
    async with FaultyServer(content) as server:
        source = WebSource(server.url, _pace=Pace(sleep=no_sleep))
        async with source.open(statistics) as chunks:
            received = await anext(chunks)
            for connection in server._server.connections:
                assert connection.transport is not None
                connection.transport.abort()
            received += b"".join([chunk async for chunk in chunks])
    assert received == content
    assert statistics.retries == 1
    assert server.requests[1]["range"] == f"bytes={statistics.resumed_at}-"


async def test_a_consumer_slower_than_the_timeout_is_no_stall() -> None:
    content, statistics = bytes(16 << 20), Statistics()
    async with FaultyServer(content) as server, WebSource(server.url, timeout=1.0).open(statistics) as chunks:
        size = len(await anext(chunks))
        await asyncio.sleep(1.5)  # the timeout is for the server
        size += sum([len(chunk) async for chunk in chunks])
    assert (size, statistics.retries) == (len(content), 0)


async def test_steps_per_epoch_leave_no_connection_behind() -> None:
    model = aseq.Sequential([layers.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    async with FaultyServer(b"a,b\n" + b"1,2\n" * 2_000_000) as server:
        rows = data.web(server.url, label="b")
        await model.fit_dataset(rows.batch(10).prefetch(2), epochs=2, steps_per_epoch=3, verbose=0)
        await server.quiet()


async def test_own_session_leaves_no_socket_and_no_thread() -> None:
    async with FaultyServer(CONTENT) as server:
        before, threads = open_sockets(), threading.active_count()
        await read(WebSource(server.url))
        await server.quiet()
        assert open_sockets() == before
        assert threading.active_count() == threads


async def test_a_users_session_stays_open_and_keeps_its_headers() -> None:
    async with FaultyServer(CONTENT) as server, aiohttp.ClientSession(headers={"X-Mine": "1"}) as session:
        assert await read(WebSource(server.url, session=session)) == CONTENT
        assert not session.closed
        assert server.requests[0]["x-mine"] == "1"
        assert server.requests[0]["accept-encoding"] == "identity"
        assert await read(WebSource(server.url, session=session)) == CONTENT
        assert server.connections == 1  # the connection of a whole answer is used again


async def test_leaving_early_closes_the_connection_of_a_users_session() -> None:
    async with FaultyServer(bytes(32 << 20)) as server, aiohttp.ClientSession() as session:
        async with WebSource(server.url, session=session).open(Statistics()) as chunks:
            await anext(chunks)
        await server.quiet()
        assert not session.closed


async def test_a_closed_session_is_refused() -> None:
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(ConfigError, match="expected an open session"):
        await read(WebSource("http://127.0.0.1:1/", session=session))


async def test_a_session_of_another_event_loop_is_named() -> None:
    def elsewhere() -> None:
        with pytest.raises(
            ConfigError, match="expected a session of the event loop that runs, received Runt"
        ):
            asyncio.run(read(WebSource(server.url, session=session)))

    async with FaultyServer(CONTENT) as server, aiohttp.ClientSession() as session:
        await asyncio.to_thread(elsewhere)


@pytest.mark.parametrize("own", [True, False])
async def test_a_content_encoding_is_left_alone(own: bool) -> None:
    """Even with a session that would decompress: offsets count the bytes on the wire."""
    packed = b"\x1f\x8b\x08 not really gzip, and nobody notices here"
    server = FaultyServer(packed, headers={"Content-Encoding": "gzip"})
    async with server, aiohttp.ClientSession() as session:
        assert await read(WebSource(server.url, session=None if own else session)) == packed


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_headers_may_be_made_afresh_for_every_try(asynchronous: bool) -> None:
    tokens = iter("abc")

    def fresh() -> dict[str, str]:
        return {"Authorization": next(tokens), "Accept-Encoding": "gzip", "Range": "bytes=0-1"}

    async def fresh_later() -> dict[str, str]:
        return fresh()

    async def no_sleep(_: float) -> None: ...

    async with FaultyServer(CONTENT, [Fault("drop", after=5), Fault("drop", after=5)]) as server:
        source = WebSource(
            server.url, headers=fresh_later if asynchronous else fresh, _pace=Pace(sleep=no_sleep)
        )
        assert await read(source) == CONTENT
    assert [request["authorization"] for request in server.requests] == ["a", "b", "c"]
    assert {request["accept-encoding"] for request in server.requests} == {"identity"}
    assert server.requests[1]["range"] == "bytes=5-"


async def test_headers_that_a_function_makes_are_checked_too() -> None:
    async with FaultyServer(CONTENT) as server:
        with pytest.raises(ConfigError, match=r"headers to map texts to texts, received {'X': int}"):
            await read(WebSource(server.url, headers=lambda: {"X": 7}))  # type: ignore[dict-item]


@pytest.mark.parametrize("timeout", [None, float("inf"), 5])
async def test_without_a_timeout_a_read_has_no_limit(timeout: float | None) -> None:
    limits: list[aiohttp.ClientTimeout] = []

    class Noting:
        """A session that notes with which limits it is asked."""

        closed = False

        def get(self, url: str, **options: Any) -> Any:
            limits.append(options["timeout"])
            return session.get(url, **options)

    async with FaultyServer(CONTENT) as server, aiohttp.ClientSession() as session:
        noting: Any = Noting()
        assert await read(WebSource(server.url, session=noting, timeout=timeout)) == CONTENT
    expected = 5 if timeout == 5 else None
    assert [(each.total, each.sock_connect, each.sock_read) for each in limits] == [
        (None, expected, expected)
    ]


async def test_an_aiohttp_timeout_is_taken_as_it_is() -> None:
    async with FaultyServer(CONTENT, [Fault("stall")] * 2) as server:
        source = WebSource(server.url, timeout=aiohttp.ClientTimeout(total=0.05), retries=0)
        with pytest.raises(SourceError, match=r"at the only try: .*Timeout"):
            await read(source)


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_content_that_is_too_long_is_refused(chunked: bool) -> None:
    async with FaultyServer(CONTENT, chunked=chunked) as server:
        with pytest.raises(SourceError, match="at most 100 bytes"):
            await read(WebSource(server.url, max_bytes=100))
        assert await read(WebSource(server.url, max_bytes=len(CONTENT))) == CONTENT
        await server.quiet()


async def test_an_empty_content_is_no_chunks() -> None:
    async with FaultyServer(b"") as server:
        assert await read(WebSource(server.url)) == b""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"url": "ftp://host/a.csv"}, "expected an http:// or https:// URL"),
        ({"url": "a.csv"}, "expected an http:// or https:// URL"),
        ({"url": "http://"}, "expected an http:// or https:// URL"),
        ({"url": 5}, "expected an http:// or https:// URL, received 5"),
        ({"url": b"http://host/a.csv"}, "expected an http:// or https:// URL"),
        ({"url": "http://[::1/"}, "expected an http:// or https:// URL"),
        ({"url": "http://host:99999/"}, "expected an http:// or https:// URL"),
        ({"timeout": 0}, "timeout above 0"),
        ({"timeout": "60"}, "timeout above 0 seconds, an aiohttp.ClientTimeout or None, received '60'"),
        ({"timeout": True}, "timeout above 0"),
        ({"timeout": float("nan")}, "timeout above 0"),
        ({"retries": None}, "retries to be an integer of 0 or more, received None"),
        ({"retries": True}, "retries to be an integer of 0 or more, received True"),
        ({"retries": -1}, "retries to be an integer of 0 or more, received -1"),
        ({"max_redirects": -1}, "max_redirects to be an integer of 0 or more"),
        ({"max_bytes": -1}, "max_bytes to be an integer of 0 or more"),
        ({"headers": [("X", "7")]}, "headers to be a dict .*, received list"),
        ({"headers": "x"}, "headers to be a dict .*, received str"),
        ({"headers": {"X": 7}}, "headers to map texts to texts, received {'X': int}"),
        ({"headers": {7: "X"}}, "headers to map texts to texts, received {7: str}"),
        ({"headers": {"X": "token\n"}}, "a line break or another control character in 'X'. Use strip"),
        ({"headers": {"X": "1\r\nY: 2"}}, "headers of one line"),
        ({"headers": {"X\0": "1"}}, "headers of one line"),
        ({"session": 5}, "session to be an aiohttp.ClientSession, received 5"),
        ({"session": aiohttp.ClientSession}, "session to be an aiohttp.ClientSession, received <class"),
        ({"session": {}}, "session to be an aiohttp.ClientSession, received {}"),
        ({"headers": {"range": "bytes=5-"}}, "headers without range"),
        ({"headers": {"Accept-Encoding": "gzip"}}, "headers without Accept-Encoding"),
    ],
)
def test_arguments_that_cannot_be_right_are_refused_at_once(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        WebSource(**{"url": "http://host/a.csv", **arguments})


@pytest.mark.parametrize(
    "url", ["http://me:secret@ho\\st/", "http://me:secret@host:port/", "http://me:sec/ret@host/"]
)
async def test_a_password_does_not_show_where_the_address_is_wrong(url: str) -> None:
    with pytest.raises((ConfigError, SourceError)) as caught:
        await read(WebSource(url, retries=0))
    assert "sec" not in str(caught.value)


async def test_numbers_of_numpy_are_taken() -> None:
    async with FaultyServer(CONTENT) as server:
        source = WebSource(
            server.url,
            timeout=np.float32(5),
            retries=np.int64(1),
            max_redirects=np.int8(1),
            max_bytes=np.int64(1e6),
        )
        assert await read(source) == CONTENT


async def test_a_password_does_not_show_in_messages() -> None:
    async with FaultyServer(CONTENT, [Fault(status=404)]) as server:
        source = WebSource(server.url.replace("//", "//me:secret@"))
        assert "me:***@127.0.0.1" in repr(source)
        with pytest.raises(SourceError) as caught:
            await read(source)
        assert "secret" not in str(caught.value)
        assert server.requests[0]["authorization"].startswith("Basic ")


async def test_several_addresses_are_read_as_one() -> None:
    async with FaultyServer(b"a,b\n1,2\n") as one, FaultyServer(b"a,b\n3,4\n") as two:
        ds = data.web([one.url, two.url], headers={"X-Mine": "1"}, label="b")
        assert [y for _, y in await ds.to_list()] == [2, 4]
        assert [server.requests[0]["x-mine"] for server in (one, two)] == ["1", "1"]
        assert await data.web([one.url]).to_list() == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("url", [5, None, [], ["http://host/", 5], "ftp://host/a.csv"])
def test_addresses_that_are_none_are_refused_at_the_call(url: Any) -> None:
    with pytest.raises(ConfigError, match=r"expected .* URL"):
        data.web(url)


def test_a_recipe_travels() -> None:
    source = pickle.loads(pickle.dumps(WebSource("http://host/a.csv", headers={"X": "1"}, retries=3)))
    assert (source.url, source.headers, source.retries) == ("http://host/a.csv", {"X": "1"}, 3)


def test_importing_the_source_does_not_import_aiohttp() -> None:
    code = "import sys; import aseq.data._web; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_two_streams_of_one_source_do_not_know_each_other() -> None:
    async def halves(chunks: AsyncIterator[bytes]) -> bytes:
        return b"".join([chunk async for chunk in chunks])

    content = os.urandom(3 << 20)
    async with FaultyServer(content) as server:
        source = WebSource(server.url)
        async with source.open(Statistics()) as one, source.open(Statistics()) as two:
            first = await anext(one)
            assert await halves(two) == content
            assert first + await halves(one) == content
