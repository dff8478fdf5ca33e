"""Conformance of losses: values, gradients, weights, reductions, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import activations, losses
from aseq.errors import DataError, ShapeError
from aseq.testing._case import Case, named, run
from aseq.testing._numbers import (
    agree,
    check_config,
    check_dtype,
    check_gradient,
    close,
    frozen,
    no_mutable_defaults,
    strict_floats,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aseq.activations import Activation
    from aseq.losses import Loss
    from aseq.testing._case import Check
    from aseq.types import Array

__all__ = ["LossCase", "check_loss", "yield_loss_checks"]

ROWS, WIDTH = 5, 4


@dataclass(frozen=True, kw_only=True)
class LossCase(Case):
    """A loss under test, on five rows of four outputs.

    Attributes:
        factory: Makes it.
        draw: Makes (y_true, y_pred), float64.
        reference: Values per sample, written down independently.
        perfect: From y_true to the y_pred for which nothing can be better; None if there is none.
        smooth: The gradient is zero there.
        finite: Outputs up to 1e4 give a finite loss (not so for exp and the like).
        tolerance: Relative, of gradients.

    Examples:
        >>> case = LossCase(id="MeanSquaredError", factory=losses.MeanSquaredError,
        ...     draw=lambda rng: (rng.normal(size=(5, 4)), rng.normal(size=(5, 4))),
        ...     reference=lambda t, p: ((t - p) ** 2).mean(-1), perfect=lambda t: t)
        >>> case.sample()[0].shape
        (5, 4)
    """

    factory: Callable[[], Loss]
    draw: Callable[[np.random.Generator], tuple[Array, Array]]
    reference: Callable[[Array, Array], Any]
    perfect: Callable[[Array], Array] | None = None
    smooth: bool = True
    finite: bool = True
    tolerance: float = 1e-6

    def sample(self, dtype: Any = np.float64, seed: int = 0) -> tuple[Array, Array]:
        """Targets, prepared, and outputs."""
        y_true, y_pred = self.draw(np.random.default_rng(seed))
        loss = self.factory()
        return loss.prepare(y_true, (None, *y_pred.shape[1:]), dtype), y_pred.astype(dtype)

    def reduced(self, reduction: str) -> Loss:
        """The loss with another reduction."""
        loss = self.factory()
        loss.reduction = reduction
        return loss


def check_loss(case: LossCase) -> None:
    """Run all checks of a loss.

    Raises:
        AssertionError: Some fail; the message names each.

    Examples:
        >>> case = LossCase(id="MeanSquaredError", factory=losses.MeanSquaredError,
        ...     draw=lambda rng: (rng.normal(size=(5, 4)), rng.normal(size=(5, 4))),
        ...     reference=lambda t, p: ((t - p) ** 2).mean(-1))
        >>> check_loss(case)
    """
    run(case, yield_loss_checks(case))


def yield_loss_checks(case: LossCase) -> Iterator[tuple[str, Check]]:
    """The checks that apply to a loss, by name.

    Examples:
        >>> case = LossCase(id="MeanSquaredError", factory=losses.MeanSquaredError,
        ...     draw=lambda rng: (rng.normal(size=(5, 4)), rng.normal(size=(5, 4))),
        ...     reference=lambda t, p: ((t - p) ** 2).mean(-1))
        >>> "nothing_beats_perfect" in dict(yield_loss_checks(case))  # the case does not say what is perfect
        False
    """
    loss = case.factory()
    checks: list[Callable[[LossCase], None]] = [*ALWAYS]
    if case.perfect is not None:
        checks.append(nothing_beats_perfect)
    if case.finite:
        checks.append(extreme_outputs)
    if loss.fuses and not getattr(loss, "from_logits", False):
        checks += [fused_value, fused_gradient, extreme_logits]
    if loss.sparse_target:
        checks.append(foreign_classes_refused)
    else:
        checks += [broadcasting_refused, widths_refused]
    return named(case, checks)


def values(case: LossCase) -> None:
    """Values per sample are those of the reference, also through a call with reduction "none"."""
    y_true, y_pred = case.sample()
    expected = np.asarray(case.reference(y_true, y_pred))
    received, _ = case.factory().forward(y_true, y_pred)
    close("values", received, expected, rtol=1e-9)
    close('values of reduction "none"', case.reduced("none")(y_true, y_pred), expected, rtol=1e-9)


def gradient(case: LossCase) -> None:
    """The gradient of the reduced, weighted loss is that of central differences."""
    weights = np.random.default_rng(1).uniform(0.5, 2, ROWS)
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
        for given in (None, weights):
            _check_gradient(case, reduction, given)


def _check_gradient(case: LossCase, reduction: str, weights: Array | None) -> None:
    y_true, y_pred = case.sample()
    loss = case.reduced(reduction)
    _, backward = loss.compute(y_true, y_pred, weights)

    def value() -> float:
        return loss.compute(y_true, y_pred, weights)[0]

    what = f"gradient, reduction={reduction}, weighted={weights is not None}"
    check_gradient(what, backward(), value, y_pred, case.tolerance)


def fused_value(case: LossCase) -> None:
    """Behind a fused activation, the value from the logits is the value from the outputs."""
    for name, y_true, z in _fused(case):
        activation = activations.get(name)
        y_pred = activation(z)
        own = case.factory().own_activation == name
        value, _ = case.factory().compute(y_true, y_pred, None, z, own)
        from_logits, _ = case.factory().compute(y_true, y_pred, None, z, own=False)
        if own:
            close(f"value from logits of {name}", value, case.factory().compute(y_true, y_pred)[0], rtol=1e-6)
        close(f"value of logits of {name}, outputs not given", from_logits, value, rtol=1e-9)


def fused_gradient(case: LossCase) -> None:
    """The gradient with respect to the logits is that of central differences."""
    loss = case.factory()
    for name, y_true, z in _fused(case):
        if loss.own_activation == name:
            _check_fused_gradient(loss, activations.get(name), y_true, z, case.tolerance)


def _check_fused_gradient(
    loss: Loss, activation: Activation, y_true: Array, z: Array, tolerance: float
) -> None:
    _, backward = loss.compute(y_true, activation(z), None, z)

    def value() -> float:
        return loss.compute(y_true, activation(z), None, z)[0]

    check_gradient(f"gradient of the logits of {activation.name}", backward(), value, z, tolerance)


def _fused(case: LossCase) -> Iterator[tuple[str, Array, Array]]:
    for name in sorted(case.factory().fuses):
        y_true, y_pred = case.sample()
        yield name, y_true, np.asarray(np.random.default_rng(2).normal(size=y_pred.shape))


def dtypes(case: LossCase) -> None:
    """The loss is a plain float; its gradient has the dtype of the outputs."""
    for dtype in (np.float32, np.float64):
        y_true, y_pred = case.sample(dtype)
        for weights in (None, np.ones(ROWS, dtype)):
            value, backward = case.factory().compute(y_true, y_pred, weights)
            assert isinstance(value, float), f"expected a float, received {type(value).__name__}."
            check_dtype("gradient", backward(), dtype)


def reads_only(case: LossCase) -> None:
    """Targets, outputs and weights are read and not written; asking twice gives the same."""
    y_true, y_pred = (frozen(array) for array in case.sample())
    _, backward = case.factory().compute(y_true, y_pred, frozen(np.ones(ROWS)))
    agree("second gradient", backward().copy(), backward())


def parts_make_the_whole(case: LossCase) -> None:
    """The mean over a batch is the mean of its parts' means, weighted by their rows."""
    y_true, y_pred = case.sample()
    loss = case.reduced("sum_over_batch_size")
    whole = loss(y_true, y_pred)
    parts = [loss(y_true[:2], y_pred[:2]), loss(y_true[2:], y_pred[2:])]
    close("loss of the whole", whole, (2 * parts[0] + (ROWS - 2) * parts[1]) / ROWS)


