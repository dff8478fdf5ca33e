"""`python -m benchmarks [SUITE ...]`: every suite by default, or some of them."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from threadpoolctl import threadpool_info

from benchmarks.suites import SUITES, Options


def options() -> Options:
    """From the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument(
        "--rounds", type=int, default=5, help="measurements of each peer, in turn (default: 5)"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement (default: 1)")
    parser.add_argument("--megabytes", type=int, default=50, help="size of the CSV files (default: 50)")
    parser.add_argument("--only", default="", help="only networks whose name has this in it")
    parser.add_argument("--no-peers", action="store_true", help="aseq alone")
    parser.add_argument(
        "--peer-python",
        default=sys.executable,
        metavar="PATH",
        help="a Python that has PyTorch, Keras and TensorFlow",
    )
    parser.add_argument(
        "--node-modules",
        default=Path(__file__).parent / "node_modules",
        type=Path,
        metavar="PATH",
        help="where tf.js is installed (default: benchmarks/node_modules)",
    )
    parsed = parser.parse_args()
    unknown = set(parsed.suites) - set(SUITES)
    if unknown:
        parser.error(f"expected suites out of {', '.join(SUITES)}, received {', '.join(unknown)}")
    return Options(**vars(parsed))


def blas() -> str:
    """The BLAS behind NumPy and the kernels it chose: an environment that pins old ones halves some figures."""
    for library in threadpool_info():
        if library["user_api"] == "blas":
            pinned = " (pinned by OPENBLAS_CORETYPE)" if os.environ.get("OPENBLAS_CORETYPE") else ""
            return f"{library['internal_api']} with {library.get('architecture')} kernels{pinned}"
    return "an unknown BLAS"


async def main(chosen: Options, console: Console) -> None:
    """Run the suites one after the other."""
    console.print(
        f"{platform.processor() or platform.machine()}, CPython {platform.python_version()}, NumPy {np.__version__} "
        f"on {blas()}. "
        f"Medians of {chosen.rounds} rounds in which the peers take turns.",
        highlight=False,
    )
    for name in chosen.suites or SUITES:
        await SUITES[name](chosen, console)


if __name__ == "__main__":
    asyncio.run(main(options(), Console(width=None if sys.stdout.isatty() else 120)))
