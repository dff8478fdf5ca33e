"""The layers that most networks are made of: Input, Dense, Activation, Flatten, Reshape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import activations, constraints, initializers, regularizers
from aseq.errors import ConfigError, ShapeError
from aseq.layers._activation_argument import get_activation
from aseq.layers._data_format import known_format
from aseq.layers._layer import Layer, check_rank, known_size, positive
from aseq.linalg import column_sums, dot

if TYPE_CHECKING:
    from aseq.activations import Activation as ActivationFunction
    from aseq.types import Array, Backward, Config, Shape

__all__ = ["Activated", "Activation", "Dense", "Flatten", "Input", "InputLayer", "Reshape"]


class InputLayer(Layer):
    """Says the shape of a model's input and passes it on.

    Args:
        shape: Without the batch axis.
        batch_size: Fixed batch size (stateful recurrent layers need one).
        batch_shape: With the batch axis, instead of the two before.

    Examples:
        >>> InputLayer((5,)).batch_input_shape
        (None, 5)
    """

    def __init__(
        self,
        shape: int | tuple[int | None, ...] | None = None,
        batch_size: int | None = None,
        *,
        batch_shape: Shape | None = None,
        **options: Any,
    ) -> None:
        if (
            batch_shape is None
            and options.get("input_shape") is None
            and options.get("batch_input_shape") is None
        ):
            if shape is None:
                raise ConfigError("Input: expected shape, such as Input((784,)), received nothing.")
            batch_shape = (batch_size, *((shape,) if isinstance(shape, int) else shape))
        super().__init__(batch_shape=batch_shape, **options)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The input itself."""
        return x, lambda dy: dy

    def get_config(self) -> Config:
        """Keras's arguments."""
        config = super().get_config()
        config["batch_shape"] = config.pop("batch_input_shape")
        return config


def Input(  # noqa: N802  # Keras's name
    shape: int | tuple[int | None, ...] | None = None,
    batch_size: int | None = None,
    *,
    name: str | None = None,
    dtype: Any = None,
    batch_shape: Shape | None = None,
) -> InputLayer:
    """The input of a model: `Input((784,))`.

    Args:
        shape: Without the batch axis.
        batch_size: Fixed batch size, if any.
        name: Of the input.
        dtype: Of the input.
        batch_shape: With the batch axis, instead of `shape` and `batch_size`.

    Examples:
        >>> Input((28, 28)).batch_input_shape
        (None, 28, 28)
    """
    return InputLayer(shape, batch_size, batch_shape=batch_shape, name=name, dtype=dtype)


