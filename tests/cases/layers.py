"""Layers: one row for each way of computing that a layer has."""

from __future__ import annotations

from aseq import layers as l
from aseq.testing import LayerCase
from tests.cases import convolutions, recurrent


class Double(l.Layer):
    """A layer of a user's own."""

    def forward(self, x, training=False):
        return 2 * x, lambda dy: 2 * dy


CORE = [
    LayerCase(id="Layer-own", factory=Double, input_shape=(3,)),
    LayerCase(id="Input", factory=lambda: l.Input((3,)), input_shape=(3,)),
    LayerCase(id="InputLayer", factory=lambda: l.InputLayer((2, 3)), input_shape=(2, 3)),
    LayerCase(id="Dense", factory=lambda: l.Dense(3), input_shape=(4,)),
    LayerCase(id="Dense-relu", factory=lambda: l.Dense(3, "relu"), input_shape=(4,)),
    LayerCase(id="Dense-softmax", factory=lambda: l.Dense(3, "softmax"), input_shape=(4,)),
    LayerCase(id="Dense-LeakyReLU", factory=lambda: l.Dense(3, l.LeakyReLU(0.1)), input_shape=(4,)),
    LayerCase(id="Dense-bare", factory=lambda: l.Dense(3, use_bias=False), input_shape=(4,)),
    LayerCase(id="Dense-time", factory=lambda: l.Dense(3, "tanh"), input_shape=(5, 4)),
    LayerCase(id="Activation", factory=lambda: l.Activation("tanh"), input_shape=(2, 3)),
    LayerCase(id="Activation-softmax", factory=lambda: l.Activation("softmax"), input_shape=(2, 3)),
    LayerCase(id="Dropout", factory=lambda: l.Dropout(0.4), input_shape=(6,), keeps_mean=True),
    LayerCase(id="Dropout-noise_shape", factory=lambda: l.Dropout(0.4, (None, 1, 3)), input_shape=(4, 3), keeps_mean=True),
    LayerCase(id="Dropout-seeded", factory=lambda: l.Dropout(0.4, seed=3), input_shape=(6,), keeps_mean=True),
    LayerCase(id="Dropout-nothing", factory=lambda: l.Dropout(0), input_shape=(6,)),
    LayerCase(id="Dropout-everything", factory=lambda: l.Dropout(1), input_shape=(6,)),
    LayerCase(id="Flatten", factory=l.Flatten, input_shape=(2, 3)),
    LayerCase(id="Flatten-vector", factory=l.Flatten, input_shape=(6,)),
    LayerCase(id="Flatten-channels_first", factory=lambda: l.Flatten("channels_first"), input_shape=(2, 3, 2)),
    LayerCase(id="Identity", factory=l.Identity, input_shape=(2, 3)),
    LayerCase(id="ActivityRegularization", factory=lambda: l.ActivityRegularization(0.1, 0.2), input_shape=(2, 3)),
    LayerCase(id="Reshape", factory=lambda: l.Reshape((3, 2)), input_shape=(6,)),
    LayerCase(id="Reshape-inferred", factory=lambda: l.Reshape((2, -1)), input_shape=(2, 6)),
]  # fmt: skip


def spread_out(rng, shape):
    """Inputs that reach both ends of a clipped activation."""
    return rng.normal(scale=4, size=shape)


ACTIVATIONS = [
    LayerCase(id="ReLU", factory=l.ReLU, input_shape=(6,)),
    LayerCase(id="ReLU-all", factory=lambda: l.ReLU(3.0, 0.1, 0.5), input_shape=(6,), draw=spread_out),
    LayerCase(id="LeakyReLU", factory=l.LeakyReLU, input_shape=(6,)),
    LayerCase(id="PReLU", factory=l.PReLU, input_shape=(6,)),
    LayerCase(id="PReLU-shared", factory=lambda: l.PReLU(shared_axes=[1, 2]), input_shape=(3, 2, 4)),
    LayerCase(id="ELU", factory=lambda: l.ELU(0.5), input_shape=(6,)),
    LayerCase(id="ThresholdedReLU", factory=lambda: l.ThresholdedReLU(0.5), input_shape=(6,)),
    LayerCase(id="Softmax", factory=l.Softmax, input_shape=(5,), masked_rows=False),
    LayerCase(id="Softmax-axis", factory=lambda: l.Softmax(1), input_shape=(3, 2), masked=False),
]  # fmt: skip

