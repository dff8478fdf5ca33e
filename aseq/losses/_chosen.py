"""The crossentropy that the shapes of targets and outputs ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.losses._crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from aseq.losses._loss import Loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from aseq.losses._targets import Scale
    from aseq.types import Array, Shape

__all__ = ["Crossentropy"]


class Crossentropy(Loss):
    """Keras's `loss="crossentropy"`: binary, sparse or categorical crossentropy.

    One output unit is binary; a target with fewer axes than the output, or a last axis of 1, is
    sparse; anything else categorical.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.

    Examples:
        >>> round(Crossentropy()(np.array([1]), np.array([[0.5, 0.5]])), 4)
        0.6931
    """

    fuses = frozenset({"softmax", "sigmoid"})

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = None) -> None:
        super().__init__(reduction, name)
        self._binary = BinaryCrossentropy(reduction=reduction, name=self.name)
        self._sparse = SparseCategoricalCrossentropy(reduction=reduction, name=self.name)
        self._categorical = CategoricalCrossentropy(reduction=reduction, name=self.name)

    def prepare(self, y: Any, output_shape: Shape, dtype: Any = np.float32, where: str = "y") -> Array:
        """Class indices as int64, other targets in the dtype and shape of the outputs."""
        return self._meant(np.shape(y), output_shape).prepare(y, output_shape, dtype, where)

    def values_shape(self, y_true: Array) -> tuple[int, ...] | None:
        """That of the crossentropy meant."""
        return self._prepared(y_true).values_shape(y_true)

    def forward(self, y_true: Array, y_pred: Array) -> tuple[Array, Callable[[Scale], Array]]:
        """Those of the crossentropy meant."""
        return self._prepared(y_true).forward(y_true, y_pred)

    def forward_logits(
        self, y_true: Array, z: Array, y_pred: Array | None
    ) -> tuple[Array, Callable[[Scale], Array]]:
        """The same from the logits."""
        return self._prepared(y_true).forward_logits(y_true, z, y_pred)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss as a float, or as an array of values with reduction "none"."""
        return self._meant(np.shape(y_true), np.shape(y_pred))(y_true, y_pred, sample_weight)

    def _meant(self, target: Shape, output: Shape) -> Loss:
        if output[-1] == 1:
            return self._binary
        return self._sparse if len(target) < len(output) or target[-1] == 1 else self._categorical

    def _prepared(self, y_true: Array) -> Loss:
        """The one that `prepare` chose: only indices are integers."""
        if y_true.dtype.kind == "i":
            return self._sparse
        return self._binary if y_true.shape[-1] == 1 else self._categorical
