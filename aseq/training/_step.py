"""One gradient step and one test step: plain NumPy that knows no asyncio.

`Step` is what `compile` makes. All doors that train or measure go through its two methods.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from aseq import activations
from aseq import metrics as metrics_room
from aseq.layers._core import Activated
from aseq.training._scores import Scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aseq.activations import Activation
    from aseq.losses import Loss
    from aseq.network import Network, Pass
    from aseq.optimizers import Optimizer
    from aseq.training._batch import Batch
    from aseq.types import Array, Config

__all__ = ["Step"]


class Step:
    """The steps of a compiled network.

    Args:
        network: Built.
        losses: One an output.
        optimizer: Changes the network's flat vector.
        metrics: Identifiers as given to `compile`, never weighted.
        weighted_metrics: Likewise, weighted by sample weights.
        flavor: "keras" or "tfjs": which peer's rules hold where they differ.
        loss_weights: Factors of the losses; 1 if not given.
    """

    def __init__(
        self,
        network: Network,
        losses: Sequence[Loss],
        optimizer: Optimizer,
        metrics: Sequence[Any] = (),
        weighted_metrics: Sequence[Any] = (),
        flavor: str = "keras",
        loss_weights: Sequence[float] | None = None,
    ) -> None:
        self.network = network
        self.losses = list(losses)
        self.optimizer = optimizer
        self.metrics = list(metrics)
        self.weighted_metrics = list(weighted_metrics)
        self.flavor = flavor
        self.loss_weights = None if loss_weights is None else list(loss_weights)
        last = [network.nodes[index].layer for index in network.outputs]
        self._ends = [
            layer.activation if isinstance(layer, Activated) else activations.linear for layer in last
        ]
        for layer, end, shape in zip(last, self._ends, network.output_shapes, strict=True):
            if end.name == "softmax" and shape[-1] == 1:
                way_out = "Use a sigmoid, or a unit a class."
                warnings.warn(f"{layer.name}: a softmax over one unit is always 1. {way_out}", stacklevel=2)
        pairs = list(zip(self._ends, self.losses, strict=True))
        self._from_logits = [end.name in getattr(loss, "fuses", ()) for end, loss in pairs]
        self._own = [end.name == getattr(loss, "own_activation", "") for end, loss in pairs]
        wanted = [self._from_logits[0] or self._metrics_fuse(), *self._from_logits[1:]]
        self._fused = {index for index, fused in zip(network.outputs, wanted, strict=True) if fused}

    def _metrics_fuse(self) -> bool:
        """Whether a metric computes from the logits of the first output, whatever the loss does."""
        shape = self.network.output_shapes[0]
        return any(
            self._ends[0].name in metrics_room.resolve(item, shape, shape, self.losses[0], self.flavor).fuses
            for item in (*self.metrics, *self.weighted_metrics)
        )

    def scores(self) -> Scores:
        """A new, empty record of loss and metrics."""
        return Scores(
            self.metrics,
            self.weighted_metrics,
            self.losses[0],
            self.network.output_shapes[0],
            self.flavor,
            self._ends[0].name,
        )

    def train(self, batch: Batch, scores: Scores) -> None:
        """Forward, backward, update; the scores are those before the update.

        Raises:
            ConfigError: The optimizer serves another model.
        """
        network = self.network
        self.optimizer.check_serves(network.params)
        done = network.forward(batch.xs, True, self._fused)
        loss, gradients = self._loss(done, batch)
        loss += done.penalty
        done.backward([gradient() for gradient in gradients])
        if network.regularized:
            loss += network.penalty()
            network.add_penalty_gradients()
        if network.frozen_regularized and self.flavor == "tfjs":  # tf.js counts what does not learn
            loss += network.penalty(network.frozen_regularized)
        self.optimizer.step(network.params, network.grads, network.ranges, network.layout)
        if network.constrained:
            network.constrain()
        self._score(scores, loss, done, batch)

    def test(self, batch: Batch, scores: Scores) -> None:
        """Forward without training."""
        done = self.network.forward(batch.xs, False, self._fused)
        loss, _ = self._loss(done, batch)
        if self.flavor != "tfjs":  # tf.js leaves penalties out of evaluate and val_loss
            loss += done.penalty + self.network.penalty()
        self._score(scores, loss, done, batch)

    def _loss(self, done: Pass, batch: Batch) -> tuple[float, list[Callable[[], Array]]]:
        total, gradients = 0.0, []
        for k, loss in enumerate(self.losses):
            logits = done.logits[k]
            z = logits if self._from_logits[k] else None
            mask = (
                done.masks[k] if self.flavor != "tfjs" else None
            )  # tf.js keeps masks from losses and metrics
            value, gradient = loss.compute(
                batch.ys[k], done.outputs[k], batch.weights[k], z, own=self._own[k], mask=mask
            )
            if logits is not None and z is None:  # only a metric wants them
                gradient = _through(self._ends[k], logits, gradient)
            if self.loss_weights is not None:
                value, gradient = _scaled(self.loss_weights[k], value, gradient)
            total += value
            gradients.append(gradient)
        return total, gradients

    def _score(self, scores: Scores, loss: float, done: Pass, batch: Batch) -> None:
        mask = done.masks[0]
        if mask is not None:
            mask = None if self.flavor == "tfjs" else mask.astype(self.network.dtype)
        scores.update(loss, batch, done.outputs[0], mask, done.logits[0])

    def finalize(self) -> None:
        """What the end of a fit does to the weights: a moving average takes their place, if one is kept."""
        self.optimizer.finalize(self.network.params, self.network.ranges)

    def get_state(self) -> Config:
        """Everything that a later step depends on, as plain data and arrays."""
        return {"network": self.network.get_state(), "optimizer": self.optimizer.get_state()}

    def set_state(self, state: Config) -> None:
        """Put back what `get_state` returned."""
        self.network.set_state(state["network"])
        self.optimizer.set_state(state["optimizer"])


def _through(activation: Activation, z: Array, gradient: Callable[[], Array]) -> Callable[[], Array]:
    """The gradient with respect to the logits `z`, from that with respect to activation(z)."""
    return lambda: activation.forward(z)[1](gradient())


def _scaled(weight: float, value: float, gradient: Callable[[], Array]) -> tuple[float, Callable[[], Array]]:
    """A loss and its gradient, times `weight`."""

    def scaled() -> Array:
        dy = gradient()
        return dy * dy.dtype.type(weight)

    return value * weight, scaled