NORMALIZATION = [
    LayerCase(id="BatchNormalization", factory=l.BatchNormalization, input_shape=(4,), masked=False),
    LayerCase(id="BatchNormalization-time", factory=lambda: l.BatchNormalization(momentum=0.5), input_shape=(5, 3)),
    LayerCase(id="BatchNormalization-image", factory=l.BatchNormalization, input_shape=(2, 3, 2), masked=False),
    LayerCase(id="BatchNormalization-axis", factory=lambda: l.BatchNormalization(axis=1), input_shape=(2, 3, 2), masked=False),
    LayerCase(id="BatchNormalization-bare", factory=lambda: l.BatchNormalization(center=False, scale=False), input_shape=(4,), masked=False),
    LayerCase(id="LayerNormalization", factory=l.LayerNormalization, input_shape=(3, 4)),
    LayerCase(id="LayerNormalization-axes", factory=lambda: l.LayerNormalization(axis=(1, 2)), input_shape=(3, 4)),
    LayerCase(id="LayerNormalization-bare", factory=lambda: l.LayerNormalization(center=False, scale=False), input_shape=(4,)),
    LayerCase(id="GroupNormalization", factory=lambda: l.GroupNormalization(2), input_shape=(3, 4)),
    LayerCase(id="GroupNormalization-instance", factory=lambda: l.GroupNormalization(-1), input_shape=(2, 3, 4)),
    LayerCase(id="GroupNormalization-axis", factory=lambda: l.GroupNormalization(2, axis=1), input_shape=(4, 3)),
    LayerCase(id="RMSNormalization", factory=l.RMSNormalization, input_shape=(3, 4)),
    LayerCase(id="UnitNormalization", factory=l.UnitNormalization, input_shape=(3, 4)),
    LayerCase(id="Normalization", factory=l.Normalization, input_shape=(4,), exempt={
        "statistics_move_in_training": "they come from adapt, before training",
    }),
    LayerCase(id="Normalization-given", factory=lambda: l.Normalization(mean=2.0, variance=4.0), input_shape=(4,)),
    LayerCase(id="Normalization-inverse", factory=lambda: l.Normalization(mean=2.0, variance=4.0, invert=True), input_shape=(4,)),
    LayerCase(id="Rescaling", factory=lambda: l.Rescaling(1 / 255, -0.5), input_shape=(2, 3)),
]  # fmt: skip

NOISE = [
    LayerCase(id="GaussianNoise", factory=lambda: l.GaussianNoise(0.3), input_shape=(5,), keeps_mean=True),
    LayerCase(id="GaussianDropout", factory=lambda: l.GaussianDropout(0.3), input_shape=(5,), keeps_mean=True),
    LayerCase(id="AlphaDropout", factory=lambda: l.AlphaDropout(0.3), input_shape=(5,)),
    LayerCase(id="AlphaDropout-noise_shape", factory=lambda: l.AlphaDropout(0.3, (None, 1, 2)), input_shape=(5, 2)),
    LayerCase(id="SpatialDropout1D", factory=lambda: l.SpatialDropout1D(0.3), input_shape=(3, 4), keeps_mean=True),
    LayerCase(id="SpatialDropout2D", factory=lambda: l.SpatialDropout2D(0.3), input_shape=(2, 3, 4), keeps_mean=True),
    LayerCase(id="SpatialDropout2D-channels_first", factory=lambda: l.SpatialDropout2D(0.3, "channels_first"), input_shape=(2, 3, 4), keeps_mean=True),
]  # fmt: skip

SHAPES = [
    LayerCase(id="Permute", factory=lambda: l.Permute((3, 1, 2)), input_shape=(2, 3, 4)),
    LayerCase(id="RepeatVector", factory=lambda: l.RepeatVector(3), input_shape=(4,)),
    LayerCase(id="Cropping1D", factory=lambda: l.Cropping1D((1, 2)), input_shape=(6, 2)),
    LayerCase(id="Cropping2D", factory=lambda: l.Cropping2D(((1, 0), (2, 1))), input_shape=(4, 5, 2)),
    LayerCase(id="Cropping2D-channels_first", factory=lambda: l.Cropping2D(1, "channels_first"), input_shape=(2, 4, 5)),
    LayerCase(id="ZeroPadding1D", factory=lambda: l.ZeroPadding1D((1, 2)), input_shape=(3, 2)),
    LayerCase(id="ZeroPadding2D", factory=lambda: l.ZeroPadding2D(((1, 0), (2, 1))), input_shape=(2, 3, 2)),
    LayerCase(id="ZeroPadding2D-channels_first", factory=lambda: l.ZeroPadding2D(1, "channels_first"), input_shape=(2, 2, 3)),
    LayerCase(id="UpSampling1D", factory=lambda: l.UpSampling1D(3), input_shape=(2, 2)),
    LayerCase(id="UpSampling2D", factory=lambda: l.UpSampling2D((2, 3)), input_shape=(2, 3, 2)),
    LayerCase(id="UpSampling2D-bilinear", factory=lambda: l.UpSampling2D(2, interpolation="bilinear"), input_shape=(2, 3, 2)),
    LayerCase(id="UpSampling2D-bicubic", factory=lambda: l.UpSampling2D((2, 3), interpolation="bicubic"), input_shape=(2, 3, 2)),
    LayerCase(id="UpSampling2D-channels_first", factory=lambda: l.UpSampling2D(2, "channels_first"), input_shape=(2, 2, 3)),
]  # fmt: skip

