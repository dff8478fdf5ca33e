"""Convolutions that treat channels one by one: DepthwiseConv1D/2D, and SeparableConv1D/2D, which mix them after."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.layers._batch_parts import over_batch
from aseq.layers._convolution import Windowed
from aseq.layers._correlation import Unfolded, correlate, kernel_gradient, sum_rows
from aseq.layers._grid import MOVE, Grid
from aseq.layers._layer import positive
from aseq.layers._spread import spread
from aseq.layers._weight_spec import WeightSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aseq.types import Array, Backward, Config, Shape

__all__ = ["DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"]


BLOCK = 1 << 16
"""Outputs in a block: 256 KB in float32."""


def depthwise(x: Array, kernel: Array, grid: Grid) -> tuple[Array, Any]:
    """Each channel correlated with its own kernels.

    Args:
        x: (B, *sizes, C).
        kernel: (*kernel, C, M), M kernels a channel.
        grid: Where the windows lie.

    Returns:
        (B, *outputs, C M), channel c's results side by side at c M, and `backward(dz, out, wants_x)`, which
        writes the kernel's gradient to `out` and returns x's, if wanted.
    """
    channels, multiplier = kernel.shape[-2:]
    dtype = np.result_type(x, kernel)
    z = np.zeros((len(x), *grid.outputs, channels, multiplier), dtype)
    work = MOVE * z.size * math.prod(grid.kernel)
    # Every place of the window with its weights stretched along a row: long rows multiply faster than short ones.
    taps = [
        (place, cells, windows, np.repeat(kernel[place][None], windows[-1].stop - windows[-1].start, 0))
        for place, (cells, windows) in grid.taps()
    ]

    def forward_part(_: int, samples: slice) -> None:
        for some in _blocks(samples, z):
            for _place, cells, windows, weights in taps:
                seen, target = x[(some, *cells)], z[(some, *windows)]
                for m in range(multiplier):
                    target[..., m] += seen * weights[..., m]

    over_batch(forward_part, len(x), work)

    def backward(dz: Array, out: Array, wants_x: bool) -> Array | None:
        dz = dz.reshape(z.shape)
        dx = np.zeros(x.shape, dtype) if wants_x else None
        sums: dict[int, Array] = {}

        def backward_part(index: int, samples: slice) -> None:
            total = sums[index] = np.zeros(kernel.shape, dtype)
            for some in _blocks(samples, z):
                for place, cells, windows, weights in taps:
                    seen, d = x[(some, *cells)], dz[(some, *windows)]
                    target = None if dx is None else dx[(some, *cells)]
                    for m in range(multiplier):
                        total[place][:, m] += sum_rows(seen * d[..., m])
                        if target is not None:
                            target += d[..., m] * weights[..., m]

        over_batch(backward_part, len(x), 2 * work)
        out.fill(0)
        for index in sorted(sums):
            out += sums[index]
        return dx

    return z.reshape(*z.shape[:-2], channels * multiplier), backward


def _blocks(samples: slice, z: Array) -> Iterator[slice]:
    """Blocks of samples that stay in a core's cache while every place of the window has its turn."""
    step = max(1, BLOCK // max(1, math.prod(z.shape[1:])))
    for start in range(samples.start, samples.stop, step):
        yield slice(start, min(start + step, samples.stop))


class _Depthwise(Windowed):
    """Each channel has its own kernels."""

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            dilation_rate,
            use_bias,
            WeightSpec(bias_initializer, bias_regularizer, bias_constraint),
            data_format=data_format,
            activation=activation,
            activity_regularizer=activity_regularizer,
            **options,
        )
        self.depth_multiplier = positive(type(self).__name__, "depth_multiplier", depth_multiplier)
        self.depthwise_spec = WeightSpec(depthwise_initializer, depthwise_regularizer, depthwise_constraint)

    def build(self, input_shape: Shape) -> None:
        """Declare the kernel, (*kernel_size, C, depth_multiplier), and the bias."""
        channels = self.channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self.depthwise_spec.declare(self, "kernel", shape)
        self.declare_bias(channels * self.depth_multiplier)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, *outputs, C depth_multiplier)."""
        sizes, channels = self.output_sizes(input_shape), self.channels(input_shape)
        return self.join_shape(input_shape[0], sizes, channels * self.depth_multiplier)

    def preactivation(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The channels' correlations plus bias."""
        x = self.inward(x)
        z, into = depthwise(x, self.kernel.value, self.grid(x))
        if self.use_bias:
            z += self.bias.value

        def backward(dz: Array) -> Array | None:
            dz = self.inward(dz)
            if self.use_bias:
                self.bias.grad[...] = sum_rows(dz)
            dx = into(dz, self.kernel.grad, self.input_gradient)
            return None if dx is None else self.outward(dx)

        return self.outward(z), backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config() | {"depth_multiplier": self.depth_multiplier}
        return config | self.depthwise_spec.config("depthwise")


