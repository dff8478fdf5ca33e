"""The forms in which aseq, Keras and tf.js describe a Sequential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection

    from aseq.types import Config

__all__ = ["inner_config"]


def inner_config(config: Any, names: Collection[str]) -> Config:
    """`{"name": ..., "layers": [...]}`, out of `{"class_name", "config"}` or around a mere list of layers.

    Args:
        config: What was given.
        names: Class names that are welcome.

    Raises:
        ConfigError: It describes no Sequential.

    Examples:
        >>> inner_config({"class_name": "Sequential", "config": []}, ["Sequential"])
        {'layers': []}
        >>> inner_config({"class_name": "Functional", "config": {"layers": []}}, ["Sequential"])
        Traceback (most recent call last):
        aseq.errors.ConfigError: from_config: expected a Sequential, received a model of class 'Functional'. ...
    """
    inner = config
    if isinstance(config, dict) and ("class_name" in config or "config" in config):
        found = config.get("class_name", "Sequential")
        if found not in names:
            raise _foreign(found)
        inner = config.get("config")
    if isinstance(inner, list):  # the oldest form: the layers alone
        return {"layers": inner}
    if not isinstance(inner, dict) or not isinstance(inner.get("layers"), list):
        got = f"a dict with the keys {list(inner)}" if isinstance(inner, dict) else repr(inner)
        raise ConfigError(
            f'from_config: expected {{"name": ..., "layers": [...]}}, as model.get_config() gives it, received {got}.'
        )
    if "output_layers" in inner:
        raise _foreign("Functional")
    return inner


def _foreign(name: Any) -> ConfigError:
    return ConfigError(
        f"from_config: expected a Sequential, received a model of class {name!r}. Only layers in a row can be read."
    )
