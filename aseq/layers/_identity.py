"""Layers that give out what they get: Identity, and ActivityRegularization, which puts a price on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq.layers._layer import Layer
from aseq.regularizers import L1L2

if TYPE_CHECKING:
    from aseq.types import Array, Backward, Config

__all__ = ["ActivityRegularization", "Identity"]


class Identity(Layer):
    """The input itself: a place for a layer that may be put in later.

    Examples:
        >>> import numpy as np
        >>> Identity().forward(np.array([[1.0, 2.0]]))[0].tolist()
        [[1.0, 2.0]]
    """

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The input itself."""
        return x, lambda dy: dy


class ActivityRegularization(Identity):
    """The input itself; l1 sum(|x|) + l2 sum(x^2), divided by the number of samples, is added to the loss.

    Args:
        l1: Factor of the absolute values.
        l2: Factor of the squares.
        **options: Those of `Layer`.

    Examples:
        >>> from aseq.layers import Input
        >>> from aseq.network import Network, chain
        >>> import numpy as np
        >>> network = Network(chain([Input((2,)), ActivityRegularization(l1=0.5)]))
        >>> network.forward([np.array([[3.0, -1.0]], np.float32)]).penalty
        2.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **options: Any) -> None:
        super().__init__(**options | {"activity_regularizer": L1L2(l1, l2)})
        self.l1, self.l2 = l1, l2

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config() | {"l1": self.l1, "l2": self.l2}
        del config["activity_regularizer"]
        return config
