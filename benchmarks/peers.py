"""The runner's side: peers as processes, asked in turn."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PATIENCE = 180


@dataclass
class Peer:
    """One library in a process of its own.

    Attributes:
        title: Of its column.
        command: Starts its worker.
        install: How to get it.
        version: What the worker says it is; None if it is not there.
        problem: Why it is not there.
    """

    title: str
    command: list[str]
    install: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    version: str | None = None
    problem: str = ""
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> bool:
        """Whether it is there."""
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=ROOT,
                env=os.environ | self.environment,
            )
            self.version = await self._reply()
        except (OSError, RuntimeError) as error:
            self.problem = str(error)
            await self.stop()
        return self.version is not None

    async def ask(self, **request: Any) -> Any:
        """One measurement.

        Raises:
            RuntimeError: The worker cannot, with its reason.
        """
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        await self.process.stdin.drain()
        return await self._reply()

    async def _reply(self) -> Any:
        assert self.process is not None
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await self.process.stdout.readline()
        answer = json.loads(line or '{"error": "its process ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    async def stop(self) -> None:
        """End the process."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass
class Result:
    """The measurements of one peer in one case."""

    values: list[float] = field(default_factory=list)
    problem: str = ""

    @property
    def median(self) -> float | None:
        """None if there is none."""
        return statistics.median(self.values) if self.values else None


async def in_turn(peers: list[Peer], rounds: int, **request: Any) -> dict[str, Result]:
    """A B C A B C ...: every peer meets the same weather on a shared machine."""
    results = {peer.title: Result() for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            result = results[peer.title]
            if result.problem:
                continue
            try:
                result.values.append(await peer.ask(**request))
            except (RuntimeError, TimeoutError) as error:
                result.problem = str(error) or "took too long"
    return results
