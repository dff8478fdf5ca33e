"""Longer time slices for threads that compute, so that the event loop's thread comes first when it wakes.

On Linux a thread that wakes up may have to wait until a running one has used up its time slice, which is noticed
at the next tick only: 4 ms. From Linux 6.12 it does not wait for one whose slice is longer than its own (EEVDF,
`PREEMPT_SHORT`; a thread asks for a slice by `sched_runtime` of sched_setattr(2)). Everybody's share of the cores
stays the same. SCHED_BATCH, which sched(7) has for threads that compute, would make them wait for a core in their turn:
beside other busy programs, steps that two threads share came out at a third of their speed.

Python has no function for this, and the C library only from glibc 2.41 on, so it is the system call itself.
Where there is none, or it is refused, all stays as it was.
"""

from __future__ import annotations

import platform
import struct
import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["long_slices"]

SLICE = 20_000_000  # nanoseconds: above the kernel's own (0.7 to 3 ms), of the order of a burst or a parse
OTHER = 0  # the usual policy
NUMBERS = {
    "x86_64": (314, 315),
    "aarch64": (274, 275),
    "riscv64": (274, 275),
}  # of sched_setattr, sched_getattr
LAYOUT = struct.Struct("=IIQiIQQQ")


class Attributes(NamedTuple):
    """The kernel's `struct sched_attr`."""

    size: int
    policy: int
    flags: int
    nice: int
    priority: int
    runtime: int
    deadline: int
    period: int


class Scheduler:
    """The two system calls, for the thread that makes them."""

    def __init__(self) -> None:
        import ctypes

        self._write, self._read = NUMBERS[platform.machine()]
        self._answer = ctypes.create_string_buffer  # a fresh one for each thread that asks
        self._call = ctypes.PyDLL(
            None
        ).syscall  # PyDLL: not worth giving up the interpreter's lock for a microsecond
        self._call.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint]

    def read(self) -> Attributes | None:
        """How this thread is scheduled, or None if the system does not tell."""
        answer = self._answer(LAYOUT.size)
        refused = self._call(self._read, 0, answer, LAYOUT.size, 0)
        return None if refused else Attributes(*LAYOUT.unpack(answer.raw))

    def write(self, wanted: Attributes) -> None:
        """Ask for it; what is refused stays as it was."""
        self._call(self._write, 0, LAYOUT.pack(*wanted), 0, 0)


@cache
def scheduler() -> Scheduler | None:
    """The system's, if it is one that we can talk to."""
    known = sys.platform == "linux" and sys.maxsize > 1 << 32 and platform.machine() in NUMBERS
    return Scheduler() if known else None


@contextmanager
def long_slices() -> Iterator[None]:
    """Give this thread long time slices, unless somebody has chosen a policy for it already.

    Examples:
        >>> with long_slices():
        ...     sum(range(1000))
        499500
    """
    kernel = scheduler()
    before = kernel.read() if kernel is not None else None
    if kernel is None or before is None or before.policy != OTHER:
        yield
        return
    kernel.write(before._replace(runtime=SLICE))
    try:
        yield
    finally:
        kernel.write(before._replace(runtime=0))  # the kernel's own slice