POOLING = [
    LayerCase(id="MaxPooling1D", factory=l.MaxPooling1D, input_shape=(6, 3)),
    LayerCase(id="MaxPooling1D-same", factory=lambda: l.MaxPooling1D(3, 2, "same"), input_shape=(6, 3)),
    LayerCase(id="MaxPooling2D", factory=l.MaxPooling2D, input_shape=(4, 5, 2)),
    LayerCase(id="MaxPooling2D-overlap", factory=lambda: l.MaxPooling2D(3, 1), input_shape=(4, 5, 2)),
    LayerCase(id="MaxPooling2D-same", factory=lambda: l.MaxPooling2D((2, 3), (1, 2), "same"), input_shape=(4, 5, 2)),
    LayerCase(id="MaxPooling2D-channels_first", factory=lambda: l.MaxPooling2D(data_format="channels_first"), input_shape=(2, 4, 5)),
    LayerCase(id="AveragePooling1D", factory=l.AveragePooling1D, input_shape=(6, 3)),
    LayerCase(id="AveragePooling1D-same", factory=lambda: l.AveragePooling1D(3, 2, "same"), input_shape=(6, 3)),
    LayerCase(id="AveragePooling2D", factory=l.AveragePooling2D, input_shape=(4, 5, 2)),
    LayerCase(id="AveragePooling2D-overlap", factory=lambda: l.AveragePooling2D(3, 1), input_shape=(4, 5, 2)),
    LayerCase(id="AveragePooling2D-same", factory=lambda: l.AveragePooling2D((2, 3), (1, 2), "same"), input_shape=(4, 5, 2)),
    LayerCase(id="AveragePooling2D-channels_first", factory=lambda: l.AveragePooling2D(data_format="channels_first"), input_shape=(2, 4, 5)),
    LayerCase(id="MaxPooling3D", factory=lambda: l.MaxPooling3D(2, 1), input_shape=(3, 2, 3, 2)),
    LayerCase(id="AveragePooling3D", factory=lambda: l.AveragePooling3D(2, padding="same"), input_shape=(3, 2, 3, 2)),
    LayerCase(id="AdaptiveMaxPooling1D", factory=lambda: l.AdaptiveMaxPooling1D(4), input_shape=(6, 3)),
    LayerCase(id="AdaptiveMaxPooling2D", factory=lambda: l.AdaptiveMaxPooling2D((2, 3), "channels_first"), input_shape=(2, 5, 4)),
    LayerCase(id="AdaptiveAveragePooling1D", factory=lambda: l.AdaptiveAveragePooling1D(4), input_shape=(6, 3)),
    LayerCase(id="AdaptiveAveragePooling2D", factory=lambda: l.AdaptiveAveragePooling2D((2, 3)), input_shape=(5, 4, 2)),
    LayerCase(id="GlobalMaxPooling3D", factory=l.GlobalMaxPooling3D, input_shape=(2, 3, 2, 2)),
    LayerCase(id="GlobalAveragePooling3D", factory=l.GlobalAveragePooling3D, input_shape=(2, 3, 2, 2)),
    LayerCase(id="GlobalMaxPooling1D", factory=l.GlobalMaxPooling1D, input_shape=(5, 3)),
    LayerCase(id="GlobalMaxPooling2D", factory=lambda: l.GlobalMaxPooling2D(keepdims=True), input_shape=(3, 4, 2)),
    LayerCase(id="GlobalAveragePooling1D", factory=l.GlobalAveragePooling1D, input_shape=(5, 3), masked_rows=False),
    LayerCase(id="GlobalAveragePooling1D-channels_first", factory=lambda: l.GlobalAveragePooling1D("channels_first"), input_shape=(3, 5), masked=False),
    LayerCase(id="GlobalAveragePooling2D", factory=l.GlobalAveragePooling2D, input_shape=(3, 4, 2)),
    LayerCase(id="GlobalAveragePooling2D-keepdims", factory=lambda: l.GlobalAveragePooling2D("channels_first", True), input_shape=(2, 3, 4)),
]  # fmt: skip

CASES = [
    *CORE,
    *ACTIVATIONS,
    *NORMALIZATION,
    *NOISE,
    *SHAPES,
    *POOLING,
    *convolutions.CASES,
    *recurrent.CASES,
]
