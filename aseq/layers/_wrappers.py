"""Layers around another layer: in both directions of time, or at every time step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError, ShapeError
from aseq.layers._activity import Penalized, with_penalty
from aseq.layers._from_config import described, from_config
from aseq.layers._layer import Layer, check_rank
from aseq.layers._rnn import Recurrent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aseq.types import Array, Backward, Config, Shape

    Merged = tuple[Any, Callable[[Any], tuple[Array, Array]]]

__all__ = ["Bidirectional", "TimeDistributed"]


class Bidirectional(Layer):
    """One recurrent layer reads the sequence forward, another one backward; their outputs are merged.

    Schuster and Paliwal, "Bidirectional recurrent neural networks", 1997. Returned sequences are both in
    the order of the input, and masked steps give zeros in them (in tf.js the output before). Weights:
    those of the forward layer, then those of the backward layer.

    Args:
        layer: A recurrent layer; it is copied, as "forward_<name>".
        merge_mode: "concat" (on the last axis), "sum", "mul", "ave", or None for a list of both outputs.
        backward_layer: Reads the other way; a copy of `layer`, as "backward_<name>", if not given.
        **options: Those of `Layer`.

    Examples:
        >>> from aseq.layers import LSTM
        >>> layer = Bidirectional(LSTM(2, return_sequences=True)).initialize((None, 5, 3))
        >>> layer.forward(np.zeros((4, 5, 3), np.float32))[0].shape
        (4, 5, 4)
    """

    uses_mask = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        *,
        backward_layer: Any = None,
        **options: Any,
    ) -> None:
        layer = _inner("Bidirectional", layer, Recurrent)
        if options.get("batch_input_shape") is None and options.get("input_shape") is None:
            options.setdefault("batch_shape", layer.batch_input_shape)
        super().__init__(**options)
        if merge_mode not in _MERGES and merge_mode is not None:
            raise ConfigError(
                f"Bidirectional: expected merge_mode to be one of {', '.join(_MERGES)} or None, received "
                f"{merge_mode!r}."
            )
        self.merge_mode = merge_mode
        self.forward_layer = _copy(layer, "forward_", layer.go_backwards)
        if backward_layer is None:
            self.backward_layer = _copy(layer, "backward_", not layer.go_backwards)
        else:
            self.backward_layer = _inner("Bidirectional", backward_layer, Recurrent)
        self._check_directions()
        self.return_sequences = self.forward_layer.return_sequences
        self.return_state = self.forward_layer.return_state
        for one in self.sublayers():
            one.zero_output_for_mask = self.return_sequences  # as in Keras: a state must not leak into a gap

    def _check_directions(self) -> None:
        one, other = self.sublayers()
        if one.go_backwards == other.go_backwards:
            raise ConfigError(
                "Bidirectional: expected layer and backward_layer to read in opposite directions, received "
                f"go_backwards={one.go_backwards} for both. Pass go_backwards=True to the backward_layer."
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(one, name) != getattr(other, name):
                raise ConfigError(
                    f"Bidirectional: expected equal {name} in layer and backward_layer, received "
                    f"{getattr(one, name)} and {getattr(other, name)}."
                )

    def sublayers(self) -> list[Any]:
        """Forward, then backward."""
        return [self.forward_layer, self.backward_layer]

    def build(self, input_shape: Shape) -> None:
        """Build both."""
        check_rank(self, input_shape, 3)
        for layer in self.sublayers():
            layer.ensure_built(input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of one layer, twice as wide where outputs are joined; of each output with merge_mode None."""
        shape: Shape = self.forward_layer.compute_output_shape(input_shape)
        if self.merge_mode != "concat":
            return shape
        width = self.forward_layer.units + self.backward_layer.units
        return (*shape[:-1], width)

    def compute_mask(self, x: Array, mask: Array | None) -> Array | None:
        """The mask of the input, while there are time steps."""
        return mask if self.return_sequences else None

    def forward(self, x: Array, training: bool = False, mask: Array | None = None) -> tuple[Any, Backward]:
        """The merged outputs; with `return_state` a list of them and the states, forward then backward."""
        (a, into_a, penalty_a), (b, into_b, penalty_b) = (
            self._read(layer, x, training, mask) for layer in self.sublayers()
        )
        states: list[Array] = []
        if self.return_state:
            states, count = [*a[1:], *b[1:]], len(a) - 1
            a, b = a[0], b[0]
        b = b[:, ::-1] if self.return_sequences else b
        merged, apart = ([a, b], _both) if self.merge_mode is None else _MERGES[self.merge_mode](a, b)

        def backward(dy: Any) -> Array | None:
            outputs = 2 if self.merge_mode is None else 1
            flat = list(dy) if outputs + len(states) > 1 else [dy]
            da: Any
            db: Any
            da, db = apart(flat if outputs == 2 else flat[0])
            db = db[:, ::-1] if self.return_sequences else db
            if self.return_state:
                dstates = flat[outputs:]
                da, db = [da, *dstates[:count]], [db, *dstates[count:]]
            dx, dx_back = into_a(da), into_b(db)
            return None if dx is None or dx_back is None else dx + dx_back

        if self.return_state:
            return [*(merged if self.merge_mode is None else [merged]), *states], backward
        penalty = penalty_a + penalty_b
        return merged, (Penalized(backward, penalty) if penalty else backward)

    def _read(self, layer: Any, x: Array, training: bool, mask: Array | None) -> tuple[Any, Any, float]:
        """A pass through one layer, and the penalty of its output, which counts as that of any layer."""
        layer.input_gradient = self.input_gradient
        y, backward = layer.forward(x, training, mask)
        if layer.activity_regularizer is None or self.return_state:
            return y, backward, 0.0
        penalty, backward = with_penalty(layer.activity_regularizer, y, backward)
        return y, backward, penalty

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "merge_mode": self.merge_mode,
            "layer": described(self.forward_layer),
            "backward_layer": described(self.backward_layer),
        }


