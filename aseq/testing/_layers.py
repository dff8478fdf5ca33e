"""Conformance of layers: shapes, dtypes, determinism, configs, errors. Gradients are checked next door."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import layers
from aseq.errors import ShapeError
from aseq.network import Network, chain
from aseq.testing import _layer_gradients as gradients
from aseq.testing._case import named, run
from aseq.testing._numbers import (
    agree,
    as_list,
    check_config,
    check_dtype,
    close,
    no_mutable_defaults,
    shadows,
    strict_floats,
)
from aseq.testing._subject import LayerCase, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aseq.layers import Layer
    from aseq.testing._case import Check
    from aseq.types import Array

__all__ = ["check_layer", "yield_layer_checks"]


def check_layer(case: LayerCase) -> None:
    """Run all checks of a layer.

    Raises:
        AssertionError: Some fail; the message names each.

    Examples:
        >>> from aseq.layers import Dense
        >>> check_layer(LayerCase(id="Dense", factory=lambda: Dense(2), input_shape=(3,)))
    """
    run(case, yield_layer_checks(case))


def yield_layer_checks(case: LayerCase) -> Iterator[tuple[str, Check]]:
    """The checks that apply to a layer, by name.

    Examples:
        >>> from aseq.layers import Dropout
        >>> case = LayerCase(id="Dropout", factory=lambda: Dropout(0.5), input_shape=(3,))
        >>> "ten_steps_lower_the_loss" in dict(yield_layer_checks(case))  # it has nothing to learn
        False
    """
    subject = Subject(case)
    checks: list[Callable[[LayerCase], None]] = [*ALWAYS]
    if case.classes is None:
        checks.append(gradients.gradient_of_input)
    if case.batch_size is None:
        checks += [empty_batch, rows_are_independent]
    if subject.trainable:
        checks += [gradients.gradient_of_weights, gradients.ten_steps_lower_the_loss]
    if subject.statistics:
        checks.append(statistics_move_in_training)
    if subject.layer.uses_mask and case.masked:
        checks += [
            gradients.full_mask_is_no_mask,
            gradients.forgotten_steps_have_no_say,
            gradients.gradients_through_mask,
            mask_fits_output,
        ]
    if case.batch_size is not None:
        checks.append(carries_state)
    if case.keeps_mean:
        checks.append(noise_keeps_the_mean)
    return named(case, checks)


def shape_inference(case: LayerCase) -> None:
    """The output's shape is the one worked out beforehand, for any batch size; building twice changes nothing."""
    batches = (1, 2, 7) if case.batch_size is None else (case.batch_size,)
    for batch in batches:
        subject = Subject(case)
        expected = subject.layer.compute_output_shape((None, *case.input_shape))[1:]
        y = as_list(subject.forward(subject.inputs(batch))[0])[0]
        assert y.shape == (batch, *expected), f"expected shape {(batch, *expected)}, received {y.shape}."
        weights = list(subject.layer.weights)
        again = subject.layer.ensure_built((case.batch_size, *case.input_shape))
        assert again[1:] == expected, f"built twice: expected shape {expected}, received {again[1:]}."
        assert weights == list(subject.layer.weights), "built twice: expected the same weights."


def other_shapes(case: LayerCase) -> None:
    """A shape of another rank is served as promised, or refused with a ShapeError that names a layer."""
    for rank in range(1, 7):
        if rank == len(case.input_shape) + 1:
            continue
        layer, shape = case.factory(), (case.batch_size or 2, *[3] * (rank - 1))
        layer.name = "culprit"
        refusal = _refusal(layer, (case.batch_size, *shape[1:]))
        if refusal is not None:
            blamed = [inner for inner in layer.walk() if inner.name in refusal]  # itself, or one inside
            assert blamed, f"rank {rank}: expected the layer's name in {refusal!r}."
            continue
        x = np.ones(shape, np.int64 if case.classes else np.float32)
        y = as_list(layer.forward(x)[0])[0]
        expected = layer.compute_output_shape((None, *shape[1:]))[1:]
        assert y.shape[1:] == expected, f"rank {rank}: expected {expected}, received {y.shape[1:]}."


def _refusal(layer: Layer, shape: tuple[int | None, ...]) -> str | None:
    """What the layer says against inputs of a shape, if anything."""
    try:
        layer.initialize(shape)
    except ShapeError as error:
        return str(error)
    return None


