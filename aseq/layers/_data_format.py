"""Where the channels stand: the spellings of Keras and tf.js."""

from __future__ import annotations

from typing import Any

from aseq.errors import ConfigError

__all__ = ["known_format"]

_FORMATS = {
    None: "channels_last",
    "channels_last": "channels_last",
    "channelsLast": "channels_last",
    "channels_first": "channels_first",
    "channelsFirst": "channels_first",
}


def known_format(owner: str, data_format: Any) -> str:
    """Either "channels_last", the default, or "channels_first".

    Raises:
        ConfigError: It is neither.

    Examples:
        >>> known_format("Flatten", None), known_format("Flatten", "channelsFirst")
        ('channels_last', 'channels_first')
    """
    if not (data_format is None or isinstance(data_format, str)) or data_format not in _FORMATS:
        raise ConfigError(
            f"{owner}: expected data_format 'channels_last' or 'channels_first', received {data_format!r}."
        )
    return _FORMATS[data_format]
