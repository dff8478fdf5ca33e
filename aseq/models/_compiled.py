"""What `compile` decides: optimizer, losses and metrics, checked before there is any data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import losses, metrics, optimizers
from aseq.errors import ConfigError
from aseq.training._step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.network import Network

__all__ = ["Compiled"]


@dataclass
class Compiled:
    """The arguments of `compile`, resolved.

    Attributes:
        optimizer: The instance.
        losses: One an output; none where the model only predicts.
        metrics: Identifiers; accuracy is chosen with the first batch.
        weighted_metrics: Likewise.
        flavor: "tfjs" where the optimizer asks for tf.js's rules, else "keras".
        loss_weights: Factors of the losses, or None.
    """

    optimizer: optimizers.Optimizer
    losses: list[losses.Loss]
    metrics: list[Any]
    weighted_metrics: list[Any]
    flavor: str
    loss_weights: list[float] | None = None

    @classmethod
    def of(
        cls,
        optimizer: Any,
        loss: Any,
        metrics_: Any,
        weighted_metrics: Any,
        names: Sequence[str],
        loss_weights: Any = None,
    ) -> Compiled:
        """Resolve the arguments; `names` are those of the outputs.

        Raises:
            ConfigError: One of them means nothing.
        """
        found = optimizers.get(optimizer)
        flavor = found.flavor
        wanted = _listed(_by_output("loss", loss, names))
        plain = _flat(_by_output("metrics", metrics_, names))
        weighted = _flat(_by_output("weighted_metrics", weighted_metrics, names))
        for identifier in (*plain, *weighted):
            metrics.check_known(identifier)
        factors = None
        if loss_weights is not None:
            factors = _factors(_listed(_by_output("loss_weights", loss_weights, names)), len(wanted))
        found_losses = [losses.get(item, flavor=flavor) for item in wanted]
        return cls(found, found_losses, plain, weighted, flavor, factors)

    def step(self, network: Network) -> Step:
        """The steps of this compilation for a built network.

        Raises:
            ConfigError: It has no loss, or other outputs than losses.
        """
        if not self.losses:
            raise ConfigError(
                "compile: expected a loss to train or evaluate with, such as loss='mse', received None. Only "
                "predictions need none."
            )
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
        network.follow(self.flavor)
        network.refresh()
        return Step(
            network,
            self.losses,
            self.optimizer,
            self.metrics,
            self.weighted_metrics,
            self.flavor,
            self.loss_weights,
        )


def _by_output(argument: str, given: Any, names: Sequence[str]) -> Any:
    """One entry an output, where a dict has them by the output's name."""
    if not isinstance(given, dict) or "class_name" in given:
        return given
    if unknown := [name for name in given if name not in names]:
        raise ConfigError(
            f"compile: {argument}: expected names of outputs, here {', '.join(names) or 'none'}, received "
            f"{', '.join(map(repr, unknown))}."
        )
    return [given.get(name) for name in names]


def _factors(given: list[Any], losses_count: int) -> list[float]:
    """Loss weights as floats, one a loss."""
    if len(given) != losses_count or not all(isinstance(factor, (int, float, np.number)) for factor in given):
        raise ConfigError(
            f"compile: loss_weights: expected a number for each of {losses_count} losses, received {given!r}."
        )
    return [float(factor) for factor in given]


def _listed(items: Any) -> list[Any]:
    return [item for item in (items if isinstance(items, (list, tuple)) else [items]) if item is not None]


def _flat(identifiers: Any) -> list[Any]:
    """Keras takes a list of metrics, or a list of lists, one an output."""
    return [item for entry in _listed(identifiers) for item in _listed(entry)]
