"""The adjoint of a correlation: each output spread over the cells of its window.

It is the gradient of a convolution's input, and a transposed convolution's output.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

from aseq.layers._batch_parts import over_batch
from aseq.layers._grid import MOVE, copy_cells, share

if TYPE_CHECKING:
    from aseq.layers._grid import Grid
    from aseq.types import Array

__all__ = ["spread"]

BLOCK = 1 << 18
"""Floats in a block of rows: 1 MB in float32."""


def spread(dz: Array, kernel: Array, grid: Grid, groups: int = 1) -> Array:
    """Every z times the kernel, added to the cells of its window.

    Args:
        dz: (B, *outputs, F).
        kernel: (*kernel, C / groups, F).
        grid: Where the windows lie.
        groups: Channels and filters form so many independent groups.

    Returns:
        (B, *sizes, C), a new array.

    Examples:
        >>> from aseq.layers._grid import Grid
        >>> grid = Grid.over((3,), (2,), (1,), (1,), "valid")
        >>> spread(np.ones((1, 2, 1)), np.array([1.0, 10.0]).reshape(2, 1, 1), grid).ravel().tolist()
        [1.0, 11.0, 10.0]
    """
    filters, depth = kernel.shape[-1], kernel.shape[-2]
    dx = np.zeros((len(dz), *grid.sizes, depth * groups), np.result_type(dz, kernel))
    by_rows = len(grid.kernel) > 1 and grid.kernel[-1] > 1 and grid.strides[-1] == 1
    one = _spread_rows if by_rows else _spread_cells
    width = math.prod(grid.outputs) * max(depth, filters * (grid.kernel[-1] if by_rows else 1))

    def part(_: int, samples: slice) -> None:
        batch = samples.stop - samples.start
        step = -(-batch // max(1, -(-batch * width // BLOCK)))  # blocks of about equal size
        for start in range(samples.start, samples.stop, step):
            block = slice(start, min(start + step, samples.stop))
            for group in range(groups):
                mine, theirs = share(group, groups, filters), share(group, groups, depth * groups)
                one(dz[block][..., mine], kernel[..., mine], grid, dx[block][..., theirs])

    work = dz.size * kernel.size // filters + MOVE * dz.size * math.prod(grid.kernel)
    over_batch(part, len(dz), work)
    return dx


def _spread_cells(dz: Array, kernel: Array, grid: Grid, dx: Array) -> None:
    """For each cell of the window: a product with its weights, added to where the windows see that cell."""
    depth, filters = kernel.shape[-2:]
    rows = dz.reshape(-1, filters)
    product = np.empty((len(rows), depth), dx.dtype)
    shaped = product.reshape(*dz.shape[:-1], depth)
    for place, (cells, windows) in grid.taps():
        np.matmul(rows, kernel[place].T, out=product)
        dx[(slice(None), *cells)] += shaped[(slice(None), *windows)]


def _spread_rows(dz: Array, kernel: Array, grid: Grid, dx: Array) -> None:
    """As `_spread_cells`, with a whole row of the window at a time where windows move cell by cell.

    Along the last axis the adjoint is itself a correlation, with the kernel flipped: its windows over dz
    are unfolded once, and only the other axes are left to add up.
    """
    depth, filters = kernel.shape[-2:]
    cells, dilation = grid.kernel[-1], grid.dilation[-1]
    reach = (cells - 1) * dilation
    left = reach - grid.before[-1]
    padded = np.zeros((*dz.shape[:-2], grid.sizes[-1] + reach, filters), dx.dtype)
    padded[..., left : left + dz.shape[-2], :] = dz
    *steps, along, item = padded.strides
    lead = (*dz.shape[:-2], grid.sizes[-1])
    if dilation == 1:
        view = as_strided(padded, (*lead, cells * filters), (*steps, along, item))
    else:
        view = as_strided(padded, (*lead, cells, filters), (*steps, along, along * dilation, item))
    unfolded = np.empty(view.shape, dx.dtype)
    copy_cells(unfolded, view)
    rows = unfolded.reshape(-1, cells * filters)
    flipped = np.swapaxes(kernel[..., ::-1, :, :], -1, -2).reshape(*grid.kernel[:-1], cells * filters, depth)
    product = np.empty((len(rows), depth), dx.dtype)
    shaped = product.reshape(*lead, depth)
    for place, (seen, windows) in grid.without_last_axis().taps():
        np.matmul(rows, flipped[place], out=product)
        dx[(slice(None), *seen)] += shaped[(slice(None), *windows)]
