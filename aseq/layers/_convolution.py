"""Convolution over sequences, images and volumes: Conv1D, Conv2D, Conv3D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aseq.errors import ConfigError, ShapeError
from aseq.layers._core import Activated
from aseq.layers._correlation import Unfolded, correlate, kernel_gradient
from aseq.layers._grid import Grid, output_size
from aseq.layers._layer import known_size, positive
from aseq.layers._spatial import Spatial
from aseq.layers._spread import spread
from aseq.layers._weight_spec import WeightSpec

if TYPE_CHECKING:
    from aseq.types import Array, Backward, Config, Shape

__all__ = ["Conv1D", "Conv2D", "Conv3D", "Windowed"]


class Windowed(Spatial, Activated):
    """A layer that moves windows over its input: the arguments and shapes that all convolutions share.

    Args:
        kernel_size: Cells of a window: an int or one for each spatial axis.
        strides: Distance from one window to the next.
        padding: "valid", "same" or, over sequences, "causal".
        dilation_rate: Distance between the cells of a window.
        use_bias: Whether a bias is added.
        bias: How it starts and what it is held to.
        **options: Those of `Spatial`, `Activated` and `Layer`.
    """

    paddings: tuple[str, ...] = ("valid", "same")

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        dilation_rate: Any,
        use_bias: bool,
        bias: WeightSpec,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.kernel_size = self.per_axis("kernel_size", kernel_size)
        self.strides = self.per_axis("strides", strides)
        self.dilation_rate = self.per_axis("dilation_rate", dilation_rate)
        self.padding = str(padding).lower()
        self.use_bias = use_bias
        self.bias_spec = bias
        if self.padding not in self.paddings:
            raise ConfigError(
                f"{type(self).__name__}: expected padding to be one of {self.paddings}, received {padding!r}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ConfigError(
                f"{type(self).__name__}: expected strides or dilation_rate above 1 but not both, received "
                f"strides={self.strides} and dilation_rate={self.dilation_rate}."
            )

    @property
    def bias_value(self) -> Array | None:
        """The bias, if there is one."""
        return self.bias.value if self.use_bias else None

    @property
    def bias_grad(self) -> Array | None:
        """Where the gradient of the bias goes, if there is one."""
        return self.bias.grad if self.use_bias else None

    def channels(self, input_shape: Shape) -> int:
        """The number of channels of the input, which must be known."""
        return known_size(self, input_shape, 1 if self.data_format == "channels_first" else -1)

    def declare_bias(self, size: int) -> None:
        """Add the bias, if there is one; called after the kernels, as Keras orders weights."""
        if self.use_bias:
            self.bias = self.bias_spec.declare(self, "bias", (size,))

    def grid(self, x: Array) -> Grid:
        """The windows over `x`, which has channels last."""
        return Grid.over(x.shape[1:-1], self.kernel_size, self.strides, self.dilation_rate, self.padding)

    def output_sizes(self, input_shape: Shape) -> Shape:
        """The spatial sizes of the output.

        Raises:
            ShapeError: The input is smaller than one window.
        """
        sizes, _ = self.split_shape(input_shape)
        axes = zip(sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        outputs = tuple(output_size(*axis, self.padding) for axis in axes)
        if any(size is not None and size <= 0 for size in outputs):
            raise ShapeError(
                f"layer {self.name!r} ({type(self).__name__}): expected inputs at least as large as a window of "
                f"kernel_size={self.kernel_size} and dilation_rate={self.dilation_rate}, received shape "
                f"{input_shape}. Use padding='same' or a smaller kernel."
            )
        return outputs

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config() | {
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "dilation_rate": list(self.dilation_rate),
            "activation": self.activation.identifier,
            "use_bias": self.use_bias,
        }
        return config | self.bias_spec.config("bias")


class _Convolution(Windowed):
    """A learned kernel correlated with the input; `rank` says over how many axes."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        self.groups = positive(type(self).__name__, "groups", groups)
        self.kernel_spec = WeightSpec(kernel_initializer, kernel_regularizer, kernel_constraint)
        if self.filters % self.groups:
            raise ConfigError(
                f"{type(self).__name__}: expected filters to be a multiple of groups={self.groups}, "
                f"received filters={self.filters}."
            )

    def build(self, input_shape: Shape) -> None:
        """Declare the kernel, (*kernel_size, C / groups, filters), and the bias."""
        channels = self.channels(input_shape)
        if channels % self.groups:
            raise ShapeError(
                f"layer {self.name!r} ({type(self).__name__}): expected a multiple of groups={self.groups} channels, "
                f"received shape {input_shape}. Choose groups that divide the channels."
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.kernel_spec.declare(self, "kernel", shape)
        self.declare_bias(self.filters)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, *outputs, filters)."""
        return self.join_shape(input_shape[0], self.output_sizes(input_shape), self.filters)

    def preactivation(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The correlation plus bias; backward: the kernel's gradient, and dz spread over x."""
        x = self.inward(x)
        grid = self.grid(x)
        windows = Unfolded(x, grid, self.groups, keep=training)
        z = correlate(windows, self.kernel.value, self.bias_value)

        def backward(dz: Array) -> Array | None:
            dz = self.inward(dz)
            kernel_gradient(windows, dz, self.kernel.grad, self.bias_grad)
            if not self.input_gradient:
                return None
            return self.outward(spread(dz, self.kernel.value, grid, self.groups))

        return self.outward(z), backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config() | {"filters": self.filters, "groups": self.groups}
        return config | self.kernel_spec.config("kernel")


