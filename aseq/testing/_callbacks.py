"""Conformance of callbacks, in small fits that succeed, fail and are cancelled."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq import layers
from aseq.callbacks import Callback
from aseq.models import Sequential
from aseq.testing._case import Case, named, run_async
from aseq.testing._numbers import agree, no_mutable_defaults
from aseq.testing._source import Planted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aseq.callbacks import History
    from aseq.testing._case import Check

__all__ = ["CallbackCase", "check_callback", "yield_callback_checks"]

EPOCHS, BATCHES = 3, 4
GRAMMAR = re.compile(r"T(e(bB)*(v(xX)*V)?E)*t")
"""train (epoch (batch)* [validation (batch)*])*, one letter a hook."""
LETTERS = {
    "on_train_begin": "T",
    "on_train_end": "t",
    "on_epoch_begin": "e",
    "on_epoch_end": "E",
    "on_train_batch_begin": "b",
    "on_train_batch_end": "B",
    "on_test_begin": "v",
    "on_test_end": "V",
    "on_test_batch_begin": "x",
    "on_test_batch_end": "X",
}


@dataclass(frozen=True, kw_only=True)
class CallbackCase(Case):
    """A callback under test, in fits of three epochs with loss, mae and their val_ twins.

    Attributes:
        factory: Makes it, given a directory of its own for files.
        observes: It changes neither weights nor history.
        adds: Log keys that it writes into logs, as Keras's does.
        options: More arguments for `fit`.
        optimizer: Of the model: a name or a config.

    Examples:
        >>> from aseq.callbacks import History
        >>> CallbackCase(id="History", factory=lambda directory: History()).observes
        True
    """

    factory: Callable[[Path], Callback]
    observes: bool = True
    adds: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    optimizer: Any = "sgd"


async def check_callback(case: CallbackCase) -> None:
    """Run all checks of a callback.

    Raises:
        AssertionError: Some fail; the message names each.

    Examples:
        >>> from aseq.callbacks import History
        >>> asyncio.run(check_callback(CallbackCase(id="History", factory=lambda directory: History())))
    """
    await run_async(case, yield_callback_checks(case))


def yield_callback_checks(case: CallbackCase) -> Iterator[tuple[str, Check]]:
    """The checks that apply to a callback, by name: coroutine functions.

    Examples:
        >>> from aseq.callbacks import History
        >>> case = CallbackCase(id="History", factory=lambda directory: History())
        >>> "leaves_training_alone" in dict(yield_callback_checks(case))
        True
    """
    return named(case, [*ALWAYS, leaves_training_alone] if case.observes else ALWAYS)


class Recorder(Callback):
    """Writes down which hooks were called, and the logs they were given."""

    def __init__(self, fail_at: str | None = None) -> None:
        self.letters = ""
        self.logs: list[tuple[str, dict[str, Any]]] = []
        self.fail_at = fail_at
        for hook in LETTERS:
            setattr(self, hook, self._hook(hook))

    def _hook(self, hook: str) -> Callable[..., None]:
        def record(*arguments: Any) -> None:
            self.letters += LETTERS[hook]
            self.logs.append((hook, dict(arguments[-1] or {})))
            if hook == self.fail_at and self.letters.count("B") == BATCHES + 2:
                raise Planted("in the second epoch")

        return record


def _model(case: CallbackCase) -> Sequential:
    model = Sequential([layers.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)], seed=5)
    model.compile(case.optimizer, "mse", ["mae"])
    return model


async def _fit(
    case: CallbackCase, callbacks: Any, model: Sequential | None = None
) -> tuple[History, Sequential]:
    model = model or _model(case)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8 * BATCHES, 3)).astype(np.float32)
    y = x.sum(1, keepdims=True)
    arguments = {"epochs": EPOCHS, "batch_size": 8, "validation_data": (x[:10], y[:10]), "verbose": 0}
    return await model.fit(x, y, callbacks=callbacks, **{**arguments, **case.options}), model


def _directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="aseq-callback-")


def _open_files(directory: str) -> list[str]:
    """Open files below a directory, where the system can tell."""
    if not os.path.isdir("/proc/self/fd"):
        return []
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:  # it was the one that listed the directory
            continue
        if path.startswith(os.path.realpath(directory)):
            found.append(path)
    return found


async def init_does_nothing(case: CallbackCase) -> None:
    """Making a callback touches no file."""
    with _directory() as directory:
        case.factory(Path(directory))
        assert not os.listdir(directory), f"expected no files, received {os.listdir(directory)}."


async def hooks_come_in_order(case: CallbackCase) -> None:
    """Beside it, the hooks of a fit come as train (epoch (batch)* validation)*, and every end hook comes."""
    with _directory() as directory:
        recorder = Recorder()
        await _fit(case, [case.factory(Path(directory)), recorder])
        assert GRAMMAR.fullmatch(recorder.letters), f"success: received the hooks {recorder.letters}."
        agree("files still open", _open_files(directory), [])


async def ends_on_error(case: CallbackCase) -> None:
    """After an error in the second epoch the end hooks have come, and nothing is left open."""
    with _directory() as directory:
        recorder = Recorder(fail_at="on_train_batch_end")
        model = _model(case)
        try:
            await _fit(case, [case.factory(Path(directory)), recorder], model)
        except Planted:
            pass
        else:
            raise AssertionError("expected the error of a hook to end the fit, received a History.")
        assert GRAMMAR.fullmatch(recorder.letters), f"error: received the hooks {recorder.letters}."
        agree("files still open", _open_files(directory), [])
        await _fit(case, None, model)


async def ends_on_cancel(case: CallbackCase) -> None:
    """After a cancel in the second epoch the end hooks have come, and nothing is left open."""
    with _directory() as directory:
        recorder, model = Recorder(), _model(case)

        def cancel(batch: int, logs: Any) -> None:
            if recorder.letters.count("B") == BATCHES + 2:
                task.cancel()

        listed = [case.factory(Path(directory)), {"on_train_batch_begin": cancel}, recorder]
        task = asyncio.ensure_future(_fit(case, listed, model))
        await asyncio.wait([task])
        assert task.cancelled(), "expected CancelledError to surface."
        assert re.fullmatch(GRAMMAR.pattern.replace("bB", "bB?"), recorder.letters), (
            f"cancel: received the hooks {recorder.letters}."
        )
        agree("files still open", _open_files(directory), [])
        await _fit(case, None, model)


async def works_again(case: CallbackCase) -> None:
    """Used for a second fit, on a new model, it behaves as if it were new."""
    with _directory() as first, _directory() as second:
        callback = case.factory(Path(first))
        await _fit(case, callback)
        again, model = await _fit(case, callback)
        fresh, other = await _fit(case, case.factory(Path(second)))
        agree("history of the second fit", again.history, fresh.history)
        agree("epochs of the second fit", again.epoch, fresh.epoch)
        agree("weights of the second fit", model.get_weights(), other.get_weights())


async def logs_are_kept(case: CallbackCase) -> None:
    """Logs are plain floats, and what comes after it sees the logs that came before it (but for `adds`)."""
    with _directory() as directory:
        before, after = Recorder(), Recorder()
        await _fit(case, [before, case.factory(Path(directory)), after])
    for (hook, one), (_, other) in zip(before.logs, after.logs, strict=True):
        kept = {key: value for key, value in other.items() if key not in case.adds or key in one}
        agree(f"logs of {hook}", kept, one)
        for key, value in other.items():
            assert type(value) is float, f"{hook}: {key}: expected a float, received {type(value).__name__}."


async def async_hooks_are_equal(case: CallbackCase) -> None:
    """Behind coroutine functions its hooks do the same."""
    with _directory() as first, _directory() as second:
        plain, model = await _fit(case, case.factory(Path(first)))
        twin, other = await _fit(case, _as_async(case.factory(Path(second))))
    agree("history", twin.history, plain.history)
    agree("weights", other.get_weights(), model.get_weights())


def _as_async(inner: Callback) -> Callback:
    outer = Callback()

    def hook(name: str) -> Callable[..., Any]:
        async def call(*arguments: Any) -> None:
            await asyncio.sleep(0)
            result = getattr(inner, name)(*arguments)
            if asyncio.iscoroutine(result):
                await result

        return call

    for name in LETTERS:
        if getattr(type(inner), name) is not getattr(Callback, name) or name in vars(inner):
            setattr(outer, name, hook(name))
    outer.set_model = inner.set_model  # type: ignore[method-assign]
    outer.set_params = inner.set_params  # type: ignore[method-assign]
    return outer


async def errors_name_it(case: CallbackCase) -> None:
    """An error in one of its hooks ends the fit, with a note that names callback and hook."""
    with _directory() as directory:
        callback, planted = case.factory(Path(directory)), Planted("in a hook")

        def fail(*_: Any) -> None:
            raise planted

        vars(callback)["on_epoch_begin"] = fail
        assert await _error_of(case, callback) is planted, "expected the hook's error to end the fit."
        notes = getattr(planted, "__notes__", [])
        name = f"{type(callback).__name__}.on_epoch_begin"
        assert any(name in note for note in notes), f"expected a note with {name}, received {notes}."
        agree("files still open", _open_files(directory), [])


async def _error_of(case: CallbackCase, callback: Callback) -> Exception | None:
    """What a fit with this callback raises."""
    try:
        await _fit(case, callback)
    except Exception as error:
        return error
    return None


async def leaves_training_alone(case: CallbackCase) -> None:
    """It changes neither weights nor history."""
    with _directory() as directory:
        watched, model = await _fit(case, case.factory(Path(directory)))
    plain, other = await _fit(case, None)
    agree("history", watched.history, plain.history)
    agree("weights", model.get_weights(), other.get_weights())


async def default_arguments(case: CallbackCase) -> None:
    """No default argument is a list or dict, which all instances would share."""
    with _directory() as directory:
        no_mutable_defaults(case.factory(Path(directory)))


ALWAYS = (
    init_does_nothing,
    hooks_come_in_order,
    ends_on_error,
    ends_on_cancel,
    works_again,
    logs_are_kept,
    async_hooks_are_equal,
    errors_name_it,
    default_arguments,
)
