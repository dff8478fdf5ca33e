"""Loss and metrics over an epoch: each fit, validation and evaluation gathers its own."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import metrics as metrics_room
from aseq.losses import match_rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.losses import Loss
    from aseq.metrics import Metric
    from aseq.training._batch import Batch
    from aseq.types import Array, Config, Shape

__all__ = ["Scores"]


class Scores:
    """Streaming loss and metrics.

    Args:
        metrics: Identifiers as given to `compile`, never weighted.
        weighted_metrics: Likewise, weighted by sample weights.
        loss: Of the output; decides what "accuracy" means to tf.js.
        output_shape: Of the model.
        flavor: "keras" or "tfjs".
        activation: Name of that of the last layer.
    """

    def __init__(
        self,
        metrics: Sequence[Any],
        weighted_metrics: Sequence[Any],
        loss: Loss,
        output_shape: Shape,
        flavor: str,
        activation: str = "",
    ) -> None:
        self._wanted = list(metrics)
        self._wanted_weighted = list(weighted_metrics)
        self._loss = loss
        self._output_shape = output_shape
        self._flavor = flavor
        self._activation = activation
        self.loss = metrics_room.Mean("loss")
        self.metrics: list[Metric] | None = None if metrics or weighted_metrics else []
        self.weighted_from = 0

    def update(
        self, loss: float, batch: Batch, output: Array, mask: Array | None, logits: Array | None
    ) -> None:
        """Count a batch.

        Args:
            loss: Of the batch.
            batch: Its targets and weights.
            output: Of the model.
            mask: Of the output, as an array of weights, or None.
            logits: What went into the last activation, where the loss or a metric computes from it.
        """
        self.loss.add(loss, batch.rows)
        if self.metrics is None:
            self.metrics = self._resolve(batch.ys[0].shape)
        for index, metric in enumerate(self.metrics):
            weights = mask if metric.uses_mask else None
            if index >= self.weighted_from and batch.weights[0] is not None:
                given = batch.weights[0]
                weights = given if weights is None else weights * match_rank(given, weights)
            if logits is not None and self._activation in metric.fuses:
                metric.update(batch.ys[0], output, weights, z=logits)  # type: ignore[call-arg]
            else:
                metric.update(batch.ys[0], output, weights)

    def _resolve(self, target_shape: Shape) -> list[Metric]:
        """Make the metrics: which accuracy is meant shows with the first targets."""
        seen = {"loss"}
        made = []
        self.weighted_from = len(self._wanted)
        for index, identifier in enumerate((*self._wanted, *self._wanted_weighted)):
            own = copy.deepcopy(identifier)  # two evaluations at once must not share an instance
            metric = metrics_room.resolve(own, target_shape, self._output_shape, self._loss, self._flavor)
            metric.reset()
            prefix = "weighted_" if index >= self.weighted_from else ""
            metric.name = _free_name(metric.name, seen, prefix)
            made.append(metric)
        return made

    def reset(self) -> None:
        """Begin an epoch."""
        self.loss.reset()
        for metric in self.metrics or ():
            metric.reset()

    def logs(self) -> dict[str, Any]:
        """Loss and metrics over the batches since `reset`: floats.

        A metric with several numbers (F1 by class, precision at several thresholds) is an array.
        """
        if not self.loss.count:
            return {}
        logs: dict[str, Any] = {}
        for metric in (self.loss, *(self.metrics or ())):
            value = metric.result()
            logs[metric.name] = np.array(value) if np.ndim(value) else float(value)
        return logs

    def get_state(self) -> list[Config]:
        """What has been gathered, as plain data and arrays."""
        return [metric.get_state() for metric in (self.loss, *(self.metrics or ()))]

    def set_state(self, states: list[Config], target_shape: Shape = ()) -> None:
        """Put back what `get_state` returned."""
        if self.metrics is None and len(states) > 1:
            self.metrics = self._resolve(target_shape)
        for metric, state in zip((self.loss, *(self.metrics or ())), states, strict=True):
            metric.set_state(state)


def _free_name(name: str, seen: set[str], prefix: str) -> str:
    """`name`, or a name like it that no other log has."""
    if name in seen and prefix:
        name = prefix + name
    free, count = name, 0
    while free in seen:
        count += 1
        free = f"{name}_{count}"
    seen.add(free)
    return free
