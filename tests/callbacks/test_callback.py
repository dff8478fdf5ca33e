"""The contract: which hooks are called, in what order, with what notes, and what cancels see."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import anyio
import numpy as np
import pytest

import aseq
from aseq import callbacks, layers
from aseq.callbacks._callback import HOOKS
from aseq.errors import ConfigError

X = np.linspace(-1, 1, 40, dtype="f")[:, None]


def make(**options: Any) -> aseq.Sequential:
    model = aseq.Sequential([layers.Input((1,)), layers.Dense(1)], seed=0)
    model.compile(aseq.optimizers.SGD(0.1), "mse")
    return model


async def fit(*listed: Any, epochs: int = 3, **options: Any) -> Any:
    return await make().fit(X, 2 * X, epochs=epochs, verbose=0, callbacks=list(listed), **options)


class Witness(callbacks.Callback):
    """Notes every hook, and what ends the run."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.failures: dict[str, Any] = {}

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("on_") or name in ("on_batch_begin", "on_batch_end"):
            return super().__getattribute__(name)

        def hook(*_: Any) -> None:
            self.heard.append(name)
            self.failures[name] = self.failure

        return hook


async def test_hooks_of_a_fit_come_in_keras_order() -> None:
    witness = Witness()
    await fit(witness, epochs=1, batch_size=20, validation_split=0.5)
    assert [h for h in witness.heard if "yield" not in h] == [
        "on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end",
        "on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end", "on_epoch_end", "on_train_end",
    ]  # fmt: skip
    assert set(witness.failures.values()) == {None}


async def test_end_hooks_learn_what_ended_the_fit() -> None:
    witness = Witness()

    def fail(epoch: int, logs: Any) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full") as caught:
        await fit({"on_epoch_end": fail}, witness)
    assert witness.heard[-1] == "on_train_end"
    assert witness.failures["on_train_end"] is caught.value
    assert witness.failures["on_epoch_end"] is None


async def test_a_fit_inside_an_except_block_has_not_failed() -> None:
    witness = Witness()
    try:
        raise KeyError("dealt with")
    except KeyError:
        await fit(witness)
    assert set(witness.failures.values()) == {None}


async def test_an_error_names_callback_and_hook() -> None:
    class Broken(callbacks.Callback):
        async def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        await fit(Broken())
    assert caught.value.__notes__ == ["raised by Broken.on_epoch_begin"]


async def test_every_end_hook_runs_though_one_fails_and_the_first_error_is_raised() -> None:
    ended = []

    def fail(_: Any) -> None:
        raise ValueError("first")

    def fail_too(_: Any) -> None:
        raise ValueError("second")

    with pytest.raises(ValueError, match="first") as caught:
        await fit(
            {"on_train_end": fail}, {"on_train_end": fail_too}, {"on_train_end": lambda _: ended.append(1)}
        )
    assert ended == [1]
    assert caught.value.__notes__ == [
        "raised by LambdaCallback.on_train_end",
        "then ValueError('second'); raised by LambdaCallback.on_train_end",
    ]


