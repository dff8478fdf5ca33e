"""Files to models: the async door over the codecs of `aseq.saving`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aseq.errors import AseqError, FormatError, SourceError
from aseq.losses import FunctionLoss
from aseq.models._save import FILES, named_weights
from aseq.models._sequential import Sequential
from aseq.saving import ModelArtifacts, codec_for

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["load_model"]


async def load_model(
    path: str | os.PathLike[str], *, custom_objects: Mapping[str, Any] | None = None
) -> Sequential:
    """Read a model from a file, compiled and with its optimizer's state if it was saved so.

    Args:
        path: An `.aseq` file.
        custom_objects: Classes and functions of your own by name: layers, losses, metrics, optimizers.

    Returns:
        A new model.

    Raises:
        ConfigError: No known format has this ending.
        SourceError: There is no such file.
        FormatError: It is damaged, or of another kind.

    Examples:
        >>> import asyncio, tempfile, aseq
        >>> async def save_and_load(path):
        ...     model = aseq.Sequential([aseq.layers.Input((2,)), aseq.layers.Dense(1)])
        ...     await model.save(path)
        ...     return await aseq.load_model(path)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     asyncio.run(save_and_load(f"{folder}/model.aseq"))
        <Sequential 'sequential' of 1 layers>
    """
    codec = codec_for(path)
    return await FILES.run(_load, codec.read, Path(path), dict(custom_objects or {}))


def _load(read: Any, path: Path, custom_objects: Any) -> Sequential:
    try:
        artifacts: ModelArtifacts = read(path)
    except OSError as error:
        raise SourceError(str(path), f"expected a model file, {error.strerror or error}.") from None
    try:
        return _model(str(path), artifacts, custom_objects)
    except FormatError:
        raise
    except (AseqError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            str(path),
            f"expected a model's description, found one that does not fit: {error} Classes and functions of "
            f"your own go into custom_objects={{name: ...}}.",
        ) from error


def _model(name: str, artifacts: ModelArtifacts, custom_objects: Any) -> Sequential:
    if artifacts.model.get("class_name") != "Sequential":
        raise FormatError(name, f"expected a Sequential model, found {artifacts.model.get('class_name')!r}.")
    model = Sequential.from_config(artifacts.model["config"], custom_objects=custom_objects)
    _check_shapes(name, model, artifacts)
    model.set_weights([array for _, array in artifacts.weights])
    model.metadata = artifacts.metadata
    if artifacts.compile is not None:
        model.compile(
            **{key: _revived(name, value, custom_objects) for key, value in artifacts.compile.items()}
        )
        if artifacts.optimizer is not None:
            model.optimizer.set_state(artifacts.optimizer)
    return model


def _revived(file: str, entry: Any, custom_objects: dict[str, Any]) -> Any:
    """An argument of `compile`, with the user's own classes and functions put in."""
    if isinstance(entry, list):
        return [_revived(file, item, custom_objects) for item in entry]
    if not isinstance(entry, dict) or "class_name" not in entry:
        return entry
    kind: str = entry["class_name"]
    config: Any = entry.get("config")
    if kind == "function":
        return _function(file, config, custom_objects)
    if kind == "FunctionLoss":
        return FunctionLoss(**config | {"function": _function(file, config["function"], custom_objects)})
    return custom_objects[kind].from_config(config) if kind in custom_objects else entry


def _function(file: str, name: Any, custom_objects: dict[str, Any]) -> Any:
    if name not in custom_objects:
        raise FormatError(file, f"needs the function {name!r}. Pass custom_objects={{{name!r}: {name}}}.")
    return custom_objects[name]


def _check_shapes(name: str, model: Sequential, artifacts: ModelArtifacts) -> None:
    """Refuse a description that does not fit its arrays before it makes anything of its own size."""
    expected = [(name, weight.shape) for name, weight in named_weights(model._all_layers())]
    found = [(weight, array.shape) for weight, array in artifacts.weights]
    if expected != found:
        odd = next((pair for pair in zip(expected, found, strict=False) if pair[0] != pair[1]), None)
        what = f"{odd[0]}, found {odd[1]}" if odd else f"{len(expected)} weights, found {len(found)}"
        raise FormatError(name, f"expected the weights of its own description: {what}.")
