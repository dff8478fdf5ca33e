"""Where sequences begin: rows of a table for whole numbers, and masks for steps that are only padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.errors import DataError
from aseq.layers._layer import Layer, positive
from aseq.layers._weight_spec import WeightSpec

if TYPE_CHECKING:
    from aseq.types import Array, Backward, Config, Shape

__all__ = ["Embedding", "Masking"]


class Embedding(Layer):
    """A row of a table for each whole number: (B, ...) to (B, ..., output_dim).

    Args:
        input_dim: Rows of the table; inputs are 0 to input_dim - 1.
        output_dim: Columns of the table.
        embeddings_initializer: Of the table, (input_dim, output_dim).
        embeddings_regularizer: Penalty on the table.
        embeddings_constraint: Applied to the table after each step.
        mask_zero: Input 0 is padding, which later layers skip.
        input_length: Short for `input_shape=(input_length,)`, in the style of tf.js and Keras 2.
        **options: Those of `Layer`.

    Raises:
        DataError: An input is no row of the table.

    Examples:
        >>> layer = Embedding(10, 2).initialize((None, 3))
        >>> layer.forward(np.array([[1, 2, 1]]))[0].shape
        (1, 3, 2)
    """

    integer_input = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        *,
        input_length: int | None = None,
        **options: Any,
    ) -> None:
        if input_length is not None:
            options.setdefault("input_shape", (input_length,))
        super().__init__(**options)
        self.input_dim = positive("Embedding", "input_dim", input_dim)
        self.output_dim = positive("Embedding", "output_dim", output_dim)
        self.spec = WeightSpec(embeddings_initializer, embeddings_regularizer, embeddings_constraint)
        self.mask_zero = mask_zero

    def build(self, input_shape: Shape) -> None:
        """Declare the table."""
        self.embeddings = self.spec.declare(self, "embeddings", (self.input_dim, self.output_dim))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's, with a last axis of `output_dim`."""
        return (*input_shape, self.output_dim)

    def compute_mask(self, x: Array, mask: Array | None) -> Array | None:
        """Where the input is not 0, if that is padding."""
        return self._whole(x) != 0 if self.mask_zero else None

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The rows of the table; the input, being whole numbers, has no gradient."""
        ids = self._whole(x)
        self._check(ids)

        def backward(dy: Array) -> None:
            _sum_rows(ids.ravel(), dy.reshape(-1, self.output_dim), self.embeddings.grad)

        return self.embeddings.value[ids], backward

    def _whole(self, x: Array) -> Array:
        """The input as integers; a part after the decimal point is cut off, as in Keras and tf.js."""
        if x.dtype.kind in "iu":
            return x
        with np.errstate(invalid="ignore"):  # NaN turns into a number that `_check` refuses
            return x.astype(np.int64)

    def _check(self, ids: Array) -> None:
        if ids.size and (ids.min() < 0 or ids.max() >= self.input_dim):
            found = ids.max() if ids.max() >= self.input_dim else ids.min()
            raise DataError(
                f"layer {self.name!r} (Embedding): expected whole numbers from 0 to {self.input_dim - 1}, "
                f"received {found}. Raise input_dim or map unknown values to one of these."
            )

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config() | {"input_dim": self.input_dim, "output_dim": self.output_dim}
        return config | self.spec.config("embeddings") | {"mask_zero": self.mask_zero}


class Masking(Layer):
    """Masks the time steps whose features all equal `mask_value`, and sets them to 0.

    Args:
        mask_value: What a padded step consists of.
        **options: Those of `Layer`.

    Examples:
        >>> layer, x = Masking(-1.0), np.array([[[-1.0, -1.0], [-1.0, 2.0]]])
        >>> layer.forward(x)[0].tolist(), layer.compute_mask(x, None).tolist()
        ([[[0.0, 0.0], [-1.0, 2.0]]], [[False, True]])
    """

    def __init__(self, mask_value: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.mask_value = mask_value

    def compute_mask(self, x: Array, mask: Array | None) -> Array | None:
        """True for the steps that count; it replaces an earlier mask, as in Keras."""
        return np.any(x != self.mask_value, -1)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The input, with 0 in the masked steps."""
        kept = np.any(x != self.mask_value, -1, keepdims=True)
        return np.where(kept, x, 0), lambda dy: np.where(kept, dy, 0)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"mask_value": self.mask_value}


def _sum_rows(ids: Array, rows: Array, out: Array) -> None:
    """out[i] = the sum of all `rows` whose id is i: sorted by id, each sum is over neighbours.

    (`np.add.at` does the same and takes 2 to 7 times as long.)
    """
    out[...] = 0
    if not len(ids):
        return
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    first = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    out[ids[first]] = np.add.reduceat(rows[order], first, axis=0)
