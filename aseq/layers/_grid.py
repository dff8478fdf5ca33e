"""Where the windows of a convolution or a pooling lie on its input, and how a batch is cut for two cores."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

from aseq.layers._batch_parts import settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aseq.types import Array

__all__ = ["MOVE", "Grid", "Tap", "copy_cells", "output_size"]

MOVE = 16
"""Multiply-adds of a matrix product that take as long as copying one float, about."""

Tap = tuple[tuple[slice, ...], tuple[slice, ...]]
"""Cells of the input that one place of the window sees, and the outputs that see them: slices of the spatial axes."""


def output_size(size: int | None, kernel: int, stride: int, dilation: int, padding: str) -> int | None:
    """Number of windows over an axis of `size` cells; None for None.

    Examples:
        >>> [output_size(10, 3, 2, 1, padding) for padding in ("valid", "same", "causal")]
        [4, 5, 5]
    """
    if size is None:
        return None
    if padding == "valid":
        size -= (kernel - 1) * dilation
    return -(-size // stride)


@dataclass(frozen=True)
class Grid:
    """The windows over one input: one entry for each spatial axis in every field.

    Window j of an axis sees the cells j * stride + t * dilation - before, for t in 0 .. kernel - 1.

    Attributes:
        sizes: Cells of the input.
        outputs: Windows.
        kernel: Cells that a window sees.
        strides: Distance from one window to the next.
        dilation: Distance between the cells of a window.
        before: Cells of padding before the input.

    Examples:
        >>> Grid.over((28, 28), (3, 3), (2, 2), (1, 1), "same").outputs
        (14, 14)
    """

    sizes: tuple[int, ...]
    outputs: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]

    @classmethod
    def over(
        cls,
        sizes: tuple[int, ...],
        kernel: tuple[int, ...],
        strides: tuple[int, ...],
        dilation: tuple[int, ...],
        padding: str,
    ) -> Grid:
        """The windows over an input of these sizes.

        "same" pads so that ceil(size / stride) windows fit, the smaller half before the input;
        "causal" pads before the input only, so that no window sees cells after its own.
        """
        outputs, before = [], []
        for n, k, s, d in zip(sizes, kernel, strides, dilation, strict=True):
            outputs.append(max(output_size(n, k, s, d, padding) or 0, 0))
            span = (k - 1) * d + 1
            same = max(0, (outputs[-1] - 1) * s + span - n) // 2
            before.append({"valid": 0, "same": same, "causal": span - 1}[padding])
        return cls(sizes, tuple(outputs), kernel, strides, dilation, tuple(before))

    @property
    def spans(self) -> tuple[int, ...]:
        """Cells from the first to the last that a window sees."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def reach(self) -> tuple[int, ...]:
        """Cells from the first of the first window to the last of the last window."""
        spans = zip(self.outputs, self.strides, self.spans, strict=True)
        return tuple((n - 1) * s + span for n, s, span in spans)

    @property
    def pointwise(self) -> bool:
        """Every window is one cell and every cell has its window."""
        return max(self.kernel) == 1 and max(self.strides) == 1

    @property
    def inside(self) -> tuple[slice, ...]:
        """Where a padded input holds the input."""
        return (slice(None), *(slice(b, b + n) for b, n in zip(self.before, self.sizes, strict=True)))

    def pad(self, x: Array, value: float = 0.0) -> Array:
        """`x` with its padding around it; `x` itself where no window sees padding."""
        if not any(self.before) and all(r <= n for r, n in zip(self.reach, self.sizes, strict=True)):
            return x
        settle()
        ends = zip(self.sizes, self.before, self.reach, strict=True)
        padded = np.full((len(x), *(max(b + n, r) for n, b, r in ends), x.shape[-1]), value, x.dtype)
        padded[self.inside] = x
        return padded

    def view(self, padded: Array, join: bool = False) -> Array:
        """All windows of a padded input without a copy, (B, *outputs, *kernel, C).

        Args:
            padded: What `pad` gave, or some of its channels.
            join: Make one axis of the last two where they are one run in memory: copies are faster then.
        """
        *kernel, cells = self.kernel
        channels = padded.shape[-1]
        batch_step, *steps, step = padded.strides
        strides = [batch_step, *(along * s for along, s in zip(steps, self.strides, strict=True))]
        inner = [along * d for along, d in zip(steps, self.dilation, strict=True)]
        shape = (len(padded), *self.outputs, *kernel)
        if join and inner[-1] == channels * step:
            return as_strided(
                padded, (*shape, cells * channels), (*strides, *inner[:-1], step), writeable=False
            )
        return as_strided(padded, (*shape, cells, channels), (*strides, *inner, step), writeable=False)

    def without_last_axis(self) -> Grid:
        """The windows along the other axes."""
        return Grid(
            self.sizes[:-1],
            self.outputs[:-1],
            self.kernel[:-1],
            self.strides[:-1],
            self.dilation[:-1],
            self.before[:-1],
        )

    def axis_taps(self, axis: int) -> list[tuple[slice, slice]]:
        """For each place t of the window along `axis`: the cells seen at t, and the windows that see them there."""
        n, stride, taps = self.sizes[axis], self.strides[axis], []
        for t in range(self.kernel[axis]):
            start = t * self.dilation[axis] - self.before[axis]
            first = max(0, -(start // stride))
            last = min(self.outputs[axis] - 1, (n - 1 - start) // stride)
            if first > last:
                taps.append((slice(0, 0), slice(0, 0)))
            else:
                taps.append(
                    (slice(start + first * stride, start + last * stride + 1, stride), slice(first, last + 1))
                )
        return taps

    def taps(self) -> Iterator[tuple[tuple[int, ...], Tap]]:
        """Each place of the window, as an index into the kernel, with what it sees (padding left out)."""
        axes = [list(enumerate(self.axis_taps(axis))) for axis in range(len(self.kernel))]
        for places in product(*axes):
            cells = tuple(place[1][0] for place in places)
            windows = tuple(place[1][1] for place in places)
            if all(each.stop > each.start for each in windows):
                yield tuple(place[0] for place in places), (cells, windows)


def share(group: int, groups: int, size: int) -> slice:
    """The part of `size` channels or filters that belongs to `group`.

    Examples:
        >>> share(1, 3, 12)
        slice(4, 8, None)
    """
    each = size // groups
    return slice(group * each, (group + 1) * each)


def copy_cells(target: Array, source: Array) -> None:
    """Copy `source` to `target`, both (..., C), the channels of each cell as one item of 4 C bytes.

    NumPy copies a strided array item by item, so that a few big items take half the time of many small ones.

    Examples:
        >>> target = np.empty((2, 8))
        >>> copy_cells(target, np.arange(32.0).reshape(4, 8)[::2])
        >>> target[:, 0].tolist()
        [0.0, 16.0]
    """
    size = source.itemsize
    if (
        target.dtype == source.dtype
        and target.shape == source.shape
        and size == source.strides[-1] == target.strides[-1]
    ):
        item = np.dtype((np.void, size * source.shape[-1]))
        source, target = source.view(item), target.view(item)
    np.copyto(target, source)
