"""What all optimizers share: clipping, weight decay, averages, accumulation, rates, state, memory."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from aseq import linalg, optimizers
from aseq.errors import ConfigError
from aseq.optimizers import schedules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LAYOUT = (("kernel", 0, 4), ("bias", 4, 6), ("kernel", 6, 9))
SIZE = 9
RATE = 0.1
Vectors = list[np.ndarray]


def start(dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(0).normal(size=SIZE).astype(dtype)


def gradients(count: int = 8) -> Vectors:
    rng = np.random.default_rng(1)
    return [rng.normal(size=SIZE) * scale for scale in rng.uniform(0.05, 3, count)]


def walk(optimizer: optimizers.Optimizer, grads: Vectors, w: np.ndarray | None = None) -> np.ndarray:
    w, g = start() if w is None else w, np.empty(SIZE)
    for gradient in grads:
        g[...] = gradient
        optimizer.step(w, g, [(0, SIZE)], LAYOUT)
        np.testing.assert_array_equal(g, gradient)
    return w


def reference(
    grads: Vectors,
    *,
    clip: Callable[[Vectors], Vectors] = lambda parts: parts,
    decay: dict[str, float] | None = None,
    every: int = 1,
    ema: float | None = None,
    overwrite: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient descent, variable by variable, in the order of Keras's base class; and the averages."""
    w = [start()[i:j] for _, i, j in LAYOUT]
    gathered = [np.zeros_like(part) for part in w]
    average = [np.zeros_like(part) for part in w]
    for step, gradient in enumerate(grads):
        gathered = [a + gradient[i:j] for a, (_, i, j) in zip(gathered, LAYOUT, strict=True)]
        if (step + 1) % every == 0:
            parts = clip([part / every for part in gathered])
            gathered = [np.zeros_like(part) for part in w]
            for k, (name, _, _) in enumerate(LAYOUT):
                w[k] = w[k] - w[k] * (decay or {}).get(name, 0) * RATE - RATE * parts[k]
        if ema is not None:
            momentum = ema if step // every else 0
            average = [momentum * a + (1 - momentum) * part for a, part in zip(average, w, strict=True)]
            if overwrite and (step // every + 1) % overwrite == 0:
                w = [part.copy() for part in average]
    return np.concatenate(w), np.concatenate(average)


def by_norm(parts: Vectors, limit: float) -> Vectors:
    return [part * min(1, limit / np.linalg.norm(part)) for part in parts]


def by_global_norm(parts: Vectors, limit: float) -> Vectors:
    return [part * min(1, limit / np.linalg.norm(np.concatenate(parts))) for part in parts]


# Clipping and decay ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "clip"),
    [
        ({"clipnorm": 0.8}, lambda parts: by_norm(parts, 0.8)),
        ({"global_clipnorm": 0.8}, lambda parts: by_global_norm(parts, 0.8)),
        ({"clipvalue": 0.5}, lambda parts: [np.clip(part, -0.5, 0.5) for part in parts]),
    ],
)
def test_clipping(options: dict[str, float], clip: Callable[[Vectors], Vectors]) -> None:
    received = walk(optimizers.SGD(RATE, **options), gradients())
    np.testing.assert_allclose(received, reference(gradients(), clip=clip)[0], rtol=1e-12)


def test_a_norm_that_is_not_finite_is_seen() -> None:
    bad = gradients(1)[0]
    bad[3] = np.inf
    with np.errstate(invalid="ignore"):
        assert np.isnan(walk(optimizers.SGD(RATE, global_clipnorm=1.0), [bad])).all()


def test_zero_gradients_survive_clipping() -> None:
    for option in ("clipnorm", "global_clipnorm", "clipvalue"):
        optimizer = optimizers.SGD(RATE, **{option: 0.5})
        np.testing.assert_array_equal(walk(optimizer, [np.zeros(SIZE)]), start())