class Conv1D(_Convolution):
    """Convolution over sequences: (B, T, C) to (B, T', filters).

    z[b, j, f] = bias[f] + sum over t, c of x[b, j * stride + t * dilation, c] kernel[t, c, f].

    Args:
        filters: Channels of the output.
        kernel_size: Cells of a window: an int or one for each spatial axis.
        strides: Distance from one window to the next.
        padding: "valid" (no padding), "same" (ceil(size / stride) outputs) or, in Conv1D only, "causal"
            (no output sees what comes after it).
        data_format: "channels_last" (the default) or "channels_first".
        dilation_rate: Distance between the cells of a window.
        groups: Channels and filters form so many independent groups.
        activation: Instance or name; none if not given.
        use_bias: Whether a bias is added.
        kernel_initializer: Of the kernel, (*kernel_size, C / groups, filters).
        bias_initializer: Of the bias, (filters,).
        kernel_regularizer: Penalty on the kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Applied to the kernel after each step.
        bias_constraint: Applied to the bias after each step.
        **options: Those of `Layer`.

    Examples:
        >>> import numpy as np
        >>> layer = Conv1D(1, 2, kernel_initializer="ones").initialize((None, 4, 1))
        >>> x = np.array([1, 2, 3, 4], np.float32).reshape(1, 4, 1)
        >>> layer.forward(x)[0].ravel().tolist()
        [3.0, 5.0, 7.0]
    """

    rank = 1
    by_sample = True
    paddings = ("valid", "same", "causal")


class Conv2D(_Convolution):
    """Convolution over images: (B, H, W, C) to (B, H', W', filters).

    The arguments are those of `Conv1D`, without the padding "causal".

    Examples:
        >>> import numpy as np
        >>> layer = Conv2D(16, 3, activation="relu", padding="same").initialize((None, 28, 28, 1))
        >>> layer.forward(np.zeros((2, 28, 28, 1), np.float32))[0].shape
        (2, 28, 28, 16)
        >>> [weight.shape for weight in layer.weights]
        [(3, 3, 1, 16), (16,)]
    """

    rank = 2
    by_sample = True


class Conv3D(_Convolution):
    """Convolution over volumes or films: (B, D, H, W, C) to (B, D', H', W', filters).

    The arguments are those of `Conv1D`, without the padding "causal".

    Examples:
        >>> layer = Conv3D(4, (1, 3, 3)).initialize((None, 5, 8, 8, 2))
        >>> layer.output_shape, layer.kernel.shape
        ((None, 5, 6, 6, 4), (1, 3, 3, 2, 4))
    """

    rank = 3
    by_sample = True
