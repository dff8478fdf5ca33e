"""What is measured, and the tables it goes into."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from benchmarks.networks import NETWORKS
from benchmarks.peers import ROOT, Peer, Result, in_turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from rich.console import Console

BATCHES = (32, 128)


@dataclass
class Options:
    """From the command line."""

    suites: list[str]
    rounds: int
    seconds: float
    megabytes: int
    only: str
    no_peers: bool
    peer_python: str
    node_modules: Path


def python_peer(title: str, python: str, worker: str, *arguments: str, install: str = "") -> Peer:
    """A peer whose worker is a module of benchmarks.workers."""
    return Peer(
        title,
        [python, "-m", f"benchmarks.workers.{worker}", *arguments],
        f"{python} -m pip install {install}",
    )


def aseq() -> Peer:
    """aseq, in the Python that runs us."""
    return python_peer("aseq", sys.executable, "aseq_worker")


def torch(options: Options) -> Peer:
    return python_peer("PyTorch", options.peer_python, "torch_worker", install="torch")


def keras(options: Options) -> Peer:
    return python_peer("Keras", options.peer_python, "keras_worker", install="keras tensorflow")


def tfjs(options: Options) -> Peer:
    environment = {"NODE_PATH": str(options.node_modules), "NETWORKS": json.dumps(NETWORKS)}
    command = ["node", str(ROOT / "benchmarks" / "workers" / "tfjs_worker.js")]
    return Peer("tf.js", command, "npm install --prefix benchmarks", environment)


@asynccontextmanager
async def started(peers: list[Peer], console: Console) -> AsyncIterator[list[Peer]]:
    """Those that are there; says how to get the others."""
    there = []
    try:
        for peer in peers:
            if await peer.start():
                there.append(peer)
            else:
                console.print(
                    f"{peer.title} is left out: {peer.problem}. {peer.install}", style="dim", highlight=False
                )
        if not there or there[0].title != "aseq":
            raise SystemExit(f"aseq itself does not start: {peers[0].problem}")
        console.print("  ".join(str(peer.version) for peer in there), style="dim", highlight=False)
        yield there
    finally:
        for peer in peers:
            await peer.stop()


def table_of(title: str, peers: list[Peer], unit: str) -> Table:
    """A column for each peer."""
    table = Table(title=title, title_justify="left", caption=unit, caption_justify="left")
    table.add_column("")
    for peer in peers:
        table.add_column(peer.title, justify="right", no_wrap=True)
    return table


def add_results(table: Table, case: str, results: dict[str, Result]) -> None:
    """A row: each peer's figure, and how many times as fast as it aseq is."""
    own = results["aseq"].median
    cells = []
    for title, result in results.items():
        cell = "-" if result.median is None else f"{result.median:,.0f}"
        if title != "aseq" and own is not None and result.median:
            cell += f" [bold]{own / result.median:.2f}x[/]"
        cells.append(cell)
    table.add_row(case, *cells)
    problems = "; ".join(f"{title}: {result.problem}" for title, result in results.items() if result.problem)
    if problems:
        table.caption = f"{table.caption}\n{case}: {problems}"


def chosen(options: Options) -> list[str]:
    """The networks to train."""
    return [name for name in NETWORKS if options.only in name]


async def steps(options: Options, console: Console) -> None:
    """Training steps a second, beside the frameworks."""
    peers = [aseq()] if options.no_peers else [aseq(), torch(options), keras(options), tfjs(options)]
    async with started(peers, console) as there:
        table = table_of("Training steps", there, "steps a second; how many times as fast aseq is")
        for name in chosen(options):
            for batch in BATCHES:
                results = await in_turn(
                    there, options.rounds, measure="steps", name=name, batch=batch, seconds=options.seconds
                )
                add_results(table, f"{name}, batch {batch}", results)
    console.print(table)


