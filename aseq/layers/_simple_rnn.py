"""The plain recurrent layer: one gate, no memory but its own output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aseq import activations
from aseq.layers._recurrence import Fused, Gradients, dot_blocks, rows_of
from aseq.layers._rnn import Recurrent

if TYPE_CHECKING:
    from aseq.layers._cell import CellStep, Share
    from aseq.layers._recurrence import Pass, Recurrence
    from aseq.types import Array

__all__ = ["SimpleRNN"]


class SimpleRNN(Recurrent):
    """h_t = activation(x_t W + h_{t-1} U + b).

    Elman, "Finding structure in time", 1990. For the arguments see `Recurrent`. Weights: kernel
    (I, units), recurrent_kernel (units, units), bias (units,).

    Examples:
        >>> layer = SimpleRNN(2, return_sequences=True).initialize((None, 5, 3))
        >>> layer.forward(np.zeros((4, 5, 3), np.float32))[0].shape
        (4, 5, 2)
    """

    def cell(self, a: Array, states: list[Array], share: Share) -> CellStep:
        """activation(a + h U)."""
        s, into_h = share(states[0])
        h, into_a = self.activation.under(self.flavor).forward(a[0] + s[0])

        def backward(dstates: list[Array]) -> tuple[Array, list[Array]]:
            da = into_a(dstates[0])[None]
            return da, [into_h(da)]

        return [h], backward

    def fuses(self) -> bool:
        """Tanh, the default, has its own loop."""
        return self.activation is activations.tanh

    def fused(self, run: Pass) -> Recurrence:
        """tanh."""
        return _Tanh(run)


class _Tanh(Fused):
    """SimpleRNN with tanh, in place; its one gate is the state itself."""

    def __init__(self, run: Pass) -> None:
        super().__init__(run, 1)

    def steps(self) -> list[Array]:
        """Forward: the state of every step goes into the history."""
        kernel = self.weights(self.run.bias)
        for row, (h,), old, new, skip in zip(
            self.rows, self.gates, self.history, self.history[1:], self.skips(), strict=False
        ):
            np.matmul(row, kernel, out=h)
            np.tanh(h, out=h)
            if skip is not None:
                np.copyto(h, old, where=skip)
            new[...] = h
        return [self.history[-1]]

    def back(self, dhistory: Array | None, dstates: list[Array], wants_x: bool) -> Gradients:
        """Back: da = dh' (1 - h'^2), where the step is not masked."""
        (dh,), skips = dstates, self.skips()
        slopes = 1 - self.gates[:, 0] ** 2
        if self.run.skip is not None:
            slopes *= ~self.run.skip
        d = np.empty_like(slopes)
        recurrent = self.run.recurrent.T.copy()
        for t in reversed(range(len(d))):
            if dhistory is not None:
                np.add(dh, dhistory[t], out=dh)
            passed = None if skips[t] is None else dh * skips[t]
            np.multiply(dh, slopes[t], out=d[t])
            np.matmul(d[t], recurrent, out=dh)
            if passed is not None:
                np.add(dh, passed, out=dh)
        (total,) = dot_blocks(self.all_rows().swapaxes(1, 2), rows_of(d[None]))
        dx = self.x_gradient(d[None], (0,)) if wants_x else None
        return Gradients(dx, total[: self.width], total[self.width + 1 :], total[self.width])
