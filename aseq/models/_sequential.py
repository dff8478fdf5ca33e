"""Sequential: layers one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import layers as layers_room
from aseq.errors import BusyError, ConfigError, NotBuiltError, ShapeError
from aseq.layers import InputLayer, Layer
from aseq.models._configs import inner_config
from aseq.models._model import Model
from aseq.models._save import save_model
from aseq.models._summary import print_summary
from aseq.network import Network, chain
from aseq.training._batches import first_array

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

    from aseq.types import Array, Config, Shape

__all__ = ["Sequential"]


class Sequential(Model):
    """A model of layers, each fed with the output of the one before.

    Args:
        layers: Layers; the first may be an Input, or have an input_shape, or neither: then the
            first data builds the model.
        name: Of the model.
        seed: Decides first weights, dropout and shuffling; random if not given.

    Attributes:
        metadata: JSON values of your own, kept in saved files.

    Examples:
        >>> from aseq import layers
        >>> model = Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")], seed=1)
        >>> model.count_params()
        15
    """

    def __init__(
        self, layers: Iterable[Layer] | None = None, name: str | None = None, *, seed: int | None = None
    ) -> None:
        super().__init__()
        self.name = name or "sequential"
        self.seed = seed
        self.metadata: dict[str, Any] = {}
        self._entropy = np.random.SeedSequence(seed).entropy
        self._layers: list[Layer] = []
        self._network: Network | None = None
        self._made_input: InputLayer | None = None
        for layer in layers or ():
            self.add(layer)

    # Structure ----------------------------------------------------------------------------------

    def add(self, layer: Layer) -> None:
        """Put a layer behind the last.

        Layers that have weights keep them. A model that has been trained must be compiled again.

        Raises:
            ConfigError: It is no layer, or its name stands in the model already.
            ShapeError: It does not take what the last layer gives.
        """
        self._rest("add")
        if not isinstance(layer, Layer):
            raise ConfigError(f"{self.name}: expected a layer, received {layer!r}.")
        if any(layer is other for other in self._layers):
            raise ConfigError(
                f"{self.name}: the layer {layer.name!r} is in this model already. Make another one."
            )
        if self._layers and self._layers[-1].gives_several:
            raise ConfigError(
                f"{self.name}: expected a last layer with one output to put {layer.name!r} behind, received "
                f"{self._layers[-1]!r}, which gives several. Leave out return_state=True and merge_mode=None."
            )
        self._name(layer)
        self._layers.append(layer)
        if self._input_shape() is not None:
            self._infer()
        self._take_apart()

    def _name(self, layer: Layer) -> None:
        """Make an automatic name unique: dense, dense_1, dense_2."""
        taken = {other.name for other in self._layers}
        if not layer.auto_named:
            if layer.name in taken:
                raise ConfigError(f"{self.name}: expected unique layer names, received {layer.name!r} twice.")
            return
        base, count = layer.name, 0
        while layer.name in taken:
            count += 1
            layer.name = f"{base}_{count}"

    def pop(self) -> Layer:
        """Take the last layer off and return it.

        It keeps its weights, as do the others, and may go into another model. A model that has been
        trained must be compiled again.

        Raises:
            ConfigError: There is none.
        """
        self._rest("pop")
        if not self._layers:
            raise ConfigError(f"{self.name}: expected a layer to pop, but the model has none.")
        self._take_apart()
        return self._layers.pop()

    def _take_apart(self) -> None:
        """Give up the network: its layers have changed, and an optimizer that has stepped knows only the old."""
        if self._network is not None:
            self._network.release()
        self._network = self._step_made = None
        if self._compiled is not None and self._compiled.optimizer.iterations:
            self._compiled = None

    def build(self, input_shape: Shape | None = None) -> None:
        """Make the weights.

        Args:
            input_shape: With the batch axis first, such as (None, 784); not needed where the
                layers say it.

        Raises:
            NotBuiltError: The input shape is not known.
            ShapeError: It is known, and another one.
            ConfigError: A layer belongs to another built model.
        """
        if input_shape is not None:
            self._take_input_shape(tuple(input_shape))
        if self._network is not None:
            return
        if self._input_shape() is None:
            raise NotBuiltError(
                f"{self.name}: expected a known input shape. Start the model with Input(shape), give the first "
                f"layer input_shape=..., or call build((None, ...))."
            )
        if len(self._all_layers()) < 2:
            raise NotBuiltError(
                f"{self.name}: expected at least one layer behind the input, the model has none."
            )
        self._network = Network(
            chain(self._all_layers()),
            seed=np.random.SeedSequence(self._entropy),
            dtype=self._dtype(),
            name=self.name,
        )

    def _take_input_shape(self, shape: Shape) -> None:
        known = self._input_shape()
        if known is None:
            self._layers.insert(0, InputLayer(batch_shape=shape, name=self._input_name()))
        elif len(known) != len(shape) or any(
            None not in pair and pair[0] != pair[1] for pair in zip(known, shape, strict=True)
        ):
            raise ShapeError(
                f"{self.name}: expected the input shape {known} that the model has, received {shape}. Make a new "
                f"model for another shape."
            )

    def _input_shape(self) -> Shape | None:
        return self._layers[0].batch_input_shape if self._layers else None

    def _input_name(self) -> str:
        return "input_layer"

    def _all_layers(self) -> list[Layer]:
        """The layers behind an InputLayer, made up where the first layer says its input shape itself."""
        first = self._layers[0]
        if isinstance(first, InputLayer):
            return self._layers
        if self._made_input is None or self._made_input.batch_input_shape != first.batch_input_shape:
            self._made_input = InputLayer(batch_shape=first.batch_input_shape, name=self._input_name())
        return [self._made_input, *self._layers]

    def _infer(self) -> None:
        """Work the shapes out as far as the layers go, so that a wrong layer is refused at once."""
        layers = self._all_layers()
        shape = layers[0].batch_input_shape
        assert shape is not None
        for layer in layers:
            try:
                shape = layer.ensure_built(shape)
            except Exception:
                self._layers.pop()
                raise

    def _dtype(self) -> Any:
        dtypes = {
            layer.dtype for layer in self._layers if layer.dtype is not None and layer.dtype.kind == "f"
        }
        return dtypes.pop() if len(dtypes) == 1 else np.float32

    def _rest(self, what: str) -> None:
        if self._engine.fitting:
            raise BusyError(
                f"{self.name}: {what} needs a model at rest, but a fit is running. Await it first."
            )

    # What the doors need ------------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """The built network.

        Raises:
            NotBuiltError: The input shape is not known.
        """
        if self._network is None:
            self.build()
        assert self._network is not None
        return self._network

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return self._network is not None

    @property
    def input_names(self) -> list[str]:
        """Name of the input."""
        return [self.network.layers[0].name]

    @property
    def output_names(self) -> list[str]:
        """Name of the last layer; none while there is no layer."""
        return [layer.name for layer in self.layers[-1:]]

    @property
    def input_shape(self) -> Shape:
        """Shape of the input, batch axis first."""
        return self.network.input_shapes[0]

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, batch axis first."""
        return self.network.output_shapes[0]

    def _waits_for_data(self) -> bool:
        return self._network is None and bool(self._layers) and self._input_shape() is None

    def _build_for(self, x: Any) -> None:
        if self._waits_for_data():
            shape = first_array(x).shape
            self.build((None, *(shape[1:] or (1,))))

    def _shuffle_seed(self) -> Any:
        return self._entropy

    # Layers and weights ------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name or index.

        Raises:
            ConfigError: There is none.
        """
        if index is not None and -len(self.layers) <= index < len(self.layers):
            return self.layers[index]
        for layer in self._layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self.layers)
        raise ConfigError(f"{self.name}: expected one of the layers {known}, received {name or index!r}.")

    @property
    def weights(self) -> list[Array]:
        """The weights themselves, as views; Keras's order."""
        return [weight.value for weight in self.network.weights]

    def get_weights(self) -> list[Array]:
        """Copies of all weights, in Keras's order; during a fit those of a whole step."""
        with self._engine.paused():
            return self.network.get_weights()

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights, in Keras's order.

        Raises:
            ShapeError: One of them does not fit; then none is changed.
        """
        with self._engine.paused():
            self.network.set_weights(weights)

    def count_params(self) -> int:
        """Number of elements in all weights."""
        return sum(weight.size for weight in self.network.weights)

    def summary(self, print_fn: Callable[[str], object] = print) -> None:
        """Print the layers as a table, with output shapes and numbers of parameters.

        Args:
            print_fn: Called with each line.
        """
        print_summary(self.name, self.layers, print_fn)

    def reset_states(self) -> None:
        """Forget what stateful layers carry from batch to batch."""
        self.network.reset_states()

    # Configs --------------------------------------------------------------------------------------

    def get_config(self) -> Config:
        """A Keras-compatible description of the layers."""
        layers = self._all_layers() if self._layers and self._input_shape() is not None else self._layers
        config: Config = {
            "name": self.name,
            "layers": [
                {"class_name": type(layer).__name__, "config": layer.get_config()} for layer in layers
            ],
        }
        if self._network is not None:
            config["build_input_shape"] = list(self.input_shape)
        return config

    @classmethod
    def from_config(
        cls, config: Config | list[Config], *, seed: int | None = None, custom_objects: Any = None
    ) -> Sequential:
        """A model from `get_config`, or from Keras's or tf.js's config of a Sequential.

        Args:
            config: `{"name", "layers": [...]}`, or the same inside `{"class_name", "config"}`.
            seed: As in `Sequential`.
            custom_objects: Layer classes of your own by name.

        Raises:
            ConfigError: It describes no Sequential, a layer's class is not known, or a layer does not have
                one of its arguments.

        Examples:
            >>> from aseq.layers import Dense, Input
            >>> model = Sequential([Input((2,)), Dense(1)])
            >>> Sequential.from_config(model.get_config()).count_params()
            3
        """
        config = inner_config(config, {"Sequential", cls.__name__})
        model = cls(name=config.get("name"), seed=seed)
        for entry in config["layers"]:
            model.add(layers_room.from_config(entry, custom_objects))
        shape = config.get("build_input_shape")
        if shape is not None and model._input_shape() is None:
            model.build(tuple(shape))
        return model

    # Files ----------------------------------------------------------------------------------------

    async def save(self, path: str | os.PathLike[str], *, include_optimizer: bool = True) -> None:
        """Write the model to a file, atomically; `aseq.load_model` reads it.

        During a fit this takes its turn between two steps.

        Args:
            path: Ends in `.aseq`.
            include_optimizer: Keep the arguments of `compile` and the optimizer's state, so that
                training can go on.

        Raises:
            ConfigError: No known format has this ending, or a function cannot be saved.
            SourceError: The folder of the file is missing, or may not be written to.
        """
        await save_model(self, path, include_optimizer)

    def __repr__(self) -> str:
        return f"<Sequential {self.name!r} of {len(self.layers)} layers>"
