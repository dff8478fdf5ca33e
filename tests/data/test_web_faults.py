"""The fault matrix: a real server that breaks in every way at every place.

Whatever happens: every byte exactly once or one clear error, never a hang, and every connection closed.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import aiohttp
import pyarrow
import pytest

from aseq import data
from aseq.data._compression import Decompressor
from aseq.data._retry import Pace
from aseq.data._statistics import Statistics
from aseq.data._web import WebSource
from aseq.errors import ParseError, SourceChanged, SourceError, SourceTruncated
from aseq.testing._faulty_server import Fault, FaultyServer

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = 'name,size\nplain,1\n"quoted, with\na line feed",2\ngrün 漢字,3\nlast,4\n'.encode()
OTHER = CONTENT.replace(b"last,4", b"lost,5")
PLACES = {
    "before the first byte": 0,
    "in the header line": 4,
    "in a quote": CONTENT.index(b"with\n") + 5,
    "in a UTF-8 sequence": CONTENT.index("漢".encode()) + 1,
    "at a record end": CONTENT.index(b"gr"),
    "before the last byte": len(CONTENT) - 1,
    "after the last byte": len(CONTENT),
}
OLD = {"Last-Modified": formatdate(1e9, usegmt=True)}
NEW = {"Last-Modified": formatdate(1.1e9, usegmt=True)}
SERVERS: dict[str, dict[str, Any]] = {
    "ranges, strong tag": {},
    "ranges, old date": {"headers": OLD},
    "ranges, weak tag": {"headers": {"ETag": 'W/"1"'}},
    "ranges, no validator": {"headers": {}},
    "no ranges, strong tag": {"ranges": False},
    "no ranges, no validator": {"ranges": False, "headers": {}},
    "ranges, strong tag, no length": {"chunked": True},
    "no ranges, no validator, no length": {"ranges": False, "headers": {}, "chunked": True},
}
RESUMING = {"ranges, strong tag", "ranges, old date", "ranges, strong tag, no length"}
WITHOUT_STRONG_VALIDATOR = SERVERS.keys() - RESUMING - {"no ranges, strong tag"}


@dataclass
class Reading:
    """What came of reading a server's content to its end, without ever really sleeping."""

    content: bytes = b""
    error: Exception | None = None
    statistics: Statistics = field(default_factory=Statistics)
    waits: list[float] = field(default_factory=list)


async def read(server: FaultyServer, **options: Any) -> Reading:
    reading = Reading()

    async def sleep(seconds: float) -> None:
        reading.waits.append(seconds)
        await asyncio.sleep(0)

    pace = Pace(sleep=sleep, random=lambda: 1.0, now=lambda: 1000.0)
    source = WebSource(options.pop("url", server.url), _pace=pace, **options)
    try:
        async with asyncio.timeout(20), source.open(reading.statistics) as chunks:
            async for chunk in chunks:
                reading.content += chunk
    except SourceError as error:
        reading.error = error
    await server.quiet()
    assert reading.error is None or str(reading.error).startswith(source.name)
    assert reading.statistics.bytes == len(reading.content)
    return reading


def whole(reading: Reading, content: bytes = CONTENT) -> None:
    assert reading.error is None
    assert reading.content == content


