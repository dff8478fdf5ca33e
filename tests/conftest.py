"""Every test is watched: it must not block an event loop, nor leave tasks, threads or files behind.

Blocking is measured at each callback of every loop, pytest's own and those of `asyncio.run`: the CPU
time of its thread, which other load on the machine does not lengthen, and, with more patience, the time
on the clock, for calls that wait. Garbage collection, whose cost depends on all other tests, is left
out. What is left behind is looked for when a loop is shut down and when all fixtures of a test are gone.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from asyncio import events, runners

import pytest

CPU_LIMIT = 0.1
CLOCK_LIMIT = 0.4
PATIENCE = 2.0


class Stopwatch:
    """Time on the clock and CPU time of this thread, without what the garbage collector took."""

    def __init__(self) -> None:
        self.collecting = 0.0
        self.begun = 0.0

    def collector(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self.begun = time.perf_counter()
        else:
            self.collecting += time.perf_counter() - self.begun

    def now(self) -> tuple[float, float]:
        return time.perf_counter() - self.collecting, time.thread_time() - self.collecting


class Watch:
    """What the test that runs now has done to event loops."""

    def __init__(self) -> None:
        self.blocked: list[str] = []
        self.lost: list[str] = []
        self.stopwatch = Stopwatch()
        self.run = events.Handle._run
        self.cancel_all = runners._cancel_all_tasks

    def install(self) -> None:
        watch, now = self, self.stopwatch.now

        def run(handle: events.Handle) -> None:
            clock, cpu = now()
            watch.run(handle)
            end_clock, end_cpu = now()
            clock, cpu = end_clock - clock, end_cpu - cpu
            if cpu > CPU_LIMIT or clock > CLOCK_LIMIT:
                watch.blocked.append(
                    f"{1000 * clock:.0f} ms ({1000 * cpu:.0f} ms of CPU) in {_owner(handle)}"
                )

        def cancel_all(loop: asyncio.AbstractEventLoop) -> None:
            watch.lost += [repr(task) for task in asyncio.all_tasks(loop)]
            watch.cancel_all(loop)

        events.Handle._run = run
        runners._cancel_all_tasks = cancel_all
        gc.callbacks.append(self.stopwatch.collector)

    def uninstall(self) -> None:
        gc.callbacks.remove(self.stopwatch.collector)
        events.Handle._run = self.run
        runners._cancel_all_tasks = self.cancel_all


def _owner(handle: events.Handle) -> str:
    task = getattr(handle._callback, "__self__", None)
    return repr(task if isinstance(task, asyncio.Task) else handle)


def _threads() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if not isinstance(t, threading._DummyThread)}


def _files() -> set[tuple[str, str]]:
    """Open descriptors and what they lead to, where the system can tell."""
    if not os.path.isdir("/proc/self/fd"):
        return set()
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            found.add((descriptor, os.readlink(f"/proc/self/fd/{descriptor}")))
        except OSError:  # the one that listed the directory is closed by now
            continue
    return found


def _left(what: str, look, before: set) -> list[str]:
    """What is there now and was not before, after a while in which threads may end."""
    if not look() - before:
        return []
    gc.collect()
    end = time.monotonic() + PATIENCE
    while (left := look() - before) and time.monotonic() < end:
        time.sleep(0.01)
    return [f"{what}: {each}" for each in left]


BEFORE = pytest.StashKey[tuple[set, set]]()
WATCH = Watch()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "may_leave: the test leaves tasks, threads or files behind on purpose")
    WATCH.install()


def pytest_unconfigure(config: pytest.Config) -> None:
    WATCH.uninstall()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item):
    WATCH.blocked.clear()
    WATCH.lost.clear()
    item.stash[BEFORE] = _threads(), _files()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item):
    result = yield
    threads, files = item.stash[BEFORE]
    faults = []
    if not item.get_closest_marker("may_leave"):
        faults += [f"task left to its loop: {task}" for task in WATCH.lost]
        faults += _left("thread left behind", _threads, threads)
        faults += _left("file left open", _files, files)
    if not item.get_closest_marker("may_block"):
        faults += [f"event loop blocked: {each}" for each in WATCH.blocked]
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)
    return result
