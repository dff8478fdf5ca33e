"""Callbacks that follow a value: EarlyStopping, ReduceLROnPlateau, LearningRateScheduler, TerminateOnNaN."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import aseq
from aseq import callbacks, layers
from aseq.callbacks._monitor import MonitorCallback
from aseq.errors import ConfigError, DataError

X = np.ones((8, 1), "f")


def make(rate: Any = 0.1) -> aseq.Sequential:
    model = aseq.Sequential([layers.Input((1,)), layers.Dense(1)], seed=0)
    model.compile(aseq.optimizers.SGD(rate), "mse")
    return model


def script(key: str, values: list[Any]) -> dict[str, Any]:
    """A callback that puts these values into the epochs' logs."""
    return {"on_epoch_end": lambda epoch, logs: logs.update({key: values[epoch]})}


async def run(callback: Any, values: list[Any], key: str = "val_loss", **options: Any) -> Any:
    return await make().fit(
        X, X, epochs=len(values), verbose=0, callbacks=[script(key, values), callback], **options
    )


async def test_an_array_cannot_be_followed() -> None:
    for callback in (
        callbacks.EarlyStopping("f1", mode="max"),
        callbacks.ReduceLROnPlateau("f1", mode="max"),
    ):
        with pytest.raises(
            ConfigError, match=r"expected one number to follow, received 'f1' of shape \(3,\)"
        ):
            await run(callback, [np.zeros(3)], "f1")


class TestEarlyStopping:
    # epochs that run, by arguments, for values that a hand can follow
    @pytest.mark.parametrize(
        ("options", "values", "epochs"),
        [
            ({}, [5, 4, 4, 3, 2], 3),
            ({"patience": 1}, [5, 4, 4, 3, 2], 3),  # as in Keras and tf.js, patience 0 and 1 are alike
            ({"patience": 2}, [5, 4, 4, 3, 3, 3, 1], 6),
            ({"min_delta": 0.5}, [5, 4, 3.6, 3], 3),
            ({"min_delta": -0.5}, [5, 4, 3.6, 3], 3),
            ({"patience": 1}, [5, 6], 2),
            ({"start_from_epoch": 3}, [1, 2, 3, 4, 5, 6], 5),
            (
                {"baseline": 2.0, "patience": 2},
                [5, 4, 4, 3],
                3,
            ),  # the wait went on while 5 and 4 missed the baseline
            ({"baseline": 4.5, "patience": 2}, [5, 4, 4, 4, 3], 4),
            ({"patience": 1}, [math.nan, 5, 4, 6, 6], 4),  # a NaN is no best value
            ({"mode": "max", "patience": 2}, [1, 2, 1, 1, 9], 4),
        ],
    )
    async def test_stops(self, options: dict[str, Any], values: list[float], epochs: int) -> None:
        history = await run(callbacks.EarlyStopping(**options), values)
        assert len(history.epoch) == epochs

    async def test_the_key_says_which_way_is_better(self) -> None:
        history = await run(callbacks.EarlyStopping("val_accuracy"), [0.5, 0.6, 0.6, 0.9], "val_accuracy")
        assert len(history.epoch) == 3

    async def test_restores_the_best_weights_without_an_early_stop_too(self) -> None:
        model, kept = make(), []
        best = callbacks.EarlyStopping(patience=9, restore_best_weights=True)
        keep = {"on_epoch_end": lambda epoch, logs: kept.append(model.get_weights())}
        await model.fit(X, X, epochs=4, verbose=0, callbacks=[script("val_loss", [3, 1, 2, 2]), keep, best])
        assert best.best_epoch == 1
        assert np.array_equal(model.get_weights()[0], kept[1][0])
        assert not np.array_equal(kept[1][0], kept[3][0])

    async def test_restores_them_after_an_error_too(self) -> None:
        model, kept = make(), []
        listed = [
            script("val_loss", [1, 2]),
            {"on_epoch_end": lambda epoch, logs: kept.append(model.get_weights())},
            callbacks.EarlyStopping(patience=9, restore_best_weights=True),
        ]
        with pytest.raises(IndexError):
            await model.fit(X, X, epochs=4, verbose=0, callbacks=listed)
        assert np.array_equal(model.get_weights()[0], kept[0][0])

    async def test_a_missing_value_is_a_warning_and_nothing_more(self) -> None:
        with pytest.warns(UserWarning, match=r"expected 'val_loss' in the logs, received loss") as caught:
            history = await make().fit(X, X, epochs=3, verbose=0, callbacks=callbacks.EarlyStopping())
        assert len(history.epoch) == len(caught) == 3

    async def test_an_epoch_cut_short_is_not_looked_at(self) -> None:
        """Its logs lack val_loss, which would be a warning, and warnings are errors here."""

        def fail(batch: int, logs: Any) -> None:
            raise OSError("planted")

        with pytest.raises(OSError, match="planted"):
            await run(callbacks.EarlyStopping(), [1.0], shuffle=False)
            await make().fit(X, X, verbose=0, callbacks=[callbacks.EarlyStopping(), {"on_batch_end": fail}])

    async def test_says_what_it_did_when_asked(self, capsys: pytest.CaptureFixture[str]) -> None:
        await run(callbacks.EarlyStopping(verbose=1, restore_best_weights=True), [1, 2])
        assert capsys.readouterr().out.splitlines() == [
            "Epoch 2: early stopping",
            "Restoring the weights from the end of the best epoch: 1",
        ]