def test_weight_decay_comes_first_and_spares_what_is_excluded() -> None:
    everywhere = optimizers.SGD(RATE, weight_decay=0.3)
    expected, _ = reference(gradients(), decay={"kernel": 0.3, "bias": 0.3})
    np.testing.assert_allclose(walk(everywhere, gradients()), expected, rtol=1e-12)
    spared = optimizers.SGD(RATE, weight_decay=0.3)
    spared.exclude_from_weight_decay(["^bias$"])
    expected, _ = reference(gradients(), decay={"kernel": 0.3})
    np.testing.assert_allclose(walk(spared, gradients()), expected, rtol=1e-12)


def test_weight_decay_of_long_vectors_with_exclusions() -> None:
    size = 300_000
    layout = [("kernel", 0, 200_000), ("bias", 200_000, 200_100), ("kernel", 200_100, size)]
    w, g = np.ones(size, np.float32), np.zeros(size, np.float32)
    optimizer = optimizers.AdamW(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay("bias")
    optimizer.step(w, g, [(0, size)], layout)
    np.testing.assert_array_equal(w[200_000:200_100], 1)
    np.testing.assert_array_equal(np.delete(w, slice(200_000, 200_100)), 0.75)


# Accumulation and averages -----------------------------------------------------------------------


@pytest.mark.parametrize("every", [2, 3])
def test_accumulated_gradients(every: int) -> None:
    optimizer = optimizers.SGD(RATE, gradient_accumulation_steps=every)
    np.testing.assert_allclose(
        walk(optimizer, gradients()), reference(gradients(), every=every)[0], rtol=1e-12
    )
    assert optimizer.iterations == 8


@pytest.mark.parametrize("overwrite", [None, 3])
@pytest.mark.parametrize("every", [None, 2])
def test_moving_average(overwrite: int | None, every: int | None) -> None:
    options = {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": overwrite}
    optimizer = optimizers.SGD(RATE, **options, gradient_accumulation_steps=every)
    w = walk(optimizer, gradients())
    expected, average = reference(gradients(), ema=0.7, overwrite=overwrite or 0, every=every or 1)
    np.testing.assert_allclose(w, expected, rtol=1e-12)
    optimizer.finalize(w, [(0, SIZE)])
    np.testing.assert_allclose(w, average, rtol=1e-12)


def test_a_long_vector_with_every_option_equals_its_parts() -> None:
    def make() -> optimizers.Optimizer:
        return optimizers.Adam(
            0.01, amsgrad=True, weight_decay=0.1, clipvalue=0.5, use_ema=True, gradient_accumulation_steps=2
        )

    whole, grads = (
        np.tile(start(np.float32), 20_000),
        [np.tile(g.astype(np.float32), 20_000) for g in gradients(4)],
    )
    optimizer, g = make(), np.empty_like(whole)
    for gradient in grads:
        g[...] = gradient
        optimizer.step(whole, g, [(0, 100_000), (100_000, whole.size)])
    part, optimizer, g = start(np.float32), make(), np.empty(SIZE, np.float32)
    for gradient in gradients(4):
        g[...] = gradient
        optimizer.step(part, g, [(0, SIZE)])
    np.testing.assert_array_equal(whole, np.tile(part, 20_000))


class Pair:
    """A team of two threads."""

    def run(self, function: Callable[..., object], parts: Sequence[tuple[Any, ...]]) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda part: function(*part), parts))


@pytest.mark.parametrize("make", [optimizers.Adam, optimizers.AdamW, optimizers.Ftrl, optimizers.Adadelta])
def test_two_threads_give_the_same_bits(make: type[optimizers.Optimizer]) -> None:
    rng = np.random.default_rng(0)
    first, grads = rng.normal(size=(2, 300_001)).astype(np.float32)
    ends = []
    for helpers in (None, Pair()):
        token = linalg.team.set(helpers)
        optimizer, w = make(), first.copy()
        for _ in range(3):
            optimizer.step(w, grads, [(0, 100_000), (150_000, w.size)])
        linalg.team.reset(token)
        ends.append(w)
    np.testing.assert_array_equal(*ends)
    np.testing.assert_array_equal(ends[0][100_000:150_000], first[100_000:150_000])


# Rates -------------------------------------------------------------------------------------------


