"""The way of a pass through a graph: what is called for each node, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from aseq.activations import linear, relu
from aseq.layers._core import Activated, Activation
from aseq.layers._layer import Layer
from aseq.layers._pooling import then_relu

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from aseq.types import Array, Backward

    Forward: TypeAlias = Callable[..., tuple[Array, Backward]]

__all__ = ["Node", "Stop", "chain", "route"]


@dataclass(frozen=True)
class Node:
    """A layer and the nodes whose outputs it takes; an input of the network takes none."""

    layer: Layer
    inputs: tuple[int, ...] = ()


class Stop(NamedTuple):
    """A node on the way.

    Attributes:
        node: Its index.
        layer: Of the node.
        source: The node whose output it takes.
        makes_mask: Whether it may give a mask where it takes none.
        by_sample: Whether its work may wait and be done together with that of its neighbours.
        run: What gives its output and its way back.
    """

    node: int
    layer: Layer
    source: int
    makes_mask: bool
    by_sample: bool
    run: Forward


def chain(layers: Sequence[Layer]) -> list[Node]:
    """Nodes of layers one after the other; the first is an input.

    Examples:
        >>> from aseq.layers import Dense, Input
        >>> [node.inputs for node in chain([Input((2,)), Dense(3), Dense(1)])]
        [(), (0,), (1,)]
    """
    return [Node(layer, (index - 1,) if index else ()) for index, layer in enumerate(layers)]


def route(nodes: Sequence[Node], outputs: Sequence[int]) -> list[Stop]:
    """The stops of a pass, in order.

    Args:
        nodes: Each after its inputs.
        outputs: Those whose values are wanted.
    """
    runs = _runs(nodes, outputs)
    stops = []
    for index, (node, run) in enumerate(zip(nodes, runs, strict=True)):
        layer = node.layer
        if not node.inputs:
            continue
        makes_mask = type(layer).compute_mask is not Layer.compute_mask
        bare = not isinstance(layer, Activated) or layer.activation is linear or run == layer.preactivation
        alone = index in outputs or layer.activity_regularizer is not None
        by_sample = _says(layer, "by_sample") and bare and not alone
        stops.append(Stop(index, layer, node.inputs[0], makes_mask, by_sample, run))
    return stops


def _runs(nodes: Sequence[Node], outputs: Sequence[int]) -> list[Forward]:
    """The `forward` of each layer, but a ReLU before a max pooling comes behind it.

    max(relu(z)) = relu(max(z)), and the gradients agree as well, with a fraction of the elements to visit.
    """
    runs: list[Forward] = [node.layer.forward for node in nodes]
    sources = [source for node in nodes for source in node.inputs]
    for index, node in enumerate(nodes):
        if not _says(node.layer, "takes_largest"):
            continue
        [source] = node.inputs
        before = nodes[source].layer
        if sources.count(source) > 1 or source in outputs or before.activity_regularizer is not None:
            continue
        plain = type(before).forward in (Activated.forward, Activation.forward)  # a subclass may do more
        if isinstance(before, Activated) and plain and before.activation is relu:
            runs[source] = before.preactivation
            runs[index] = then_relu(node.layer.forward)
    return runs


def _says(layer: Layer, attribute: str) -> bool:
    """What the layer's own class says, since a subclass may do more than that."""
    return bool(vars(type(layer)).get(attribute, False))
