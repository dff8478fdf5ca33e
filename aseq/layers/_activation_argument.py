"""What the argument `activation` of a layer may be: also another layer, if that is no more than a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq import activations
from aseq.activations import Activation
from aseq.errors import ConfigError
from aseq.layers._from_config import described, find_layer, from_config
from aseq.layers._layer import Layer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.types import Array, Config

__all__ = ["get_activation"]


def get_activation(identifier: Any) -> Activation:
    """The activation that `identifier` means: whatever `activations.get` takes, a layer, or a layer's config.

    Raises:
        ConfigError: It is none, or a layer that is not an activation.

    Examples:
        >>> get_activation({"class_name": "LeakyReLU", "config": {"negative_slope": 0.5}})([-2.0, 2.0]).tolist()
        [-1.0, 2.0]
    """
    if isinstance(identifier, dict) and find_layer(identifier.get("class_name")) is not None:
        identifier = from_config(identifier)
    if not isinstance(identifier, Layer):
        return activations.get(identifier)
    if not identifier.is_activation:
        raise ConfigError(
            f"activation: expected a function of one argument, or a layer that is one, such as LeakyReLU(), "
            f"received {identifier!r}. Put this layer behind the other one."
        )
    return _LayerActivation(identifier)


class _LayerActivation(Activation):
    """A layer in the place of an activation function."""

    def __init__(self, layer: Layer) -> None:
        def forward(x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Any]]:
            return layer.forward(x)

        super().__init__(layer.name, forward, type(layer).__doc__)
        self.layer = layer

    @property
    def identifier(self) -> str | Config:
        """The layer's description."""
        return described(self.layer)
