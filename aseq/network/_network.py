"""Layers joined into a graph over one flat parameter vector; forward and backward through it.

The network knows nothing of losses, optimizers or data. Today's models are chains; nodes name their
inputs, so that several inputs and outputs need no other code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import ConfigError, NotBuiltError, ShapeError
from aseq.layers._activity import with_penalty
from aseq.layers._batch_parts import Pieces
from aseq.layers._core import Activated, InputLayer
from aseq.layers._homes import check_free, move_in, move_out
from aseq.layers._weight import assign, joined, offsets, views
from aseq.network._route import route

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from aseq.layers._layer import Layer
    from aseq.layers._weight import Weight
    from aseq.network._route import Node
    from aseq.types import Array, Backward, Config, Shape

__all__ = ["Network", "Pass"]


@dataclass(slots=True)
class Pass:
    """What one forward pass leaves: outputs, logits of fused last activations, masks, the way back.

    Attributes:
        outputs: One array an output of the network.
        logits: What went into the last activation of each output, where it was asked for; else None.
        masks: The mask of each output, or None.
        penalty: Sum of activity penalties.
        backward: Takes one gradient an output (of the logits where they were asked for) and writes
            the gradients of all weights into the flat gradient vector.
    """

    outputs: list[Array]
    logits: list[Array | None]
    masks: list[Array | None]
    penalty: float
    backward: Callable[[Sequence[Array]], list[Array | None]]


class Network:
    """A graph of layers, built: every weight is a view into one flat vector.

    Args:
        nodes: In an order in which each comes after its inputs; inputs are InputLayer nodes.
        outputs: Indices of the nodes whose outputs the network returns; the last if not given.
        seed: Decides first weights and all noise.
        dtype: Of weights and arithmetic.
        name: Of the model, for errors.

    Attributes:
        params: Flat vector of all weights that layers declared trainable.
        grads: Its gradients.
        statistics: Flat vector of the other weights (running means and the like).

    Examples:
        >>> from aseq.layers import Dense, Input
        >>> from aseq.network import chain
        >>> network = Network(chain([Input((2,)), Dense(3)]), seed=0)
        >>> network.params.size, network.predict([np.zeros((4, 2), np.float32)])[0].shape
        (9, (4, 3))
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        outputs: Sequence[int] | None = None,
        *,
        seed: int | np.random.SeedSequence | None = None,
        dtype: Any = np.float32,
        name: str = "network",
    ) -> None:
        self.name = name
        self.nodes = list(nodes)
        self.layers = [node.layer for node in self.nodes]
        self.inputs = [index for index, node in enumerate(self.nodes) if not node.inputs]
        self.outputs = list(outputs or [len(self.nodes) - 1])
        self.dtype = np.dtype(dtype)
        _check_names(self.layers)
        check_free(self.layers, name)
        self._infer_shapes()
        self._bind(seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed))
        move_in(self.layers, self)
        self.flavor = ""
        self.follow("keras")
        self.refresh()

    # Building -----------------------------------------------------------------------------------

    def _infer_shapes(self) -> None:
        shapes: list[Shape] = []
        for node in self.nodes:
            if not node.inputs:
                if not isinstance(node.layer, InputLayer) or node.layer.batch_input_shape is None:
                    raise NotBuiltError(
                        f"layer {node.layer.name!r}: expected an input shape. Start the model with "
                        f"Input(shape) or give the first layer input_shape=..."
                    )
                shape = node.layer.batch_input_shape
            else:
                shape = shapes[node.inputs[0]]
            shapes.append(node.layer.ensure_built(shape))
        self.input_shapes = [shapes[index] for index in self.inputs]
        self.output_shapes = [shapes[index] for index in self.outputs]
        self._route = route(self.nodes, self.outputs)
        self._waits = any(stop.by_sample for stop in self._route)
        self.lookups = [self._takes_integers(index) for index in self.inputs]

    def _bind(self, sequence: np.random.SeedSequence) -> None:
        """Give every weight its place in a flat vector: with the value it has, or else its first one."""
        weights = self.weights
        trainable = [weight for weight in weights if weight.trainable]
        fixed = [weight for weight in weights if not weight.trainable]
        self.params = np.empty(sum(weight.size for weight in trainable), self.dtype)
        self.grads = np.zeros_like(self.params)
        self.statistics = np.empty(sum(weight.size for weight in fixed), self.dtype)
        values = {**views(trainable, self.params), **views(fixed, self.statistics)}
        for layer, child in zip(self.layers, sequence.spawn(len(self.layers)), strict=True):
            first, noise = child.spawn(2)
            if not layer.seeded:
                layer.seed(noise)
            rng = np.random.default_rng(first)
            for weight in layer.weights:
                values[weight][...] = (
                    weight.value if weight.bound else weight.initializer(weight.shape, self.dtype, rng)
                )
        for weight, value in values.items():  # only now, when nothing can fail
            weight.value = value
        for weight, grad in views(trainable, self.grads).items():
            weight.grad = grad

    def release(self) -> None:
        """Let go of the layers, so that another network may have them; this one is of no more use."""
        move_out(self.layers, self)

    def follow(self, flavor: str) -> None:
        """Let all layers keep to the rules of "keras" or of "tfjs" where these differ (compile says which)."""
        if flavor != self.flavor:
            self.flavor = flavor
            for layer in self.layers:
                layer.follow(flavor)

    def refresh(self) -> None:
        """Look again at which layers are frozen: after `layer.trainable` changed (compile does it)."""
        learning = {id(weight) for layer in self.layers for weight in layer.learning_weights()}
        self.learning = [weight for weight in self.weights if id(weight) in learning]
        starts = {id(weight): start for weight, start in offsets(self.weights)}
        self.layout = [
            (weight.name, starts[id(weight)], starts[id(weight)] + weight.size) for weight in self.learning
        ]
        self.ranges = joined([(start, stop) for _, start, stop in self.layout])
        penalized = [weight for weight in self.weights if weight.regularizer is not None]
        self.regularized = [weight for weight in penalized if id(weight) in learning]
        self.frozen_regularized = [weight for weight in penalized if id(weight) not in learning]
        self.constrained = [weight for weight in self.learning if weight.constraint is not None]
        wanted: set[int] = set()
        for index, node in enumerate(self.nodes):
            upstream = any(i in wanted for i in node.inputs)
            node.layer.input_gradient = upstream
            if upstream or any(True for _ in node.layer.learning_weights()):
                wanted.add(index)
        self._wanted = wanted

    # Passes -------------------------------------------------------------------------------------

    def predict(self, inputs: Sequence[Array]) -> list[Array]:
        """Outputs for a batch, without a way back."""
        return self.forward(inputs, training=False).outputs

    def forward(self, inputs: Sequence[Array], training: bool = False, fused: Container[int] = ()) -> Pass:
        """One pass.

        Args:
            inputs: One batch an input, from `check_inputs`.
            training: Whether dropout drops and running statistics run.
            fused: Nodes of outputs of which the caller wants the logits of the last activation.
        """
        values: list[Any] = [None] * len(self.nodes)
        masks: list[Array | None] = [None] * len(self.nodes)
        logits: list[Array | None] = [None] * len(self.nodes)
        ways: list[Backward] = []
        penalty = 0.0
        for index, x in zip(self.inputs, inputs, strict=True):
            values[index] = x
        pieces = Pieces() if self._waits else _NOTHING
        for index, layer, source, makes_mask, by_sample, run in self._route:
            x, mask = values[source], masks[source]
            if by_sample:
                run = partial(pieces.hand_in, run)
            elif pieces.waiting:
                pieces.do()
            into_logits = None
            if index in fused and isinstance(layer, Activated):
                z, way = layer.preactivation(x, training)
                logits[index] = z
                y, into_logits = layer.activation.forward(z)
            elif layer.uses_mask:
                y, way = run(x, training, mask)
                penalty += getattr(way, "penalty", 0.0)  # of layers inside: Bidirectional has such
            else:
                y, way = run(x, training)
            if layer.activity_regularizer is not None:
                own, way = with_penalty(layer.activity_regularizer, y, way, into_logits)
                penalty += own
            values[index] = y
            if makes_mask or mask is not None:
                masks[index] = layer.compute_mask(x, mask)
            ways.append(way)
        if pieces.waiting:
            pieces.do()
        return Pass(
            [values[i] for i in self.outputs],
            [logits[i] for i in self.outputs],
            [masks[i] for i in self.outputs],
            penalty,
            lambda gradients: self._backward(ways, gradients),
        )

    def _backward(self, ways: list[Backward], gradients: Sequence[Array]) -> list[Array | None]:
        pieces = Pieces() if self._waits else _NOTHING
        flowing: list[Array | None] = [None] * len(self.nodes)
        for index, gradient in zip(self.outputs, gradients, strict=True):
            flowing[index] = gradient
        for (index, _, source, _, by_sample, _), way in zip(
            reversed(self._route), reversed(ways), strict=True
        ):
            dy = flowing[index]
            if dy is None or index not in self._wanted:
                continue
            if not by_sample and pieces.waiting:
                pieces.do()
            dx = pieces.hand_in(way, dy) if by_sample else way(dy)
            before = flowing[source]
            if before is not None:
                pieces.do()
            flowing[source] = dx if before is None or dx is None else before + dx
        if pieces.waiting:
            pieces.do()
        return [flowing[i] for i in self.inputs]

    # Penalties and constraints ---------------------------------------------------------------------

    def penalty(self, weights: Sequence[Weight] | None = None) -> float:
        """The sum of the penalties of some weights: all that learn, if not given."""
        chosen = self.regularized if weights is None else weights
        return sum(w.regularizer.penalty(w.value) for w in chosen if w.regularizer is not None)

    def add_penalty_gradients(self) -> None:
        """Add the penalties' gradients to `grads`."""
        for weight in self.regularized:
            if weight.regularizer is not None:
                weight.grad += weight.regularizer.gradient(weight.value)

    def constrain(self) -> None:
        """Put every constrained weight back into its set."""
        for weight in self.constrained:
            if weight.constraint is not None:
                weight.value[...] = weight.constraint(weight.value)

    # Weights and state -------------------------------------------------------------------------------

    @property
    def weights(self) -> list[Weight]:
        """All weights in Keras's order, layer by layer."""
        return [weight for layer in self.layers for weight in layer.weights]

    def get_weights(self) -> list[Array]:
        """Copies of all weights, in Keras's order."""
        return [weight.value.copy() for weight in self.weights]

    def set_weights(self, values: Sequence[Any]) -> None:
        """Set all weights, in Keras's order; nothing changes if one does not fit.

        Raises:
            ShapeError: Their number or one of their shapes is wrong.
        """
        assign([(layer.name, weight) for layer in self.layers for weight in layer.weights], values)

    def get_state(self) -> Config:
        """All that passes change: both flat vectors and each layer's own state, as copies."""
        return {
            "params": self.params.copy(),
            "statistics": self.statistics.copy(),
            "layers": [layer.get_state() for layer in self.layers],
        }

    def set_state(self, state: Config) -> None:
        """Put back what `get_state` returned."""
        self.params[...] = state["params"]
        self.statistics[...] = state["statistics"]
        for layer, layer_state in zip(self.layers, state["layers"], strict=True):
            layer.set_state(layer_state)

    def reset_states(self) -> None:
        """Forget the states of stateful layers."""
        for layer in self.layers:
            layer.reset_states()

    # Checks ------------------------------------------------------------------------------------

    def check_inputs(self, arrays: Sequence[Any], where: str = "x", *, cast: bool = True) -> Sequence[Array]:
        """Arrays of numbers of the expected shapes, in the network's dtype if `cast`.

        Raises:
            ShapeError: A shape does not fit its input.
        """
        if len(arrays) != len(self.inputs):
            raise ShapeError(f"{where}: expected {len(self.inputs)} inputs, received {len(arrays)} arrays.")
        checked = [
            self._check_input(np.asarray(array), index, shape, where)
            for array, index, shape in zip(arrays, self.inputs, self.input_shapes, strict=True)
        ]
        return self.cast_inputs(checked) if cast else checked

    def cast_inputs(self, arrays: Sequence[Array]) -> Sequence[Array]:
        """Arrays in the network's dtype; inputs of lookups keep their integers."""
        if len(arrays) == 1 and arrays[0].dtype == self.dtype:
            return arrays
        return [
            array if array.dtype == self.dtype or lookup else array.astype(self.dtype)
            for array, lookup in zip(arrays, self.lookups, strict=True)
        ]

    def _check_input(self, array: Array, index: int, shape: Shape, where: str) -> Array:
        if array.dtype.kind not in "fiub":
            raise ShapeError(
                f"{where}: expected numbers, received dtype {array.dtype}. Make numbers of it first, such as "
                "with astype(float)."
            )
        if array.ndim == len(shape) - 1 and shape[-1] == 1:
            array = array[..., None]
        if not _fits(array.shape, (None, *shape[1:])):
            expected = "(" + ", ".join(["batch", *(str(size or "any") for size in shape[1:])]) + ")"
            way_out = "The first axis counts samples."
            if _fits(array.shape, shape[1:]):
                way_out += (
                    " One sample makes a batch of its own as x[None]; a dataset makes batches with .batch(n)."
                )
            raise ShapeError(
                f"{where}: layer {self.nodes[index].layer.name!r} expected shape {expected}, received "
                f"{array.shape}. {way_out}"
            )
        return array

    def _takes_integers(self, index: int) -> bool:
        return any(node.layer.integer_input for node in self.nodes if index in node.inputs)


def _fits(found: Sequence[int], expected: Shape) -> bool:
    return len(found) == len(expected) and all(
        size in (None, got) for got, size in zip(found, expected, strict=True)
    )


_NOTHING = Pieces()
"""That of networks in which no work waits for its neighbours: never anything in it."""


def _check_names(layers: Sequence[Layer]) -> None:
    seen: set[str] = set()
    for layer in layers:
        if layer.name in seen:
            raise ConfigError(
                f"layer name {layer.name!r} stands twice in one model. Give one of them another name."
            )
        seen.add(layer.name)
