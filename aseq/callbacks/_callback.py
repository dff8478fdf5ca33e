"""The contract of a callback, and the list that calls the hooks of several in order."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from anyio import CancelScope

from aseq.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    _Hook: TypeAlias = tuple[int, Callable[..., Any]]

__all__ = ["HOOKS", "Callback", "CallbackList", "LambdaCallback", "as_callbacks", "attach"]

HOOKS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_test_yield",
    "on_predict_begin",
    "on_predict_end",
    "on_predict_batch_begin",
    "on_predict_batch_end",
    "on_predict_yield",
    "on_yield",
)
ALIASES = {"on_batch_begin": "on_train_batch_begin", "on_batch_end": "on_train_batch_end"}
OTHER_NAMES = {hook: alias for alias, hook in ALIASES.items()}
ENDS = {hook: hook.replace("_begin", "_end") for hook in HOOKS if hook.endswith("_begin")}
RUN_ENDS = ("on_train_end", "on_test_end", "on_predict_end")
BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end")
DUCK = ("on_epoch_end", "set_model", "set_params")
"""What a callback that is not a `Callback` has at least."""


class Callback:
    """Something that hears what a fit, an evaluation or a prediction does.

    Override any hook, as a plain function or as `async def`. Hooks are awaited one after the other
    on the event loop: a slow one holds training up. End hooks run on success, error and cancel, also if
    another callback raises, wherever the begin hook was called.

    A fit leaves its worker thread for the batch hooks of each batch only if some callback has one;
    `batches_until_wanted` says which batches are worth it.

    Attributes:
        model: The model, once the run begins.
        params: "epochs", "steps" (None if unknown), "verbose", "initial_epoch", ...
        runs_last: Whether the callback hears of everything after those that are not so.
        state_names: Attributes that the callback carries from epoch to epoch.

    Examples:
        >>> class Names(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, sorted(logs))
        >>> Names().on_epoch_end(0, {"loss": 1.0})
        0 ['loss']
    """

    model: Any = None
    params: dict[str, Any] = {}  # noqa: RUF012  # replaced per run by set_params, never changed in place
    runs_last = False
    state_names: tuple[str, ...] = ()

    def set_model(self, model: Any) -> None:
        """Called once before a run."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called once before a run."""
        self.params = params

    def get_state(self) -> dict[str, Any]:
        """What a later epoch depends on, as plain data and arrays."""
        return {name: getattr(self, name) for name in self.state_names}

    def set_state(self, state: dict[str, Any]) -> None:
        """Put back what `get_state` returned."""
        for name in self.state_names:
            setattr(self, name, state[name])

    def batches_until_wanted(self) -> int:
        """In how many training batches a batch hook of this callback wants to be called next.

        A callback that does not want all of them hears of others nevertheless, whenever training
        leaves its thread: it counts by the batch that its hook is given.
        """
        return 1

    @property
    def failure(self) -> BaseException | None:
        """In an end hook: the error or cancellation that ends the run, or None if it ends well."""
        return self.params.get("failure")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> Any:
        """A fit begins."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> Any:
        """A fit ends, however it ends; `logs` are those of its last epoch."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> Any:
        """An epoch begins; epochs count from 0."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> Any:
        """An epoch ends; `logs` has loss, metrics and their val_ twins."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> Any:
        """A training batch begins."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> Any:
        """A training batch ends; `logs` are running means over the epoch."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> Any:
        """An evaluation or validation begins."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> Any:
        """An evaluation or validation ends."""

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> Any:
        """An evaluation batch begins."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> Any:
        """An evaluation batch ends."""

    def on_test_yield(self, batch: int, logs: dict[str, Any] | None = None) -> Any:
        """An evaluation has just left its worker thread and will go on."""

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> Any:
        """A prediction begins."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> Any:
        """A prediction ends."""

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> Any:
        """A prediction batch begins."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> Any:
        """A prediction batch ends; `logs["outputs"]` is what the model gave."""

    def on_predict_yield(self, batch: int, logs: dict[str, Any] | None = None) -> Any:
        """A prediction has just left its worker thread and will go on."""

    def on_yield(self, epoch: int, batch: int, logs: dict[str, Any] | None = None) -> Any:
        """Training has just left its worker thread and will go on; about every 20 ms (tf.js's onYield)."""


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        **hooks: Functions or coroutine functions by hook name; `on_batch_begin` and `on_batch_end`
            mean the training batch.

    Raises:
        ConfigError: A name is not a hook, or what stands for it is no function.

    Examples:
        >>> LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch)).on_epoch_end(3, {})
        3
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        for name, function in hooks.items():
            target = ALIASES.get(name, name)
            if target not in HOOKS:
                raise ConfigError(f"callback: expected hooks out of {', '.join(HOOKS)}, received {name!r}.")
            if function is None:
                continue
            if not callable(function):
                raise ConfigError(f"callback: expected a function as {name}, received {function!r}.")
            attach(self, target, function)


def attach(callback: Callback, hook: str, function: Callable[..., Any]) -> None:
    """Give one callback a hook that its class lacks: a batch hook that only some arguments need.

    Examples:
        >>> callback = Callback()
        >>> attach(callback, "on_train_batch_end", lambda batch, logs: print(batch))
        >>> callback.on_train_batch_end(7, {})
        7
    """
    setattr(callback, hook, function)


