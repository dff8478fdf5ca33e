"""Transposed convolutions, which spread each input cell over a window of the output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq.errors import ConfigError
from aseq.layers._convolution import Windowed
from aseq.layers._correlation import Unfolded, correlate, kernel_gradient, sum_rows
from aseq.layers._grid import Grid
from aseq.layers._layer import positive
from aseq.layers._spread import spread
from aseq.layers._weight_spec import WeightSpec

if TYPE_CHECKING:
    from aseq.types import Array, Backward, Config, Shape

__all__ = ["Conv1DTranspose", "Conv2DTranspose"]


class _Transposed(Windowed):
    """The adjoint of a convolution: what there is output is input here, and the other way round."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
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
        self.kernel_spec = WeightSpec(kernel_initializer, kernel_regularizer, kernel_constraint)
        self.output_padding = self._checked_output_padding(output_padding)

    def _checked_output_padding(self, value: Any) -> tuple[int, ...] | None:
        if value is None:
            return None
        values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * self.rank
        if len(values) != self.rank or not all(
            isinstance(extra, int) and 0 <= extra < stride
            for extra, stride in zip(values, self.strides, strict=False)
        ):
            raise ConfigError(
                f"{type(self).__name__}: expected output_padding of {self.rank} ints from 0 to below "
                f"strides={self.strides}, received {value!r}."
            )
        return values

    def build(self, input_shape: Shape) -> None:
        """Declare the kernel, (*kernel_size, filters, C), and the bias."""
        shape = (*self.kernel_size, self.filters, self.channels(input_shape))
        self.kernel = self.kernel_spec.declare(self, "kernel", shape)
        self.declare_bias(self.filters)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, *outputs, filters)."""
        sizes, _ = self.split_shape(input_shape)
        outputs = tuple(None if n is None else self._axis(i, n)[0] for i, n in enumerate(sizes))
        return self.join_shape(input_shape[0], outputs, self.filters)

    def grid(self, x: Array) -> Grid:
        """The windows of the convolution that this layer is the adjoint of: over the output, one an input cell."""
        sizes, before = zip(*(self._axis(i, n) for i, n in enumerate(x.shape[1:-1])), strict=True)
        return Grid(sizes, x.shape[1:-1], self.kernel_size, self.strides, self.dilation_rate, before)

    def _axis(self, axis: int, size: int) -> tuple[int, int]:
        """Size of the output and cells cut off before it, by Keras's rules.

        The whole is (size - 1) stride + span cells. "same" leaves size * stride of them and cuts the smaller
        half before; with output_padding it leaves (size - 1) stride + span % 2 + output_padding.
        """
        stride = self.strides[axis]
        span = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        extra = None if self.output_padding is None else self.output_padding[axis]
        if self.padding == "valid":
            return (size - 1) * stride + span + (max(0, stride - span) if extra is None else extra), 0
        if extra is None:
            output, surplus = size * stride, stride + span - 2
        else:
            output, surplus = (size - 1) * stride + span % 2 + extra, span + span % 2 - 2 + extra
        return output, span - 1 - min(-(-surplus // 2), span - 1)

    def preactivation(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """Each x spread by the kernel, plus bias; backward is a convolution."""
        x = self.inward(x)
        grid = self.grid(x)
        z = spread(x, self.kernel.value, grid)
        if self.use_bias:
            z += self.bias.value

        def backward(dz: Array) -> Array | None:
            dz = self.inward(dz)
            windows = Unfolded(dz, grid, keep=True)
            kernel_gradient(windows, x, self.kernel.grad)
            if self.use_bias:
                self.bias.grad[...] = sum_rows(dz)
            return self.outward(correlate(windows, self.kernel.value)) if self.input_gradient else None

        return self.outward(z), backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        output_padding = None if self.output_padding is None else list(self.output_padding)
        config = super().get_config() | {"filters": self.filters, "output_padding": output_padding}
        return config | self.kernel_spec.config("kernel")


class Conv1DTranspose(_Transposed):
    """Transposed convolution over sequences: (B, T, C) to (B, T', filters).

    z[b, j * stride + t * dilation - cut, f] = bias[f] + sum of x[b, j, c] kernel[t, f, c] over all j, t, c that
    meet there. Zeiler et al., "Deconvolutional networks", 2010.

    Args:
        filters: Channels of the output.
        kernel_size: Cells of a window: an int or one for each spatial axis.
        strides: Distance from one window to the next, by which the output is larger than the input.
        padding: "valid" (all that is reached) or "same" (size * stride cells).
        output_padding: More cells at the end of the output, fewer than strides; chosen by `padding` if not given.
        data_format: "channels_last" (the default) or "channels_first".
        dilation_rate: Distance between the cells of a window.
        activation: Instance or name; none if not given.
        use_bias: Whether a bias is added.
        kernel_initializer: Of the kernel, (*kernel_size, filters, C).
        bias_initializer: Of the bias, (filters,).
        kernel_regularizer: Penalty on the kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Applied to the kernel after each step.
        bias_constraint: Applied to the bias after each step.
        **options: Those of `Layer`.

    Examples:
        >>> import numpy as np
        >>> layer = Conv1DTranspose(1, 2, strides=2, kernel_initializer="ones").initialize((None, 2, 1))
        >>> layer.forward(np.array([[[1.0], [2.0]]], np.float32))[0].ravel().tolist()
        [1.0, 1.0, 2.0, 2.0]
    """

    rank = 1


class Conv2DTranspose(_Transposed):
    """Transposed convolution over images: (B, H, W, C) to (B, H', W', filters).

    The arguments are those of `Conv1DTranspose`.

    Examples:
        >>> layer = Conv2DTranspose(8, 3, strides=2, padding="same").initialize((None, 7, 7, 4))
        >>> layer.output_shape, layer.weights[0].shape
        ((None, 14, 14, 8), (3, 3, 8, 4))
    """

    rank = 2