def dtypes(case: LayerCase) -> None:
    """Float32 stays float32 and float64 stays float64: outputs, gradients, statistics."""
    for dtype in (np.float32, np.float64):
        subject = Subject(case, dtype)
        for training in (False, True):
            y, backward = subject.forward_on(subject.inputs(), training)
            dx = subject.back(backward, shadows(1, as_list(y)))
            found = {f"output {i}": output for i, output in enumerate(as_list(y))}
            found |= {weight.name: weight.value for weight in subject.layer.weights}
            found |= {f"gradient of {weight.name}": weight.grad for weight in subject.trainable}
            if dx is not None:
                found["dx"] = dx
            for what, array in found.items():
                check_dtype(what, array, dtype)


def inference_repeats_itself(case: LayerCase) -> None:
    """Without training equal inputs give equal bits, and weights and statistics stay as they are."""
    subject = Subject(case)
    x = subject.inputs()
    before = [weight.value.copy() for weight in subject.layer.weights]
    first, _ = subject.forward_on(x)
    subject.layer.reset_states()
    second, _ = subject.forward_on(x)
    agree("second prediction", as_list(second), as_list(first))
    agree("weights after predictions", [weight.value for weight in subject.layer.weights], before)


def training_leaves_weights_alone(case: LayerCase) -> None:
    """A pass changes no trainable weight, whether it trains or not: that is the optimizer's work."""
    subject = Subject(case)
    before = [weight.value.copy() for weight in subject.trainable]
    subject.forward(subject.inputs(), training=True)
    agree("trainable weights", [weight.value for weight in subject.trainable], before)


def statistics_move_in_training(case: LayerCase) -> None:
    """A training pass moves the running statistics (and a prediction does not, as checked elsewhere)."""
    subject = Subject(case)
    before = [weight.value.copy() for weight in subject.statistics]
    subject.forward(subject.inputs(), training=True)
    for weight, kept in zip(subject.statistics, before, strict=True):
        assert (weight.value != kept).any(), f"{weight.name}: expected it to move while training."


def noise_repeats_itself(case: LayerCase) -> None:
    """While training, equal inputs from an equal state give equal bits; get_state and set_state carry it."""
    subject = Subject(case)
    x = subject.inputs()
    first, _ = subject.forward(x, training=True)
    second, _ = subject.forward_on(x, training=True)
    state = subject.layer.get_state()
    third, _ = subject.forward_on(x, training=True)
    again, _ = subject.forward(x, training=True)
    agree("first pass, repeated", as_list(again), as_list(first))
    subject.forward_on(x, training=True)
    subject.forward_on(x, training=True)
    subject.layer.set_state(state)
    resumed, _ = subject.forward_on(x, training=True)
    agree("third pass, resumed", as_list(resumed), as_list(third))
    assert len(as_list(second)) == len(as_list(first)), "expected the same outputs at every pass."


def rows_are_independent(case: LayerCase) -> None:
    """At inference the outputs for two batches joined are the two batches' outputs joined."""
    subject = Subject(case)
    a, b = subject.inputs(2, seed=1), subject.inputs(3, seed=2)
    apart = [as_list(subject.forward(x)[0]) for x in (a, b)]
    joined = as_list(subject.forward(np.concatenate([a, b]))[0])
    for whole, one, other in zip(joined, *apart, strict=True):
        close("outputs of joined batches", whole, np.concatenate([one, other]), rtol=1e-10)


def empty_batch(case: LayerCase) -> None:
    """No rows in, no rows out, and no floating-point warning."""
    subject = Subject(case)
    x = subject.inputs(0)
    with strict_floats():
        y, _ = subject.forward(x)
    expected = subject.layer.compute_output_shape((None, *case.input_shape))[1:]
    shape = as_list(y)[0].shape
    assert shape == (0, *expected), f"expected shape {(0, *expected)}, received {shape}."


def seeds(case: LayerCase) -> None:
    """The same seed gives the same weights, another seed others (where any are random)."""
    first, second, other = (Subject(case, seed=seed, stirred=False).layer.weights for seed in (1, 1, 2))
    agree("weights of one seed", [w.value for w in second], [w.value for w in first])
    fixed = all(_is_fixed(weight) for weight in first)
    differ = any((a.value != b.value).any() for a, b in zip(first, other, strict=True))
    assert differ or fixed, "expected other weights from another seed, received the same."


def _is_fixed(weight: Any) -> bool:
    """Whether an initializer gives the same value whatever the random numbers."""
    draws = [weight.initializer(weight.shape, np.float64, np.random.default_rng(seed)) for seed in (3, 4)]
    return bool(np.array_equal(*draws))