def reductions(case: LossCase) -> None:
    """Reductions are what their names say of the values of "none"."""
    y_true, y_pred = case.sample()
    weights = np.random.default_rng(1).uniform(0.5, 2, ROWS)
    each = case.reduced("none")(y_true, y_pred, weights)
    expected = {
        "sum": each.sum(),
        "sum_over_batch_size": each.sum() / ROWS,
        "mean_with_sample_weight": each.sum() / weights.sum(),
    }
    for reduction, value in expected.items():
        close(f"reduction {reduction}", case.reduced(reduction)(y_true, y_pred, weights), value)


def linear_in_weights(case: LossCase) -> None:
    """Weights scale the samples: loss(2 a + b) = 2 loss(a) + loss(b); weights of 1 change nothing, of 0 remove."""
    y_true, y_pred = case.sample()
    loss, rng = case.reduced("sum"), np.random.default_rng(1)
    a, b = rng.uniform(size=ROWS), rng.uniform(size=ROWS)
    close(
        "loss of summed weights",
        loss(y_true, y_pred, 2 * a + b),
        2 * loss(y_true, y_pred, a) + loss(y_true, y_pred, b),
    )
    close("loss with weights of 1", loss(y_true, y_pred, np.ones(ROWS)), loss(y_true, y_pred))
    alone = np.eye(ROWS)[0]
    close("loss of one sample", loss(y_true, y_pred, alone), loss(y_true[:1], y_pred[:1]))


