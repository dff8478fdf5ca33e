"""`model.summary()`: the layers as a table."""

from __future__ import annotations

import io
import shutil
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aseq.layers import Layer

__all__ = ["print_summary"]

WIDEST = 100


def print_summary(name: str, layers: Sequence[Layer], print_fn: Callable[[str], object]) -> None:
    """Print a table of layers, output shapes and numbers of parameters.

    Args:
        name: Of the model.
        layers: In order, the input left out.
        print_fn: Called with each line.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    table = Table(box=box.HEAVY_HEAD if unicode else box.ASCII, header_style="", show_edge=True)
    table.add_column("Layer (type)", overflow="fold")
    table.add_column("Output Shape", overflow="fold")
    table.add_column("Param #", justify="right", overflow="fold")
    for layer in layers:
        table.add_row(f"{layer.name} ({type(layer).__name__})", _shape(layer), _params(layer))
    paper = io.StringIO()
    width = min(shutil.get_terminal_size((80, 24)).columns, WIDEST)
    console = Console(
        file=paper, width=width, color_system=None, force_terminal=False, force_jupyter=False, markup=False
    )
    console.print(table)
    print_fn(f'Model: "{name}"')
    for line in paper.getvalue().splitlines():
        print_fn(line.rstrip())
    for line in _totals(layers):
        print_fn(line)


def _shape(layer: Layer) -> str:
    return str(tuple(layer.output_shape)) if layer.built else "?"


def _params(layer: Layer) -> str:
    if not layer.built:
        return "0 (unbuilt)"
    return f"{layer.count_params():,}"


def _totals(layers: Sequence[Layer]) -> list[str]:
    weights: dict[int, Any] = {id(weight): weight for layer in layers for weight in layer.weights}
    learning = {id(weight) for layer in layers for weight in layer.learning_weights()}

    def line(title: str, chosen: list[int]) -> str:
        count = sum(weights[i].size for i in chosen)
        size = sum(weights[i].size * weights[i].value.itemsize for i in chosen)
        return f" {title}: {count:,} ({_bytes(size)})"

    return [
        line("Total params", list(weights)),
        line("Trainable params", [i for i in weights if i in learning]),
        line("Non-trainable params", [i for i in weights if i not in learning]),
    ]


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} GB"
