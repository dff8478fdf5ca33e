"""First values: spread, bounds, orthogonality, seeds, fans, names."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aseq import initializers as i
from aseq.errors import ConfigError, ShapeError

SHAPE = (200, 300)


@pytest.mark.parametrize(
    ("initializer", "deviation"),
    [
        (i.RandomNormal(stddev=0.3), 0.3),
        (i.TruncatedNormal(stddev=0.3), 0.3 * 0.8796),
        (i.RandomUniform(-0.3, 0.3), 0.3 / math.sqrt(3)),
        (i.GlorotNormal(), math.sqrt(2 / 500)),
        (i.GlorotNormal(corrected=False), 0.8796 * math.sqrt(2 / 500)),
        (i.GlorotUniform(), math.sqrt(2 / 500)),
        (i.HeNormal(), math.sqrt(2 / 200)),
        (i.HeUniform(), math.sqrt(2 / 200)),
        (i.LecunNormal(), math.sqrt(1 / 200)),
        (i.LecunUniform(), math.sqrt(1 / 200)),
        (i.VarianceScaling(3.0, "fan_out", "untruncated_normal"), math.sqrt(3 / 300)),
        (i.VarianceScaling(3.0, "fan_out", "normal"), math.sqrt(3 / 300)),
    ],
    ids=repr,
)
def test_mean_and_spread(initializer: i.Initializer, deviation: float) -> None:
    values = initializer(SHAPE, np.float64, np.random.default_rng(0))
    assert values.std() == pytest.approx(deviation, rel=0.02)
    assert abs(values.mean()) < 0.02 * deviation


@pytest.mark.parametrize(
    ("initializer", "limit"),
    [
        (i.TruncatedNormal(stddev=0.3), 0.6),
        (i.RandomUniform(-0.3, 0.3), 0.3),
        (i.GlorotUniform(), math.sqrt(6 / 500)),
        (i.HeUniform(), math.sqrt(6 / 200)),
        (i.GlorotNormal(), 2 * math.sqrt(2 / 500) / 0.87962566103423978),
    ],
    ids=repr,
)
def test_bounds(initializer: i.Initializer, limit: float) -> None:
    values = np.abs(initializer(SHAPE, np.float64, np.random.default_rng(0)))
    assert 0.95 * limit < values.max() <= limit


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (2, 3, 4), (4, 4, 3)])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...]) -> None:
    q = i.Orthogonal(gain=2.0, seed=1)(shape, np.float64).reshape(-1, shape[-1])
    q = q if q.shape[0] <= q.shape[1] else q.T
    np.testing.assert_allclose(q @ q.T, 4 * np.eye(len(q)), atol=1e-12)


def test_fans_of_a_convolution_count_its_window() -> None:
    kernel = i.VarianceScaling(1.0, "fan_in", "uniform", seed=0)((5, 5, 40, 30), np.float64)
    assert kernel.std() == pytest.approx(math.sqrt(1 / (25 * 40)), rel=0.02)
    axes = i.VarianceScaling(1.0, "fan_in", "uniform", 0, input_axes=[0], output_axes=[1])
    assert axes((100, 300), np.float64).std() == pytest.approx(0.1, rel=0.02)


def test_fixed_values() -> None:
    np.testing.assert_array_equal(i.Constant([1.0, 2.0])((3, 2)), [[1, 2]] * 3)
    np.testing.assert_array_equal(i.Identity(2.0)((2, 3)), [[2, 0, 0], [0, 2, 0]])


def test_seed_decides_over_the_models_random_numbers() -> None:
    rng = np.random.default_rng
    assert np.array_equal(i.HeNormal(seed=3)((4,), rng=rng(0)), i.HeNormal(seed=3)((4,), rng=rng(1)))
    assert not np.array_equal(i.HeNormal()((4,), rng=rng(0)), i.HeNormal()((4,), rng=rng(1)))
    assert i.HeNormal(seed={"class_name": "SeedGenerator"}).seed is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("glorotNormal", i.GlorotNormal),
        ("leCunUniform", i.LecunUniform),
        ("truncated_normal", i.TruncatedNormal),
        ("normal", i.RandomNormal),
        ("uniform", i.RandomUniform),
        ("OrthogonalInitializer", i.Orthogonal),
        ("identity", i.Identity),
    ],
)
def test_names_of_both_peers(name: str, kind: type) -> None:
    assert type(i.get(name)) is kind


def test_a_tfjs_config_is_understood() -> None:
    config = {"scale": 1, "mode": "fanAvg", "distribution": "normal", "seed": None}
    found = i.get({"class_name": "VarianceScaling", "config": config})
    assert found.get_config()["mode"] == "fan_avg"
    assert found.get_config()["distribution"] == "truncated_normal"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: i.VarianceScaling(0.0), "scale > 0"),
        (lambda: i.VarianceScaling(mode="fan"), "expected mode"),
        (lambda: i.VarianceScaling(distribution="cauchy"), "expected distribution"),
        (lambda: i.get("glorot"), "initializer: expected one of"),
    ],
)
def test_bad_arguments(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("initializer", [i.Identity(), i.Orthogonal(), i.Constant([1, 2, 3])])
def test_shapes_that_cannot_be(initializer: i.Initializer) -> None:
    with pytest.raises(ShapeError, match=type(initializer).__name__):
        initializer((4,))
