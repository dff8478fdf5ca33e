"""Models to files: the async door over the codecs of `aseq.saving`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aseq import losses, metrics, optimizers
from aseq.compute import Lane
from aseq.errors import ConfigError
from aseq.saving import ModelArtifacts, codec_for

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from aseq.layers import Layer
    from aseq.layers._weight import Weight
    from aseq.models._compiled import Compiled
    from aseq.models._sequential import Sequential
    from aseq.types import Config

__all__ = ["FILES", "named_weights", "save_model"]

FILES = Lane("model files", 2)


async def save_model(model: Sequential, path: str | os.PathLike[str], include_optimizer: bool) -> None:
    """Write a model to a file: see `Sequential.save`."""
    codec = codec_for(path)
    artifacts = await model._engine.call(_artifacts, model, include_optimizer)
    await FILES.run(codec.write, Path(path), artifacts)


def _artifacts(model: Sequential, include_optimizer: bool) -> ModelArtifacts:
    """A copy of everything, taken in one turn: the weights of a whole step."""
    network = model.network
    weights = [(name, weight.value.copy()) for name, weight in named_weights(network.layers)]
    config = {"class_name": type(model).__name__, "config": model.get_config()}
    artifacts = ModelArtifacts(config, weights, metadata=dict(model.metadata))
    compiled = model._compiled
    if include_optimizer and compiled is not None:
        artifacts.compile = _compile_config(compiled)
        artifacts.optimizer = compiled.optimizer.get_state()
    return artifacts


def named_weights(layers: Iterable[Layer]) -> list[tuple[str, Weight]]:
    """Weights in Keras's order with names such as "dense/kernel"."""
    return [(f"{layer.name}/{weight.name}", weight) for layer in layers for weight in layer.weights]


def _compile_config(compiled: Compiled) -> Config:
    optimizer = optimizers.serialize(compiled.optimizer)
    if callable(optimizer["config"].get("learning_rate")):
        raise ConfigError(
            "save: expected a learning rate that is a number or a schedule with a config, received a "
            "function. Pass include_optimizer=False."
        )
    factors = {} if compiled.loss_weights is None else {"loss_weights": compiled.loss_weights}
    return factors | {
        "optimizer": optimizer,
        "loss": [_loss_config(loss) for loss in compiled.losses],
        "metrics": [_metric_config(metric) for metric in compiled.metrics],
        "weighted_metrics": [_metric_config(metric) for metric in compiled.weighted_metrics],
    }


def _loss_config(loss: losses.Loss) -> Config:
    config = losses.serialize(loss)
    if isinstance(loss, losses.FunctionLoss):
        config["config"]["function"] = _name_of(loss.function)
    return config


def _metric_config(metric: Any) -> Any:
    if isinstance(metric, metrics.Metric):
        return metrics.serialize(metric)
    if callable(metric):
        return {"class_name": "function", "config": _name_of(metric)}
    return metric


def _name_of(function: Any) -> str:
    """The name by which `load_model` will ask for a function: functions themselves are not saved."""
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise ConfigError(
            f"save: expected a function with a name, received {function!r}. Define it with def, or pass "
            f"include_optimizer=False."
        )
    return str(name)