@pytest.mark.parametrize(
    ("monitor", "up"),
    [("val_loss", False), ("mae", False), ("val_root_mean_squared_error", False), ("kl_divergence", False),
     ("acc", True), ("val_top_k_categorical_accuracy", True), ("auc", True), ("f1_score", True)],
)  # fmt: skip
def test_auto_mode(monitor: str, up: bool) -> None:
    assert MonitorCallback(monitor).is_improvement(2.0, than=1.0) is up


@pytest.mark.parametrize("arguments", [{"monitor": "val_happiness"}, {"mode": "best"}])
def test_a_direction_that_nobody_can_tell_is_refused_at_once(arguments: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="mode"):
        callbacks.EarlyStopping(**arguments)


class TestReduceLROnPlateau:
    async def test_reduces_with_cooldown_down_to_the_least(self) -> None:
        reduce = callbacks.ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1, min_lr=0.03)
        history = await run(reduce, [1.0] * 9)
        rates = history.history["learning_rate"]
        assert rates == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.03, 0.03, 0.03, 0.03])

    async def test_a_change_within_min_delta_is_none(self) -> None:
        history = await run(callbacks.ReduceLROnPlateau(patience=1, min_delta=0.1), [1.0, 0.95, 0.8])
        assert history.history["learning_rate"] == pytest.approx([0.1, 0.1, 0.01])

    async def test_a_missing_value_leaves_the_rate_and_logs_it(self) -> None:
        with pytest.warns(UserWarning, match="val_loss"):
            history = await make().fit(X, X, verbose=0, callbacks=callbacks.ReduceLROnPlateau())
        assert history.history["learning_rate"] == [0.1]

    async def test_refuses_a_schedule_and_a_factor_that_does_not_reduce(self) -> None:
        with pytest.raises(ConfigError, match="schedule"):
            await make(lambda step: 0.1).fit(X, X, verbose=0, callbacks=callbacks.ReduceLROnPlateau("loss"))
        for factor in (0, 1, 2.0):
            with pytest.raises(ConfigError, match="factor"):
                callbacks.ReduceLROnPlateau(factor=factor)


@pytest.mark.parametrize("value", ["x", None, np.ones(2)])
async def test_a_value_to_follow_that_is_not_one_number_is_refused(value: Any) -> None:
    listed = [
        {"on_epoch_end": lambda epoch, logs: logs.update(odd=value)},
        callbacks.EarlyStopping("odd", mode="min"),
    ]
    with pytest.raises(ConfigError, match="expected one number to follow, received 'odd'"):
        await make().fit(X, X, verbose=0, callbacks=listed)


