"""The long short-term memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import activations, initializers
from aseq.layers._activation_argument import get_activation
from aseq.layers._recurrence import Fused, Gradients, blocks, dot_blocks, rows_of, unblock
from aseq.layers._rnn import Recurrent

if TYPE_CHECKING:
    from aseq.layers._cell import CellStep, Share
    from aseq.layers._recurrence import Pass, Recurrence
    from aseq.types import Array, Config, Shape

__all__ = ["LSTM"]


class LSTM(Recurrent):
    """Input gate i, forget gate f, candidate k, output gate o, memory c:

        i, f, o = recurrent_activation(x W + h U + b)
        k = activation(x W_k + h U_k + b_k)
        c' = f c + i k
        h' = o activation(c')

    Hochreiter and Schmidhuber, "Long short-term memory", 1997; the forget gate is of Gers et al.,
    2000. For the other arguments see `Recurrent`. Weights: kernel (I, 4 units), recurrent_kernel
    (units, 4 units), bias (4 units,), columns in the order i, f, k, o. States: h and c.

    Args:
        units: Size of the output and of both states.
        activation: Of the candidate and of the memory on its way out.
        recurrent_activation: Of the gates; tf.js's default is "hard_sigmoid_tfjs".
        unit_forget_bias: Begin with 1 in the bias of f (Jozefowicz et al., 2015).
        **options: Those of `Recurrent`.

    Examples:
        >>> layer = LSTM(2, return_state=True).initialize((None, 5, 3))
        >>> [a.shape for a in layer.forward(np.zeros((4, 5, 3), np.float32))[0]]
        [(4, 2), (4, 2), (4, 2)]
    """

    gate_count = 4
    state_count = 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *,
        unit_forget_bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **options)
        self.recurrent_activation = get_activation(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def build(self, input_shape: Shape) -> None:
        """Declare kernel, recurrent kernel and bias."""
        super().build(input_shape)
        if self.use_bias and self.unit_forget_bias:
            self.bias.initializer = _UnitForgetBias(self.bias_spec.initializer)

    def cell(self, a: Array, states: list[Array], share: Share) -> CellStep:
        """One step."""
        h, c = states
        s, into_h = share(h)
        (i, f, o), into_gates = self.recurrent_activation.under(self.flavor).forward((a + s)[[0, 1, 3]])
        k, into_k = self.activation.under(self.flavor).forward(a[2] + s[2])
        memory = f * c + i * k
        shown, into_memory = self.activation.under(self.flavor).forward(memory)

        def backward(dstates: list[Array]) -> tuple[Array, list[Array]]:
            dh = dstates[0]
            dc = dstates[1] + into_memory(dh * o)
            di, df, do = into_gates(np.stack([dc * k, dc * c, dh * shown]))
            d = np.stack([di, df, into_k(dc * i), do])
            return d, [into_h(d), dc * f]

        return [o * shown, memory], backward

    def fuses(self) -> bool:
        """The defaults have their own loop."""
        return self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid

    def fused(self, run: Pass) -> Recurrence:
        """tanh and sigmoid."""
        return _TanhSigmoid(run)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "recurrent_activation": self.recurrent_activation.identifier,
            "unit_forget_bias": self.unit_forget_bias,
        }


class _TanhSigmoid(Fused):
    """LSTM with its default activations, in place."""

    ORDER = (3, 0, 1, 2)
    """o, i, f, k: one call serves the three sigmoids."""

    def __init__(self, run: Pass) -> None:
        super().__init__(run, 4)
        self.memory = np.empty(self.history.shape, self.rows.dtype)
        self.memory[0] = run.start[1]
        self.shown = np.empty_like(self.gates[:, 0])  # tanh(c') of every step

    def steps(self) -> list[Array]:
        """Forward: o, i, f, k go into the gates, the states into history and memory.

        A masked step gets o = i = 0 and f = 1: the memory stays, and no gradient enters the gates.
        """
        kernels = blocks(self.weights(self.run.bias), self.ORDER, len(self.run.recurrent))
        kernels[:3] *= 0.5
        half, work = np.array(0.5, kernels.dtype), np.empty_like(self.memory[0])
        h, c = self.history[0], self.memory[0]
        for row, gates, new_h, new_c, shown, skip in zip(
            self.rows, self.gates, self.history[1:], self.memory[1:], self.shown, self.skips(), strict=False
        ):
            o, i, f, k = gates
            sigmoids = gates[:3]
            np.matmul(row, kernels, out=gates)
            np.tanh(gates, out=gates)  # sigmoid(x) = (1 + tanh(x / 2)) / 2, and x comes halved
            np.multiply(sigmoids, half, out=sigmoids)
            np.add(sigmoids, half, out=sigmoids)
            if skip is not None:
                np.copyto(gates[:2], 0, where=skip)
                np.copyto(f, 1, where=skip)
            np.multiply(f, c, out=new_c)
            np.multiply(i, k, out=work)
            np.add(new_c, work, out=new_c)
            np.tanh(new_c, out=shown)
            np.multiply(o, shown, out=new_h)
            if skip is not None:
                np.copyto(new_h, h, where=skip)
            h, c = new_h, new_c
        return [h, c]

    def back(self, dhistory: Array | None, dstates: list[Array], wants_x: bool) -> Gradients:
        """Back: dh' times the slopes of c' and o, then dc' times those of i, f and k, fill `d`."""
        (dh, dc), skips = dstates, self.skips()
        d = np.empty((5, *self.shown.shape), dh.dtype)
        kernels = np.ascontiguousarray(blocks(self.run.recurrent, self.ORDER, dh.shape[1]).swapaxes(1, 2))
        parts = np.empty((4, *dh.shape), dh.dtype)
        for chunk in self.chunks():
            slopes = _slopes(self.gates[chunk].swapaxes(0, 1), self.memory[chunk], self.shown[chunk])
            for t in reversed(range(chunk.start, chunk.stop)):
                if dhistory is not None:
                    np.add(dh, dhistory[t], out=dh)
                passed = None if skips[t] is None else dh * skips[t]
                dt, slope = d[:, t], slopes[:, t - chunk.start]
                np.multiply(dh, slope[:2], out=dt[:2])
                np.add(dc, dt[0], out=dc)
                np.multiply(dc, slope[2:], out=dt[2:])
                np.multiply(dc, self.gates[t, 2], out=dc)
                np.matmul(dt[1:], kernels, out=parts)
                np.add.reduce(parts, 0, out=dh)
                if passed is not None:
                    np.add(dh, passed, out=dh)
        total = unblock(dot_blocks(self.all_rows().swapaxes(1, 2), rows_of(d[1:])), self.ORDER)
        dx = self.x_gradient(d[1:], self.ORDER) if wants_x else None
        return Gradients(dx, total[: self.width], total[self.width + 1 :], total[self.width])


def _slopes(gates: Array, c: Array, shown: Array) -> Array:
    """What small changes of h' change in c' and o, and of c' in i, f and k, (5, steps, B, u)."""
    o, i, _, k = gates
    slopes = np.empty((5, *c.shape), c.dtype)
    np.multiply(shown, shown, out=slopes[0])
    np.subtract(1, slopes[0], out=slopes[0])
    slopes[0] *= o
    np.subtract(1, gates[:3], out=slopes[1:4])
    slopes[1:4] *= gates[:3]
    slopes[1] *= shown
    slopes[2] *= k
    slopes[3] *= c
    np.multiply(k, k, out=slopes[4])
    np.subtract(1, slopes[4], out=slopes[4])
    slopes[4] *= i
    return slopes


class _UnitForgetBias(initializers.Initializer):
    """The bias of an LSTM from another initializer, with ones for the forget gate."""

    def __init__(self, inner: initializers.Initializer) -> None:
        super().__init__(inner.seed)
        self.inner = inner

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """(4 u,): i, f, k, o."""
        units = shape[0] // 4
        bias = np.ones(shape)
        bias[:units] = self.inner((units,), np.float64, rng)
        bias[2 * units :] = self.inner((2 * units,), np.float64, rng)
        return bias