def test_a_number_cannot_replace_a_schedule() -> None:
    optimizer = optimizers.SGD(schedules.ExponentialDecay(0.1, 10, 0.5))
    with pytest.raises(TypeError, match="expected a schedule"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    assert optimizer.current_learning_rate() == 0.5
    plain = optimizers.SGD(1)
    plain.learning_rate = 0.25
    assert plain.learning_rate == 0.25


@pytest.mark.parametrize("rate", ["fast", None, True, [0.1, 0.2]])
def test_rates_that_are_none(rate: Any) -> None:
    with pytest.raises(ConfigError, match="learning_rate to be a number or a schedule"):
        optimizers.SGD(rate)


def test_a_schedule_within_a_config() -> None:
    optimizer = optimizers.Adam(schedules.CosineDecay(0.1, 10, warmup_target=0.5, warmup_steps=2))
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    again = optimizers.get(config)
    assert optimizers.serialize(again) == config
    assert again.current_learning_rate() == 0.1


def test_schedules_see_every_step_and_bias_correction_every_update() -> None:
    asked: list[int] = []

    def schedule(step: int) -> float:
        asked.append(step)
        return 0.1

    scheduled = optimizers.Adam(schedule, gradient_accumulation_steps=2)
    walked = walk(scheduled, gradients(4))
    assert asked == [0, 1, 2, 3]
    pairs = [(a + b) / 2 for a, b in zip(gradients(4)[::2], gradients(4)[1::2], strict=True)]
    np.testing.assert_allclose(walked, walk(optimizers.Adam(0.1), pairs), rtol=1e-12)


# State -------------------------------------------------------------------------------------------


def test_slots_are_the_quantities_of_the_formula() -> None:
    optimizer = optimizers.Adam(0.1, beta_1=0.75, beta_2=0.5)
    g = gradients(1)[0]
    walk(optimizer, [g])
    np.testing.assert_allclose(optimizer.slots["momentum"], 0.25 * g, rtol=1e-14)
    np.testing.assert_allclose(optimizer.slots["velocity"], 0.5 * g * g, rtol=1e-14)


def test_slots_of_another_library_go_on_as_they_would_there() -> None:
    grads = gradients(6)
    expected = walk(optimizers.RMSprop(0.1, centered=True, momentum=0.5), grads)
    first = optimizers.RMSprop(0.1, centered=True, momentum=0.5)
    w = walk(first, grads[:3])
    second = optimizers.RMSprop(0.1, centered=True, momentum=0.5)
    second.set_state({"iterations": 3, "slots": first.slots})
    np.testing.assert_allclose(walk(second, grads[3:], w), expected, rtol=1e-12)


@pytest.mark.parametrize("stop", range(1, 6))
def test_every_option_resumes_bit_for_bit(stop: int) -> None:
    def make() -> optimizers.Optimizer:
        optimizer = optimizers.Nadam(
            0.1,
            weight_decay=0.2,
            clipnorm=0.9,
            use_ema=True,
            ema_overwrite_frequency=2,
            gradient_accumulation_steps=3,
        )
        optimizer.exclude_from_weight_decay(["bias"])
        return optimizer

    expected = walk(make(), gradients(9))
    first = make()
    w = walk(first, gradients(9)[:stop])
    second = optimizers.get(optimizers.serialize(first))
    second.set_state(first.get_state())
    np.testing.assert_array_equal(walk(second, gradients(9)[stop:], w), expected)


def test_new_vectors_ranges_and_slots_are_noticed() -> None:
    optimizer = optimizers.SGD(0.5, momentum=0.5)
    w, g = np.zeros(4), np.ones(4)
    optimizer.step(w, g, [(0, 2)])
    optimizer.step(w, g, [(2, 4)])
    np.testing.assert_array_equal(w, -0.5)
    other = np.zeros(4)
    optimizer.step(other, g, [(0, 4)])
    np.testing.assert_array_equal(other, -0.75)
    optimizer.slots = {"momentum": np.zeros(4)}
    optimizer.step(other, np.ones(4), [(0, 4)])
    np.testing.assert_array_equal(other, -1.25)
    float32 = np.zeros(4, np.float32)
    optimizer.step(float32, np.ones(4, np.float32), [(0, 4)])
    assert optimizer.slots["momentum"].dtype == np.float32


def test_nothing_learns() -> None:
    w = start()
    optimizers.Adam().step(w, np.ones(SIZE), [], ())
    np.testing.assert_array_equal(w, start())


# Configs -----------------------------------------------------------------------------------------


def test_configs_have_keras_keys() -> None:
    config = optimizers.SGD(0.1, momentum=0.9).get_config()
    assert config == {
        "name": "sgd", "learning_rate": 0.1, "weight_decay": None, "clipnorm": None, "global_clipnorm": None,
        "clipvalue": None, "use_ema": False, "ema_momentum": 0.99, "ema_overwrite_frequency": None,
        "loss_scale_factor": None, "gradient_accumulation_steps": None, "momentum": 0.9, "nesterov": False,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["rmsprop", "RMSprop", "RMSProp", "rm_sprop"])
def test_names_of_rmsprop(name: str) -> None:
    assert type(optimizers.get(name)) is optimizers.RMSprop


def test_lamb_beside_keras() -> None:
    """Two variables, one of zeros: it moves as far as the learning rate says."""
    optimizer, w = optimizers.Lamb(0.1), np.array([3.0, 4.0, 0.0])
    for gradient in ([1.0, -2.0, 3.0], [0.5, 1.0, -1.0]):
        optimizer.step(w, np.array(gradient), [(0, 3)], [("a", 0, 2), ("b", 2, 3)])
    np.testing.assert_allclose(w, [2.1565683, 4.4935184, -0.10999927], rtol=1e-5)


def test_the_decay_of_keras_2() -> None:
    plain = optimizers.get({"class_name": "SGD", "config": {"lr": 0.5, "decay": 0.0}})
    assert plain.learning_rate == 0.5
    decaying = optimizers.get({"class_name": "SGD", "config": {"lr": 0.5, "decay": 0.25}})
    rates = []
    for _ in range(3):
        rates.append(decaying.current_learning_rate())
        decaying.step(np.zeros(1), np.zeros(1), [(0, 1)])
    assert rates == [0.5 / (1 + 0.25 * t) for t in range(3)]
    schedule = optimizers.schedules.serialize(optimizers.schedules.ExponentialDecay(0.1, 1, 0.5))
    with pytest.raises(ConfigError, match="decay with a learning_rate that is a number"):
        optimizers.get({"class_name": "SGD", "config": {"learning_rate": schedule, "decay": 0.1}})


@pytest.mark.parametrize("name", ["Adam", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta"])
def test_an_epsilon_of_none(name: str) -> None:
    assert optimizers.get({"class_name": name, "config": {"epsilon": None}}).epsilon == 1e-7
    with pytest.raises(ConfigError, match="expected epsilon to be a number, received None"):
        getattr(optimizers, name)(epsilon=None)


def test_names_and_old_keys() -> None:
    assert type(optimizers.get("adamw")) is optimizers.AdamW
    assert optimizers.get(optimizers.Lion).learning_rate == 0.001
    assert optimizers.get({"class_name": "Adam", "config": {"lr": 0.5, "decay": 0.0}}).learning_rate == 0.5
    with pytest.raises(ConfigError, match="optimizer: expected one of"):
        optimizers.get("adamm")


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0),
        lambda: optimizers.SGD(clipnorm=0.0),
        lambda: optimizers.SGD(momentum=1.5),
        lambda: optimizers.SGD(gradient_accumulation_steps=1),
        lambda: optimizers.SGD(use_ema=True, ema_momentum=2),
        lambda: optimizers.SGD(use_ema=True, ema_overwrite_frequency=0),
        lambda: optimizers.Adam(beta_1=1.0),
        lambda: optimizers.AdamW(weight_decay=None),
        lambda: optimizers.RMSprop(rho=1.0),
        lambda: optimizers.Lion(beta_1=0.0),
        lambda: optimizers.Ftrl(learning_rate_power=1),
        lambda: optimizers.Ftrl(l1_regularization_strength=-1),
        lambda: schedules.CosineDecay(0.1, 0),
        lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]),
    ],
)
def test_bad_arguments(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        make()