class TestLearningRateScheduler:
    @pytest.mark.parametrize("kind", ["epoch", "epoch and rate", "async", "table"])
    async def test_sets_each_epochs_rate(self, kind: str) -> None:
        async def later(epoch: int) -> float:
            return 0.1 / 2 ** (epoch + 1)

        schedule = {
            "epoch": lambda epoch: 0.1 / 2 ** (epoch + 1),
            "epoch and rate": lambda epoch, rate: rate / 2,
            "async": later,
            "table": [0.05, 0.025, 0.0125],
        }[kind]
        scheduler = callbacks.LearningRateScheduler(schedule)
        model = make()
        history = await model.fit(X, X, epochs=3, verbose=0, callbacks=scheduler)
        assert history.history["learning_rate"] == pytest.approx([0.05, 0.025, 0.0125])
        assert model.optimizer.learning_rate == pytest.approx(0.0125)

    @pytest.mark.parametrize("rate", [np.array(0.5), np.float32(0.5), np.float64(0.5), Fraction(1, 2), 1])
    async def test_real_numbers_of_any_kind_are_rates(self, rate: Any) -> None:
        model = make()
        await model.fit(X, X, verbose=0, callbacks=callbacks.LearningRateScheduler(lambda epoch: rate))
        assert model.optimizer.learning_rate == float(rate)

    async def test_the_rate_is_used(self) -> None:
        model = make()
        before = model.get_weights()[0]
        await model.fit(X, X, verbose=0, callbacks=callbacks.LearningRateScheduler(lambda epoch: 0.0))
        assert np.array_equal(model.get_weights()[0], before)

    async def test_an_error_inside_the_schedule_is_the_users_own(self) -> None:
        with pytest.raises(TypeError, match="unsupported operand"):
            await make().fit(
                X, X, verbose=0, callbacks=callbacks.LearningRateScheduler(lambda e, lr: lr + "x")
            )

    @pytest.mark.parametrize(
        "schedule", [lambda epoch: "fast", lambda epoch: None, lambda epoch: np.ones(1), [0.1]]
    )
    async def test_a_rate_that_is_no_number_is_refused(self, schedule: Any) -> None:
        with pytest.raises(ConfigError, match="number for epoch"):
            await make().fit(X, X, epochs=2, verbose=0, callbacks=callbacks.LearningRateScheduler(schedule))

    def test_a_schedule_that_is_none_is_refused_at_once(self) -> None:
        with pytest.raises(ConfigError, match="function of the epoch"):
            callbacks.LearningRateScheduler(0.1)  # type: ignore[arg-type]


class TestTerminateOnNaN:
    async def test_stops_within_the_epoch(self, capsys: pytest.CaptureFixture[str]) -> None:
        x = np.ones((100, 1), "f")
        x[3] = np.inf
        model = make()
        history = await model.fit(
            x, np.ones(100), batch_size=1, epochs=5, verbose=0, shuffle=False, yield_every="batch",
            callbacks=callbacks.TerminateOnNaN(),
        )  # fmt: skip
        assert history.epoch == [0]
        assert "epoch 1, batch 4: the loss is inf" in capsys.readouterr().out

    async def test_raises_when_asked(self) -> None:
        with pytest.raises(DataError, match="finite loss"):
            await make().fit(
                np.full((4, 1), np.inf),
                np.ones(4),
                verbose=0,
                callbacks=callbacks.TerminateOnNaN(raise_error=True),
            )

    async def test_leaves_a_finite_loss_alone(self) -> None:
        history = await make().fit(
            X, X, epochs=3, verbose=0, callbacks=callbacks.TerminateOnNaN(raise_error=True)
        )
        assert history.epoch == [0, 1, 2]


class TestSwapEMAWeights:
    async def test_validates_with_the_average_and_trains_without(self) -> None:
        plain, swapped = [], []
        for swap in (False, True):
            model = aseq.Sequential([layers.Input((1,)), layers.Dense(1)], seed=0)
            model.compile(aseq.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), "mse")
            seen: list[Any] = swapped if swap else plain
            look = {
                "on_test_batch_end": lambda _, logs, m=model, s=seen: s.append(
                    ("test", m.get_weights()[0].item())
                ),
                "on_epoch_end": lambda _, logs, m=model, s=seen: s.append(
                    ("epoch", m.get_weights()[0].item())
                ),
            }
            listed = [callbacks.SwapEMAWeights(), look] if swap else [look]
            await model.fit(X, 2 * X, epochs=3, validation_data=(X, X), verbose=0, callbacks=listed)
            seen.append(("end", model.get_weights()[0].item()))
        weights = [w for kind, w in plain if kind == "epoch"]
        assert [w for kind, w in swapped if kind == "epoch"] == weights
        average, averages = weights[0], []
        for weight in weights:
            average += 0.1 * (weight - average)
            averages.append(average)
        assert [w for kind, w in swapped if kind == "test"] == pytest.approx(averages, rel=1e-5)
        assert swapped[-1][1] == plain[-1][1] == pytest.approx(averages[-1], rel=1e-5)

    async def test_needs_an_average(self) -> None:
        with pytest.raises(ConfigError, match="use_ema=True"):
            await make().fit(X, X, verbose=0, callbacks=callbacks.SwapEMAWeights())
