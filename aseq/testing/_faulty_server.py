"""A real HTTP server on loopback that breaks off, stalls, lies and refuses as a script tells it."""

from __future__ import annotations

import asyncio
import importlib
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from aseq.data._web import IMPORTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiohttp import web

__all__ = ["Fault", "FaultyServer"]

PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """How the server answers one request.

    Args:
        kind: "headers" breaks off inside the headers, "drop" closes the connection, "reset" resets it,
            "stall" falls silent, "end" ends a chunked body early as if it were whole; None does none of it.
        after: Bytes of the body that are sent before it happens.
        status: Answer with this status and no content.
        headers: Sent instead of, or beside, the right ones. An empty value leaves a header out.
        content: From this request on, the server has this content, and `headers` go with it.

    Examples:
        >>> Fault("drop", after=100).after
        100
    """

    kind: Literal["headers", "drop", "reset", "stall", "end"] | None = None
    after: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None


class FaultyServer:
    """Serves one content under `url`, one fault a request, and none when the script is over.

    Args:
        content: The body.
        faults: One for each request, in order; may be endless (`itertools.repeat`).
        headers: Sent with every whole or partial answer; the default is a strong ETag. With `{}` the
            content has no validators.
        ranges: Whether Range and If-Range are honoured.
        chunked: Send no Content-Length.

    Examples:
        >>> import asyncio
        >>> from aseq import data
        >>> async def rows():
        ...     async with FaultyServer(b"a,b\\n1,2\\n", [Fault("drop", after=5)]) as server:
        ...         return await data.web(server.url).to_list()
        >>> asyncio.run(rows())
        [{'a': np.float32(1.0), 'b': np.float32(2.0)}]
    """

    def __init__(
        self,
        content: bytes,
        faults: Iterable[Fault] = (),
        *,
        headers: Mapping[str, str] | None = None,
        ranges: bool = True,
        chunked: bool = False,
    ) -> None:
        self.content = content
        self.headers = {"ETag": '"1"'} if headers is None else dict(headers)
        self.ranges = ranges
        self.chunked = chunked
        self.requests: list[dict[str, str]] = []
        """The headers of every request so far, names in lower case."""
        self.play(faults)

    async def __aenter__(self) -> FaultyServer:
        await IMPORTS.run(importlib.import_module, "aiohttp.web")  # the first time it takes a while
        from aiohttp import web

        self._server = web.Server(self._answer, handler_cancellation=True)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def play(self, faults: Iterable[Fault]) -> None:
        """Answer the next requests with `faults`, one each."""
        self._faults = iter(faults)

    @property
    def url(self) -> str:
        """Where the content is."""
        return f"http://127.0.0.1:{self.port}/data.csv"

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._server.connections)

    async def quiet(self, timeout: float = 5.0) -> None:
        """Wait until every connection is closed.

        Raises:
            TimeoutError: If a client keeps one open.
        """
        async with asyncio.timeout(timeout):
            while self.connections:  # noqa: ASYNC110  (aiohttp has no event for it)
                await asyncio.sleep(0.001)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        from aiohttp import web

        self.requests.append({name.lower(): value for name, value in request.headers.items()})
        fault = next(self._faults, Fault())
        if fault.content is not None:
            self.content = fault.content
            self.headers.update(fault.headers)
        if fault.status is not None:
            return web.Response(status=fault.status, headers=fault.headers)
        response, body = self._prepared(request)
        for name, value in fault.headers.items():
            response.headers.pop(name, None)
            if value:
                response.headers[name] = value
        if fault.kind == "headers":
            await self._break(request, b'HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nETag: "1')
        return await self._send(request, response, body, fault)

    def _prepared(self, request: web.BaseRequest) -> tuple[web.StreamResponse, bytes]:
        from aiohttp import web

        start, headers = self._start(request), dict(self.headers)
        size = len(self.content)
        if start is None:
            response, body = web.StreamResponse(headers=headers), self.content
        elif start >= size:
            return web.StreamResponse(status=416, headers={"Content-Range": f"bytes */{size}"}), b""
        else:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
            response, body = web.StreamResponse(status=206, headers=headers), self.content[start:]
        if self.chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = len(body)
        return response, body

    def _start(self, request: web.BaseRequest) -> int | None:
        """Return the first byte to send if a part is asked for and may be given."""
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        condition = request.headers.get("If-Range")
        validators = (self.headers.get("ETag"), self.headers.get("Last-Modified"))
        if not asked or not self.ranges or (condition is not None and condition not in validators):
            return None
        return int(asked[1])

    async def _send(
        self, request: web.BaseRequest, response: web.StreamResponse, body: bytes, fault: Fault
    ) -> web.StreamResponse:
        await response.prepare(request)
        if request.transport is not None:
            request.transport.set_write_buffer_limits(0)  # what was sent before a fault does arrive
        end = len(body) if fault.kind is None else min(fault.after, len(body))
        for begin in range(0, end, PIECE):
            await response.write(body[begin : min(begin + PIECE, end)])
        if fault.kind in ("drop", "reset"):
            await self._break(request, reset=fault.kind == "reset")
        if fault.kind == "stall":
            await asyncio.Event().wait()
        await response.write_eof()
        return response

    async def _break(self, request: web.BaseRequest, last: bytes = b"", *, reset: bool = False) -> None:
        transport = request.transport
        if transport is not None:
            transport.write(last)
            if reset:
                linger = struct.pack("ii", 1, 0)  # close() then sends RST instead of FIN
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        await asyncio.Event().wait()  # until the server notices that its client is gone
