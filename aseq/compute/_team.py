"""Sessions, and the team of threads that shares big products and updates of one model."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aseq import linalg
from aseq.compute._process import PROCESS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Team", "session"]


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
    PROCESS.enter()
    try:
        yield team
    finally:
        team.close()
        PROCESS.leave()


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
        if len(parts) < 2 or not PROCESS.has_free_core():
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

    def beside_parsing(self) -> bool:
        """Whether the process parses data meanwhile."""
        return PROCESS.parses()

    def close(self) -> None:
        """End the helper, if it ever began."""
        if self._helper is not None:
            self._work = None
            self._begin.release()
            self._helper.join()
            self._helper = None
