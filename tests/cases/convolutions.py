"""Convolutions: strides, paddings, dilations, groups and data formats of each kind."""

from __future__ import annotations

from aseq import layers as l
from aseq.testing import LayerCase

FIRST = "channels_first"

CASES = [
    LayerCase(id="Conv1D", factory=lambda: l.Conv1D(3, 2), input_shape=(5, 2)),
    LayerCase(id="Conv1D-same", factory=lambda: l.Conv1D(3, 3, 2, "same", activation="tanh"), input_shape=(6, 2)),
    LayerCase(id="Conv1D-causal", factory=lambda: l.Conv1D(2, 3, padding="causal", dilation_rate=2), input_shape=(6, 2)),
    LayerCase(id="Conv1D-dilated", factory=lambda: l.Conv1D(2, 2, dilation_rate=3), input_shape=(7, 2)),
    LayerCase(id="Conv1D-groups", factory=lambda: l.Conv1D(4, 2, groups=2), input_shape=(4, 4)),
    LayerCase(id="Conv1D-bare", factory=lambda: l.Conv1D(3, 1, use_bias=False), input_shape=(4, 2)),
    LayerCase(id="Conv2D", factory=lambda: l.Conv2D(3, 2), input_shape=(4, 5, 2)),
    LayerCase(id="Conv2D-same", factory=lambda: l.Conv2D(2, (3, 2), (2, 1), "same", activation="relu"), input_shape=(5, 4, 2)),
    LayerCase(id="Conv2D-strided", factory=lambda: l.Conv2D(2, 3, 2), input_shape=(6, 5, 2)),
    LayerCase(id="Conv2D-dilated", factory=lambda: l.Conv2D(2, 2, dilation_rate=(2, 3)), input_shape=(5, 6, 2)),
    LayerCase(id="Conv2D-groups", factory=lambda: l.Conv2D(4, 2, groups=2), input_shape=(3, 3, 4)),
    LayerCase(id="Conv2D-pointwise", factory=lambda: l.Conv2D(3, 1, use_bias=False), input_shape=(3, 3, 2)),
    LayerCase(id="Conv2D-channels_first", factory=lambda: l.Conv2D(3, 2, 1, "same", FIRST), input_shape=(2, 4, 3)),
    LayerCase(id="Conv3D", factory=lambda: l.Conv3D(3, (2, 1, 2)), input_shape=(3, 2, 3, 2)),
    LayerCase(id="Conv3D-same", factory=lambda: l.Conv3D(2, 2, (1, 2, 1), "same", FIRST, activation="tanh"), input_shape=(2, 2, 3, 3)),
    LayerCase(id="Conv1DTranspose", factory=lambda: l.Conv1DTranspose(3, 3, 2), input_shape=(4, 2)),
    LayerCase(id="Conv1DTranspose-same", factory=lambda: l.Conv1DTranspose(3, 3, 2, "same"), input_shape=(4, 2)),
    LayerCase(id="Conv2DTranspose", factory=lambda: l.Conv2DTranspose(2, 3, 2), input_shape=(3, 2, 2)),
    LayerCase(id="Conv2DTranspose-same", factory=lambda: l.Conv2DTranspose(2, (3, 2), (2, 1), "same", activation="tanh"), input_shape=(3, 2, 2)),
    LayerCase(id="Conv2DTranspose-output_padding", factory=lambda: l.Conv2DTranspose(2, 3, 2, "same", 1), input_shape=(3, 2, 2)),
    LayerCase(id="Conv2DTranspose-dilated", factory=lambda: l.Conv2DTranspose(2, 2, dilation_rate=2), input_shape=(3, 2, 2)),
    LayerCase(id="Conv2DTranspose-channels_first", factory=lambda: l.Conv2DTranspose(2, 2, 2, data_format=FIRST), input_shape=(2, 3, 2)),
    LayerCase(id="DepthwiseConv1D", factory=lambda: l.DepthwiseConv1D(2, depth_multiplier=2), input_shape=(4, 3)),
    LayerCase(id="DepthwiseConv2D", factory=lambda: l.DepthwiseConv2D(2), input_shape=(3, 4, 3)),
    LayerCase(id="DepthwiseConv2D-same", factory=lambda: l.DepthwiseConv2D(3, 2, "same", 2, activation="tanh"), input_shape=(4, 4, 2)),
    LayerCase(id="DepthwiseConv2D-channels_first", factory=lambda: l.DepthwiseConv2D(2, data_format=FIRST), input_shape=(2, 3, 4)),
    LayerCase(id="SeparableConv1D", factory=lambda: l.SeparableConv1D(3, 2, depth_multiplier=2), input_shape=(4, 2)),
    LayerCase(id="SeparableConv1D-causal", factory=lambda: l.SeparableConv1D(3, 2, padding="causal"), input_shape=(4, 2)),
    LayerCase(id="SeparableConv2D", factory=lambda: l.SeparableConv2D(3, 2), input_shape=(3, 4, 2)),
    LayerCase(id="SeparableConv2D-same", factory=lambda: l.SeparableConv2D(2, 3, 2, "same", activation="relu"), input_shape=(4, 4, 2)),
]  # fmt: skip
