"""Networks in a few words: "64 relu, dropout 0.2, 10 softmax"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aseq import layers
from aseq.errors import ConfigError

if TYPE_CHECKING:
    from aseq.layers import Layer

__all__ = ["parse_layers"]


def parse_layers(text: str) -> list[Layer]:
    """Dense and Dropout layers from their description.

    Args:
        text: Layers between commas: `UNITS`, `UNITS ACTIVATION` or `dropout RATE`.

    Raises:
        ConfigError: A layer cannot be understood.

    Examples:
        >>> [layer.units for layer in parse_layers("64 relu, 10 softmax")]
        [64, 10]
    """
    return [_layer(part.split()) for part in text.split(",")]


def _layer(words: list[str]) -> Layer:
    try:
        match words:
            case ["dropout", rate]:
                return layers.Dropout(float(rate))
            case [units]:
                return layers.Dense(int(units))
            case [units, activation]:
                return layers.Dense(int(units), activation=activation)
    except ConfigError as error:
        raise ConfigError(f"--layers: {error}") from None
    except ValueError:
        pass  # no number where one should be
    received = " ".join(words)
    raise ConfigError(f'--layers: expected "64 relu", "dropout 0.2" or "10", received {received!r}.')
