"""From names and configs to components and back: one way for every kind (layers, losses, optimizers, ...)."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aseq.types import Config

__all__ = [
    "Configurable",
    "Registry",
    "argument_names",
    "function_name",
    "guess",
    "known_arguments",
    "snake_case",
    "unwrapped",
]


def snake_case(name: str) -> str:
    """Keras's name for a class: "BatchNormalization" is "batch_normalization", "ReLU" is "re_lu".

    Examples:
        >>> [snake_case(n) for n in ("Dense", "Conv2DTranspose", "GRU", "ReLU", "meanSquaredError")]
        ['dense', 'conv2d_transpose', 'gru', 're_lu', 'mean_squared_error']
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def argument_names(cls: type) -> set[str]:
    """The arguments that `cls` takes by name, and its bases as far as each `__init__` hands `**options` on.

    Examples:
        >>> class Wide(Configurable):
        ...     def __init__(self, width=1, name=None): ...
        >>> class Narrow(Wide):
        ...     def __init__(self, name=None): ...
        >>> argument_names(Narrow)
        {'name'}
    """
    names: set[str] = set()
    for base in cls.__mro__:
        code = getattr(base.__dict__.get("__init__"), "__code__", None)
        if code is not None:
            names.update(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])
            if not code.co_flags & inspect.CO_VARKEYWORDS:
                break
    return names


def known_arguments(cls: type, config: Config) -> Config:
    """The entries of `config` that are arguments of `cls`, also where tf.js spells them in camel case."""
    names = argument_names(cls)
    spelled = {key if key in names else snake_case(key): value for key, value in config.items()}
    return {key: value for key, value in spelled.items() if key in names}


def guess(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: the known ones that look like it, two at most.

    Examples:
        >>> guess("adma", ["adam", "adamax", "sgd"]), guess("x", ["adam", "sgd"])
        (" Did you mean 'adamax' or 'adam'?", '')
    """
    from difflib import get_close_matches

    close = get_close_matches(snake_case(name), known, n=2)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def unwrapped(value: Any) -> Any:
    """`value` with every array as lists: Keras writes it as {"class_name": "__tensor__", "config": {"value": ...}}.

    Examples:
        >>> unwrapped({"w": {"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}}})
        {'w': [1.0]}
    """
    if isinstance(value, dict):
        if value.get("class_name") in ("__numpy__", "__tensor__"):
            return value["config"]["value"]
        return {key: unwrapped(item) for key, item in value.items()}
    return [unwrapped(item) for item in value] if isinstance(value, list) else value


def function_name(identifier: Any) -> Any:
    """The name in Keras's config of a function; anything else as it is.

    Examples:
        >>> function_name({"class_name": "function", "config": "mean_squared_error"})
        'mean_squared_error'
    """
    if isinstance(identifier, dict) and identifier.get("class_name") == "function":
        return identifier.get("config")
    return identifier


class Configurable:
    """Something that can say which arguments build an equal one."""

    def get_config(self) -> Config:
        """The arguments that build an equal object, as Keras names them: plain JSON values."""
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """A new object with the arguments of `get_config`; keys this class does not know are left out."""
        return cls(**known_arguments(cls, config))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(repr(self))


T = TypeVar("T", bound=Configurable)


class Registry(Generic[T]):
    """The components of one kind by class name, snake_case name and alias.

    Args:
        kind: Named in errors, such as "loss".
        base: Class that all of them share.
        classes: The components.
        aliases: More names, such as {"mse": MeanSquaredError}.
    """

    def __init__(
        self, kind: str, base: type[T], classes: Iterable[type[T]], aliases: dict[str, Any] | None = None
    ) -> None:
        self.kind = kind
        self.base = base
        self.by_name: dict[str, Any] = {}
        for cls in classes:
            self.by_name[cls.__name__] = cls
            self.by_name[snake_case(cls.__name__)] = cls
        self.by_name.update(aliases or {})

    def find(self, name: str) -> Any:
        """What makes the component called `name`: a class or an alias's factory.

        Raises:
            ConfigError: Nothing has this name.
        """
        for spelling in (name, snake_case(name)):
            if spelling in self.by_name:
                return self.by_name[spelling]
        known = {n for n in self.by_name if n.islower()}
        raise ConfigError(
            f"{self.kind}: expected one of {', '.join(sorted(known))}, received {name!r}.{guess(name, known)}"
        )

    def get(self, identifier: Any) -> T:
        """The component that `identifier` means: an instance, a class, a name, or a config.

        Raises:
            ConfigError: It means nothing of this kind.
        """
        identifier = function_name(identifier)
        if isinstance(identifier, self.base):
            return identifier
        if isinstance(identifier, type) and issubclass(identifier, self.base):
            return identifier()
        if isinstance(identifier, str):
            return self.find(identifier)()
        if isinstance(identifier, dict) and "class_name" in identifier:
            found: Any = self.find(identifier["class_name"])
            config = unwrapped(identifier.get("config") or {})
            return found.from_config(config) if hasattr(found, "from_config") else found(**config)
        raise ConfigError(
            f"{self.kind}: expected an instance of {self.base.__name__}, a name or a config "
            f"{{'class_name': ..., 'config': ...}}, received {identifier!r}."
        )

    def serialize(self, component: T | None) -> Config | None:
        """`{"class_name", "config"}` of a component, None for None."""
        if component is None:
            return None
        return {"class_name": type(component).__name__, "config": component.get_config()}
