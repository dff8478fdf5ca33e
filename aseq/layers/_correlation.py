"""The arithmetic of convolutions: correlation of a batch with a kernel, and the gradient of the kernel.

Channels come last: x is (B, *sizes, C), a kernel (*kernel, C / groups, F), z (B, *outputs, F). As in every
framework the kernel is not flipped: z[b, j] = sum over t of x[b, j * stride + t * dilation - before] kernel[t].

A block of windows is copied into the rows of a matrix (im2col) small enough to stay in a core's cache,
and multiplied with the kernel as a matrix. Chellapilla et al., "High performance convolutional neural
networks for document processing", 2006.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aseq.layers._batch_parts import over_batch
from aseq.layers._grid import MOVE, copy_cells, share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aseq.layers._grid import Grid
    from aseq.types import Array

__all__ = ["Unfolded", "correlate", "kernel_gradient", "sum_rows"]

BLOCK = 1 << 18
"""Floats in a block of windows: 1 MB in float32."""

KEEP = 1 << 20
"""Windows of up to so many floats are kept from the forward pass for the backward pass."""

FEW = 2
"""Up to so many channels windows are copied place by place: their own runs in memory are too short."""


class Unfolded:
    """The windows over a batch, block by block, as rows of matrices (windows, cells of a window times channels).

    Args:
        x: (B, *sizes, C).
        grid: Where the windows lie.
        groups: Channels form so many independent groups.
        keep: A second pass over the blocks will come; keep them if they are few.

    Examples:
        >>> from aseq.layers._grid import Grid
        >>> x = np.arange(4.0).reshape(1, 4, 1)
        >>> windows = Unfolded(x, Grid.over((4,), (2,), (1,), (1,), "valid"))
        >>> [rows.tolist() for _, _, rows in windows.blocks(slice(0, 1))]
        [[[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]]
    """

    def __init__(self, x: Array, grid: Grid, groups: int = 1, keep: bool = False) -> None:
        self.grid, self.groups, self.batch = grid, groups, len(x)
        self.parts: set[int] = set()  # those that correlate made: each keeps its own
        self.depth = x.shape[-1] // groups
        self.line = math.prod(grid.outputs[1:]) * math.prod(grid.kernel) * self.depth
        padded = grid.pad(x)
        parts = [padded[..., share(group, groups, x.shape[-1])] for group in range(groups)]
        self.views = [grid.view(part, join=self.depth > FEW) for part in parts]
        whole = self.batch * grid.outputs[0] * self.line * groups
        self.kept: dict[tuple[int, int, int, int], Array] | None = {} if keep and whole <= KEEP else None

    def blocks(self, samples: slice) -> Iterator[tuple[tuple[slice, slice], int, Array]]:
        """For each block of outputs (samples, first spatial axis) and each group, its matrix.

        A matrix that is not kept is overwritten when the next one is asked for.
        """
        height = self.grid.outputs[0]
        lines = max(1, min(height, BLOCK // max(self.line, 1)))
        batch = samples.stop - samples.start
        count = -(-batch // max(1, -(-batch * lines * self.line // BLOCK)))  # blocks of about equal size
        buffer = np.empty(count * lines * self.line, self.views[0].dtype) if self.kept is None else None
        for start in range(samples.start, samples.stop, count):
            for first in range(0, height, lines):
                block = (
                    slice(start, min(start + count, samples.stop)),
                    slice(first, min(first + lines, height)),
                )
                for group, view in enumerate(self.views):
                    if self.kept is None:
                        yield block, group, self._matrix(view[block], buffer)
                        continue
                    key = (start, block[0].stop, first, group)
                    if key not in self.kept:
                        self.kept[key] = self._matrix(view[block], None)
                    yield block, group, self.kept[key]

    def _matrix(self, windows: Array, buffer: Array | None) -> Array:
        rank = len(self.grid.kernel)
        width = math.prod(windows.shape[rank + 1 :])
        if self.grid.pointwise:
            return windows.reshape(-1, width)
        by_place = windows.ndim == 2 * rank + 2 and self.depth <= FEW
        if by_place:
            windows = windows.transpose(*range(rank + 1, windows.ndim), *range(rank + 1))
        buffer = np.empty(windows.size, windows.dtype) if buffer is None else buffer[: windows.size]
        copy_cells(buffer.reshape(windows.shape), windows)
        return buffer.reshape(width, -1).T if by_place else buffer.reshape(-1, width)


def correlate(windows: Unfolded, kernel: Array, bias: Array | None = None) -> Array:
    """The correlation of a batch with `kernel`, plus `bias`.

    Args:
        windows: Of the batch.
        kernel: (*kernel, C / groups, F).
        bias: (F,).

    Returns:
        (B, *outputs, F), a new array.

    Examples:
        >>> from aseq.layers._grid import Grid
        >>> x = np.array([10.0, 20.0, 40.0, 80.0]).reshape(1, 4, 1)
        >>> windows = Unfolded(x, Grid.over((4,), (2,), (1,), (1,), "valid"))
        >>> correlate(windows, np.array([1.0, -1.0]).reshape(2, 1, 1)).ravel().tolist()
        [-10.0, -20.0, -40.0]
    """
    filters, outputs, groups = kernel.shape[-1], windows.grid.outputs, windows.groups
    matrix = kernel.reshape(-1, filters)
    z = np.empty((windows.batch, *outputs, filters), np.result_type(windows.views[0], kernel))
    row_bias = None if bias is None else np.tile(bias, outputs[-1])  # long rows add faster than short ones

    def part(index: int, samples: slice) -> None:
        windows.parts.add(index)
        for block, group, rows in windows.blocks(samples):
            out = z[block].reshape(-1, filters)
            mine = share(group, groups, filters)
            np.matmul(rows, matrix[:, mine], out=out[:, mine])
            if row_bias is not None and group == groups - 1:
                wide = out.reshape(-1, row_bias.size)
                np.add(wide, row_bias, out=wide)

    over_batch(part, windows.batch, _work(z, kernel))
    return z


def kernel_gradient(windows: Unfolded, dz: Array, out: Array, bias_out: Array | None = None) -> None:
    """Write the gradient of the kernel to `out` and that of the bias to `bias_out`.

    Args:
        windows: Of the batch.
        dz: (B, *outputs, F), the gradient of the correlation.
        out: (*kernel, C / groups, F).
        bias_out: (F,).
    """
    filters, groups = dz.shape[-1], windows.groups
    kernel_sums: dict[int, Array] = {}
    bias_sums: dict[int, Array] = {}

    def part(index: int, samples: slice) -> None:
        kernel_sum = np.zeros((out.size // filters, filters), out.dtype)
        bias_sum = np.zeros(filters, out.dtype)
        for block, group, rows in windows.blocks(samples):
            d = dz[block].reshape(-1, filters)
            mine = share(group, groups, filters)
            kernel_sum[:, mine] += np.matmul(rows.T, d[:, mine])
            if bias_out is not None and group == 0:
                bias_sum += sum_rows(d)
        kernel_sums[index], bias_sums[index] = kernel_sum, bias_sum

    def collect() -> None:
        _collect(kernel_sums, out)
        if bias_out is not None:
            _collect(bias_sums, bias_out)

    over_batch(part, windows.batch, _work(dz, out), collect, len(windows.parts))


def sum_rows(a: Array) -> Array:
    """The sum over all axes but the last, as a product with ones: that is the fastest over a long axis.

    Examples:
        >>> sum_rows(np.ones((2, 3, 4))).tolist()
        [6.0, 6.0, 6.0, 6.0]
    """
    rows = a.reshape(-1, a.shape[-1])
    return np.ones(len(rows), a.dtype).dot(rows)


def _work(z: Array, kernel: Array) -> int:
    width = kernel.size // kernel.shape[-1]
    return z.size * width + MOVE * (2 * z.size + z.size // kernel.shape[-1] * width)


def _collect(sums: dict[int, Array], out: Array) -> None:
    """The sum of the parts, always added in the same order."""
    out.fill(0)
    for index in sorted(sums):
        out += sums[index].reshape(out.shape)