def threads_agree(case: LayerCase) -> None:
    """Two threads that predict at once get what one gets alone."""
    if case.batch_size is not None:
        return  # a stateful layer carries its state from batch to batch: one stream of batches at a time
    subject = Subject(case)
    xs = [subject.inputs(seed=seed) for seed in (1, 2)]
    expected = [as_list(subject.forward_on(x)[0]) for x in xs]
    received: list[list[Any]] = [[], []]
    start = threading.Barrier(2)

    def predict(index: int) -> None:
        start.wait()
        for _ in range(5):
            received[index].append(as_list(subject.forward_on(xs[index])[0]))

    threads = [threading.Thread(target=predict, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    agree("predictions of two threads", received, [[outputs] * 5 for outputs in expected])


def config_round_trip(case: LayerCase) -> None:
    """Config -> JSON -> layer -> config is the same, and so are the outputs of a layer made from it."""
    layer = case.factory()
    revived = check_config(layer, lambda config: _revive(layer, config))
    x = case.inputs(case.batch_size or 3)
    outputs = [Subject(case, layer=each).forward(x, training=True)[0] for each in (layer, revived)]
    agree("outputs of the revived layer", as_list(outputs[1]), as_list(outputs[0]))


def _revive(layer: Layer, config: Any) -> Layer:
    name = type(layer).__name__
    if getattr(layers, name, None) is type(layer):
        return layers.from_config({"class_name": name, "config": config})
    revived: Layer = type(layer).from_config(config)
    return revived


def default_arguments(case: LayerCase) -> None:
    """No default argument is a list or dict, which all instances would share."""
    no_mutable_defaults(case.factory())


def weights_round_trip(case: LayerCase) -> None:
    """set_weights(get_weights()) on another network of the same layers gives equal predictions."""
    first, second = (_network(case, seed) for seed in (1, 2))
    second.set_weights(first.get_weights())
    x = [case.inputs(case.batch_size or 3, np.float32)]
    agree("predictions with equal weights", second.predict(x), first.predict(x))
    agree("weights", second.get_weights(), first.get_weights())


def _network(case: LayerCase, seed: int) -> Network:
    shape = (case.batch_size, *case.input_shape)
    first = layers.InputLayer(batch_shape=shape, name="first")
    return Network(chain([first, case.factory()]), seed=seed)


def mask_fits_output(case: LayerCase) -> None:
    """The mask that the layer hands on is None, or has the batch and time axes of the output."""
    subject = Subject(case)
    x = subject.inputs(4)
    mask = subject.masks(len(x))
    y: Array = as_list(subject.forward(x, mask=mask)[0])[0]
    shown = subject.layer.compute_mask(x, mask)
    assert shown is None or shown.shape == y.shape[:2], (
        f"mask: expected shape {y.shape[:2]} or None, received {getattr(shown, 'shape', shown)}."
    )


def carries_state(case: LayerCase) -> None:
    """A stateful layer goes on where the last batch ended, until it is reset; get_state holds all of it."""
    subject = Subject(case)
    a, b = subject.inputs(seed=1), subject.inputs(seed=2)
    fresh = as_list(subject.forward_on(b)[0])
    subject.layer.reset_states()
    subject.forward_on(a)
    state = subject.layer.get_state()
    second = as_list(subject.forward_on(b)[0])
    assert any((p != q).any() for p, q in zip(second, fresh, strict=True)), (
        "expected state to be carried over."
    )
    subject.layer.set_state(state)
    agree("second batch, resumed", as_list(subject.forward_on(b)[0]), second)
    subject.layer.reset_states()
    agree("first batch after reset_states", as_list(subject.forward_on(b)[0]), fresh)


def noise_keeps_the_mean(case: LayerCase) -> None:
    """Over many passes, training noise leaves the mean of the outputs where inference has it."""
    subject = Subject(case)
    x = subject.inputs(1)
    calm = as_list(subject.forward(x)[0])[0]
    noisy = np.stack([as_list(subject.forward_on(x, training=True)[0])[0] for _ in range(2000)])
    spread = noisy.std(0) / np.sqrt(len(noisy))
    off = np.abs(noisy.mean(0) - calm) / np.maximum(spread, 1e-12)
    assert noisy.std(0).any(), "expected noise while training, received none."
    assert off.max() < 6, f"mean: expected it within 6 standard errors, received {off.max():.1f}."


ALWAYS = (
    shape_inference,
    other_shapes,
    dtypes,
    inference_repeats_itself,
    training_leaves_weights_alone,
    noise_repeats_itself,
    seeds,
    threads_agree,
    config_round_trip,
    default_arguments,
    weights_round_trip,
    gradients.gradients_written_whole,
    gradients.backward_is_linear,
    gradients.two_passes_alive,
    gradients.reads_only,
)
