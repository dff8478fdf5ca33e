"""What belongs to the process: its cores, its BLAS and its C allocator."""

from __future__ import annotations

import math
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CORES", "PROCESS"]

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

MOMENT = 0.1
"""Seconds between two blocks of one stream, at most as a rule."""


class _Process:
    """What all sessions of this process share: how many there are, and the BLAS behind NumPy.

    The number of BLAS threads belongs to the process, so there is one place that changes it: here,
    when the first session begins and when the last one ends.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sessions = 0
        self.busy: set[int] = set()  # threads that parse and the like; adding and discarding is atomic
        self.idle_since = -math.inf  # when the last of them was done
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
            self.idle_since = time.perf_counter()

    def has_free_core(self) -> bool:
        """Whether every model that computes may have a second thread."""
        return 2 * self.sessions + len(self.busy) <= CORES

    def parses(self) -> bool:
        """Whether data is parsed now, or was a moment ago."""
        return bool(self.busy) or time.perf_counter() < self.idle_since + MOMENT

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


PROCESS = _Process()