class TimeDistributed(Layer):
    """Applies one layer to every time step on its own: (B, T, ...) to (B, T, ...).

    All steps go through the layer as one batch of B T rows. Only a layer with running statistics
    (BatchNormalization), or with penalties inside, sees the steps one after the other, as in Keras. Of a mask
    the layer sees the part of its step, if that has an entry for each of its own steps or rows.

    Args:
        layer: Any layer of one input and one output.
        **options: Those of `Layer`.

    Examples:
        >>> from aseq.layers import Dense
        >>> layer = TimeDistributed(Dense(2)).initialize((None, 5, 3))
        >>> layer.forward(np.zeros((4, 5, 3), np.float32))[0].shape
        (4, 5, 2)
    """

    uses_mask = True

    def __init__(self, layer: Any, **options: Any) -> None:
        super().__init__(**options)
        self.layer: Layer = _inner("TimeDistributed", layer, Layer)
        self.integer_input = self.layer.integer_input
        inside = (one for one in self.layer.walk() if one is not self.layer)
        self.penalized = any(one.activity_regularizer is not None for one in inside)

    def sublayers(self) -> list[Layer]:
        """The layer inside."""
        return [self.layer]

    def build(self, input_shape: Shape) -> None:
        """Build the layer inside for the shape of one step."""
        check_rank(self, input_shape, 3, at_least=True)
        try:
            self.layer.ensure_built(_step(input_shape))
        except ShapeError as error:
            raise ShapeError(f"layer {self.name!r} (TimeDistributed): for one time step, {error}") from error

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, T, ...), the rest as the layer inside says."""
        check_rank(self, input_shape, 3, at_least=True)
        return (*input_shape[:2], *self.layer.compute_output_shape(_step(input_shape))[1:])

    def forward(self, x: Array, training: bool = False, mask: Array | None = None) -> tuple[Array, Backward]:
        """The outputs of all steps."""
        self.layer.input_gradient = self.input_gradient
        if (
            not self.layer.uses_mask
            or self.flavor == "tfjs"
            or (mask is not None and mask.ndim != x.ndim - 1)
        ):
            mask = None
        if self.penalized or (training and any(not weight.trainable for weight in self.layer.weights)):
            return self._step_by_step(x, training, mask)
        rows = x.reshape(-1, *x.shape[2:])
        known = () if mask is None else (mask.reshape(-1, *mask.shape[2:]),)
        y, into_rows = self.layer.forward(rows, training, *known)

        def backward(dy: Array) -> Array | None:
            dx = into_rows(dy.reshape(-1, *dy.shape[2:]))
            return None if dx is None else dx.reshape(x.shape)

        return y.reshape(*x.shape[:2], *y.shape[1:]), backward

    def _step_by_step(self, x: Array, training: bool, mask: Array | None) -> tuple[Array, Backward]:
        known = [() if mask is None else (mask[:, t],) for t in range(x.shape[1])]
        passes = [self.layer.forward(x[:, t], training, *known[t]) for t in range(x.shape[1])]
        penalty = sum(getattr(into_step, "penalty", 0.0) for _, into_step in passes)

        def backward(dy: Array) -> Array | None:
            weights = [weight for weight in self.layer.weights if weight.trainable]
            totals = [np.zeros_like(weight.value) for weight in weights]
            steps = []
            for t, (_, into_step) in enumerate(passes):
                steps.append(into_step(dy[:, t]))
                for total, weight in zip(totals, weights, strict=True):
                    total += weight.grad
            for total, weight in zip(totals, weights, strict=True):
                weight.grad[...] = total
            return None if steps[0] is None else np.stack(steps, 1)  # type: ignore[arg-type]

        return np.stack([y for y, _ in passes], 1), (Penalized(backward, penalty) if penalty else backward)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"layer": described(self.layer)}


def _inner(owner: str, layer: Any, kind: type[Layer]) -> Any:
    """The layer inside, from a layer or its description.

    Raises:
        ConfigError: It is not of the kind that the wrapper serves.
    """
    layer = from_config(layer) if isinstance(layer, dict) else layer
    if not isinstance(layer, kind):
        what = "a recurrent layer (GRU, LSTM, SimpleRNN)" if kind is Recurrent else "a layer"
        raise ConfigError(f"{owner}: expected {what}, received {layer!r}.")
    return layer


def _copy(layer: Recurrent, prefix: str, go_backwards: bool) -> Any:
    """A new layer with the arguments of `layer`."""
    name = prefix + layer.name.removeprefix(prefix)
    return type(layer).from_config(layer.get_config() | {"name": name, "go_backwards": go_backwards})


def _step(shape: Shape) -> Shape:
    """The shape of one time step."""
    return (shape[0], *shape[2:])


def _both(dy: Sequence[Array]) -> tuple[Array, Array]:
    return dy[0], dy[1]


def _concat(a: Array, b: Array) -> Merged:
    cut = a.shape[-1]
    return np.concatenate([a, b], -1), lambda dy: (dy[..., :cut], dy[..., cut:])


def _sum(a: Array, b: Array) -> Merged:
    return a + b, lambda dy: (dy, dy)


def _mul(a: Array, b: Array) -> Merged:
    return a * b, lambda dy: (dy * b, dy * a)


def _ave(a: Array, b: Array) -> Merged:
    half = a.dtype.type(0.5)
    return (a + b) * half, lambda dy: (dy * half, dy * half)


_MERGES: dict[str, Callable[[Array, Array], Merged]] = {
    "concat": _concat,
    "sum": _sum,
    "mul": _mul,
    "ave": _ave,
}