@pytest.mark.parametrize("kind", ["headers", "drop", "reset"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", SERVERS)
async def test_one_loss_anywhere(name: str, place: str, kind: Any) -> None:
    async with FaultyServer(CONTENT, [Fault(kind, after=PLACES[place])], **SERVERS[name]) as server:
        reading = await read(server)
    whole(reading)
    resumed = [request["range"] for request in server.requests if "range" in request]
    if kind == "drop" and name in RESUMING and 0 < PLACES[place] < len(CONTENT):
        assert resumed == [f"bytes={PLACES[place]}-"]
        assert reading.statistics.resumed_at == PLACES[place]
        assert reading.statistics.retries == 1
    if name in WITHOUT_STRONG_VALIDATOR:
        assert resumed == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ranges", [False, True])
async def test_every_row_comes_exactly_once(place: str, packed: bool, ranges: bool) -> None:
    content = gzip.compress(CONTENT) if packed else CONTENT
    after = PLACES[place] * len(content) // len(CONTENT)

    async def no_sleep(_: float) -> None: ...

    async with FaultyServer(content, [Fault("drop", after=after)], ranges=ranges) as server:
        rows = data.csv(
            WebSource(server.url, _pace=Pace(sleep=no_sleep)), column_configs={"name": {"dtype": "string"}}
        )
        names = [row["name"] for row in await rows.to_list()]
        await server.quiet()
    assert names == ["plain", "quoted, with\na line feed", "grün 漢字", "last"]


@pytest.mark.parametrize("place", ["before the first byte", "in a quote", "before the last byte"])
@pytest.mark.parametrize("name", SERVERS)
async def test_a_stall_is_a_loss(name: str, place: str) -> None:
    async with FaultyServer(CONTENT, [Fault("stall", after=PLACES[place])], **SERVERS[name]) as server:
        reading = await read(server, timeout=0.05)
    whole(reading)
    assert reading.statistics.retries == 1


@pytest.mark.parametrize("name", SERVERS)
async def test_a_loss_at_every_single_byte(name: str) -> None:
    faults = [Fault("drop", after=after) for after in range(1, len(CONTENT))]
    if name in RESUMING:
        faults = [Fault("drop", after=1)] * (len(CONTENT) - 1)
    async with FaultyServer(CONTENT, faults, **SERVERS[name]) as server:
        reading = await read(server, retries=1)
    whole(reading)
    assert set(reading.waits) == {0.5}  # progress refills the budget: the wait never grows


@pytest.mark.parametrize("name", sorted(RESUMING))
async def test_endless_losses_with_progress_get_there(name: str) -> None:
    content = CONTENT * 5000
    faults = itertools.repeat(Fault("drop", after=len(content) // 40))
    async with FaultyServer(content, faults, **SERVERS[name]) as server:
        reading = await read(server, retries=2)
    whole(reading, content)
    assert reading.statistics.retries >= 39


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (Fault("headers"), SourceError, "expected a response, received ServerDisconnectedError"),
        (Fault("drop"), SourceTruncated, "expected the bytes from byte 0"),
        (Fault("stall"), SourceTruncated, "expected the bytes from byte 0"),
        (Fault(status=503), SourceError, "received HTTP 503 Service Unavailable"),
    ],
)
async def test_endless_losses_without_progress_end_in_one_error(
    name: str, fault: Fault, kind: type[SourceError], says: str
) -> None:
    async with FaultyServer(CONTENT, itertools.repeat(fault), **SERVERS[name]) as server:
        reading = await read(server, retries=3, timeout=0.02)
    assert type(reading.error) is kind
    assert says in str(reading.error)
    assert "4 tries in a row" in str(reading.error)
    assert reading.waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("name", sorted(SERVERS.keys() - RESUMING))
async def test_a_server_that_always_drops_at_one_place_and_cannot_resume(name: str) -> None:
    async with FaultyServer(CONTENT, itertools.repeat(Fault("drop", after=20)), **SERVERS[name]) as server:
        reading = await read(server, retries=3)
    assert isinstance(reading.error, SourceTruncated)
    assert "byte 20" in str(reading.error)
    assert reading.content == CONTENT[:20]


async def test_a_part_shorter_than_asked_for_is_followed_by_the_next() -> None:
    size = len(CONTENT)
    short = Fault("end", after=10, headers={"Content-Range": f"bytes 30-39/{size}", "Content-Length": "10"})
    async with FaultyServer(CONTENT, [Fault("drop", after=30), short]) as server:
        whole(await read(server))
    assert [request.get("range") for request in server.requests] == [None, "bytes=30-", "bytes=40-"]


async def test_a_body_that_ends_properly_but_early_is_a_loss() -> None:
    async with FaultyServer(CONTENT, headers={}, ranges=False) as server:

        def faults() -> Iterator[Fault]:
            yield Fault("drop", after=10)  # this answer promises a length,
            server.chunked = True
            yield Fault("end", after=25)  # and this one none, and ends well before it

        server.play(faults())
        reading = await read(server)
    whole(reading)
    assert reading.statistics.retries == 2


CHANGES = {
    "another strong tag": ({}, {"ETag": '"2"'}),
    "another weak tag": ({"headers": {"ETag": 'W/"1"'}}, {"ETag": 'W/"2"'}),
    "another date": ({"headers": OLD}, NEW),
    "another date, no ranges": ({"headers": OLD, "ranges": False}, NEW),
    "another tag, no ranges": ({"ranges": False}, {"ETag": '"2"'}),
}


@pytest.mark.parametrize("place", ["in the header line", "in a quote", "before the last byte"])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_content_is_refused(change: str, place: str) -> None:
    options, headers = CHANGES[change]
    faults = [Fault("drop", after=PLACES[place]), Fault(content=OTHER, headers=headers)]
    async with FaultyServer(CONTENT, faults, **options) as server:
        reading = await read(server)
    assert isinstance(reading.error, SourceChanged)
    assert reading.content == CONTENT[: PLACES[place]]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("other", [CONTENT + b"more,5\n", CONTENT[:-7], b"nome" + CONTENT[4:]])
async def test_a_changed_content_is_refused_without_any_validator(other: bytes, ranges: bool) -> None:
    faults = [Fault("drop", after=30), Fault(content=other)]
    async with FaultyServer(CONTENT, faults, headers={}, ranges=ranges) as server:
        reading = await read(server)
    assert isinstance(reading.error, SourceChanged)
    assert reading.content == CONTENT[:30]


async def test_a_change_behind_the_loss_gives_the_new_version_and_no_mixture() -> None:
    faults = [Fault("drop", after=30), Fault(content=OTHER)]
    async with FaultyServer(CONTENT, faults, headers={}) as server:
        whole(await read(server), OTHER)


@pytest.mark.parametrize("headers", [{}, {"ETag": '"2"'}])
async def test_a_change_before_the_first_byte_does_no_harm(headers: dict[str, str]) -> None:
    faults = [Fault("drop", after=0), Fault(content=OTHER, headers=headers)]
    async with FaultyServer(CONTENT, faults) as server:
        whole(await read(server), OTHER)


@pytest.mark.parametrize(
    ("lie", "kind"),
    [
        ({"Content-Range": f"bytes 0-9/{len(CONTENT)}"}, SourceError),
        ({"Content-Range": f"bytes 31-{len(CONTENT) - 1}/{len(CONTENT)}"}, SourceError),
        ({"Content-Range": "nonsense"}, SourceError),
        ({"Content-Range": ""}, SourceError),
        ({"Content-Range": f"bytes 30-{len(CONTENT)}/{len(CONTENT) + 1}"}, SourceChanged),
        ({"ETag": '"2"'}, SourceChanged),
        ({"Content-Encoding": "gzip"}, SourceChanged),
    ],
)
async def test_a_part_that_does_not_fit_is_refused(lie: dict[str, str], kind: type[SourceError]) -> None:
    async with FaultyServer(CONTENT, [Fault("drop", after=30), Fault(headers=lie)]) as server:
        reading = await read(server)
    assert type(reading.error) is kind
    assert reading.content == CONTENT[:30]
    assert reading.statistics.retries == 1


async def test_416_with_another_length_is_a_change() -> None:
    faults = [Fault("drop", after=30), Fault(content=CONTENT[:20])]
    async with FaultyServer(CONTENT, faults, chunked=True) as server:
        reading = await read(server)
    assert isinstance(reading.error, SourceChanged)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_passing_statuses_are_tried_again(status: int) -> None:
    async with FaultyServer(CONTENT, [Fault(status=status)] * 3) as server:
        reading = await read(server)
    whole(reading)
    assert reading.waits == [0.5, 1.0, 2.0]
    assert reading.statistics.retries == 3


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 405, 410, 416, 451, 501])
@pytest.mark.parametrize("before", [[], [Fault("drop", after=30)]])
async def test_other_statuses_are_final(status: int, before: list[Fault]) -> None:
    async with FaultyServer(CONTENT, [*before, Fault(status=status)]) as server:
        reading = await read(server)
    assert type(reading.error) is SourceError
    assert f"HTTP {status}" in str(reading.error)
    assert len(server.requests) == len(before) + 1


