"""The worker's side: JSON lines in, JSON lines out. What a library prints goes to standard error."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def serve(describe: Callable[[], str], measures: dict[str, Callable[..., Any]]) -> None:
    """Say who we are, then answer requests `{"measure": name, ...}` until the input ends.

    Args:
        describe: Imports the library and names it with its version.
        measures: Functions by name; their keyword arguments are the rest of the request.
    """
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        name = describe()
    except ImportError as error:
        _reply(replies, error=f"not installed ({error})")
        return
    _reply(replies, value=name)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            _reply(replies, value=measures[request.pop("measure")](**request))
        except Exception as error:  # a peer that lacks a layer must not end the run
            _reply(replies, error=f"{type(error).__name__}: {error}")


def _reply(replies: Any, **answer: Any) -> None:
    replies.write(json.dumps(answer) + "\n")
    replies.flush()


def rate(run: Callable[[int], object], first: int, seconds: float) -> float:
    """Steps a second of `run(steps)`: once to warm up, once to learn the pace, once to measure."""
    run(first)
    begun = time.perf_counter()
    run(first)
    pace = (time.perf_counter() - begun) / first
    steps = max(first, int(seconds / pace))
    begun = time.perf_counter()
    run(steps)
    return steps / (time.perf_counter() - begun)
