"""Layers at fault: variations of one that multiplies each feature with a weight."""

from __future__ import annotations

import time

import numpy as np

from aseq.errors import ShapeError
from aseq.initializers import Initializer
from aseq.layers import Layer
from aseq.testing import LayerCase


class Scale(Layer):
    """y = x w, without a defect."""

    start = "glorot_uniform"

    def build(self, input_shape):
        self.w = self.add_weight("w", (input_shape[-1],), self.start)

    def forward(self, x, training=False):
        def backward(dy):
            self.w.grad[...] = (dy * x).reshape(-1, x.shape[-1]).sum(0)
            return dy * self.w.value

        return x * self.w.value, backward


class WrongShape(Scale):
    def compute_output_shape(self, input_shape):
        return (*input_shape, 1)


class BareError(Scale):
    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError("wrong")
        super().build(input_shape)


class Upcast(Scale):
    def forward(self, x, training=False):
        y, backward = super().forward(x, training)
        return y.astype(np.float64), backward


class NoisyPrediction(Scale):
    def forward(self, x, training=False):
        y, backward = super().forward(x, training)
        return y + self.rng.normal(size=y.shape), backward


class Drifts(Scale):
    def forward(self, x, training=False):
        self.w.value += 1e-3 * training
        return super().forward(x, training)


class StillStatistics(Scale):
    def build(self, input_shape):
        super().build(input_shape)
        self.mean = self.add_weight("mean", (1,), "zeros", trainable=False)


class SecretNoise(Scale):
    secret = np.random.default_rng(1)

    def forward(self, x, training=False):
        y, backward = super().forward(x, training)
        return (y + self.secret.normal(size=y.shape) if training else y), backward


class Wild(Initializer):
    def draw(self, shape, rng):
        return np.random.default_rng().normal(size=shape)


class Unseeded(Scale):
    start = Wild()


class SharedScratch(Scale):
    def forward(self, x, training=False):
        self.x = x
        time.sleep(0.001)
        return self.x * self.w.value, lambda dy: dy


class ForgetfulConfig(Scale):
    def __init__(self, factor=1.0, **options):
        super().__init__(**options)
        self.factor = factor

    def forward(self, x, training=False):
        y, backward = super().forward(x, training)
        return self.factor * y, lambda dy: backward(self.factor * dy)


class SharedDefault(Scale):
    def __init__(self, things=[], **options):
        super().__init__(**options)


class HiddenWeight(Scale):
    def __init__(self, **options):
        super().__init__(**options)
        self.hidden = np.random.default_rng().normal()

    def forward(self, x, training=False):
        y, backward = super().forward(x, training)
        return y + self.hidden, backward


class HalfGradient(Scale):
    def forward(self, x, training=False):
        def backward(dy):
            self.w.grad[:1] = (dy * x).sum(0)[:1]
            return dy * self.w.value

        return x * self.w.value, backward


class Bent(Scale):
    def forward(self, x, training=False):
        y, backward = super().forward(x, training)
        return y, lambda dy: backward(dy * np.abs(dy))


class Cached(Scale):
    def forward(self, x, training=False):
        self.x = x

        def backward(dy):
            self.w.grad[...] = (dy * self.x).sum(0)
            return dy * self.w.value

        return x * self.w.value, backward


class InPlace(Scale):
    def forward(self, x, training=False):
        x *= self.w.value
        return x, lambda dy: dy


class DoubleGradient(Scale):
    def forward(self, x, training=False):
        y, backward = super().forward(x, training)
        return y, lambda dy: 2 * backward(dy)


class WrongWeightGradient(Scale):
    def forward(self, x, training=False):
        y, backward = super().forward(x, training)

        def wrong(dy):
            dx = backward(dy)
            self.w.grad *= 1.001
            return dx

        return y, wrong


class Uphill(Scale):
    def forward(self, x, training=False):
        y, backward = super().forward(x, training)

        def wrong(dy):
            dx = backward(dy)
            self.w.grad *= -1
            return dx

        return y, wrong


