"""The plain recurrence: one step after the other, for any cell, with dropout of the state and masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from aseq.layers._recurrence import Gradients, Pass, Recurrence, blocks, rows_of, unblock
from aseq.types import Array

__all__ = ["Cell", "CellStep", "Share", "Unrolled"]


class Share:
    """What the old state adds to the gates: h U, one (u, u) block of U for each gate, plus its bias.

    Args:
        run: The pass it serves.
        count: Number of gates.

    Attributes:
        dkernels: The gradient of U, (G, u, u), summed over the steps of a walk back.
        dbias: Likewise of the state's bias, (G, u).
    """

    def __init__(self, run: Pass, count: int) -> None:
        units = len(run.recurrent)
        self.kernels, self.masks = blocks(run.recurrent, range(count), units), run.masks
        self.bias = np.zeros((count, units), run.kernel.dtype)
        if run.bias is not None and run.bias.ndim == 2:
            self.bias[...] = run.bias[1].reshape(self.bias.shape)
        self.begin_back()

    def begin_back(self) -> None:
        """Forget the gradients of an earlier walk back."""
        self.dkernels = np.zeros_like(self.kernels)
        self.dbias = np.zeros_like(self.bias)

    def __call__(self, h: Array, gates: slice = slice(None)) -> tuple[Array, Callable[[Array], Array]]:
        """The share of h, (B, u), in the gates `gates`, and its backward."""
        kernels = self.kernels[gates]
        masks = None if self.masks is None else self.masks[gates]
        dropped = h if masks is None else h * masks

        def backward(dshare: Array) -> Array:
            self.dkernels[gates] += dropped.swapaxes(-1, -2) @ dshare
            self.dbias[gates] += dshare.sum(1)
            dh = dshare @ kernels.swapaxes(1, 2)
            return np.add.reduce(dh if masks is None else dh * masks, 0)

        return dropped @ kernels + self.bias[gates, None], backward


CellStep: TypeAlias = tuple[list[Array], Callable[[list[Array]], tuple[Array, list[Array]]]]
"""The outcome of one step: the new states, (B, u) each, the first one being the output; and the backward,
from their gradients to those of the input's share, (G, B, u), and of the old states."""

Cell: TypeAlias = Callable[[Array, list[Array], Share], CellStep]
"""One step, from the input's share, (G, B, u), the old states, and what gives the state's share."""


class Unrolled(Recurrence):
    """Any cell, step by step; a masked step leaves the states alone.

    Args:
        cell: One step.
        run: The pass.
        count: Number of gates.
    """

    def __init__(self, cell: Cell, run: Pass, count: int) -> None:
        units = len(run.recurrent)
        self.run, self.cell = run, cell
        self.kernels = blocks(run.kernel, range(count), units)
        self.share = Share(run, count)
        gates = rows_of(run.x) @ self.kernels
        if run.bias is not None:
            gates += (run.bias if run.bias.ndim == 1 else run.bias[0]).reshape(count, 1, units)
        self.gates = gates.reshape(count, *run.x.shape[1:3], units)
        self.history = np.empty((run.x.shape[1] + 1, *run.start[0].shape), gates.dtype)
        self.history[0] = run.start[0]
        self.backwards: list[Callable[[list[Array]], tuple[Array, list[Array]]]] = []

    def steps(self) -> list[Array]:
        """Walk through all time steps; each makes new arrays."""
        skip, states = self.run.skip, self.run.start
        for t in range(self.gates.shape[1]):
            before = states
            states, backward = self.cell(self.gates[:, t], before, self.share)
            if skip is not None:
                states = [np.where(skip[t], a, b) for a, b in zip(before, states, strict=True)]
            self.backwards.append(backward)
            self.history[t + 1] = states[0]
        return states

    def back(self, dhistory: Array | None, dstates: list[Array], wants_x: bool) -> Gradients:
        """Walk back: each step's own backward, in the opposite order."""
        skip = self.run.skip
        dgates = np.empty_like(self.gates)
        self.share.begin_back()
        for t in reversed(range(len(self.backwards))):
            if dhistory is not None:
                dstates = [dstates[0] + dhistory[t], *dstates[1:]]
            if skip is None:
                dgates[:, t], dstates = self.backwards[t](dstates)
                continue
            dgates[:, t], through = self.backwards[t]([np.where(skip[t], 0, d) for d in dstates])
            dstates = [a + np.where(skip[t], d, 0) for a, d in zip(through, dstates, strict=True)]
        return self._gradients(dgates, wants_x)

    def _gradients(self, dgates: Array, wants_x: bool) -> Gradients:
        order = range(len(dgates))
        rows = rows_of(dgates)
        dkernel = unblock(rows_of(self.run.x).swapaxes(1, 2) @ rows, order)
        dx = (rows @ self.kernels.swapaxes(1, 2)).reshape(*dgates.shape[:3], -1) if wants_x else None
        if dx is not None and len(self.run.x) == 1:
            dx = np.add.reduce(dx, 0, keepdims=True)
        dbias = np.add.reduce(rows, 1).ravel()
        if self.run.bias is not None and self.run.bias.ndim == 2:
            dbias = np.stack([dbias, self.share.dbias.ravel()])
        return Gradients(dx, dkernel, unblock(self.share.dkernels, order), dbias)
