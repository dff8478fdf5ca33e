"""A web server in a process of its own: files of a folder, and streams of any length that nobody stores."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

import numpy as np
from aiohttp import web

BLOCK_ROWS = 2000


def block(columns: int) -> bytes:
    """Rows of whole numbers from 0 to 255, as in pictures."""
    values = np.random.default_rng(0).integers(0, 256, (BLOCK_ROWS, columns))
    return "".join(",".join(map(str, row)) + "\n" for row in values.tolist()).encode()


async def stream(request: web.Request) -> web.StreamResponse:
    """/stream?megabytes=600&columns=785"""
    part = block(int(request.query["columns"]))
    response = web.StreamResponse(headers={"Content-Type": "text/csv"})
    count = max(1, int(request.query["megabytes"]) * 1_000_000 // len(part))
    response.content_length = count * len(part)
    await response.prepare(request)
    with suppress(ConnectionError):  # the reader has seen enough
        for _ in range(count):
            await response.write(part)
    return response


async def main(folder: str) -> None:
    app = web.Application()
    app.router.add_get("/stream", stream)
    app.router.add_static("/", folder)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until our parent closes it
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
