"""The gated recurrent unit, with the reset gate after or before the product with the recurrent weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import activations
from aseq.layers._activation_argument import get_activation
from aseq.layers._recurrence import Fused, Gradients, blocks, dot_blocks, rows_of, unblock
from aseq.layers._rnn import Recurrent

if TYPE_CHECKING:
    from aseq.layers._cell import CellStep, Share
    from aseq.layers._recurrence import Pass, Recurrence
    from aseq.types import Array, Config

__all__ = ["GRU"]


class GRU(Recurrent):
    """Update gate z, reset gate r, candidate k:

        z = recurrent_activation(x W_z + h U_z + b_z)
        r = recurrent_activation(x W_r + h U_r + b_r)
        k = activation(x W_k + b_k + r (h U_k + c_k))      reset_after=True, Keras's default
        k = activation(x W_k + b_k + (r h) U_k)            reset_after=False, the form of tf.js
        h' = z h + (1 - z) k

    Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014. For the other
    arguments see `Recurrent`. Weights: kernel (I, 3 units), recurrent_kernel (units, 3 units), their
    columns in the order z, r, k; bias (2, 3 units), of the input and of the state, or (3 units,) with
    reset_after=False.

    Args:
        units: Size of the output and of the state.
        activation: Of the candidate.
        recurrent_activation: Of the gates; tf.js's default is "hard_sigmoid_tfjs".
        reset_after: Whether the reset gate comes after the product with the recurrent weights.
        **options: Those of `Recurrent`.

    Examples:
        >>> layer = GRU(2).initialize((None, 5, 3))
        >>> layer.forward(np.zeros((4, 5, 3), np.float32))[0].shape, layer.bias.shape
        ((4, 2), (2, 6))
    """

    gate_count = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *,
        reset_after: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **options)
        self.recurrent_activation = get_activation(recurrent_activation)
        self.reset_after = reset_after

    def bias_shape(self) -> tuple[int, ...]:
        """One row for the input and one for the state, where the reset gate tells them apart."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def cell(self, a: Array, states: list[Array], share: Share) -> CellStep:
        """One step, in the form that `reset_after` asks for."""
        return (self._cell_after if self.reset_after else self._cell_before)(a, states[0], share)

    def _cell_after(self, a: Array, h: Array, share: Share) -> CellStep:
        s, into_h = share(h)
        gates, into_gates = self.recurrent_activation.under(self.flavor).forward(a[:2] + s[:2])
        z, r = gates
        k, into_k = self.activation.under(self.flavor).forward(a[2] + r * s[2])

        def backward(dstates: list[Array]) -> tuple[Array, list[Array]]:
            dh = dstates[0]
            dk = into_k(dh * (1 - z))[None]
            dgates = into_gates(np.stack([dh * (h - k), dk[0] * s[2]]))
            dshare = np.concatenate([dgates, dk * r])
            return np.concatenate([dgates, dk]), [dh * z + into_h(dshare)]

        return [z * h + (1 - z) * k], backward

    def _cell_before(self, a: Array, h: Array, share: Share) -> CellStep:
        s, into_h = share(h, slice(0, 2))
        gates, into_gates = self.recurrent_activation.under(self.flavor).forward(a[:2] + s)
        z, r = gates
        (s_k,), into_reset = share(r * h, slice(2, 3))
        k, into_k = self.activation.under(self.flavor).forward(a[2] + s_k)

        def backward(dstates: list[Array]) -> tuple[Array, list[Array]]:
            dh = dstates[0]
            dk = into_k(dh * (1 - z))[None]
            dreset = into_reset(dk)
            dgates = into_gates(np.stack([dh * (h - k), dreset * h]))
            return np.concatenate([dgates, dk]), [dh * z + dreset * r + into_h(dgates)]

        return [z * h + (1 - z) * k], backward

    def fuses(self) -> bool:
        """The defaults have their own loop."""
        standard = self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        return self.reset_after and standard

    def fused(self, run: Pass) -> Recurrence:
        """tanh and sigmoid, reset_after."""
        return _TanhSigmoid(run)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "recurrent_activation": self.recurrent_activation.identifier,
            "reset_after": self.reset_after,
        }


