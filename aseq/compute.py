"""Where NumPy work runs: worker threads, bursts, BLAS threads, fairness between models.

`Lane.run` is the only way in which aseq enters a thread. `Turns` lets tasks share one model.
`session` is held while a model computes: it settles how many threads the process's BLAS uses.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from aseq import linalg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

__all__ = ["BIG_STEPS", "CORES", "SMALL_STEPS", "Lane", "Turns", "session"]

T = TypeVar("T")

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Lane:
    """A limit on how many calls run in worker threads at once, one limit per event loop.

    aseq has lanes of its own, so that training never takes the threads that a web framework
    serves its requests with, and parsing never waits for training.

    Args:
        name: Shown in reprs.
        capacity: Calls that may run at once in one event loop.
        fills_core: Whether its calls compute all the time, so that a core is taken while one runs.

    Examples:
        >>> import asyncio
        >>> lane = Lane("example", 1)
        >>> asyncio.run(lane.run(sum, [1, 2, 3]))
        6
    """

    def __init__(self, name: str, capacity: int, *, fills_core: bool = False) -> None:
        self.name = name
        self.capacity = capacity
        self.fills_core = fills_core
        self._limiter: RunVar[CapacityLimiter] = RunVar(f"aseq lane {name}")

    def __repr__(self) -> str:
        return f"Lane({self.name!r}, {self.capacity})"

    async def run(
        self, function: Callable[..., T], *args: Any, interrupt: Callable[[], bool | None] | None = None
    ) -> T:
        """Call `function(*args)` in a worker thread.

        A cancelled caller waits until a function that has begun returns, and only then sees its
        CancelledError: what the function changes is never left half done. A function that has not
        begun is not called at all.

        Args:
            function: A synchronous callable.
            *args: Its arguments.
            interrupt: Called when the caller is cancelled, to tell the function to return soon. If it returns
                True the caller does not wait: nobody sees what the function does from then on.

        Returns:
            What the function returns. What it raises is raised here.
        """
        claim = threading.Lock()  # taken once: by the thread that begins, or by the cancel that forestalls it

        def begin() -> T:
            if not claim.acquire(blocking=False):
                raise asyncio.CancelledError
            if not self.fills_core:
                return function(*args)
            with _PROCESS.busy_core():
                return function(*args)

        call = asyncio.ensure_future(
            to_thread.run_sync(begin, limiter=self._here(), abandon_on_cancel=True)  # as far as we cancel it
        )
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            if claim.acquire(blocking=False) or (interrupt is not None and interrupt()):
                call.cancel()
            await _settled(call)
            raise

    def _here(self) -> CapacityLimiter:
        try:
            return self._limiter.get()
        except LookupError:
            limiter = CapacityLimiter(self.capacity)
            self._limiter.set(limiter)
            return limiter


async def _settled(call: asyncio.Future[T]) -> None:
    """Wait until `call` is done, whatever its outcome and however often the caller is cancelled."""
    while not call.done():
        try:
            await asyncio.wait([call])
        except asyncio.CancelledError:
            continue
    if not call.cancelled():
        call.exception()  # read, so that asyncio does not report it as lost


SMALL_STEPS = Lane("small steps", 1)
"""Models whose steps take well under a millisecond spend them in the interpreter: two threads of
them would only pass the GIL to and fro (measured: half the speed of one), so they take turns."""

BIG_STEPS = Lane("big steps", CORES)
"""Models whose steps are big spend them in NumPy without the GIL: a core for each."""


class Turns:
    """First come, first served access to one model, for tasks of one event loop at a time.

    Attributes:
        wanted: How many tasks wait; a burst reads it from its thread and ends early.

    Examples:
        >>> turns = Turns()
        >>> async def main():
        ...     async with turns:
        ...         return turns.wanted
        >>> asyncio.run(main())
        0
    """

    def __init__(self) -> None:
        self.wanted = 0
        self._lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # a model may serve one asyncio.run after the other
            self._loop, self._lock, self.wanted = loop, asyncio.Lock(), 0
        self.wanted += 1
        try:
            await self._lock.acquire()
        finally:
            self.wanted -= 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class _Process:
    """What all sessions of this process share: how many there are, and the BLAS behind NumPy.

    The number of BLAS threads belongs to the process, so there is one place that changes it: here,
    when the first session begins and when the last one ends.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sessions = 0
        self.busy: set[int] = set()  # threads that parse and the like; adding and discarding is atomic
        self.libraries: list[Any] | None = None
        self.threads_before: list[int] = []

    def enter(self) -> None:
        with self.lock:
            self.sessions += 1
            if self.libraries is None:
                _keep_memory()
            if self.sessions == 1:
                self.threads_before = [library.get_num_threads() for library in self._blas()]
                for library in self._blas():
                    _set_threads(library, 1)

    def leave(self) -> None:
        with self.lock:
            self.sessions -= 1
            if self.sessions == 0:
                for library, threads in zip(self._blas(), self.threads_before, strict=True):
                    _set_threads(library, threads)
                    _give_up_control(library)

    @contextmanager
    def busy_core(self) -> Iterator[None]:
        """Hold this while the thread takes a core for something else than a model."""
        thread = threading.get_ident()
        self.busy.add(thread)
        try:
            yield
        finally:
            self.busy.discard(thread)

    def has_free_core(self) -> bool:
        """Whether every model that computes may have a second thread."""
        return 2 * self.sessions + len(self.busy) <= CORES

    def _blas(self) -> list[Any]:
        if self.libraries is None:
            from threadpoolctl import ThreadpoolController

            self.libraries = ThreadpoolController().select(user_api="blas").lib_controllers
        return self.libraries


