"""A layer under test: built on its own, fed with numbers of its liking, each pass from the same start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.testing._case import Case
from aseq.testing._numbers import as_list, shadows

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.layers import Layer
    from aseq.types import Array

__all__ = ["LayerCase", "Subject"]


@dataclass(frozen=True, kw_only=True)
class LayerCase(Case):
    """A layer under test.

    Attributes:
        factory: Makes the layer, a new one at each call.
        input_shape: Of one sample, without the batch axis.
        classes: The inputs are whole numbers below this (lookups) instead of normal ones.
        draw: Makes inputs of a shape, for layers that want special ones (off a kink, positive).
        batch_size: The only batch size that the layer takes (stateful recurrent layers).
        masked: False if the inputs have no time axis that a mask could be about.
        masked_rows: False if a whole row of masked steps makes no sense to the layer.
        keeps_mean: While training the layer adds noise that leaves the mean of the outputs alone.
        tolerance: Relative, of gradients.

    Examples:
        >>> from aseq.layers import Dense
        >>> LayerCase(id="Dense-relu", factory=lambda: Dense(3, "relu"), input_shape=(4,)).component
        'Dense'
    """

    factory: Callable[[], Layer]
    input_shape: tuple[int, ...]
    classes: int | None = None
    draw: Callable[[np.random.Generator, tuple[int, ...]], Array] | None = None
    batch_size: int | None = None
    masked: bool = True
    masked_rows: bool = True
    keeps_mean: bool = False
    tolerance: float = 1e-6

    def inputs(self, batch: int, dtype: Any = np.float64, seed: int = 0) -> Array:
        """Inputs for one batch."""
        rng = np.random.default_rng(seed)
        shape = (batch, *self.input_shape)
        if self.classes is not None:
            return rng.integers(self.classes, size=shape)
        drawn = rng.normal(size=shape) if self.draw is None else self.draw(rng, shape)
        return drawn.astype(dtype)


class Subject:
    """A built layer whose passes all begin in the same state.

    Args:
        case: The case.
        dtype: Of weights and inputs.
        seed: Of weights and noise.
        stirred: Move the weights off their first values, so that no zero hides a wrong gradient.
        layer: The layer to build; the case's own if not given.
    """

    def __init__(
        self,
        case: LayerCase,
        dtype: Any = np.float64,
        seed: int = 0,
        *,
        stirred: bool = True,
        layer: Layer | None = None,
    ) -> None:
        self.case = case
        self.dtype = np.dtype(dtype)
        self.layer = case.factory() if layer is None else layer
        self.layer.initialize((case.batch_size, *case.input_shape), seed=seed, dtype=dtype)
        if stirred:
            self._stir(np.random.default_rng(seed + 1))
        self._state = self.layer.get_state()
        self._statistics = [weight.value.copy() for weight in self.statistics]

    def _stir(self, rng: np.random.Generator) -> None:
        for weight in self.layer.weights:
            if weight.trainable:
                weight.value += rng.normal(scale=0.3, size=weight.shape).astype(self.dtype)
            else:  # may be a variance, which stays positive
                weight.value += rng.uniform(0, 0.5, size=weight.shape).astype(self.dtype)

    @property
    def trainable(self) -> list[Any]:
        """The weights that have gradients."""
        return [weight for weight in self.layer.weights if weight.trainable]

    @property
    def statistics(self) -> list[Any]:
        """The weights that have none."""
        return [weight for weight in self.layer.weights if not weight.trainable]

    def inputs(self, batch: int = 3, seed: int = 0) -> Array:
        """Inputs for one batch, or for the only batch size that the layer takes."""
        return self.case.inputs(self.case.batch_size or batch, self.dtype, seed)

    def rewind(self) -> None:
        """Put noise, carried states and running statistics back to the start."""
        self.layer.set_state(self._state)
        for weight, kept in zip(self.statistics, self._statistics, strict=True):
            weight.value[...] = kept

    def forward(self, x: Array, training: bool = False, mask: Array | None = None) -> tuple[Any, Any]:
        """One pass from the start."""
        self.rewind()
        return self.forward_on(x, training, mask)

    def forward_on(self, x: Array, training: bool = False, mask: Array | None = None) -> tuple[Any, Any]:
        """One pass from where the last one ended."""
        if self.layer.uses_mask:
            return self.layer.forward(x, training, mask)  # type: ignore[call-arg]
        return self.layer.forward(x, training)

    def forget_gradients(self) -> None:
        """Fill all gradients with NaN, so that one that is not written shows."""
        for weight in self.trainable:
            weight.grad.fill(np.nan)

    def back(self, backward: Any, gradients: list[Array]) -> Array | None:
        """Take the gradients of the outputs back; a layer of one output gets it bare."""
        dx: Array | None = backward(gradients if len(gradients) > 1 else gradients[0])
        return dx

    def gradients(self) -> list[Array]:
        """Copies of the gradients of all trainable weights."""
        return [weight.grad.copy() for weight in self.trainable]

    def projection(self, x: Array, training: bool, mask: Array | None = None) -> Callable[[], float]:
        """The outputs' product with fixed random numbers, as a function of the current x and weights."""
        outputs = as_list(self.forward(x, training, mask)[0])
        weights = shadows(7, outputs)

        def value() -> float:
            outputs = as_list(self.forward(x, training, mask)[0])
            return float(sum(np.sum(w * y) for w, y in zip(weights, outputs, strict=True)))

        return value

    def masks(self, batch: int) -> Array:
        """Masks of the time axis: full, cut off at the end, with holes, and empty where that makes sense."""
        time = self.case.input_shape[0]
        mask = np.ones((batch, time), bool)
        mask[1::3, -1] = False
        mask[2::3, 0] = False
        mask[2::3, time // 2] = time < 3
        if self.case.masked_rows and batch > 3:
            mask[3] = False
        return mask
