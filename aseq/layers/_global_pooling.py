"""Pooling over all of a sequence, image or volume: GlobalAveragePooling and GlobalMaxPooling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.layers._spatial import Spatial

if TYPE_CHECKING:
    from aseq.types import Array, Backward, Config, Shape

__all__ = [
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
]


class _GlobalPooling(Spatial):
    """One value a channel for the whole sequence or image.

    Args:
        data_format: "channels_last" (the default) or "channels_first".
        keepdims: Keep the spatial axes, with size 1.
        **options: Those of `Layer`.
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **options: Any) -> None:
        super().__init__(data_format, **options)
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, C), or with the spatial axes as ones."""
        _, channels = self.split_shape(input_shape)
        if self.keepdims:
            return self.join_shape(input_shape[0], (1,) * self.rank, channels)
        return (input_shape[0], channels)

    def cells(self, x: Array) -> Array:
        """`x` as (B, cells, C)."""
        x = self.inward(x)
        return x.reshape(len(x), math.prod(x.shape[1:-1]), x.shape[-1])

    def whole(self, y: Array) -> Array:
        """(B, C) as the output."""
        return self.outward(y.reshape(len(y), *(1,) * self.rank, y.shape[-1])) if self.keepdims else y

    def back(self, dcells: Array, x: Array) -> Array:
        """The gradient of `cells(x)` as that of `x`."""
        return self.outward(dcells.reshape(self.inward(x).shape))

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"keepdims": self.keepdims}


class _GlobalAverage(_GlobalPooling):
    """The mean over all cells."""

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """sum / cells; backward: dy / cells for every cell."""
        cells = self.cells(x)
        weight = x.dtype.type(1 / max(cells.shape[1], 1))
        y = np.matmul(np.full((1, cells.shape[1]), weight), cells)[
            :, 0
        ]  # faster than a sum over the middle axis

        def backward(dy: Array) -> Array:
            share = dy.reshape(len(cells), 1, -1) * weight
            return self.back(np.broadcast_to(share, cells.shape), x)

        return self.whole(y), backward


class _GlobalMax(_GlobalPooling):
    """The largest of all cells; equal ones share the gradient, as in TensorFlow's reduce_max."""

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """max; backward: dy to where the maximum is."""
        cells = self.cells(x)
        y = np.maximum.reduce(cells, 1)

        def backward(dy: Array) -> Array:
            largest = (cells == y[:, None]).astype(x.dtype)
            largest *= (dy.reshape(y.shape) / np.add.reduce(largest, 1))[:, None]
            return self.back(largest, x)

        return self.whole(y), backward


class GlobalMaxPooling1D(_GlobalMax):
    """The largest over time of each channel: (B, T, C) to (B, C).

    Args:
        data_format: "channels_last" (the default) or "channels_first".
        keepdims: Keep the spatial axes, with size 1.
        **options: Those of `Layer`.

    Examples:
        >>> GlobalMaxPooling1D().forward(np.array([[[1.0], [3.0]]]))[0].tolist()
        [[3.0]]
    """

    rank = 1


class GlobalMaxPooling2D(_GlobalMax):
    """The largest over the image of each channel: (B, H, W, C) to (B, C).

    The arguments are those of `GlobalMaxPooling1D`.

    Examples:
        >>> GlobalMaxPooling2D().forward(np.arange(4.0).reshape(1, 2, 2, 1))[0].tolist()
        [[3.0]]
    """

    rank = 2


class GlobalAveragePooling1D(_GlobalAverage):
    """The mean over time of each channel, over the steps that are not masked: (B, T, C) to (B, C).

    The arguments are those of `GlobalMaxPooling1D`. A sample with all steps masked gives zeros (NaN in Keras).

    Examples:
        >>> x = np.array([[[1.0], [3.0], [9.0]]])
        >>> layer = GlobalAveragePooling1D()
        >>> layer.forward(x, False, np.array([[True, True, False]]))[0].tolist()
        [[2.0]]
    """

    rank = 1
    uses_mask = True

    def forward(self, x: Array, training: bool = False, mask: Array | None = None) -> tuple[Array, Backward]:
        """The sum over steps kept / their number."""
        if mask is None:
            return super().forward(x, training)
        cells = self.cells(x)
        keep = mask.astype(x.dtype)
        keep /= np.maximum(np.add.reduce(keep, 1, keepdims=True), 1)
        # Where, not a product: what stands in a masked step may be anything, infinity included.
        y = np.matmul(keep[:, None], np.where(mask[:, :, None], cells, 0))[:, 0]

        def backward(dy: Array) -> Array:
            return self.back(keep[:, :, None] * dy.reshape(len(cells), 1, -1), x)

        return self.whole(y), backward


class GlobalAveragePooling2D(_GlobalAverage):
    """The mean over the image of each channel: (B, H, W, C) to (B, C).

    The arguments are those of `GlobalMaxPooling1D`.

    Examples:
        >>> GlobalAveragePooling2D().forward(np.arange(4.0).reshape(1, 2, 2, 1))[0].tolist()
        [[1.5]]
    """

    rank = 2


class GlobalMaxPooling3D(_GlobalMax):
    """The largest over the volume of each channel: (B, D, H, W, C) to (B, C).

    The arguments are those of `GlobalMaxPooling1D`.

    Examples:
        >>> GlobalMaxPooling3D().forward(np.arange(8.0).reshape(1, 2, 2, 2, 1))[0].tolist()
        [[7.0]]
    """

    rank = 3


class GlobalAveragePooling3D(_GlobalAverage):
    """The mean over the volume of each channel: (B, D, H, W, C) to (B, C).

    The arguments are those of `GlobalMaxPooling1D`.

    Examples:
        >>> GlobalAveragePooling3D().forward(np.arange(8.0).reshape(1, 2, 2, 2, 1))[0].tolist()
        [[3.5]]
    """

    rank = 3
