"""The curves of a History as a matplotlib figure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_history"]

COLUMNS = 3
PANEL = (4.6, 3.4)
"""Width and height of a panel, in inches."""

TRAINING, VALIDATION = "#1f77b4", "#e4572e"


def plot_history(
    measures: Sequence[str],
    curves: Mapping[str, tuple[Sequence[int], Sequence[Any]]],
    figure: Figure | None = None,
) -> Figure:
    """One panel a measure, with its training and its validation curve.

    Args:
        measures: Keys without val_.
        curves: Epochs (from 0) and values by key; arrays are drawn as a curve an entry.
        figure: To draw on, or None for a new one.
    """
    columns = min(len(measures), COLUMNS)
    rows = math.ceil(len(measures) / columns)
    if figure is None:
        try:
            from aseq.callbacks._picture import Picture
        except ImportError:
            raise ConfigError("plot: expected matplotlib. pip install 'aseq[plot]'.") from None
        figure = Picture(figsize=(PANEL[0] * columns, PANEL[1] * rows), layout="constrained")
    for place, measure in enumerate(measures, start=1):
        axes = figure.add_subplot(rows, columns, place)
        for key, color, name in (
            (measure, TRAINING, "training"),
            (f"val_{measure}", VALIDATION, "validation"),
        ):
            if key in curves:
                _draw(axes, *curves[key], color, name)
        _dress(axes, measure)
    return figure


def _draw(axes: Axes, epochs: Sequence[int], values: Sequence[Any], color: str, name: str) -> None:
    numbers = [epoch + 1 for epoch in epochs]
    marker = "o" if len(values) <= 30 else None
    for index, curve in enumerate(np.reshape(values, (len(values), -1)).T):
        label = None if index else name
        axes.plot(numbers, curve, color=color, label=label, linewidth=1.8, marker=marker, markersize=3.5)


def _dress(axes: Axes, measure: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.set_ylabel(measure)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len(axes.lines) > 1:
        axes.legend(frameon=False)