class DividesByRows(Scale):
    def forward(self, x, training=False):
        y, backward = super().forward(x, training)
        return y + 0 * x.mean(0), backward


class Gossip(Scale):
    def forward(self, x, training=False):
        y, backward = super().forward(x, training)
        return y + x.sum(0), backward


class TimeMean(Layer):
    """The mean over unmasked steps, without a defect."""

    uses_mask = True
    passes_mask = False

    def compute_output_shape(self, input_shape):
        if len(input_shape) != 3:
            raise ShapeError(f"layer {self.name!r}: expected three axes, received {input_shape}.")
        return (input_shape[0], input_shape[2])

    def forward(self, x, training=False, mask=None):
        kept = np.ones(x.shape[:2]) if mask is None else mask
        share = (kept / np.maximum(kept.sum(1, keepdims=True), 1))[..., None].astype(x.dtype)
        return (x * share).sum(1), lambda dy: dy[:, None] * share


class MaskShifts(TimeMean):
    def forward(self, x, training=False, mask=None):
        y, backward = super().forward(x, training, mask)
        return (y if mask is None else y + 1), backward


class MaskBlind(TimeMean):
    def forward(self, x, training=False, mask=None):
        return super().forward(x, training)


class MaskBlindBackward(TimeMean):
    def forward(self, x, training=False, mask=None):
        y, _ = super().forward(x, training, mask)
        return y, lambda dy: np.repeat(dy[:, None] / x.shape[1], x.shape[1], 1)


class StaleMask(TimeMean):
    passes_mask = True


class Running(Layer):
    """Adds up batches, and keeps the sum to itself."""

    def __init__(self, **options):
        super().__init__(**options)
        self.total = 0.0

    def forward(self, x, training=False):
        self.total = self.total + x
        return self.total, lambda dy: dy

    def reset_states(self):
        self.total = 0.0


class Shrinking(Layer):
    """Dropout that does not make up for what it drops."""

    def forward(self, x, training=False):
        kept = self.rng.random(x.shape) > 0.5 if training else np.ones_like(x)
        return x * kept, lambda dy: dy * kept


def row(factory, shape=(3,), **options):
    return LayerCase(id=getattr(factory, "__name__", "Defect"), factory=factory, input_shape=shape, **options)


SOUND = [row(Scale), row(TimeMean, (4, 3))]

LAYERS = {
    "shape_inference": row(WrongShape),
    "other_shapes": row(BareError),
    "dtypes": row(Upcast),
    "inference_repeats_itself": row(NoisyPrediction),
    "training_leaves_weights_alone": row(Drifts),
    "statistics_move_in_training": row(StillStatistics),
    "noise_repeats_itself": row(SecretNoise),
    "seeds": row(Unseeded),
    "threads_agree": row(SharedScratch),
    "config_round_trip": row(lambda: ForgetfulConfig(2.0)),
    "default_arguments": row(SharedDefault),
    "weights_round_trip": row(HiddenWeight),
    "gradients_written_whole": row(HalfGradient),
    "backward_is_linear": row(Bent),
    "two_passes_alive": row(Cached),
    "reads_only": row(InPlace),
    "gradient_of_input": row(DoubleGradient),
    "gradient_of_weights": row(WrongWeightGradient),
    "ten_steps_lower_the_loss": row(Uphill),
    "empty_batch": row(DividesByRows),
    "rows_are_independent": row(Gossip),
    "full_mask_is_no_mask": row(MaskShifts, (4, 3)),
    "forgotten_steps_have_no_say": row(MaskBlind, (4, 3)),
    "gradients_through_mask": row(MaskBlindBackward, (4, 3)),
    "mask_fits_output": row(StaleMask, (4, 3)),
    "carries_state": row(Running, batch_size=2),
    "noise_keeps_the_mean": row(Shrinking, keeps_mean=True),
}