@pytest.mark.parametrize(
    ("asked", "wait"),
    [("7", 7.0), ("86400", 120.0), (formatdate(1030.0, usegmt=True), 30.0), ("soon", 0.5), ("0", 0.5)],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured_within_reason(asked: str, wait: float, status: int) -> None:
    async with FaultyServer(CONTENT, [Fault(status=status, headers={"Retry-After": asked})]) as server:
        reading = await read(server)
    whole(reading)
    assert reading.waits == [wait]


async def by_a_session_that_raises(server: FaultyServer) -> Reading:
    nothing_kept = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(raise_for_status=True, connector=nothing_kept) as session:
        return await read(server, session=session)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_session_that_raises_for_a_status_does_not_keep_from_trying_again(status: int) -> None:
    refusals = [Fault(status=status, headers={"Retry-After": "7"}), Fault(status=status)]
    async with FaultyServer(CONTENT, refusals) as server:
        reading = await by_a_session_that_raises(server)
    whole(reading)
    assert reading.waits == [7.0, 1.0]


async def test_a_session_that_raises_for_a_status_gives_the_usual_errors() -> None:
    async with FaultyServer(CONTENT, [Fault(status=404)]) as server:
        reading = await by_a_session_that_raises(server)
    assert str(reading.error).endswith("expected its content, received HTTP 404 Not Found. Check the URL.")


async def test_a_session_that_raises_for_a_status_knows_the_end_by_416() -> None:
    async with FaultyServer(CONTENT, [Fault("drop", after=len(CONTENT))], chunked=True) as server:
        reading = await by_a_session_that_raises(server)
    whole(reading)
    assert server.requests[1]["range"] == f"bytes={len(CONTENT)}-"


@pytest.mark.parametrize("encoding", ["deflate", "br", "gzip, BR"])
async def test_an_encoding_that_nobody_can_read_is_named(encoding: str) -> None:
    async with FaultyServer(CONTENT, headers={"Content-Encoding": encoding}) as server:
        reading = await read(server)
    assert type(reading.error) is SourceError
    assert f"received it with Content-Encoding {encoding}, which nobody asked for" in str(reading.error)
    assert reading.content == b""


@pytest.mark.parametrize("encoding", ["identity", "utf-8", "none"])
async def test_an_encoding_that_is_none_does_no_harm(encoding: str) -> None:
    async with FaultyServer(CONTENT, headers={"Content-Encoding": encoding}) as server:
        whole(await read(server))


@pytest.mark.parametrize("encoding", ["gzip", "X-GZIP", "zstd"])
async def test_rows_come_out_of_an_encoding_that_nobody_asked_for(encoding: str) -> None:
    packed = (
        pyarrow.Codec("zstd").compress(b"a\n1\n", asbytes=True)
        if encoding == "zstd"
        else gzip.compress(b"a\n1\n")
    )
    async with FaultyServer(packed, headers={"Content-Encoding": encoding}) as server:
        assert await data.web(server.url).to_list() == [{"a": 1}]
        with pytest.raises(
            ParseError, match=r"as compression=None says, received .* data\. Leave compression"
        ):
            await data.web(server.url, compression=None).to_list()
        await server.quiet()


@pytest.mark.parametrize("kind", ["drop", "reset", "stall"])
@pytest.mark.parametrize("encoding", [{}, {"Content-Encoding": "gzip"}])
@pytest.mark.parametrize("ranges", [True, False])
async def test_gzip_on_top(kind: Any, encoding: dict[str, str], ranges: bool) -> None:
    plain = CONTENT * 300
    packed = gzip.compress(plain[:9000]) + gzip.compress(plain[9000:])
    faults = [Fault(kind, after=after) for after in (5, 11, len(packed) // 2, len(packed) - 3)]
    async with FaultyServer(packed, faults, headers={"ETag": '"1"', **encoding}, ranges=ranges) as server:
        reading = await read(server, timeout=0.05)
    whole(reading, packed)
    decompressor = Decompressor(name="x")
    assert b"".join([*decompressor.feed(reading.content), *decompressor.flush()]) == plain


@pytest.mark.parametrize("most", [0, 1, 4])
async def test_endless_redirects_are_an_error(most: int) -> None:
    again = Fault(status=302, headers={"Location": "/data.csv"})
    async with FaultyServer(CONTENT, itertools.repeat(again)) as server:
        reading = await read(server, max_redirects=most)
    assert type(reading.error) is SourceError
    assert f"at most {most} redirects" in str(reading.error)
    assert len(server.requests) == most + 1


@pytest.mark.parametrize("most", [0, 1, 4])
async def test_as_many_redirects_as_allowed_are_followed(most: int) -> None:
    again = Fault(status=302, headers={"Location": "/data.csv"})
    async with FaultyServer(CONTENT, [again] * most) as server:
        whole(await read(server, max_redirects=most))


async def test_a_redirect_is_followed() -> None:
    async with FaultyServer(CONTENT, [Fault(status=307, headers={"Location": "/other"})]) as server:
        whole(await read(server))


async def test_a_redirect_to_somewhere_else_than_the_web_is_refused() -> None:
    async with FaultyServer(
        CONTENT, [Fault(status=302, headers={"Location": "file:///etc/passwd"})]
    ) as server:
        reading = await read(server)
    assert type(reading.error) is SourceError


@pytest.mark.parametrize("other", [CONTENT, OTHER, b"nome" + CONTENT[4:]])
async def test_a_redirect_to_another_place_after_a_loss_is_compared_byte_by_byte(other: bytes) -> None:
    elsewhere = Fault(status=302, headers={"Location": "/mirror.csv"})
    faults = [
        Fault("drop", after=30),
        Fault(content=other, status=302, headers=elsewhere.headers),
        Fault(),
        elsewhere,
    ]
    async with FaultyServer(CONTENT, faults) as server:
        reading = await read(server)
    assert server.requests[2]["range"] == "bytes=30-"
    assert "range" not in server.requests[4]
    if other[:30] == CONTENT[:30]:
        whole(reading, other)
    else:
        assert isinstance(reading.error, SourceChanged)


async def test_nobody_listens() -> None:
    async with FaultyServer(CONTENT) as server:
        pass
    reading = Reading()

    async def sleep(seconds: float) -> None:
        reading.waits.append(seconds)

    source = WebSource(server.url, retries=2, _pace=Pace(sleep=sleep))
    with pytest.raises(
        SourceError, match=r"expected a response, .* Connect .* 3 tries in a row|Connect call failed"
    ):
        async with source.open(reading.statistics) as chunks:
            await anext(chunks)
    assert len(reading.waits) == 2


async def test_tls_errors_are_clear_and_not_tried_again() -> None:
    async with FaultyServer(CONTENT) as server:
        reading = await read(server, url=server.url.replace("http:", "https:"))
        assert "expected a trusted TLS connection" in str(reading.error)
        assert reading.waits == []


async def test_what_is_not_http_is_refused() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(SourceError, match="expected an HTTP response"):
            async with WebSource(f"http://127.0.0.1:{port}/").open(Statistics()) as chunks:
                await anext(chunks)


@pytest.mark.parametrize("name", ["ranges, strong tag", "no ranges, no validator, no length"])
async def test_a_cancel_at_every_suspension_closes_everything(name: str) -> None:
    """Cancel after 0, 1, 2, … turns of the loop, until the reading ends before the cancel comes."""
    tasks = len(asyncio.all_tasks())
    for turns in itertools.count():
        faults = [Fault("drop", after=30), Fault(status=503)]
        async with FaultyServer(CONTENT, faults, **SERVERS[name]) as server:
            task = asyncio.create_task(read(server))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=10)
            assert done
            await server.quiet()
        assert len(asyncio.all_tasks()) == tasks
        if not task.cancelled():
            whole(task.result())
            break
    assert turns > 10


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_leaving_early_closes_the_connection(name: str, after: int) -> None:
    async with FaultyServer(CONTENT * 120_000, **SERVERS[name]) as server:
        async with WebSource(server.url).open(Statistics()) as chunks:
            for _ in range(after):
                assert await anext(chunks)
        await server.quiet()
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)


async def test_an_error_of_the_consumer_closes_the_connection() -> None:
    async def consume(url: str) -> None:
        async with WebSource(url).open(Statistics()) as chunks:
            async for _ in chunks:
                raise ZeroDivisionError

    async with FaultyServer(CONTENT * 60_000) as server:
        with pytest.raises(ZeroDivisionError):
            await consume(server.url)
        await server.quiet()
