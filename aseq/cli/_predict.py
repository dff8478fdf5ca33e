"""`aseq predict`: a CSV in, its predictions as CSV out, streamed from one to the other."""

from __future__ import annotations

import csv
import io
import math
import sys
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from aseq.cli._table import Table
from aseq.compute import Lane
from aseq.models import load_model
from aseq.saving import atomic_path

if TYPE_CHECKING:
    import argparse

    from aseq.types import Array

__all__ = ["run"]

OUTPUT = Lane("predictions", 1)


async def run(arguments: argparse.Namespace) -> None:
    """Write a header and one line a row."""
    model = await load_model(arguments.model)
    table = Table.of_model(arguments.model, model.metadata)
    batches = await table.features_only(arguments.data, arguments.batch_size)
    classes = None if arguments.outputs else table.classes
    rows = 0
    async with AsyncExitStack() as stack:
        file: TextIO = sys.stdout
        if arguments.output:
            unfinished = stack.enter_context(atomic_path(arguments.output))
            file = stack.enter_context(unfinished.open("w", encoding="utf-8", newline=""))
        predictions = await stack.enter_async_context(aclosing(model.predict_stream(batches)))
        async for outputs in predictions:
            flat = outputs.reshape(len(outputs), -1)
            await OUTPUT.run(_write, file, flat, classes, not rows)
            rows += len(flat)
        if not rows:
            none = np.empty((0, math.prod(units or 1 for units in model.output_shape[1:])), np.float32)
            await OUTPUT.run(_write, file, none, classes, True)
        await OUTPUT.run(file.flush)
    if arguments.output:
        print(f"{rows:,} predictions written to {arguments.output}")


def _write(file: TextIO, outputs: Array, classes: list[Any] | None, header: bool) -> None:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    if classes is not None:
        _write_classes(lines, outputs, classes, header)
    else:
        if header:
            names = [f"output_{index}" for index in range(outputs.shape[1])]
            lines.writerow(["prediction"] if len(names) == 1 else names)
        lines.writerows([f"{value:.7g}" for value in row] for row in outputs.tolist())
    file.write(text.getvalue())


def _write_classes(lines: Any, outputs: Array, classes: list[Any], header: bool) -> None:
    """The likeliest class and its probability; one output of a sigmoid is that of the second class."""
    if outputs.shape[1] == 1:
        second = outputs[:, 0]
        best, likely = (second > 0.5).astype(int), second.clip(1 - second, None)
    else:
        best, likely = outputs.argmax(1), outputs.max(1)
    if header:
        lines.writerow(["prediction", "probability"])
    lines.writerows(
        [classes[index], f"{probability:.6f}"]
        for index, probability in zip(best.tolist(), likely.tolist(), strict=True)
    )
