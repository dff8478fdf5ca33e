"""The contract of a layer: how it declares its weights, and its forward and backward pass.

A layer never owns the memory of its weights: the network gives it views into one flat vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import constraints, initializers, regularizers
from aseq.errors import ConfigError, NotBuiltError, ShapeError
from aseq.layers._weight import Weight, assign
from aseq.registry import Configurable, snake_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aseq.types import Array, Backward, Config, Shape

__all__ = ["Layer", "Weight"]


class Layer(Configurable):
    """What every layer is.

    A subclass sets its arguments in `__init__`, declares weights with `add_weight` in `build`, and
    writes `forward(x, training)`, which returns the output and a closure `backward(dy)`. `backward`
    writes the gradients of the layer's weights into `weight.grad` and returns the gradient of `x`.
    Nothing of a pass is kept on the layer, so several passes may be alive at once.

    Shapes given to `build` and `compute_output_shape` have the batch axis first, as None.

    Args:
        name: Unique within a model; made from the class name if not given.
        trainable: False freezes the layer's weights.
        dtype: Compute dtype; the model's (float32) if not given.
        input_shape: Shape without the batch axis, for a first layer in the style of tf.js and Keras 2.
        batch_input_shape: The same with the batch axis; `batch_shape` is its other name.
        activity_regularizer: Penalty on the output, a sample.
        weights: First values of the weights, as `set_weights` takes them.

    Attributes:
        uses_mask: The layer's `forward` takes a third argument, `mask`.
        passes_mask: The mask of the input is also the mask of the output.
        input_gradient: False where nothing before this layer learns: `backward` may then return None.
        rng: The layer's own random numbers (dropout and noise), seeded by its first model.
        seeded: Whether that has happened.
        flavor: Whose rules hold where Keras and tf.js differ, "keras" or "tfjs"; the model says it.
        takes_largest: Each output is the largest of some inputs: a ReLU may come behind rather than before.
        by_sample: Forward and backward look at data in `over_batch` only. This and the one before are not
            inherited: a subclass may do more.
        is_activation: No more than a function: what other layers take as their `activation`.

    Examples:
        >>> class Double(Layer):
        ...     def forward(self, x, training=False):
        ...         return 2 * x, lambda dy: 2 * dy
        >>> y, backward = Double().forward(np.ones((1, 2)))
        >>> y.tolist(), backward(y).tolist()
        ([[2.0, 2.0]], [[4.0, 4.0]])
    """

    uses_mask = False
    passes_mask = True
    flavor = "keras"
    is_activation = False
    takes_largest = False
    by_sample = False
    integer_input = False
    """True for layers that look numbers up rather than compute with them (Embedding)."""

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: tuple[int | None, ...] | None = None,
        batch_input_shape: Shape | None = None,
        batch_shape: Shape | None = None,
        activity_regularizer: Any = None,
        weights: Sequence[Any] | None = None,
    ) -> None:
        batch_shape = batch_shape or batch_input_shape
        if input_shape is not None:
            batch_shape = (None, *input_shape)
        self.name = name or snake_case(type(self).__name__)
        self.auto_named = name is None
        self.trainable = trainable
        self.dtype = None if dtype is None else np.dtype(_dtype_name(dtype))
        self.batch_input_shape: Shape | None = None if batch_shape is None else tuple(batch_shape)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.input_gradient = True
        self.rng = np.random.default_rng(0)
        self.seeded = False
        self.built = False
        self.input_shape: Shape = ()
        self.output_shape: Shape = ()
        self._own_weights: list[Weight] = []
        self._first_values = weights

    # What subclasses write ------------------------------------------------------------------

    def build(self, input_shape: Shape) -> None:
        """Declare the weights for inputs of this shape."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output for inputs of `input_shape`."""
        return input_shape

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Backward]:
        """The output for `x`, and the closure that takes the output's gradient back."""
        raise NotImplementedError(f"{type(self).__name__} has no forward.")

    def compute_mask(self, x: Array, mask: Array | None) -> Array | None:
        """The mask of the output, (B, T) booleans, or None."""
        return mask if self.passes_mask else None

    def get_config(self) -> Config:
        """The arguments that build an equal layer, as Keras names them."""
        config: Config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": str(self.dtype or "float32"),
        }
        if self.batch_input_shape is not None:
            config["batch_input_shape"] = list(self.batch_input_shape)
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """A new layer with the arguments of `get_config`, as aseq, Keras or tf.js writes them.

        Raises:
            ConfigError: An argument is missing. Keys that this layer does not have say nothing to it.
        """
        try:
            return super().from_config(config)
        except TypeError as error:
            raise ConfigError(
                f"layer {cls.__name__}: expected a config of its arguments, received {config!r}: {error}."
            ) from error

    def sublayers(self) -> list[Layer]:
        """Layers inside this one (wrappers), in the order of their weights."""
        return []

    # State that is not weights (stateful recurrent layers) ----------------------------------------

    def get_state(self) -> Config:
        """What the layer carries from batch to batch beside its weights, as plain data and arrays."""
        state: Config = {"rng": self.rng.bit_generator.state}
        for index, layer in enumerate(self.sublayers()):
            state[str(index)] = layer.get_state()
        return state

    def set_state(self, state: Config) -> None:
        """Put back what `get_state` returned."""
        self.rng.bit_generator.state = state["rng"]
        for index, layer in enumerate(self.sublayers()):
            layer.set_state(state[str(index)])

    def reset_states(self) -> None:
        """Forget the states carried from batch to batch (stateful recurrent layers)."""
        for layer in self.sublayers():
            layer.reset_states()

    # What the network uses ---------------------------------------------------------------

    def add_weight(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: Any = "glorot_uniform",
        *,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> Weight:
        """Declare a weight. Its memory comes later, with `Network.bind`.

        Args:
            name: Keras's name within the layer.
            shape: Its shape.
            initializer: Instance, name or config.
            trainable: False for running statistics.
            regularizer: Instance, name or config.
            constraint: Instance, name or config.

        Raises:
            ShapeError: A size is open, because the input's is.
        """
        if any(size is None for size in shape):
            raise ShapeError(
                f"layer {self.name!r} ({type(self).__name__}): expected known sizes for its weight {name!r}, "
                f"received shape {shape}. Give the model an input shape with this axis."
            )
        weight = Weight(
            name,
            shape,
            initializers.get(initializer),
            trainable,
            regularizers.get(regularizer),
            constraints.get(constraint),
        )
        self._own_weights.append(weight)
        return weight

    def ensure_built(self, input_shape: Shape) -> Shape:
        """Build once for `input_shape`; return the output's shape.

        Raises:
            ShapeError: The layer is built for another shape already.
        """
        if self.built and input_shape[1:] != self.input_shape[1:]:
            raise ShapeError(
                f"layer {self.name!r}: built for inputs of shape {self.input_shape}, received "
                f"{input_shape}. A layer serves one shape; make a new one."
            )
        if not self.built:
            self.input_shape = input_shape
            self.output_shape = self.compute_output_shape(input_shape)
            self.build(input_shape)
            self.built = True
            if self._first_values is not None:
                self.set_weights(self._first_values)
                self._first_values = None
        return self.output_shape

    @property
    def weights(self) -> list[Weight]:
        """All weights in Keras's order: own trainable ones, own others, then those of sublayers."""
        own = sorted(self._own_weights, key=lambda weight: not weight.trainable)
        return own + [weight for layer in self.sublayers() for weight in layer.weights]

    def get_weights(self) -> list[Array]:
        """Copies of the layer's weights, in Keras's order.

        During a fit use the model's `get_weights`, which waits for the end of a step.

        Raises:
            NotBuiltError: They have no values yet.
        """
        weights = self.weights
        if not self.built or not all(weight.bound for weight in weights):
            raise NotBuiltError(
                f"layer {self.name!r}: expected a layer with weights, received one that is not built. Build its "
                f"model first."
            )
        return [weight.value.copy() for weight in weights]

    def set_weights(self, values: Sequence[Any]) -> None:
        """Set the layer's weights, in Keras's order; a model that is built later keeps them.

        Args:
            values: One array a weight, such as `get_weights` of another layer gives.

        Raises:
            NotBuiltError: The input shape is not known yet.
            ShapeError: One of them does not fit; then none is changed.

        Examples:
            >>> from aseq.layers import Dense
            >>> one, other = (Dense(2).initialize((None, 3), seed=seed) for seed in (1, 2))
            >>> other.set_weights(one.get_weights())
            >>> bool((one.kernel.value == other.kernel.value).all())
            True
        """
        if not self.built:
            raise NotBuiltError(f"layer {self.name!r}: expected a built layer. Give its input shape first.")
        assign([(self.name, weight) for weight in self.weights], values, f"set_weights: layer {self.name!r}")

    def learning_weights(self) -> Iterator[Weight]:
        """The weights that training changes: trainable ones of layers that are not frozen."""
        if self.trainable:
            yield from (weight for weight in self._own_weights if weight.trainable)
            for layer in self.sublayers():
                yield from layer.learning_weights()

    @property
    def gives_several(self) -> bool:
        """Whether `forward` gives a list of arrays: only as the last layer of a model that just predicts."""
        states = any(getattr(layer, "return_state", False) for layer in self.walk())
        return states or getattr(self, "merge_mode", "one") is None

    def walk(self) -> Iterator[Layer]:
        """This layer and all inside it."""
        yield self
        for layer in self.sublayers():
            yield from layer.walk()

    def follow(self, flavor: str) -> None:
        """Keep to the rules of "keras" or of "tfjs" where these differ, in all layers inside, too."""
        for layer in self.walk():
            layer.flavor = flavor

    def count_params(self) -> int:
        """Number of elements in all weights.

        Raises:
            NotBuiltError: The input shape is not known yet.
        """
        if not self.built:
            raise NotBuiltError(f"layer {self.name!r}: expected a built layer. Give its input shape first.")
        return sum(weight.size for weight in self.weights)

    def initialize(self, input_shape: Shape, *, seed: int = 0, dtype: Any = np.float32) -> Layer:
        """Build this one layer on its own, with memory for its weights (a network does it for all).

        Weights that have values keep them.

        Args:
            input_shape: With the batch axis first, as None.
            seed: Of weights and noise.
            dtype: Of weights.

        Returns:
            The layer itself.
        """
        self.ensure_built(input_shape)
        seeds = np.random.SeedSequence(seed).spawn(2)
        self.seed(seeds[1])
        rng = np.random.default_rng(seeds[0])
        for weight in self.weights:
            first = weight.value if weight.bound else weight.initializer(weight.shape, dtype, rng)
            weight.value = np.array(first, dtype, order="C")
            weight.grad = np.zeros(weight.shape, dtype)
        return self

    def seed(self, sequence: np.random.SeedSequence) -> None:
        """Give this layer and those inside it random numbers of their own."""
        self.rng = np.random.default_rng(sequence)
        self.seeded = True
        inner = self.sublayers()
        for layer, child in zip(inner, sequence.spawn(len(inner)), strict=True):
            layer.seed(child)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    __eq__ = object.__eq__  # two layers with equal arguments are still two layers
    __hash__ = object.__hash__


def check_rank(layer: Layer, input_shape: Shape, rank: int, *, at_least: bool = False) -> None:
    """Raise ShapeError unless `input_shape` (batch axis included) has `rank` axes.

    Args:
        layer: Named in the message.
        input_shape: What was received.
        rank: Axes expected, batch axis included.
        at_least: More are welcome.
    """
    if len(input_shape) == rank or (at_least and len(input_shape) > rank):
        return
    more = " or more" if at_least else ""
    raise ShapeError(
        f"layer {layer.name!r} ({type(layer).__name__}): expected inputs of {rank}{more} axes (batch axis "
        f"included), received shape {input_shape}. Reshape or Flatten before this layer."
    )


def known_size(layer: Layer, input_shape: Shape, axis: int = -1) -> int:
    """The size of `axis`, which this layer needs to know.

    Raises:
        ShapeError: It is open (None) or zero.
    """
    size = input_shape[axis]
    if not size:
        raise ShapeError(
            f"layer {layer.name!r} ({type(layer).__name__}): expected a known size on axis {axis}, received "
            f"shape {input_shape}. Give the model an input shape with this axis."
        )
    return size


def positive(owner: str, argument: str, value: Any) -> int:
    """`value` as a positive int.

    Raises:
        ConfigError: It is not a positive whole number.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value <= 0:
        raise ConfigError(f"{owner}: expected {argument} to be a positive int, received {value!r}.")
    return int(value)


def _dtype_name(dtype: Any) -> Any:
    """Keras writes a dtype either as a name or as a DTypePolicy object holding the name."""
    if isinstance(dtype, dict):
        return dtype["config"]["name"]
    return dtype
