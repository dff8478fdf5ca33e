"""The three arguments that Keras gives each weight (initializer, regularizer, constraint) as one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq import constraints, initializers, regularizers

if TYPE_CHECKING:
    from aseq.layers._layer import Layer
    from aseq.layers._weight import Weight
    from aseq.types import Config

__all__ = ["WeightSpec"]


class WeightSpec:
    """How a weight starts, what its penalty is and which set it stays in.

    Args:
        initializer: Instance, name or config.
        regularizer: Instance, name, config or None.
        constraint: Instance, name, config or None.

    Examples:
        >>> WeightSpec("zeros").config("bias")["bias_initializer"]["class_name"]
        'Zeros'
    """

    def __init__(self, initializer: Any, regularizer: Any = None, constraint: Any = None) -> None:
        self.initializer = initializers.get(initializer)
        self.regularizer = regularizers.get(regularizer)
        self.constraint = constraints.get(constraint)

    def declare(self, layer: Layer, name: str, shape: tuple[int, ...]) -> Weight:
        """Add a trainable weight of this kind to `layer`."""
        return layer.add_weight(
            name, shape, self.initializer, regularizer=self.regularizer, constraint=self.constraint
        )

    def config(self, prefix: str) -> Config:
        """Keras's arguments `<prefix>_initializer`, `<prefix>_regularizer` and `<prefix>_constraint`."""
        return {
            f"{prefix}_initializer": initializers.serialize(self.initializer),
            f"{prefix}_regularizer": regularizers.serialize(self.regularizer),
            f"{prefix}_constraint": constraints.serialize(self.constraint),
        }
