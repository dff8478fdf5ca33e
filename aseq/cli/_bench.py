"""`aseq bench`: the benchmarks of the checkout it is called in."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aseq.errors import ConfigError

if TYPE_CHECKING:
    import argparse

__all__ = ["run"]


async def run(arguments: argparse.Namespace) -> None:
    """Hand over to `python -m benchmarks`.

    Raises:
        ConfigError: The current directory is no checkout of aseq, or the benchmarks failed.
    """
    here = Path.cwd()
    if not (here / "benchmarks" / "__main__.py").is_file() or not (here / "aseq").is_dir():
        raise ConfigError(
            f"expected to run in a checkout of aseq, {here} is none. Clone the repository first."
        )
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks", *arguments.arguments)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if code:
        raise ConfigError(f"the benchmarks ended with exit code {code}.")
