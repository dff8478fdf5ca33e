"""Checks of what a layer's backward gives: against central differences, alone and among other passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aseq.testing._numbers import agree, as_list, check_gradient, close, frozen, shadows
from aseq.testing._subject import LayerCase, Subject

if TYPE_CHECKING:
    from aseq.types import Array

__all__ = [
    "backward_is_linear",
    "forgotten_steps_have_no_say",
    "full_mask_is_no_mask",
    "gradient_of_input",
    "gradient_of_weights",
    "gradients_through_mask",
    "gradients_written_whole",
    "reads_only",
    "ten_steps_lower_the_loss",
    "two_passes_alive",
]


def gradient_of_input(case: LayerCase) -> None:
    """dx is the gradient of central differences, at inference and while training."""
    _check_input_gradient(case, masked=False)


def gradient_of_weights(case: LayerCase) -> None:
    """Every weight's gradient is that of central differences, at inference and while training."""
    _check_weight_gradients(case, masked=False)


def gradients_through_mask(case: LayerCase) -> None:
    """Both, with masked time steps."""
    if case.classes is None:
        _check_input_gradient(case, masked=True)
    _check_weight_gradients(case, masked=True)


def _check_input_gradient(case: LayerCase, masked: bool) -> None:
    subject = Subject(case)
    x = subject.inputs(4 if masked else 2)
    mask = subject.masks(len(x)) if masked else None
    for training in (False, True):
        value = subject.projection(x, training, mask)
        y, backward = subject.forward(x, training, mask)
        dx = subject.back(backward, shadows(7, as_list(y)))
        check_gradient(f"dx, training={training}", dx, value, x, case.tolerance)


def _check_weight_gradients(case: LayerCase, masked: bool) -> None:
    subject = Subject(case)
    x = subject.inputs(4 if masked else 2)
    mask = subject.masks(len(x)) if masked else None
    for training in (False, True):
        value = subject.projection(x, training, mask)
        y, backward = subject.forward(x, training, mask)
        subject.back(backward, shadows(7, as_list(y)))
        for weight, gradient in zip(subject.trainable, subject.gradients(), strict=True):
            what = f"gradient of {weight.name}, training={training}"
            check_gradient(what, gradient, value, weight.value, case.tolerance)


def gradients_written_whole(case: LayerCase) -> None:
    """Backward writes every weight's gradient whole, in the weight's shape, and may be called again."""
    subject = Subject(case)
    x = subject.inputs()
    y, backward = subject.forward(x, training=True)
    dy = shadows(1, as_list(y))
    subject.forget_gradients()
    dx = subject.back(backward, dy)
    for weight in subject.trainable:
        assert weight.grad.shape == weight.value.shape, (
            f"{weight.name}: expected a gradient of shape {weight.value.shape}, received {weight.grad.shape}."
        )
        assert not np.isnan(weight.grad).any(), f"{weight.name}: part of the gradient was not written."
    first = subject.gradients()
    again = subject.back(backward, dy)
    agree("weight gradients of the second call", subject.gradients(), first)
    if dx is not None and again is not None:
        agree("dx of the second call", again, dx)


def backward_is_linear(case: LayerCase) -> None:
    """backward(2 a + b) = 2 backward(a) + backward(b), for the input and for the weights."""
    subject = Subject(case)
    y, backward = subject.forward(subject.inputs(), training=True)
    outputs = as_list(y)
    a, b = shadows(1, outputs), shadows(2, outputs)
    results = []
    for dy in (a, b, [2 * p + q for p, q in zip(a, b, strict=True)]):
        dx = subject.back(backward, [part.copy() for part in dy])
        results.append(([] if dx is None else [dx.copy()]) + subject.gradients())
    for of_a, of_b, of_both in zip(*results, strict=True):
        close("backward of a sum", of_both, 2 * of_a + of_b, rtol=1e-10)


