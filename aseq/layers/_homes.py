"""Which network a layer's weights live in: one at a time, as they are views into its one vector.

This is kept here rather than on the layers, so that a copy of a layer is free.
"""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

from aseq.errors import ConfigError
from aseq.layers._core import InputLayer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aseq.layers._layer import Layer

__all__ = ["check_free", "move_in", "move_out"]

_HOMES: weakref.WeakKeyDictionary[Layer, weakref.ref[Any]] = weakref.WeakKeyDictionary()


def check_free(layers: Iterable[Layer], name: str) -> None:
    """Refuse layers that another living network has: their weights would be taken from under it.

    Args:
        layers: What a network is to be made of.
        name: Of its model, for the error.

    Raises:
        ConfigError: There is such a layer, or one stands twice.
    """
    tied = list(_tied(layers))
    if any(_home(layer) is not None for layer in tied):
        gc.collect()  # a fitted model and its History refer to each other: let go of, they are still there
    for index, layer in enumerate(tied):
        home = _home(layer)
        if layer in tied[:index]:
            raise ConfigError(
                f"{name}: expected every layer once, received {layer.name!r} twice: on its own or inside another "
                f"one. Make a new one for the second place."
            )
        if home is not None:
            raise ConfigError(
                f"{name}: expected layers of no other model, received {layer.name!r}, which belongs to the built "
                f"model {home.name!r}. Take it off there with pop(), or make a new one with "
                f"{type(layer).__name__}.from_config(layer.get_config()) and, once its model is built, "
                f"new.set_weights(layer.get_weights())."
            )


def move_in(layers: Iterable[Layer], home: Any) -> None:
    """Make `home` the network of these layers; they are free again when it is gone."""
    for layer in _tied(layers):
        _HOMES[layer] = weakref.ref(home)


def move_out(layers: Iterable[Layer], home: Any) -> None:
    """Free those of these layers that `home` has."""
    for layer in _tied(layers):
        if _home(layer) is home:
            del _HOMES[layer]


def _home(layer: Layer) -> Any:
    reference = _HOMES.get(layer)
    return None if reference is None else reference()


def _tied(layers: Iterable[Layer]) -> Iterator[Layer]:
    """These layers and those inside them, but for inputs, which have neither weights nor noise."""
    for layer in layers:
        if not isinstance(layer, InputLayer):
            yield from layer.walk()