class Activated(Layer):
    """A layer that ends in an activation function.

    It writes `preactivation`; `forward` puts the activation behind it. The network calls
    `preactivation` on a last layer whose softmax or sigmoid it fuses with a crossentropy.

    Args:
        activation: Instance or name.
        **options: Those of `Layer`.
    """

    def __init__(self, activation: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.activation: ActivationFunction = get_activation(activation)

    def preactivation(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """What goes into the activation, as a new array, and its backward."""
        raise NotImplementedError

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """activation(preactivation(x))."""
        z, into_input = self.preactivation(x, training)
        if self.activation is activations.linear:
            return z, into_input
        y, into_z = self.activation.under(self.flavor).forward(z, out=z)

        def backward(dy: Array) -> Array | None:
            return into_input(into_z(dy))

        return y, backward


class Dense(Activated):
    """y = activation(x W + b), over the last axis of x.

    Args:
        units: Size of the last axis of the output.
        activation: Instance or name; none if not given.
        use_bias: Whether there is a b.
        kernel_initializer: Of W, shape (I, units).
        bias_initializer: Of b, shape (units,).
        kernel_regularizer: Penalty on W.
        bias_regularizer: Penalty on b.
        kernel_constraint: Applied to W after each step.
        bias_constraint: Applied to b after each step.
        input_dim: Short for `input_shape=(input_dim,)`.

    Examples:
        >>> layer = Dense(3, kernel_initializer="ones").initialize((None, 2))
        >>> layer.forward(np.array([[1.0, 2.0]], np.float32))[0].tolist()
        [[3.0, 3.0, 3.0]]
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        input_dim: int | None = None,
        **options: Any,
    ) -> None:
        if input_dim is not None:
            options["input_shape"] = (input_dim,)
        super().__init__(activation, **options)
        self.units = positive("Dense", "units", units)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Shape) -> None:
        """Declare W and b."""
        check_rank(self, input_shape, 2, at_least=True)
        self.kernel = self.add_weight(
            "kernel",
            (known_size(self, input_shape), self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                "bias",
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's, with `units` on the last axis."""
        return (*input_shape[:-1], self.units)

    def preactivation(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """X W + b; backward: dW = x^T dz, db = sum(dz), dx = dz W^T."""
        kernel = self.kernel
        rows = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
        z = dot(rows, kernel.value)
        if self.use_bias:
            z += self.bias.value

        def backward(dz: Array) -> Array | None:
            d = dz if dz.ndim == 2 else dz.reshape(-1, dz.shape[-1])
            dot(rows.T, d, out=kernel.grad)
            if self.use_bias:
                column_sums(d, self.bias.grad)
            return dot(d, kernel.value.T).reshape(x.shape) if self.input_gradient else None

        return (z if x.ndim == 2 else z.reshape(*x.shape[:-1], self.units)), backward

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {
            "units": self.units,
            "activation": self.activation.identifier,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class Activation(Activated):
    """An activation function as a layer of its own.

    Args:
        activation: Instance or name.
        **options: Those of `Layer`.

    Examples:
        >>> Activation("relu").forward(np.array([[-1.0, 1.0]]))[0].tolist()
        [[0.0, 1.0]]
    """

    is_activation = True

    def __init__(self, activation: Any, **options: Any) -> None:
        super().__init__(activation, **options)

    def preactivation(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The input itself."""
        return x, lambda dz: dz

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """activation(x), leaving x alone: it may be another layer's output."""
        return self.activation.under(self.flavor).forward(x)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"activation": self.activation.identifier}


class Flatten(Layer):
    """Joins all axes but the batch axis into one.

    Args:
        data_format: "channels_last" or "channels_first" (moves axis 1 to the end before joining).
        **options: Those of `Layer`.

    Examples:
        >>> Flatten().forward(np.zeros((2, 3, 4)))[0].shape
        (2, 12)
    """

    passes_mask = False

    def __init__(self, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.data_format = known_format("Flatten", data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, product of the others)."""
        sizes = input_shape[1:]
        if any(size is None for size in sizes):
            raise ShapeError(
                f"layer {self.name!r} (Flatten): expected all sizes but the batch to be known, received "
                f"shape {input_shape}."
            )
        return (input_shape[0], int(np.prod(sizes, dtype=np.int64)))  # type: ignore[arg-type]

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """A reshape there and back."""
        width = math.prod(x.shape[1:])
        if self.data_format == "channels_first" and x.ndim > 2:
            moved = np.moveaxis(x, 1, -1)
            shape = moved.shape
            return (
                moved.reshape(len(x), width),
                lambda dy: np.moveaxis(dy.reshape(shape), -1, 1),
            )
        return x.reshape(len(x), width), lambda dy: dy.reshape(x.shape)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"data_format": self.data_format}


class Reshape(Layer):
    """Gives each sample another shape of the same number of elements.

    Args:
        target_shape: Without the batch axis; one size may be -1.
        **options: Those of `Layer`.

    Examples:
        >>> Reshape((2, -1)).forward(np.zeros((5, 6)))[0].shape
        (5, 2, 3)
    """

    passes_mask = False

    def __init__(self, target_shape: tuple[int | None, ...], **options: Any) -> None:
        super().__init__(**options)
        self.target_shape = tuple(-1 if size is None else int(size) for size in target_shape)
        if sum(size == -1 for size in self.target_shape) > 1:
            raise ConfigError(f"Reshape: expected at most one -1, received target_shape={target_shape!r}.")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, *target_shape) with -1 worked out."""
        if any(size is None for size in input_shape[1:]):
            return (input_shape[0], *(None if size == -1 else size for size in self.target_shape))
        total = int(np.prod(input_shape[1:], dtype=np.int64))  # type: ignore[arg-type]
        known = int(np.prod([size for size in self.target_shape if size != -1], dtype=np.int64))
        target = tuple(total // max(known, 1) if size == -1 else size for size in self.target_shape)
        if int(np.prod(target, dtype=np.int64)) != total:
            raise ShapeError(
                f"layer {self.name!r} (Reshape): expected {total} elements as in the input's shape {input_shape}, "
                f"received target_shape={self.target_shape}."
            )
        return (input_shape[0], *target)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """A reshape there and back."""
        return x.reshape(len(x), *self._sizes(x)), lambda dy: dy.reshape(x.shape)

    def _sizes(self, x: Array) -> tuple[int, ...]:
        return tuple(int(size) for size in self.compute_output_shape(x.shape)[1:] if size is not None)

    def get_config(self) -> Config:
        """Keras's arguments."""
        return super().get_config() | {"target_shape": list(self.target_shape)}