def two_passes_alive(case: LayerCase) -> None:
    """Two passes may be alive at once, and go back in either order: no cache is kept on the layer."""
    alone = [_gradients_of_passes(case, [seed])[0] for seed in (1, 2)]
    agree("gradients of two passes", _gradients_of_passes(case, [1, 2]), alone)
    agree("gradients of two passes, the last one back first", _gradients_of_passes(case, [1, 2], -1), alone)


def _gradients_of_passes(case: LayerCase, seeds: list[int], order: int = 1) -> list[list[Array]]:
    """Gradients of passes that are all alive when the first one goes back; order -1 begins with the last."""
    subject = Subject(case)
    passes = [(seed, subject.forward(subject.inputs(seed=seed), training=True)) for seed in seeds]
    found = []
    for seed, (y, backward) in passes[::order]:
        dx = subject.back(backward, shadows(seed, as_list(y)))
        found.append(([] if dx is None else [dx.copy()]) + subject.gradients())
    return found[::order]


def reads_only(case: LayerCase) -> None:
    """Inputs, incoming gradients and weights are read and not written; an output handed out stays as it is."""
    for training in (False, True):
        subject = Subject(case)
        x = frozen(subject.inputs())
        for weight in subject.trainable if training else subject.layer.weights:
            weight.value.flags.writeable = False
        y, backward = subject.forward_on(x, training)
        kept = [output.copy() for output in as_list(y)]
        subject.back(backward, [frozen(dy) for dy in shadows(1, as_list(y))])
        agree("output after backward", as_list(y), kept)


def ten_steps_lower_the_loss(case: LayerCase) -> None:
    """Ten small steps of gradient descent towards random targets lower the squared error."""
    subject = Subject(case)
    x = subject.inputs(8)
    targets = shadows(3, as_list(subject.forward(x, training=True)[0]))
    losses: list[float] = []
    rate = 0.0
    for _ in range(11):
        y, backward = subject.forward(x, training=True)
        errors = [output - target for output, target in zip(as_list(y), targets, strict=True)]
        losses.append(sum(float(np.sum(e * e)) for e in errors))
        subject.back(backward, [2 * e for e in errors])
        gradients = subject.gradients()
        steepness = sum(float(np.sum(g * g)) for g in gradients)
        rate = rate or 0.01 * losses[0] / max(steepness, 1e-12)
        for weight, gradient in zip(subject.trainable, gradients, strict=True):
            weight.value -= rate * gradient
    fell = losses[0] - losses[-1]
    assert fell > 0.001 * losses[0], f"loss: expected it to fall from {losses[0]:.4g}, received {losses}."


def full_mask_is_no_mask(case: LayerCase) -> None:
    """A mask that masks nothing changes nothing."""
    subject = Subject(case)
    x = subject.inputs()
    mask = np.ones((len(x), case.input_shape[0]), bool)
    for training in (False, True):
        bare = as_list(subject.forward(x, training)[0])
        masked = as_list(subject.forward(x, training, mask)[0])
        for one, other in zip(masked, bare, strict=True):
            close(f"output with a full mask, training={training}", one, other, rtol=1e-6)


def forgotten_steps_have_no_say(case: LayerCase) -> None:
    """What stands at masked steps changes no unmasked output and gets no gradient from one."""
    subject = Subject(case)
    x = subject.inputs(4)
    mask = subject.masks(len(x))
    other = np.where(mask.reshape(*mask.shape, *[1] * (x.ndim - 2)), x, subject.inputs(4, seed=9))
    for training in (False, True):
        first, _ = subject.forward(x, training, mask)
        second, backward = subject.forward(other, training, mask)
        shown = subject.layer.compute_mask(x, mask)
        dy = []
        for one, two in zip(as_list(first), as_list(second), strict=True):
            kept = np.ones(one.shape[:1], bool)
            if shown is not None and one.shape[:2] == shown.shape:
                kept = shown
            close(f"unmasked outputs, training={training}", one[kept], two[kept])
            dy.append(np.where(kept.reshape(*kept.shape, *[1] * (one.ndim - kept.ndim)), one + 1, 0))
        dx = subject.back(backward, dy)
        if dx is not None and case.classes is None:
            assert not dx[~mask].any(), "dx: expected zeros at masked steps, received others."
