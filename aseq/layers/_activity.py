"""Penalties on what a layer gives out: their value, and their part in the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.regularizers import Regularizer
    from aseq.types import Array, Backward

__all__ = ["Penalized", "with_penalty"]


class Penalized:
    """The backward of a pass in which layers inside a layer had penalties; it brings along their sum.

    Args:
        backward: The way back.
        penalty: The sum.
    """

    def __init__(self, backward: Backward, penalty: float) -> None:
        self.backward = backward
        self.penalty = penalty

    def __call__(self, dy: Array) -> Array | None:
        """The way back."""
        return self.backward(dy)


def with_penalty(
    regularizer: Regularizer,
    y: Array,
    backward: Backward,
    into_logits: Callable[[Array], Array] | None = None,
) -> tuple[float, Backward]:
    """The penalty of an output, penalty(y) / B, and the way back with its gradient added to what comes in.

    Args:
        regularizer: Of the layer's activity.
        y: The output.
        backward: The way back without it.
        into_logits: From the gradient of `y` to what `backward` takes, where that is another thing.

    Examples:
        >>> import numpy as np
        >>> from aseq.regularizers import L1
        >>> penalty, backward = with_penalty(L1(0.5), np.array([[3.0], [-1.0]]), lambda dy: dy)
        >>> penalty, backward(np.zeros((2, 1))).tolist()
        (1.0, [[0.25], [-0.25]])
    """
    share = 1 / max(len(y), 1)

    def penalized(dy: Array) -> Array | None:
        slope = regularizer.gradient(y) * y.dtype.type(share)
        return backward(dy + (slope if into_logits is None else into_logits(slope)))

    return regularizer.penalty(y) * share, penalized