class DepthwiseConv1D(_Depthwise):
    """Convolution of each channel of a sequence with its own kernels: (B, T, C) to (B, T', C depth_multiplier).

    Args:
        kernel_size: Cells of a window: an int or one for each spatial axis.
        strides: Distance from one window to the next.
        padding: "valid" or "same".
        depth_multiplier: Kernels, and so output channels, for each input channel.
        data_format: "channels_last" (the default) or "channels_first".
        dilation_rate: Distance between the cells of a window.
        activation: Instance or name; none if not given.
        use_bias: Whether a bias is added.
        depthwise_initializer: Of the kernel, (*kernel_size, C, depth_multiplier).
        bias_initializer: Of the bias, (C depth_multiplier,).
        depthwise_regularizer: Penalty on the kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        depthwise_constraint: Applied to the kernel after each step.
        bias_constraint: Applied to the bias after each step.
        **options: Those of `Layer`.

    Examples:
        >>> layer = DepthwiseConv1D(2, depthwise_initializer="ones").initialize((None, 3, 2))
        >>> layer.forward(np.array([[[1, 10], [2, 20], [3, 30]]], np.float32))[0].tolist()
        [[[3.0, 30.0], [5.0, 50.0]]]
    """

    rank = 1


class DepthwiseConv2D(_Depthwise):
    """Convolution of each channel of an image with its own kernels: (B, H, W, C) to (B, H', W', C depth_multiplier).

    The arguments are those of `DepthwiseConv1D`. Chollet, "Xception: deep learning with depthwise separable
    convolutions", 2016.

    Examples:
        >>> layer = DepthwiseConv2D(3, depth_multiplier=2, padding="same").initialize((None, 8, 8, 4))
        >>> layer.output_shape, layer.weights[0].shape
        ((None, 8, 8, 8), (3, 3, 4, 2))
    """

    rank = 2


class _Separable(Windowed):
    """A depthwise convolution, then a pointwise one."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            dilation_rate,
            use_bias,
            WeightSpec(bias_initializer, bias_regularizer, bias_constraint),
            data_format=data_format,
            activation=activation,
            activity_regularizer=activity_regularizer,
            **options,
        )
        self.filters = positive(type(self).__name__, "filters", filters)
        self.depth_multiplier = positive(type(self).__name__, "depth_multiplier", depth_multiplier)
        self.depthwise_spec = WeightSpec(depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self.pointwise_spec = WeightSpec(pointwise_initializer, pointwise_regularizer, pointwise_constraint)

    def build(self, input_shape: Shape) -> None:
        """Declare the depthwise kernel, the pointwise kernel and the bias."""
        channels, multiplier = self.channels(input_shape), self.depth_multiplier
        self.depthwise_kernel = self.depthwise_spec.declare(
            self, "depthwise_kernel", (*self.kernel_size, channels, multiplier)
        )
        self.pointwise_kernel = self.pointwise_spec.declare(
            self, "pointwise_kernel", (*(1,) * self.rank, channels * multiplier, self.filters)
        )
        self.declare_bias(self.filters)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, *outputs, filters)."""
        return self.join_shape(input_shape[0], self.output_sizes(input_shape), self.filters)

    def preactivation(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The depthwise results, mixed by the pointwise kernel."""
        x = self.inward(x)
        deep, into = depthwise(x, self.depthwise_kernel.value, self.grid(x))
        ones = (1,) * self.rank
        grid = Grid.over(deep.shape[1:-1], ones, ones, ones, "valid")
        windows = Unfolded(deep, grid)
        z = correlate(windows, self.pointwise_kernel.value, self.bias_value)

        def backward(dz: Array) -> Array | None:
            dz = self.inward(dz)
            kernel_gradient(windows, dz, self.pointwise_kernel.grad, self.bias_grad)
            ddeep = spread(dz, self.pointwise_kernel.value, grid)
            dx = into(ddeep, self.depthwise_kernel.grad, self.input_gradient)
            return None if dx is None else self.outward(dx)

        return self.outward(z), backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config() | {"filters": self.filters, "depth_multiplier": self.depth_multiplier}
        return config | self.depthwise_spec.config("depthwise") | self.pointwise_spec.config("pointwise")


class SeparableConv1D(_Separable):
    """A depthwise convolution over sequences, then a pointwise one: (B, T, C) to (B, T', filters).

    Args:
        filters: Channels of the output.
        kernel_size: Cells of a window: an int or one for each spatial axis.
        strides: Distance from one window to the next.
        padding: "valid" or "same" (over sequences also "causal").
        data_format: "channels_last" (the default) or "channels_first".
        dilation_rate: Distance between the cells of a window.
        depth_multiplier: Depthwise kernels for each input channel.
        activation: Instance or name; none if not given.
        use_bias: Whether a bias is added.
        depthwise_initializer: Of the depthwise kernel, (*kernel_size, C, depth_multiplier).
        pointwise_initializer: Of the pointwise kernel, (1, C depth_multiplier, filters).
        bias_initializer: Of the bias, (filters,).
        depthwise_regularizer: Penalty on the depthwise kernel.
        pointwise_regularizer: Penalty on the pointwise kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        depthwise_constraint: Applied to the depthwise kernel after each step.
        pointwise_constraint: Applied to the pointwise kernel after each step.
        bias_constraint: Applied to the bias after each step.
        **options: Those of `Layer`.

    Examples:
        >>> layer = SeparableConv1D(5, 3).initialize((None, 8, 4))
        >>> layer.output_shape, [weight.shape for weight in layer.weights]
        ((None, 6, 5), [(3, 4, 1), (1, 4, 5), (5,)])
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class SeparableConv2D(_Separable):
    """A depthwise convolution over images, then a pointwise one: (B, H, W, C) to (B, H', W', filters).

    The arguments are those of `SeparableConv1D`.

    Examples:
        >>> layer = SeparableConv2D(5, 3).initialize((None, 8, 8, 4))
        >>> layer.output_shape, [weight.shape for weight in layer.weights]
        ((None, 6, 6, 5), [(3, 3, 4, 1), (1, 1, 4, 5), (5,)])
    """

    rank = 2
