"""Recurrent layers, wrappers and what begins a sequence: one row for each way of computing."""

from __future__ import annotations

from aseq.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Masking,
    SimpleRNN,
    TimeDistributed,
)
from aseq.testing import LayerCase


def row(name, factory, input_shape=(5, 3), **options):
    """A layer over sequences of 5 steps of 3 features, if not said otherwise."""
    return LayerCase(id=name, factory=factory, input_shape=input_shape, **options)


# fmt: off
CASES = [
    row("SimpleRNN", lambda: SimpleRNN(4)),
    row("SimpleRNN-sequence", lambda: SimpleRNN(4, return_sequences=True, go_backwards=True)),
    row("SimpleRNN-softsign", lambda: SimpleRNN(4, "softsign", use_bias=False)),
    row("SimpleRNN-dropout", lambda: SimpleRNN(4, dropout=0.3, recurrent_dropout=0.4)),
    row("GRU", lambda: GRU(4)),
    row("GRU-sequence", lambda: GRU(4, return_sequences=True)),
    row("GRU-states", lambda: GRU(4, return_sequences=True, return_state=True, go_backwards=True)),
    row("GRU-reset_before", lambda: GRU(4, reset_after=False)),
    row("GRU-bare", lambda: GRU(4, use_bias=False)),
    row("GRU-softplus", lambda: GRU(4, "softsign", "softplus", zero_output_for_mask=True)),
    row("GRU-dropout", lambda: GRU(4, dropout=0.3)),
    row("GRU-recurrent_dropout", lambda: GRU(4, dropout=0.3, recurrent_dropout=0.4, seed=1)),
    row("GRU-stateful", lambda: GRU(4, stateful=True), batch_size=3),
    row("LSTM", lambda: LSTM(4)),
    row("LSTM-sequence", lambda: LSTM(4, return_sequences=True, zero_output_for_mask=True)),
    row("LSTM-states", lambda: LSTM(4, return_state=True)),
    row("LSTM-bare", lambda: LSTM(4, use_bias=False, go_backwards=True)),
    row("LSTM-softplus", lambda: LSTM(4, "softsign", "softplus", unit_forget_bias=False)),
    row("LSTM-recurrent_dropout", lambda: LSTM(4, recurrent_dropout=0.4)),
    row("LSTM-stateful", lambda: LSTM(4, stateful=True, return_sequences=True), batch_size=3),
    row("Bidirectional", lambda: Bidirectional(LSTM(3))),
    row("Bidirectional-sequence", lambda: Bidirectional(GRU(3, return_sequences=True), "sum")),
    row("Bidirectional-mul", lambda: Bidirectional(SimpleRNN(3, return_sequences=True), "mul")),
    row("Bidirectional-ave", lambda: Bidirectional(GRU(3), "ave")),
    row("Bidirectional-apart", lambda: Bidirectional(GRU(3), None)),
    row("Bidirectional-states", lambda: Bidirectional(LSTM(3, return_state=True))),
    row("Bidirectional-two_layers", lambda: Bidirectional(LSTM(3), backward_layer=GRU(2, go_backwards=True))),
    row("Bidirectional-stateful", lambda: Bidirectional(GRU(3, stateful=True)), batch_size=3),
    row("TimeDistributed", lambda: TimeDistributed(Dense(2, "tanh"))),
    row("TimeDistributed-dropout", lambda: TimeDistributed(Dropout(0.4))),
    row("TimeDistributed-statistics", lambda: TimeDistributed(BatchNormalization(epsilon=0.1))),
    row("TimeDistributed-gru", lambda: TimeDistributed(GRU(2)), input_shape=(2, 5, 3)),
    row("Embedding", lambda: Embedding(6, 3), input_shape=(4,), classes=6),
    row("Embedding-mask_zero", lambda: Embedding(6, 3, mask_zero=True), input_shape=(4,), classes=6),
    row("Masking", Masking),
    row("Masking-value", lambda: Masking(-1.0)),
]
