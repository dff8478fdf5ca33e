"""From a description with a class name to a layer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from aseq.errors import ConfigError
from aseq.layers._layer import Layer

if TYPE_CHECKING:
    from aseq.types import Config

__all__ = ["described", "find_layer", "from_config"]


def find_layer(name: Any) -> type[Layer] | None:
    """The class of this name among the layers of aseq, if there is one."""
    room = sys.modules["aseq.layers"]  # its __all__ is the registry; it imports this module
    found = getattr(room, name) if isinstance(name, str) and name in room.__all__ else None
    return found if isinstance(found, type) and issubclass(found, Layer) else None


def from_config(entry: Any, custom_objects: Any = None) -> Layer:
    """A layer from `{"class_name", "config"}`, as `get_config` of a model and Keras files have it.

    Args:
        entry: The description.
        custom_objects: Layer classes of your own by name.

    Raises:
        ConfigError: It is no description, or no layer has this class name.

    Examples:
        >>> from_config({"class_name": "Dense", "config": {"units": 3, "name": "out"}})
        <Dense 'out'>
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
        raise ConfigError(f'layer: expected {{"class_name": ..., "config": {{...}}}}, received {entry!r}.')
    name, config = entry["class_name"], entry.get("config") or {}
    if not isinstance(config, dict):
        raise ConfigError(f"layer {name}: expected its config to be a dict, received {config!r}.")
    found = (custom_objects or {}).get(name) or find_layer(name)
    if not (isinstance(found, type) and issubclass(found, Layer)):
        if name == "Lambda":
            raise ConfigError(
                "layer: expected layers that are known by name, received a Lambda, whose function is code. Write "
                "it as a layer of your own and pass custom_objects={'Lambda': ...}."
            )
        known = ", ".join(n for n in sys.modules["aseq.layers"].__all__ if n[0].isupper())
        raise ConfigError(
            f"layer: expected one of {known}, received class_name {name!r}. Pass classes of your own as "
            f"custom_objects={{{name!r}: ...}}."
        )
    layer: Layer = found.from_config(config)
    return layer


def described(layer: Layer) -> Config:
    """The description of a layer inside another one, with the module in which Keras looks for its class.

    Examples:
        >>> from aseq.layers import Dense
        >>> from_config(described(Dense(3, name="out")))
        <Dense 'out'>
    """
    return {"module": "keras.layers", "class_name": type(layer).__name__, "config": layer.get_config()}
