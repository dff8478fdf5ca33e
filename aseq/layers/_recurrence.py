"""A pass of a recurrent layer: what it gets and gives back, and the memory that its fast forms share.

Letters: B batch, T time steps, I inputs, u units, G gates. Gates lie in blocks, (G, B, u) in a step, so
that every operation works on contiguous memory and one call serves several gates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aseq import linalg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aseq.types import Array

__all__ = ["Fused", "Gradients", "Pass", "Recurrence", "blocks", "dot_blocks", "rows_of", "unblock"]


class Pass(NamedTuple):
    """What one pass over a batch hands to the recurrence.

    Attributes:
        x: (1 or G, T, B, I), the input in the order of reading; one for each gate where dropout says so.
        start: The states before the first step, (B, u) each; the first one is the output.
        kernel: (I, G u), the weights of the input.
        recurrent: (u, G u), the weights of the state.
        bias: (G u,) or (2, G u), of the input and of the state; or None.
        skip: (T, B, 1), true where a step is masked, or None.
        masks: (G, B, u), dropout of the state, or None.
    """

    x: Array
    start: list[Array]
    kernel: Array
    recurrent: Array
    bias: Array | None
    skip: Array | None
    masks: Array | None


class Gradients(NamedTuple):
    """What comes back: gradients in the shapes of a pass's `x`, `kernel`, `recurrent` and `bias`."""

    x: Array | None
    kernel: Array
    recurrent: Array
    bias: Array


class Recurrence:
    """The steps of one pass.

    Attributes:
        history: (T + 1, B, u), the first state and the output of every step.
    """

    history: Array

    def steps(self) -> list[Array]:
        """Walk through all time steps, filling the history; return the last states."""
        raise NotImplementedError

    def back(self, dhistory: Array | None, dstates: list[Array], wants_x: bool) -> Gradients:
        """Walk back.

        Args:
            dhistory: (T, B, u), the gradients of the outputs of all steps, or None.
            dstates: Those of the last states; they may be overwritten.
            wants_x: Whether somebody asks for the gradient of the input.
        """
        raise NotImplementedError


class Fused(Recurrence):
    """Memory for a recurrence whose activations are written out by hand.

    A row of `rows` is (x_t, 1, h_{t-1}): one product with the weights (W, b, U), one above the other,
    is the whole preactivation of a gate, and one product of all rows with the gradients of all gates
    gives the gradients of the three.

    Args:
        run: The pass.
        gates: Blocks of gates to keep.

    Attributes:
        rows: (T + 1, B, I + 1 + u).
        gates: (T, blocks, B, u).
        width: I.
    """

    def __init__(self, run: Pass, gates: int) -> None:
        self.run = run
        _, time, batch, self.width = run.x.shape
        units, dtype = len(run.recurrent), run.kernel.dtype
        self.rows = np.empty((time + 1, batch, self.width + 1 + units), dtype)
        self.rows[:-1, :, : self.width] = run.x[0]
        self.rows[:, :, self.width] = 1
        self.history = self.rows[:, :, self.width + 1 :]
        self.history[0] = run.start[0]
        self.gates = np.empty((time, gates, batch, units), dtype)

    def weights(self, bias: Array | None) -> Array:
        """(I + 1 + u, G u): W, b, U, one above the other."""
        kernel, recurrent = self.run.kernel, self.run.recurrent
        row = np.zeros((1, kernel.shape[1]), kernel.dtype) if bias is None else bias[None]
        return np.concatenate([kernel, row, recurrent])

    def all_rows(self) -> Array:
        """(1, T B, I + 1 + u): those of all time steps."""
        return rows_of(self.rows[None, :-1])

    def skips(self) -> Sequence[Array | None]:
        """What to skip at each time step."""
        return [None] * len(self.gates) if self.run.skip is None else list(self.run.skip)

    def x_gradient(self, dgates: Array, order: Sequence[int]) -> Array:
        """(1, T, B, I): dgate W^T, summed over the gates, from `dgates`, (G, T, B, u)."""
        kernels = blocks(self.run.kernel, order, dgates.shape[3]).swapaxes(1, 2)
        dx = np.add.reduce(dot_blocks(rows_of(dgates), kernels), 0)
        return dx.reshape(1, *dgates.shape[1:3], self.width)

    def chunks(self) -> Iterator[slice]:
        """The time steps in short pieces, the last one first."""
        size = max(1, CHUNK // max(1, self.history[0].size))
        for end in range(len(self.gates), 0, -size):
            yield slice(max(0, end - size), end)


CHUNK = 16384
"""Floats of a (steps, B, u) piece of history whose slopes are worked out at once: they stay in the cache."""


def rows_of(steps: Array) -> Array:
    """(G, T, B, N) as (G, T B, N), without a copy where T and B lie together."""
    g, time, batch, n = steps.shape
    return steps.reshape(g, time * batch, n)


def dot_blocks(a: Array, b: Array) -> Array:
    """(1 or G, M, K) times (G, K, N), as (G, M, N), on two cores where that pays.

    As in `aseq.linalg`, the parts depend on the shapes alone, so the bits do not depend on the cores.
    """
    m = a.shape[1]
    out = np.empty((len(b), m, b.shape[2]), b.dtype)
    if m * b.size < linalg.SPLIT_FROM:
        return np.matmul(a, b, out=out)
    cut = -(-m // 32) * 16  # half the rows, in whole cache lines
    linalg.in_parts(np.matmul, [(a[:, :cut], b, out[:, :cut]), (a[:, cut:], b, out[:, cut:])])
    return out


def blocks(matrix: Array, order: Sequence[int], units: int) -> Array:
    """Of (N, G u) in Keras's order of gates, the gates named in `order`, contiguous: (len(order), N, u)."""
    return np.stack([matrix[:, g * units : (g + 1) * units] for g in order])


def unblock(stack: Array, order: Sequence[int]) -> Array:
    """The inverse of `blocks`, for an order of all gates."""
    _, n, units = stack.shape
    matrix = np.empty((n, len(order), units), stack.dtype)
    for block, g in zip(stack, order, strict=True):
        matrix[:, g] = block
    return matrix.reshape(n, -1)