async def test_the_error_that_ends_a_fit_is_not_replaced_by_those_of_end_hooks() -> None:
    class Unready(callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            raise OSError("no such folder")

        def on_train_end(self, logs: Any = None) -> None:
            self.file.close()  # type: ignore[attr-defined]

    with pytest.raises(OSError, match="no such folder") as caught:
        await fit(Unready())
    assert caught.value.__notes__[0] == "raised by Unready.on_train_begin"
    assert "then AttributeError(" in caught.value.__notes__[1]


LETTERS = {
    "on_train_begin": "T", "on_train_end": "t", "on_epoch_begin": "e", "on_epoch_end": "E",
    "on_train_batch_begin": "b", "on_train_batch_end": "B", "on_yield": "",
    "on_test_begin": "v", "on_test_end": "V", "on_test_batch_begin": "x", "on_test_batch_end": "X", "on_test_yield": "",
    "on_predict_begin": "p", "on_predict_end": "P", "on_predict_batch_begin": "o", "on_predict_batch_end": "O",
    "on_predict_yield": "",
}  # fmt: skip
GRAMMARS = {"fit": r"(T(e(bB?)*(v(xX?)*V)?E)*t)?", "predict": r"(p(oO?)*P)?"}


class Letters(callbacks.Callback):
    """Notes the hooks as letters."""

    def __init__(self) -> None:
        self.heard = ""
        for hook, letter in LETTERS.items():
            setattr(self, hook, lambda *_, letter=letter: self.hear(letter))

    def hear(self, letter: str) -> None:
        self.heard += letter


@pytest.mark.parametrize("end", ["error", "cancel"])
@pytest.mark.parametrize("hook", HOOKS)
async def test_hooks_stay_in_pairs_whichever_hook_raises(hook: str, end: str) -> None:
    before, after, (door, grammar) = Letters(), Letters(), run_of(hook)
    planted: BaseException = OSError("planted") if end == "error" else asyncio.CancelledError()

    async def fail(*_: Any) -> None:
        raise planted

    options = {"validation_split": 0.5, "epochs": 2} if door == "fit" else {}
    x = (X,) if door == "predict" else (X, X)
    with pytest.raises(type(planted)) as caught:
        await getattr(make(), door)(
            *x, batch_size=10, verbose=0, callbacks=[before, {hook: fail}, after], **options
        )
    assert caught.value is planted
    for each in (before, after):
        assert re.fullmatch(grammar, each.heard), each.heard
    if hook in ("on_train_begin", "on_epoch_begin", "on_test_begin", "on_predict_begin"):
        assert before.heard.count(LETTERS[hook]) == 1, "it has begun for those that come before"
        assert LETTERS[hook] not in after.heard, "and not for those that come behind"
    if hook.endswith("_end"):
        assert before.heard == after.heard, "what has ended, has ended for all"


def run_of(hook: str) -> tuple[str, str]:
    """The door whose run has a hook, and the grammar of its letters."""
    door = "predict" if "predict" in hook else "fit"
    return door, GRAMMARS[door]


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize("scope", ["task", "anyio"])
async def test_async_end_hooks_run_to_their_end_when_cancelled(scope: str, hook: str) -> None:
    ended = []

    async def slow_end(*_: Any) -> None:
        await anyio.sleep(0.01)
        ended.append("slow")

    limit = anyio.CancelScope()

    async def cancel(*_: Any) -> None:
        if scope == "anyio":
            limit.cancel()
        else:
            task.cancel()
        await anyio.sleep(30)

    async def run() -> None:
        with limit:
            await fit({hook: cancel}, {"on_epoch_end": slow_end, "on_train_end": slow_end})

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    assert task.cancelled() is (scope == "task")
    assert limit.cancelled_caught is (scope == "anyio")
    assert ended == ["slow"] * (1 if hook == "on_epoch_begin" else 2)


async def test_keras_other_names_of_batch_hooks_are_heard() -> None:
    class Old(callbacks.Callback):
        def __init__(self) -> None:
            self.heard: list[int] = []

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.heard.append(batch)

    old, heard = Old(), []
    await fit(old, callbacks.LambdaCallback(on_batch_begin=lambda batch, logs: heard.append(batch)), epochs=1)
    assert old.heard == heard == [0, 1]


async def test_a_duck_typed_callback_is_welcome() -> None:
    class Duck:
        def set_model(self, model: Any) -> None:
            self.model = model

        def set_params(self, params: Any) -> None:
            self.params = params

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.last = epoch

    duck = Duck()
    await fit(duck)
    assert duck.last == 2
    assert duck.params["epochs"] == 3


@pytest.mark.parametrize(
    "nonsense", [3, {"on_epoch_ends": print}, [print], "early_stopping", {"on_epoch_end": 5}]
)
async def test_nonsense_is_refused(nonsense: Any) -> None:
    with pytest.raises(ConfigError, match="callback"):
        await fit(nonsense)


async def test_a_class_in_place_of_an_instance_is_told_how_to_become_one() -> None:
    with pytest.raises(ConfigError, match=r"received the class TerminateOnNaN. Call it: TerminateOnNaN\(\)"):
        await fit(callbacks.TerminateOnNaN)


async def test_a_callback_says_which_batches_it_wants() -> None:
    class EveryThirtieth(callbacks.Callback):
        """Hears of batch 39 at the end of the epoch, too, where a burst ends."""

        def __init__(self) -> None:
            self.heard: list[int] = []

        def batches_until_wanted(self) -> int:
            return 30 - (self.heard[-1] + 1) % 30 if self.heard else 30

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.heard.append(batch)

    sparse = EveryThirtieth()
    await fit(sparse, epochs=1, batch_size=1, yield_every=10_000)
    assert sparse.heard == [29, 39]
    dense: list[int] = []
    await fit(
        EveryThirtieth(),
        {"on_train_batch_end": lambda batch, logs: dense.append(batch)},
        epochs=1,
        batch_size=1,
    )
    assert dense == list(range(40)), "the least of what callbacks ask for counts"


async def test_without_batch_hooks_a_fit_stays_in_its_burst() -> None:
    """40 batches an epoch, one burst an epoch: callbacks of ours, all together, do not break it up."""
    yields: list[int] = []
    quiet = [
        callbacks.EarlyStopping("loss"),
        callbacks.TerminateOnNaN(),
        callbacks.ReduceLROnPlateau("loss"),
        callbacks.ProgressBar(2),
        {"on_yield": lambda epoch, batch, logs: yields.append(batch)},
    ]
    await fit(*quiet, epochs=1, batch_size=1, yield_every=10_000)
    assert yields == [39]


def test_get_makes_callbacks_from_configs() -> None:
    found = callbacks.get({"class_name": "ReduceLROnPlateau", "config": {"monitor": "loss", "factor": 0.4}})
    assert isinstance(found, callbacks.ReduceLROnPlateau)
    assert found.factor == 0.4
    assert isinstance(callbacks.get("early_stopping"), callbacks.EarlyStopping)
    assert callbacks.get(found) is found
    for wrong in ("EarlyStopped", {"class_name": "History", "config": {"x": 1}}, 7):
        with pytest.raises(ConfigError):
            callbacks.get(wrong)
