"""What all recurrent layers share: weights, time-major passes, dropout, masks, carried states.

A layer of its own adds its formula twice: `cell` is one step for any activation, in plain NumPy;
`fused` is the whole recurrence with the standard activations written out, and fast. Letters: B batch,
T time steps, I inputs, u units, G gates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from aseq.errors import ConfigError, ShapeError
from aseq.layers._activation_argument import get_activation
from aseq.layers._cell import Unrolled
from aseq.layers._layer import Layer, check_rank, known_size, positive
from aseq.layers._recurrence import Pass
from aseq.layers._weight_spec import WeightSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.layers._cell import CellStep, Share
    from aseq.layers._recurrence import Recurrence
    from aseq.types import Array, Backward, Config, Shape

__all__ = ["Recurrent"]


class Recurrent(Layer):
    """A layer that walks over the time steps of (B, T, I) and carries states from step to step.

    Args:
        units: Size of the output and of each state.
        activation: Of the candidate state.
        use_bias: Whether there is a bias.
        kernel_initializer: Of the weights of the input, (I, G u).
        recurrent_initializer: Of the weights of the state, (u, G u).
        bias_initializer: Of the bias.
        kernel_regularizer: Penalty on the weights of the input.
        recurrent_regularizer: Penalty on the weights of the state.
        bias_regularizer: Penalty on the bias.
        kernel_constraint: Applied to the weights of the input after each step.
        recurrent_constraint: Applied to the weights of the state after each step.
        bias_constraint: Applied to the bias after each step.
        dropout: Share of the inputs to drop while training, the same ones at every time step.
        recurrent_dropout: Share of the state to drop where it enters the gates, likewise; the gates
            then have masks of their own, as in Keras.
        seed: Of the dropout; the model's seed decides if not given.
        return_sequences: Give the output of every step, (B, T, u), not just of the last, (B, u).
        return_state: Give a list of the output and the last states.
        go_backwards: Read the last step first; a returned sequence is in the order of reading.
        stateful: Begin each batch with the states in which the one before ended (fixed batch size).
        unroll: Kept for Keras's sake, changes nothing.
        zero_output_for_mask: A masked step gives zeros, not the output of the step before (in tf.js never).
        implementation: Taken for Keras's sake, changes nothing; so is `use_cudnn`.
        time_major: Only False, the batch axis first.
    """

    uses_mask = True
    gate_count: ClassVar[int] = 1
    state_count: ClassVar[int] = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        implementation: int = 2,
        use_cudnn: Any = "auto",
        time_major: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        owner = type(self).__name__
        if time_major:
            raise ConfigError(
                f"{owner}: expected inputs of shape (batch, time, features), received time_major=True."
            )
        self.units = positive(owner, "units", units)
        self.activation = get_activation(activation)
        self.use_bias = use_bias
        self.kernel_spec = WeightSpec(kernel_initializer, kernel_regularizer, kernel_constraint)
        self.recurrent_spec = WeightSpec(recurrent_initializer, recurrent_regularizer, recurrent_constraint)
        self.bias_spec = WeightSpec(bias_initializer, bias_regularizer, bias_constraint)
        self.dropout = _rate(owner, "dropout", dropout)
        self.recurrent_dropout = _rate(owner, "recurrent_dropout", recurrent_dropout)
        self.seed_argument = seed
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.states: list[Array] | None = None

    # What a recurrent layer of its own writes ------------------------------------------------

    def cell(self, a: Array, states: list[Array], share: Share) -> CellStep:
        """One step for any activation.

        Args:
            a: (G, B, u), what the input adds to each gate, in Keras's order.
            states: (B, u) each; the first one is the output.
            share: Gives what the state adds.
        """
        raise NotImplementedError

    def fuses(self) -> bool:
        """Whether `fused` serves this layer's arguments."""
        return False

    def fused(self, run: Pass) -> Recurrence:
        """All steps with the standard activations written out, without dropout of the state."""
        raise NotImplementedError

    def bias_shape(self) -> tuple[int, ...]:
        """The shape of the bias."""
        return (self.gate_count * self.units,)

    # The layer ---------------------------------------------------------------------------

    def build(self, input_shape: Shape) -> None:
        """Declare kernel, recurrent kernel and bias."""
        check_rank(self, input_shape, 3)
        if self.stateful and input_shape[0] is None:
            raise ShapeError(
                f"layer {self.name!r}: stateful=True, so expected a fixed batch size, received shape "
                f"{input_shape}. Begin the model with Input(batch_shape=(batch, time, features))."
            )
        width = self.gate_count * self.units
        self.kernel = self.kernel_spec.declare(self, "kernel", (known_size(self, input_shape), width))
        self.recurrent_kernel = self.recurrent_spec.declare(self, "recurrent_kernel", (self.units, width))
        if self.use_bias:
            self.bias = self.bias_spec.declare(self, "bias", self.bias_shape())

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, T, units) or (B, units); of the output alone where states are returned too."""
        time = input_shape[1:2] if self.return_sequences else ()
        return (input_shape[0], *time, self.units)

    def compute_mask(self, x: Array, mask: Array | None) -> Array | None:
        """The mask of the input, while there are time steps."""
        return mask if self.return_sequences else None

    def forward(self, x: Array, training: bool = False, mask: Array | None = None) -> tuple[Any, Backward]:
        """The output; with `return_state` a list of output and states, whose backward takes such a list."""
        masks = self._draw(self.recurrent_dropout, x, self.units) if training else None
        dropped = self._draw(self.dropout, x, x.shape[2]) if training else None
        run = Pass(
            self._read(x, dropped),
            self._start(x),
            self.kernel.value,
            self.recurrent_kernel.value,
            self.bias.value if self.use_bias else None,
            self._skipped(mask),
            masks,
        )
        loop = (
            self.fused(run) if masks is None and self.fuses() else Unrolled(self.cell, run, self.gate_count)
        )
        last = loop.steps()
        if self.stateful:
            self.states = [state.copy() for state in last]
        y, into_history = self._output(loop.history, run.skip)

        def backward(dy: Any) -> Array | None:
            outer = dy if self.return_state else [dy]
            dhistory, dh = into_history(outer[0])
            dstates = [dh, *(np.zeros_like(dh) for _ in last[1:])]
            for total, part in zip(dstates, outer[1:], strict=False):
                total += part
            gradients = loop.back(dhistory, dstates, self.input_gradient)
            self.kernel.grad[...] = gradients.kernel
            self.recurrent_kernel.grad[...] = gradients.recurrent
            if self.use_bias:
                self.bias.grad[...] = gradients.bias
            return None if gradients.x is None else self._unread(gradients.x, dropped)

        return ([y, *last] if self.return_state else y), backward

    # Parts of forward -----------------------------------------------------------------------

    def _read(self, x: Array, dropped: Array | None) -> Array:
        """(B, T, I) in the order of reading, (1 or G, T, B, I), with dropout."""
        x = x.astype(self.kernel.value.dtype, copy=False)
        steps = x.transpose(1, 0, 2)[None, :: -1 if self.go_backwards else 1]
        return steps if dropped is None else steps * dropped[:, None]

    def _unread(self, dx: Array, dropped: Array | None) -> Array:
        """The way back through `_read`."""
        dx = np.add.reduce(dx if dropped is None else dx * dropped[:, None], 0)
        return dx[:: -1 if self.go_backwards else 1].transpose(1, 0, 2)

    def _output(self, history: Array, skip: Array | None) -> tuple[Array, Any]:
        """What the layer shows of the states of all steps, and its backward."""
        shown = None  # (T, B, 1): 0 where a step shows nothing
        if skip is None or self.flavor == "tfjs":  # tf.js always shows what it has
            pass
        elif self.zero_output_for_mask:
            shown = (~skip).astype(history.dtype)
        elif self.stateful:  # a sequence not yet begun shows no old state
            shown = np.logical_or.accumulate(~skip, 0).astype(history.dtype)
        if not self.return_sequences:
            last = history[-1] if shown is None else history[-1] * shown[-1]
            return last, lambda dy: (None, dy.copy() if shown is None else dy * shown[-1])
        steps = history[1:] if shown is None else history[1:] * shown

        def backward(dy: Array) -> tuple[Array, Array]:
            dsteps = dy.transpose(1, 0, 2)
            return (dsteps if shown is None else dsteps * shown), np.zeros_like(history[0])

        return steps.transpose(1, 0, 2), backward

    def _skipped(self, mask: Array | None) -> Array | None:
        if mask is None or mask.all():
            return None
        if mask.ndim != 2:
            raise ShapeError(
                f"layer {self.name!r} ({type(self).__name__}): expected a mask of one entry a time step, (batch, "
                f"time), received shape {mask.shape}. Put the layer before the mask is made."
            )
        skip = ~mask.astype(bool).T[..., None]
        return skip[::-1] if self.go_backwards else skip

    # Dropout ------------------------------------------------------------------------------

    def seed(self, sequence: np.random.SeedSequence) -> None:
        """Take the layer's own seed where it was given one."""
        super().seed(sequence if self.seed_argument is None else np.random.SeedSequence(self.seed_argument))

    def _draw(self, rate: float, x: Array, width: int) -> Array | None:
        """Dropout masks, (1, B, width), or one for each gate where the state is dropped too (as in Keras)."""
        shape = (self.gate_count if self.recurrent_dropout else 1, len(x), width)
        dtype = self.kernel.value.dtype
        if rate in (0, 1):
            return np.zeros(shape, dtype) if rate else None
        kept = self.rng.random(shape, np.float32) >= rate
        return kept.astype(dtype) / dtype.type(1 - rate)

    # States --------------------------------------------------------------------------------

    def _start(self, x: Array) -> list[Array]:
        """The states that this batch begins with.

        Raises:
            ShapeError: The batch is not of the size that a stateful layer was built for.
        """
        if self.stateful and len(x) != self.input_shape[0]:
            raise ShapeError(
                f"layer {self.name!r}: stateful=True, so expected batches of {self.input_shape[0]}, received "
                f"one of {len(x)}. Let batch_size divide the number of samples."
            )
        if self.stateful and self.states is not None:
            return self.states
        return [np.zeros((len(x), self.units), self.kernel.value.dtype) for _ in range(self.state_count)]

    def reset_states(self, states: Sequence[Array] | None = None) -> None:
        """Forget the carried states, or put `states` in their place, one (B, units) array each."""
        dtype = self.kernel.value.dtype
        self.states = None if states is None else [np.array(state, dtype) for state in states]

    def get_state(self) -> Config:
        """Random numbers, and the carried states of a stateful layer."""
        carried = {} if self.states is None else {"states": [state.copy() for state in self.states]}
        return super().get_state() | carried

    def set_state(self, state: Config) -> None:
        """Put back what `get_state` returned."""
        super().set_state(state)
        self.reset_states(state.get("states"))

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config() | {name: getattr(self, name) for name in _PLAIN_ARGUMENTS}
        config |= self.kernel_spec.config("kernel")
        config |= self.recurrent_spec.config("recurrent")
        config |= self.bias_spec.config("bias")
        return config | {"activation": self.activation.identifier, "seed": self.seed_argument}


_PLAIN_ARGUMENTS = (
    "units",
    "use_bias",
    "dropout",
    "recurrent_dropout",
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
)


def _rate(owner: str, argument: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ConfigError(f"{owner}: expected {argument} in [0, 1], received {value!r}.")
    return float(value)
