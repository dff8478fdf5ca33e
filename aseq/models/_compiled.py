"""What `compile` decides: optimizer, losses and metrics, checked before there is any data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aseq import activations, losses, metrics, optimizers
from aseq.errors import ConfigError
from aseq.training._step import Step

if TYPE_CHECKING:
    from aseq.layers import Layer
    from aseq.network import Network

__all__ = ["Compiled"]


@dataclass
class Compiled:
    """The arguments of `compile`, resolved.

    Attributes:
        optimizer: The instance.
        losses: One an output.
        metrics: Identifiers; accuracy is chosen with the first batch.
        weighted_metrics: Likewise.
        flavor: "tfjs" where the optimizer asks for tf.js's rules, else "keras".
    """

    optimizer: optimizers.Optimizer
    losses: list[losses.Loss]
    metrics: list[Any]
    weighted_metrics: list[Any]
    flavor: str

    @classmethod
    def of(cls, optimizer: Any, loss: Any, metrics_: Any, weighted_metrics: Any) -> Compiled:
        """Resolve the arguments.

        Raises:
            ConfigError: One of them means nothing.
        """
        if loss is None:
            raise ConfigError("compile: expected a loss, such as loss='mse', received None.")
        found = optimizers.get(optimizer)
        flavor = found.flavor
        wanted = loss if isinstance(loss, (list, tuple)) else [loss]
        plain, weighted = _listed(metrics_), _listed(weighted_metrics)
        for identifier in (*plain, *weighted):
            metrics.check_known(identifier)
        return cls(found, [losses.get(item, flavor=flavor) for item in wanted], plain, weighted, flavor)

    def step(self, network: Network) -> Step:
        """The steps of this compilation for a built network."""
        if len(self.losses) != len(network.outputs):
            raise ConfigError(
                f"compile: expected {len(network.outputs)} losses, one an output, received {len(self.losses)}."
            )
        for index in network.outputs:
            if network.layers[index].gives_several:
                raise ConfigError(
                    f"compile: expected a last layer with one output to train, received {network.layers[index]!r}, "
                    f"which gives several. Leave out return_state=True and merge_mode=None."
                )
        if self.flavor == "tfjs":
            for layer in network.layers:
                _use_tfjs_activations(layer)
        network.refresh()
        return Step(network, self.losses, self.optimizer, self.metrics, self.weighted_metrics, self.flavor)


def _use_tfjs_activations(layer: Layer) -> None:
    """A model compiled with a tf.js optimizer means tf.js's hard_sigmoid, clip(0.2 x + 0.5)."""
    for inner in layer.walk():
        for name in ("activation", "recurrent_activation"):
            if getattr(inner, name, None) is activations.hard_sigmoid:
                setattr(inner, name, activations.hard_sigmoid_tfjs)


def _listed(identifiers: Any) -> list[Any]:
    if identifiers is None:
        return []
    if isinstance(identifiers, (list, tuple)):
        flat: list[Any] = []
        for item in identifiers:  # Keras takes a list of lists, one an output
            flat.extend(item) if isinstance(item, (list, tuple)) else flat.append(item)
        return flat
    return [identifiers]
