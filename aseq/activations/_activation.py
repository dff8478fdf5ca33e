"""The contract of an activation: its value and the gradient that belongs to it, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.types import Array, Config

__all__ = ["Activation", "ActivationForward", "activation"]


class ActivationForward(Protocol):
    """The maths of an activation: `(x, out) -> (y, backward)`, where `out` may be `x` itself or None."""

    def __call__(self, x: Array, out: Array | None) -> tuple[Array, Callable[[Array], Array]]: ...


class Activation:
    """A named activation function.

    Calling it gives the value. `forward` gives the value and a closure that maps the gradient of
    the value to the gradient of the input.

    Args:
        name: In configs.
        forward: The maths: `(x, out) -> (y, backward)`, where `out` may be None, or `x` itself.
        doc: Its docstring.

    Attributes:
        tfjs: What tf.js means by the same name, where that is another function.

    Examples:
        >>> from aseq.activations import relu
        >>> relu(np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
        >>> y, backward = relu.forward(np.array([-1.0, 2.0]))
        >>> backward(np.ones(2)).tolist()
        [0.0, 1.0]
    """

    def __init__(self, name: str, forward: ActivationForward, doc: str | None = None) -> None:
        self.name = name
        self.tfjs = self
        self._forward = forward
        self.__doc__ = doc

    @property
    def identifier(self) -> str | Config:
        """What a config has in the place of this activation: its name."""
        return self.name

    def under(self, flavor: str) -> Activation:
        """The function that a model means by this one, whose rules are those of "keras" or "tfjs"."""
        return self.tfjs if flavor == "tfjs" else self

    def __call__(self, x: Any) -> Array:
        """The value for `x`, in the dtype of `x`."""
        return self._forward(np.asarray(x), None)[0]

    def forward(self, x: Array, out: Array | None = None) -> tuple[Array, Callable[[Array], Array]]:
        """The value and its `backward(dy) -> dx`.

        Args:
            x: Input of any shape.
            out: Buffer that may take the value; pass `x` itself where nobody else needs it.
        """
        return self._forward(x, out)

    def __repr__(self) -> str:
        return f"<activation {self.name}>"


def activation(forward: ActivationForward) -> Activation:
    """An `Activation` of the name and docstring of `forward`."""
    return Activation(forward.__name__, forward, forward.__doc__)  # type: ignore[attr-defined]
