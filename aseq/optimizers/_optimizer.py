"""The contract of an optimizer: a few vector operations over flat arrays, for all layers at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from aseq.errors import ConfigError
from aseq.linalg import in_parts
from aseq.optimizers import schedules
from aseq.optimizers._options import Options
from aseq.optimizers._plan import Plan
from aseq.registry import Configurable, argument_names, snake_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from aseq.optimizers._plan import Chunk, Layout
    from aseq.types import Array, Config

__all__ = ["LearningRate", "Optimizer", "checked_epsilon"]

LearningRate: TypeAlias = "float | Callable[[int], float]"


class Optimizer(Configurable):
    """Changes parameters along their gradients.

    A subclass names its `slot_names` and writes `coefficients` and `update`, which changes one chunk
    of the flat vectors in place. `update` is elementwise, so chunks may run side by side.

    Args:
        learning_rate: A number, or a schedule: a callable of the number of steps done.
        weight_decay: Before each update every parameter w becomes w (1 - learning_rate weight_decay).
        clipnorm: Longest norm of each variable's gradient.
        clipvalue: Largest absolute value of each gradient element.
        global_clipnorm: Longest norm of all gradients together; at most one of the three may be given.
        use_ema: Keep a moving average of the parameters; it becomes their value when a fit ends.
        ema_momentum: m in average = m average + (1 - m) w.
        ema_overwrite_frequency: Also take over the average every so many steps.
        loss_scale_factor: Accepted for Keras's sake; float32 gradients need no scaling.
        gradient_accumulation_steps: Update only every so many steps, with the mean of their gradients.
        name: In configs.

    Attributes:
        iterations: Steps done, those that only accumulated gradients included.

    Examples:
        >>> class SignDescent(Optimizer):
        ...     def update(self, w, g, slots, scratch, c):
        ...         np.multiply(np.sign(g), c[0], scratch)
        ...         w -= scratch
        >>> w = np.zeros(2)
        >>> SignDescent(0.5).step(w, np.array([3.0, -0.1]), [(0, 2)])
        >>> w.tolist()
        [-0.5, 0.5]
    """

    slot_names: tuple[str, ...] = ()
    """The flat arrays that `update` keeps, in its order."""
    flavor = "keras"

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        self._learning_rate: LearningRate = _checked_rate(learning_rate, self.name)
        self.weight_decay = weight_decay
        self.options = Options(
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
        )
        self.options.check(self.name)
        self.iterations = 0
        self._slots: dict[str, Array] = {}
        self._undecayed: list[str] = []
        self._plan: Plan | None = None

    # What subclasses write ------------------------------------------------------------------

    def coefficients(self, lr: float, t: int) -> tuple[float, ...]:
        """The numbers that `update` needs, worked out once a step.

        Args:
            lr: Learning rate of this step.
            t: Number of this update, from 1.
        """
        return (lr,)

    def update(self, w: Array, g: Array, slots: Sequence[Array], scratch: Array, c: Sequence[Array]) -> None:
        """Change one chunk of parameters and slots in place, leaving `g` alone.

        Args:
            w: Parameters.
            g: Their gradients.
            slots: One array for each of `slot_names`.
            scratch: Room for intermediate results.
            c: From `coefficients`, as 0-d arrays of the dtype of `w`: NumPy takes them without the
                conversion that a Python number costs in every call.
        """
        raise NotImplementedError

    def slot_start(self, name: str) -> float:
        """First value of a slot."""
        return 0.0

    def slot_scale(self, name: str) -> float:
        """What a slot's array must be multiplied with to be the quantity that the formula names.

        An exponential mean m = b m + (1 - b) g is kept as M = m / (1 - b), which grows as
        M = b M + g: one pass over memory less.
        """
        return 1.0

    # What training uses ----------------------------------------------------------------------

    def step(
        self,
        params: Array,
        grads: Array,
        ranges: Sequence[tuple[int, int]],
        layout: Layout = (),
    ) -> None:
        """One update of `params`, in place.

        Args:
            params: Flat vector.
            grads: Flat vector of the same length, left alone.
            ranges: The parts of it that learn, as (start, stop).
            layout: The variables within them, as (name, start, stop), for what goes by variable:
                `clipnorm` and `exclude_from_weight_decay`. Each range counts as one if not given.
        """
        plan = self._plan
        if plan is None or not plan.serves(params, grads, ranges, layout):
            plan = self._new_plan(params, grads, ranges, layout)
        options = self.options
        lr = self.current_learning_rate()
        self.iterations += 1
        if options.plain:
            self._update(plan, lr, self.iterations)
            return
        update = -(-self.iterations // options.period)
        if options.gradient(plan, self._slots, self.iterations):
            self._update(plan, lr, update)
        if options.use_ema:
            options.average(plan, self._slots["average"], update)

    def check_serves(self, params: Array) -> None:
        """Refuse the parameters of another model than the one this optimizer has stepped.

        Raises:
            ConfigError: Its slots belong to other parameters.
        """
        if self._plan is not None and self._plan.params is not params:
            raise ConfigError(
                f"optimizer {self.name!r}: expected the parameters it has stepped before, received those of another "
                f"model, or of one that was changed. Compile each model with an optimizer of its own."
            )

    def _update(self, plan: Plan, lr: float, t: int) -> None:
        c = plan.numbers(self.coefficients(lr, t))
        keep = None if self.weight_decay is None else plan.number(1 - lr * self.weight_decay)
        if plan.workers == 1:
            self._update_chunks(0, plan.chunks, c, keep)
        else:  # whoever is free takes the next one: a thread that wakes up late has less to do
            chunks = iter(plan.chunks)
            in_parts(self._update_chunks, [(worker, chunks, c, keep) for worker in range(plan.workers)])

    def _update_chunks(
        self, worker: int, chunks: Iterable[Chunk], c: Sequence[Array], keep: Array | None
    ) -> None:
        update = self.update
        for w, g, slots, scratch, decayed in chunks:
            if keep is not None and decayed:
                np.multiply(w, keep, w)
            update(w, g, slots, scratch[worker], c)

    def finalize(self, params: Array, ranges: Sequence[tuple[int, int]]) -> None:
        """What the end of a fit does: with `use_ema` the parameters take over their moving average."""
        if self.options.use_ema and "average" in self._slots:
            for start, stop in ranges:
                params[start:stop] = self._slots["average"][start:stop]

    def exclude_from_weight_decay(self, var_names: Iterable[str]) -> None:
        """Leave variables out of `weight_decay`.

        Args:
            var_names: Regular expressions searched in variable names, such as ["bias"].
        """
        self._undecayed = [var_names] if isinstance(var_names, str) else list(var_names)
        self._plan = None

    def _is_decayed(self, name: str) -> bool:
        return not any(re.search(pattern, name) for pattern in self._undecayed)

    # Learning rate ---------------------------------------------------------------------------

    @property
    def learning_rate(self) -> LearningRate:
        """The number or schedule; a schedule cannot be replaced by a number.

        Raises:
            TypeError: A number is assigned while a schedule is set.
        """
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: LearningRate) -> None:
        rate = _checked_rate(rate, self.name)
        if callable(self._learning_rate) and not callable(rate):
            raise TypeError(
                f"optimizer {self.name!r}: expected a schedule, as learning_rate was given as one, received "
                f"{rate!r}. Make the optimizer with a number to be able to set numbers."
            )
        self._learning_rate = rate

    def current_learning_rate(self) -> float:
        """The learning rate of the next step."""
        rate = self._learning_rate
        return float(rate(self.iterations)) if callable(rate) else rate

    # State -----------------------------------------------------------------------------------

    @property
    def slots(self) -> dict[str, Array]:
        """The quantities of the formula by name, each as long as the parameters.

        Assigning a dict replaces them; writing into the arrays does not reach the optimizer.
        """
        return {name: slot * slot.dtype.type(self.slot_scale(name)) for name, slot in self._slots.items()}

    @slots.setter
    def slots(self, values: dict[str, Array]) -> None:
        self._slots = {
            name: value / value.dtype.type(self.slot_scale(name)) for name, value in values.items()
        }
        self._plan = None

    def build(self, size: int, dtype: Any = np.float32) -> None:
        """Make the slots for `size` parameters, unless they are there."""
        for name in (*self.options.slot_names, *self.slot_names):
            slot = self._slots.get(name)
            if slot is None or slot.shape != (size,) or slot.dtype != dtype:
                self._slots[name] = np.full(size, self.slot_start(name) / self.slot_scale(name), dtype)

    def _new_plan(
        self, params: Array, grads: Array, ranges: Sequence[tuple[int, int]], layout: Layout
    ) -> Plan:
        self.build(params.size, params.dtype)
        slots = [self._slots[name] for name in self.slot_names]
        self._plan = Plan(
            params, grads, ranges, layout, slots, self.options.changes_gradient, self._is_decayed
        )
        return self._plan

    def get_state(self) -> Config:
        """Everything the next step depends on, as plain data and arrays, for `set_state`.

        The arrays are what `update` works on, so that a restored optimizer goes on bit for bit.
        `slots` has them as other libraries store them.
        """
        state: Config = {
            "iterations": self.iterations,
            "slots": {name: slot.copy() for name, slot in self._slots.items()},
            "slot_scales": {name: self.slot_scale(name) for name in self._slots},
            "excluded_from_weight_decay": list(self._undecayed),
        }
        if not callable(self._learning_rate):
            state["learning_rate"] = self._learning_rate
        return state

    def set_state(self, state: Config) -> None:
        """Put back what `get_state` returned; slots without "slot_scales" are taken as in `slots`."""
        self.iterations = int(state["iterations"])
        slots = {name: np.array(slot) for name, slot in state["slots"].items()}
        if "slot_scales" in state:
            self._slots = slots
        else:
            self.slots = slots
        self._undecayed = list(state.get("excluded_from_weight_decay", self._undecayed))
        if "learning_rate" in state:
            self._learning_rate = float(state["learning_rate"])
        self._plan = None

    def get_config(self) -> Config:
        """Keras's arguments; a learning rate that is a plain function stays one."""
        rate = self._learning_rate
        return {
            "name": self.name,
            "learning_rate": schedules.serialize(rate)
            if isinstance(rate, schedules.LearningRateSchedule)
            else rate,
            "weight_decay": self.weight_decay,
            **self.options.get_config(),
        }

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """A new optimizer with the arguments of `get_config`.

        Keras 2's `lr` and `decay` are understood, and its `epsilon` of None, which is the default.
        """
        if "lr" in config:
            config = {"learning_rate": config["lr"], **config}
        if config.get("epsilon", 0) is None:
            config = {key: value for key, value in config.items() if key != "epsilon"}
        optimizer = super().from_config(config)
        if config.get("decay") and "decay" not in argument_names(cls):
            optimizer.learning_rate = _decaying(optimizer, config["decay"])
        return optimizer


def checked_epsilon(epsilon: Any, where: str) -> float:
    """`epsilon` as a float.

    Raises:
        ConfigError: It is no number.
    """
    if isinstance(epsilon, (bool, str)) or epsilon is None or np.ndim(epsilon):
        raise ConfigError(
            f"{where}: expected epsilon to be a number, received {epsilon!r}. The default is 1e-7."
        )
    return float(epsilon)


def _decaying(optimizer: Optimizer, decay: float) -> LearningRate:
    """Keras 2's lr / (1 + decay steps)."""
    rate = optimizer.learning_rate
    if callable(rate):
        raise ConfigError(
            f"optimizer {optimizer.name!r}: expected decay with a learning_rate that is a number, received a "
            f"schedule. Leave one of them out."
        )
    return schedules.InverseTimeDecay(rate, 1, decay)


def _checked_rate(rate: Any, where: str) -> LearningRate:
    if isinstance(rate, dict):
        return schedules.deserialize(rate)
    if callable(rate):
        return rate
    if isinstance(rate, (bool, str)) or rate is None or np.ndim(rate):
        raise ConfigError(
            f"optimizer {where!r}: expected learning_rate to be a number or a schedule, received {rate!r}."
        )
    return float(rate)