def nothing_beats_perfect(case: LossCase) -> None:
    """No output gives less than the perfect one, where the gradient is zero if the loss is smooth."""
    assert case.perfect is not None
    y_true, _ = case.sample()
    best = case.perfect(y_true).astype(np.float64)
    loss, rng = case.factory(), np.random.default_rng(3)
    value, backward = loss.compute(y_true, best)
    for scale in (1e-3, 1e-2, 0.1):
        moved = best + scale * rng.normal(size=best.shape)
        other = loss.compute(y_true, moved)[0]
        assert other >= value - 1e-12, (
            f"expected no less than {value} at the perfect output, received {other}."
        )
    if case.smooth:
        close("gradient at the perfect output", backward(), np.zeros_like(best), atol=1e-9)


def extreme_outputs(case: LossCase) -> None:
    """Outputs up to 1e4 give a finite loss and gradient, without a floating-point warning."""
    y_true, y_pred = case.sample(np.float32)
    for size in (1e4, -1e4):
        outputs = np.full_like(y_pred, size)
        with strict_floats():
            value, backward = case.factory().compute(y_true, outputs)
            slope = backward()
        assert np.isfinite(value), f"outputs of {size}: expected a finite loss, received {value}."
        assert np.isfinite(slope).all(), f"outputs of {size}: expected a finite gradient, received {slope}."


def extreme_logits(case: LossCase) -> None:
    """The same for logits in front of a fused activation."""
    for name, y_true, z in _fused(case):
        own = case.factory().own_activation == name
        for size in (1e4, -1e4):
            logits = (np.sign(z) * size).astype(np.float32)
            with strict_floats():
                outputs = activations.get(name)(logits)
                value, backward = case.factory().compute(y_true, outputs, None, logits, own)
                slope = backward()
            assert np.isfinite(value), f"{name}: expected a finite loss, received {value}."
            assert np.isfinite(slope).all(), f"{name}: expected a finite gradient, received {slope}."


def empty_batch(case: LossCase) -> None:
    """No rows give a loss of 0 and no gradient rows, without a floating-point warning."""
    y_true, y_pred = case.sample()
    with strict_floats():
        value, backward = case.factory().compute(y_true[:0], y_pred[:0])
        slope = backward()
    assert (value, len(slope)) == (0.0, 0), f"expected 0 and no rows, received {value} and {slope.shape}."


def nan_refused(case: LossCase) -> None:
    """NaN among the targets is a DataError that says which sample."""
    y_true, y_pred = case.sample()
    broken = y_true.astype(np.float64)
    broken[3] = np.nan
    message = _refusal(case, broken, y_pred, DataError)
    assert "3" in message, f"expected the sample's number in {message!r}."


def broadcasting_refused(case: LossCase) -> None:
    """(n,) against (n, 1) is refused by a call rather than broadcast to (n, n)."""
    y_true, y_pred = case.sample()
    try:
        case.factory()(y_true[:, 0], y_pred[:, :1])
    except ShapeError:
        return
    raise AssertionError("expected a ShapeError for (n,) against (n, 1), received a value.")


def widths_refused(case: LossCase) -> None:
    """Targets of another width than the outputs are a ShapeError that names both."""
    y_true, y_pred = case.sample()
    message = _refusal(case, y_true[:, : WIDTH - 1], y_pred, ShapeError)
    assert "3" in message, f"expected the width received in {message!r}."
    assert "4" in message, f"expected the width expected in {message!r}."


def foreign_classes_refused(case: LossCase) -> None:
    """Class indices that no output stands for are a DataError that names the index and the classes."""
    y_true, y_pred = case.sample()
    for index in (WIDTH, -1, 1.5):
        wrong = y_true.astype(np.float64)
        wrong[2] = index
        message = _refusal(case, wrong, y_pred, DataError)
        assert f"{index}" in message, f"expected the index {index} in {message!r}."


def _refusal(case: LossCase, y_true: Array, y_pred: Array, kind: type[Exception]) -> str:
    try:
        case.factory().prepare(y_true, (None, *y_pred.shape[1:]), np.float64, "y")
    except kind as error:
        return str(error)
    raise AssertionError(f"expected a {kind.__name__}, received prepared targets.")


def config_round_trip(case: LossCase) -> None:
    """Config -> JSON -> loss -> config is the same, and so is the loss, through `losses.get` as well."""
    loss = case.factory()
    revived = check_config(loss, type(loss).from_config)
    y_true, y_pred = case.sample()
    agree("loss", revived(y_true, y_pred), loss(y_true, y_pred))
    if type(loss).__module__.startswith("aseq."):
        agree(
            "loss found by config", losses.get(losses.serialize(loss))(y_true, y_pred), loss(y_true, y_pred)
        )


def default_arguments(case: LossCase) -> None:
    """No default argument is a list or dict, which all instances would share."""
    no_mutable_defaults(case.factory())


ALWAYS = (
    values,
    gradient,
    dtypes,
    reads_only,
    parts_make_the_whole,
    reductions,
    linear_in_weights,
    empty_batch,
    nan_refused,
    config_round_trip,
    default_arguments,
)
