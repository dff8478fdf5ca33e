"""`ModelArtifacts`: what every codec writes and reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aseq.types import Array, Config

__all__ = ["ModelArtifacts"]


@dataclass
class ModelArtifacts:
    """A model as plain data: JSON values and arrays, nothing that runs.

    Attributes:
        model: `{"class_name": "Sequential", "config": ...}`, Keras-compatible.
        weights: Names such as "dense/kernel" and arrays, in Keras's order.
        compile: The arguments of `compile` as configs; None for a model that was not compiled.
        optimizer: Optimizer state: "iterations", "learning_rate" and "slots", flat arrays by name.
        metadata: The user's own JSON values, `model.metadata`.

    Examples:
        >>> ModelArtifacts({"class_name": "Sequential", "config": {"layers": []}}).weights
        []
    """

    model: Config
    weights: list[tuple[str, Array]] = field(default_factory=list)
    compile: Config | None = None
    optimizer: Config | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
