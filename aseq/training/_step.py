"""One gradient step and one test step: plain NumPy that knows no asyncio.

`Step` is what `compile` makes. All doors that train or measure go through its two methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.layers._core import Activated
from aseq.losses import match_rank
from aseq.training._scores import Scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    """

    def __init__(
        self,
        network: Network,
        losses: Sequence[Loss],
        optimizer: Optimizer,
        metrics: Sequence[Any] = (),
        weighted_metrics: Sequence[Any] = (),
        flavor: str = "keras",
    ) -> None:
        self.network = network
        self.losses = list(losses)
        self.optimizer = optimizer
        self.metrics = list(metrics)
        self.weighted_metrics = list(weighted_metrics)
        self.flavor = flavor
        last = [network.nodes[index].layer for index in network.outputs]
        names = [layer.activation.name if isinstance(layer, Activated) else "" for layer in last]
        self._fused = {
            index
            for index, name, loss in zip(network.outputs, names, self.losses, strict=True)
            if name in loss.fuses and not getattr(loss, "from_logits", False)
        }
        self._own = [
            getattr(loss, "own_activation", "") == name for name, loss in zip(names, self.losses, strict=True)
        ]

    def scores(self) -> Scores:
        """A new, empty record of loss and metrics."""
        return Scores(
            self.metrics, self.weighted_metrics, self.losses[0], self.network.output_shapes[0], self.flavor
        )

    def train(self, batch: Batch, scores: Scores) -> None:
        """Forward, backward, update; the scores are those before the update."""
        network = self.network
        done = network.forward(batch.xs, True, self._fused)
        loss, gradients = self._loss(done, batch)
        loss += done.penalty
        done.backward([gradient() for gradient in gradients])
        if network.regularized:
            loss += network.penalty()
            network.add_penalty_gradients()
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
            weights = self._loss_weights(batch.weights[k], done.masks[k], loss)
            value, gradient = loss.compute(
                batch.ys[k], done.outputs[k], weights, done.logits[k], own=self._own[k]
            )
            total += value
            gradients.append(gradient)
        return total, gradients

    def _loss_weights(self, weights: Array | None, mask: Array | None, loss: Loss) -> Array | None:
        """Sample weights times the mask, scaled so that the mean is one over the unmasked samples."""
        if mask is None or self.flavor == "tfjs":  # tf.js keeps masks from losses and metrics
            return weights
        kept = mask.astype(self.network.dtype)
        if loss.reduction in ("sum_over_batch_size", "mean"):
            kept *= mask.size / max(int(np.count_nonzero(mask)), 1)
        return kept if weights is None else kept * match_rank(weights, kept)

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