async def fit(options: Options, console: Console) -> None:
    """`fit` beside the same steps in a plain loop: what asyncio, threads and callbacks cost."""
    table = Table(title="fit beside a plain loop over the same steps", title_justify="left")
    for column in ("", "fit", "plain loop", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    async with started([aseq()], console) as [peer]:
        for name in chosen(options):
            for batch in BATCHES:
                request = {"name": name, "batch": batch, "seconds": options.seconds}
                pairs = [
                    (
                        await peer.ask(measure="steps", **request),
                        await peer.ask(measure="plain_steps", **request),
                    )
                    for _ in range(options.rounds)
                ]
                loop, plain = np.median(pairs, axis=0)
                table.add_row(
                    f"{name}, batch {batch}", f"{loop:,.0f}", f"{plain:,.0f}", f"{loop / plain:.2f}"
                )
    console.print(table)


async def lag(options: Options, console: Console) -> None:
    """How late the event loop is while a model trains in it."""
    table = Table(title="Lag of the event loop", title_justify="left", caption="ms", caption_justify="left")
    for column in ("", "p50", "p99", "max"):
        table.add_column(column, justify="right" if column else "left")
    async with csv_server("unused") as server, started([aseq()], console) as [peer]:
        url = f"{server}/stream?megabytes={options.megabytes}&columns=785"
        cases = [("idle", None, None)] + [(f"{name}, batch 32", name, None) for name in chosen(options)]
        cases.append(("MLP 784-784-10 on a CSV over HTTP", "MLP 784-784-10", url))
        for title, name, source in cases:
            rounds = [
                await peer.ask(measure="lag", name=name, url=source, seconds=2 * options.seconds)
                for _ in range(options.rounds)
            ]
            table.add_row(title, *(f"{value:.2f}" for value in np.median(rounds, axis=0)))
    console.print(table)


async def rows(options: Options, console: Console) -> None:
    """Rows a second out of CSV files, beside other readers."""
    readers = [] if options.no_peers else ["pyarrow", "pandas", "csv"]
    with tempfile.TemporaryDirectory() as folder:
        async with csv_server(folder) as server:
            own, web = aseq(), python_peer("aseq, web", sys.executable, "aseq_worker")
            peers = [own, web]
            peers += [
                python_peer(name, sys.executable, "readers_worker", name, install=name) for name in readers
            ]
            peers += [] if options.no_peers else [keras(options), torch(options)]
            async with started(peers, console) as there:
                table = table_of("CSV rows", there, "rows a second; how many times as fast aseq from disk is")
                for columns in (785, 20):
                    path = Path(folder) / f"{columns}.csv"
                    write_csv(path, columns, options.megabytes)
                    results = {}
                    for _ in range(options.rounds):
                        for peer in there:
                            source = f"{server}/{path.name}" if peer is web else str(path)
                            [(title, result)] = (
                                await in_turn([peer], 1, measure="rows", source=source, columns=columns)
                            ).items()
                            results.setdefault(title, Result(problem=result.problem)).values += result.values
                    add_results(table, f"{columns} columns", results)
    console.print(table)


async def memory(options: Options, console: Console) -> None:
    """Peak memory of a training run on a short and on a long stream."""
    table = Table(
        title="Peak memory of a training run", title_justify="left", caption="MB", caption_justify="left"
    )
    sizes = (options.megabytes, 12 * options.megabytes)
    for column in ("", *(f"{size} MB stream" for size in sizes), "growth"):
        table.add_column(column, justify="right" if column else "left")
    async with csv_server("unused") as server:
        for columns in (785, 20):
            peaks = []
            for size in sizes:
                async with started([aseq()], console) as [peer]:  # a fresh process each: peaks do not go down
                    url = f"{server}/stream?megabytes={size}&columns={columns}"
                    peaks.append(await peer.ask(measure="peak_memory", url=url, columns=columns))
            cells = (f"{peak:,.0f}" for peak in (*peaks, peaks[1] - peaks[0]))
            table.add_row(f"{columns} columns", *cells)
    console.print(table)


@asynccontextmanager
async def csv_server(folder: str) -> AsyncIterator[str]:
    """The address of a server in a process of its own, so that it takes no time from the loop we watch."""
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "benchmarks.workers.csv_server",
            folder if folder != "unused" else str(ROOT / "docs"),
        ),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


def write_csv(path: Path, columns: int, megabytes: int) -> None:
    """Whole numbers as in pictures for 785 columns, decimals as in tables for fewer; the label last."""
    rng = np.random.default_rng(0)
    if columns > 100:
        block = rng.integers(0, 256, (2000, columns)).astype(str)
    else:
        block = np.char.mod("%.4f", rng.normal(size=(20_000, columns)))
    text = "".join(",".join(row) + "\n" for row in block.tolist()).encode()
    with path.open("wb") as file:
        for _ in range(max(1, megabytes * 1_000_000 // len(text))):
            file.write(text)


async def imports(options: Options, console: Console) -> None:
    """What `import aseq` takes on top of `import numpy`, in fresh interpreters with compiled modules."""
    code = "import time, numpy; begun = time.perf_counter(); import aseq; print(time.perf_counter() - begun)"
    with tempfile.TemporaryDirectory() as compiled:
        environment = os.environ | {"PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        seconds = []
        for _ in range(options.rounds + 1):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, env=environment, cwd=ROOT
            )
            output, _ = await process.communicate()
            seconds.append(float(output))
    console.print(
        f"import aseq, on top of import numpy: {1000 * np.median(seconds[1:]):.0f} ms", highlight=False
    )


async def mnist(options: Options, console: Console) -> None:
    """GRU(64) on the rows of MNIST's pictures: how far it gets, how fast."""
    if "ASEQ_MNIST_DIR" not in os.environ:
        console.print("mnist is left out: ASEQ_MNIST_DIR names no folder with MNIST as CSV.", style="dim")
        return
    async with started([aseq()], console) as [peer]:
        accuracies, seconds = await peer.ask(measure="mnist", folder=os.environ["ASEQ_MNIST_DIR"])
    table = Table(title="GRU(64) on the rows of MNIST", title_justify="left")
    table.add_column("epoch", justify="right")
    table.add_column("test accuracy", justify="right")
    for epoch, accuracy in enumerate(accuracies, 1):
        table.add_row(str(epoch), f"{accuracy:.4f}")
    table.caption = f"{seconds:.2f} s an epoch"
    console.print(table)


SUITES: dict[str, Callable[[Options, Console], Awaitable[None]]] = {
    "steps": steps,
    "fit": fit,
    "lag": lag,
    "rows": rows,
    "memory": memory,
    "imports": imports,
    "mnist": mnist,
}