def _set_threads(library: Any, threads: int) -> None:
    """Set the number of threads of a BLAS, from whichever thread this is.

    threadpoolctl (from 3.7) heeds one thread alone, the first that set a number, for as long as it lives. Ours
    come in turn: each event loop has a thread of its own.
    """
    _give_up_control(library)
    library.set_num_threads(threads)


def _give_up_control(library: Any) -> None:
    clear = getattr(library, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


def _keep_memory() -> None:
    """Let the C allocator keep what a step frees, for the next step.

    glibc gives blocks above its mmap threshold (at first 128 KiB) back to the system at once, and
    every step would fault its pages in again: half the time of a small convolutional network.
    Freeing one larger block, never touched, raises the threshold to that block's size; 32 MiB is
    as far as it goes. Other allocators do nothing of the kind.
    """
    np.empty((32 << 20) - (1 << 16), np.uint8)


_PROCESS = _Process()


@contextmanager
def session() -> Iterator[Team]:
    """Hold this while a model computes; yields the team that its bursts may use.

    BLAS gets one thread, whatever else runs, so that a model's numbers never depend on its
    neighbours; big products are shared between cores by `aseq.linalg` instead.

    Examples:
        >>> with session() as team:
        ...     team.run(print, [("one part",)])
        one part
    """
    team = Team()
    _PROCESS.enter()
    try:
        yield team
    finally:
        team.close()
        _PROCESS.leave()


class Team(linalg.Team):
    """The thread of a burst and one helper, which share the parts of big products and updates.

    The helper starts with the first work for it and ends with the session. While other models
    compute as well, or data is parsed, every core has work already and the parts run one after the
    other: a third thread on two cores would only keep the event loop waiting.
    """

    def __init__(self) -> None:
        self._helper: threading.Thread | None = None
        self._begin = threading.Lock()  # bare locks, taken by who waits and released by who is waited
        self._done = threading.Lock()  # for: a Semaphore is written in Python and costs ten times as much
        self._work: Callable[[], None] | None = None
        self._error: BaseException | None = None

    def run(self, function: Callable[..., object], parts: Sequence[tuple[Any, ...]]) -> None:
        """Call `function(*part)` for every part and return when all are done."""
        if len(parts) < 2 or not _PROCESS.has_free_core():
            for part in parts:
                function(*part)
            return
        self._hand_over(function, parts[1:])
        try:
            function(*parts[0])
        finally:
            self._done.acquire()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _hand_over(self, function: Callable[..., object], parts: Sequence[tuple[Any, ...]]) -> None:
        def work() -> None:
            for part in parts:
                function(*part)

        self._work, self._error = work, None
        if self._helper is None:
            self._begin.acquire()
            self._done.acquire()
            self._helper = threading.Thread(target=self._help, name="aseq helper", daemon=True)
            self._helper.start()
        self._begin.release()

    def _help(self) -> None:
        while True:
            self._begin.acquire()
            work = self._work
            if work is None:
                return
            try:
                work()
            except BaseException as error:  # handed to the thread that waits for this part
                self._error = error
            self._done.release()

    def close(self) -> None:
        """End the helper, if it ever began."""
        if self._helper is not None:
            self._work = None
            self._begin.release()
            self._helper.join()
            self._helper = None