class _TanhSigmoid(Fused):
    """GRU with its default activations and reset_after, in place.

    Of a row (x, 1, h) the gates z and r take all, the candidate k its beginning (x, 1), and what the
    reset gate acts on, s = h U_k + c_k, its end (1, h).
    """

    def __init__(self, run: Pass) -> None:
        super().__init__(run, 4)  # k, z, r, s
        self.units = len(run.recurrent)
        self.for_k = slice(0, self.width + 1)
        self.for_s = slice(self.width, None)

    def _kernels(self) -> tuple[Array, Array, Array]:
        """The weights of z and r, halved, and of k and s."""
        bias, first = self.run.bias, 2 * self.units
        if bias is None:
            whole = self.weights(None)
            end = whole[self.for_s, first:]
        else:  # z and r take both rows of the bias, k the first one, s the second one
            whole = self.weights(np.append(bias[0, :first] + bias[1, :first], bias[0, first:]))
            end = np.concatenate([bias[1:, first:], self.run.recurrent[:, first:]])
        zr = blocks(whole, (0, 1), self.units)
        zr *= 0.5
        return zr, whole[self.for_k, first:].copy(), end

    def steps(self) -> list[Array]:
        """Forward: k, z, r, s go into the gates, the state into the history.

        A masked step sets z to 1, which carries the state and lets no gradient into the gates.
        """
        kernels, kernel_k, kernel_s = self._kernels()
        half = np.array(0.5, kernels.dtype)
        work = np.empty(self.history.shape[1:], kernels.dtype)
        h = self.history[0]
        steps = zip(
            self.rows,
            self.rows[:, :, self.for_k],
            self.rows[:, :, self.for_s],
            self.gates,
            self.history[1:],
            self.skips(),
            strict=False,
        )
        for row, row_k, row_s, gates, new, skip in steps:
            k, z, r, s = gates
            zr = gates[1:3]
            np.matmul(row, kernels, out=zr)
            np.matmul(row_k, kernel_k, out=k)
            np.matmul(row_s, kernel_s, out=s)
            np.tanh(zr, out=zr)  # sigmoid(x) = (1 + tanh(x / 2)) / 2, and x comes halved
            np.multiply(zr, half, out=zr)
            np.add(zr, half, out=zr)
            np.multiply(r, s, out=work)
            np.add(k, work, out=k)
            np.tanh(k, out=k)
            np.subtract(h, k, out=work)
            np.multiply(work, z, out=work)
            np.add(work, k, out=new)
            if skip is not None:
                np.copyto(z, 1, where=skip)
                np.copyto(new, h, where=skip)
            h = new
        return [h]

    def back(self, dhistory: Array | None, dstates: list[Array], wants_x: bool) -> Gradients:
        """Back: dh' times the slopes of k, z, r and s is all that is left to do in a step."""
        (dh,) = dstates
        d = np.empty((4, len(self.gates), *dh.shape), dh.dtype)
        kernels = np.ascontiguousarray(blocks(self.run.recurrent, (0, 1, 2), self.units).swapaxes(1, 2))
        parts = np.empty((4, *dh.shape), dh.dtype)
        for chunk in self.chunks():
            after = self.history[chunk.start + 1 : chunk.stop + 1]
            slopes = _slopes(self.gates[chunk].swapaxes(0, 1), after)
            for t in reversed(range(chunk.start, chunk.stop)):
                if dhistory is not None:
                    np.add(dh, dhistory[t], out=dh)
                dt = d[:, t]
                np.multiply(dh, slopes[:, t - chunk.start], out=dt)
                np.matmul(dt[1:], kernels, out=parts[:3])
                np.multiply(dh, self.gates[t, 1], out=parts[3])
                np.add.reduce(parts, 0, out=dh)
        dx = self.x_gradient(d[:3], (2, 0, 1)) if wants_x else None
        return Gradients(dx, *self._weight_gradients(rows_of(d)))

    def _weight_gradients(self, d: Array) -> tuple[Array, Array, Array]:
        """Of kernel, recurrent kernel and bias, from the gradients of k, z, r and s at all steps."""
        columns, width = self.all_rows().swapaxes(1, 2), self.width
        zr = unblock(dot_blocks(columns, d[1:3]), (0, 1))
        (k,) = dot_blocks(columns[:, self.for_k], d[:1])
        (s,) = dot_blocks(columns[:, self.for_s], d[3:])
        dkernel = np.concatenate([zr[:width], k[:width]], 1)
        drecurrent = np.concatenate([zr[width + 1 :], s[1:]], 1)
        dbias = np.stack([np.append(zr[width], k[width]), np.append(zr[width], s[0])])
        return dkernel, drecurrent, dbias


def _slopes(gates: Array, after: Array) -> Array:
    """What a small change of h' changes in k, z, r (before their activations) and s, (4, steps, B, u)."""
    k, z, r, s = gates
    slopes = np.empty(gates.shape, gates.dtype)
    work = 1 - z
    np.multiply(k, k, out=slopes[0])
    np.subtract(1, slopes[0], out=slopes[0])
    slopes[0] *= work  # (1 - k^2) (1 - z)
    np.subtract(after, k, out=slopes[1])
    slopes[1] *= work  # (h - k) z (1 - z), because h' - k = (h - k) z
    np.multiply(slopes[0], r, out=slopes[3])
    np.subtract(1, r, out=work)
    work *= s
    np.multiply(slopes[3], work, out=slopes[2])
    return slopes