class CallbackList:
    """Several callbacks, called in order; each hook is awaited if it is a coroutine.

    Args:
        callbacks: A Callback, a dict of hooks, or a list of either.
        model: Given to each.
        params: Given to each, with "callbacks" added, and "failure" in end hooks.
    """

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any]) -> None:
        self.callbacks = sorted(as_callbacks(callbacks), key=lambda each: getattr(each, "runs_last", False))
        self._hooks: dict[str, list[_Hook]] = {name: _hooks(self.callbacks, name) for name in HOOKS}
        self._come_to: dict[str, int] = {}  # callbacks whose begin hooks have been called, by end hook
        self._pacers = [
            getattr(self.callbacks[place], "batches_until_wanted", _every_batch)
            for place in {place for name in BATCH_HOOKS for place, _ in self._hooks[name]}
        ]
        self.params = params
        params["callbacks"] = self.callbacks
        self._handled = sys.exception()  # what the caller is dealing with, if anything: not ours
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(model)

    def has(self, *hooks: str) -> bool:
        """Whether some callback wants one of these hooks."""
        return any(self._hooks[name] for name in hooks)

    def batches_until_wanted(self) -> int:
        """How many training batches may be done before a batch hook has to be called."""
        return max(1, min((pacer() for pacer in self._pacers), default=sys.maxsize))

    async def call(self, hook: str, *args: Any) -> None:
        """Call one hook of all callbacks in order.

        Raises:
            Exception: What a hook raises, with a note that names the callback.
        """
        end = ENDS.get(hook, "")  # a yield has none
        self._come_to[end] = 0
        for place, function in self._hooks[hook]:
            self._come_to[end] = place + 1
            await self._call(place, hook, function, args)
        self._come_to[end] = len(self.callbacks)

    async def call_all(self, hook: str, *args: Any) -> None:
        """Call an end hook of all callbacks whose begin hook was called, even if one before them raises.

        The first error is raised, unless it is one that ends the run already; those behind it become its
        notes. End hooks of runs, and those that follow an error, close files and connections: a cancelled
        scope of anyio's waits for them.
        """
        errors: list[BaseException] = []
        error = sys.exception()
        failure = self.params["failure"] = None if error is self._handled else error
        with CancelScope(shield=failure is not None or hook in RUN_ENDS) as scope:
            for place, function in self._hooks[hook]:
                if place >= self._come_to.get(hook, 0):
                    break
                try:
                    await self._call(place, hook, function, args)
                except BaseException as error:  # kept until every callback has closed what it holds
                    errors.append(error)
                    scope.shield = True
        first = _first([failure, *errors] if isinstance(failure, Exception) else errors)
        if first is not None and first is not failure:
            raise first

    async def _call(self, place: int, hook: str, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            result = function(*args)
            if inspect.isawaitable(result):
                await result
        except Exception as error:
            error.add_note(f"raised by {type(self.callbacks[place]).__name__}.{hook}")
            raise


def _every_batch() -> int:
    return 1


def _first(errors: list[BaseException]) -> BaseException | None:
    """The one to raise, with the others as its notes: a cancellation, which must not get lost, or the first."""
    ranked = sorted(errors, key=lambda error: isinstance(error, Exception))
    for error in ranked[1:]:
        ranked[0].add_note("; ".join([f"then {error!r}", *getattr(error, "__notes__", ())]))
    return ranked[0] if ranked else None


def as_callbacks(callbacks: Any) -> Iterable[Callback]:
    """The callbacks that a user's argument means.

    Raises:
        ConfigError: It is none of a Callback, a dict of hooks, or a list of them.
    """
    if callbacks is None:
        return
    if isinstance(callbacks, dict):
        yield LambdaCallback(**callbacks)
    elif isinstance(callbacks, (list, tuple)):
        for callback in callbacks:
            yield from as_callbacks(callback)
    elif isinstance(callbacks, type):
        raise ConfigError(
            f"callbacks: expected an instance, received the class {callbacks.__name__}. Call it: "
            f"{callbacks.__name__}()."
        )
    elif isinstance(callbacks, Callback) or all(hasattr(callbacks, name) for name in DUCK):
        yield callbacks
    else:
        raise ConfigError(
            f"callbacks: expected a Callback, a dict of hooks or a list of them, received {callbacks!r}."
        )


def _hooks(callbacks: list[Callback], hook: str) -> list[_Hook]:
    """The hook of those callbacks that have it, each with the callback's place in the list."""
    found = ((place, _own(callback, hook)) for place, callback in enumerate(callbacks))
    return [(place, own) for place, own in found if own is not None]


def _own(callback: Callback, hook: str) -> Callable[..., Any] | None:
    """The callback's own form of a hook, under its name or Keras's other one, if it has any."""
    for name in (hook, OTHER_NAMES.get(hook, hook)):
        own: Callable[..., Any] | None = getattr(callback, name, None)
        if own is not None and getattr(own, "__func__", own) is not getattr(Callback, name, None):
            return own
    return None
