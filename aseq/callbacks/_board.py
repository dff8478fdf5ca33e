"""The board: one live display for all runs of an event loop.

Callbacks write plain values into their rows; a timer of the loop draws them all at once, about ten
times a second and never so often that drawing takes more than a hundredth of the loop's time.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from anyio.lowlevel import RunVar

from aseq.callbacks._files import FILES

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from aseq.callbacks._display import Display
    from aseq.callbacks._row import Row

__all__ = ["Board", "Segment", "prepare", "say"]

Segment = tuple[str, str]
"""A piece of a line: text and rich style."""

INTERVAL = 0.1
"""Seconds between two drawings, at least."""

SHARE = 0.01
"""Part of the loop's time that drawing may take."""

DISPLAY = "aseq.callbacks._display"
"""The module that draws, and imports rich."""

GONE = (OSError, SystemExit)
"""What writing raises when the terminal is gone; rich makes the second of a broken pipe."""


class Board:
    """The rows of all runs that one event loop shows on one console.

    Args:
        console: Of rich; its shared one, on standard output, if not given.

    Examples:
        >>> from aseq.callbacks._row import Row
        >>> async def main():
        ...     board = Board.here()
        ...     rows = [board.open(Row("digits")), board.open(Row("digits"))]
        ...     board.write([("done", "green")])
        ...     return [row.label for row in rows], board is Board.here()
        >>> asyncio.run(main())
        done
        (['digits', 'digits #2'], True)
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._rows: list[tuple[Row, bool]] = []
        self._written: list[list[Segment]] = []
        self._display: Display | None = None
        self._gone = False
        self._timer: asyncio.TimerHandle | None = None
        self._frame = 0

    @classmethod
    def here(cls, console: Console | None = None) -> Board:
        """The running loop's board for a console."""
        try:
            boards = _BOARDS.get()
        except LookupError:
            boards = {}
            _BOARDS.set(boards)
        return boards.setdefault(console, cls(console))

    def open(self, row: Row) -> Row:
        """Add a row, with a label that no other has."""
        taken = {other.label for other, _ in self._rows}
        name, count = row.label, 1
        while row.label in taken:
            count += 1
            row.label = f"{name} #{count}"
        self._rows.append((row, False))
        return row

    def show(self, row: Row) -> None:
        """Draw a row, too, if there is a terminal."""
        if _can_draw(self._console):
            self._rows = [(other, live or other is row) for other, live in self._rows]
            if self._display is None:
                self._start()

    def close(self, row: Row) -> None:
        """Take a row away; the display ends with its last."""
        self._rows = [(other, live) for other, live in self._rows if other is not row]
        if self._display is not None and not self._drawn():
            self._stop()

    def write(self, segments: list[Segment]) -> None:
        """Write a line: above the rows if there is a display, else at once."""
        if self._gone:
            return
        if self._display is not None:
            self._written.append(segments)
        elif self._console is not None:
            from rich.text import Text

            self._console.print(Text.assemble(*segments), soft_wrap=True)
        else:
            print("".join(text for text, _ in segments), flush=True)

    def width(self, words: Callable[[Row], str]) -> int:
        """Of the widest of the rows' words, so that lines of several runs stand in columns."""
        return max((len(words(row)) for row, _ in self._rows), default=0)

    # The display ----------------------------------------------------------------------------------

    def _drawn(self) -> list[Row]:
        return [row for row, live in self._rows if live]

    def _start(self) -> None:
        from rich import get_console

        from aseq.callbacks._display import open_display

        self._display = open_display(self._console or get_console())
        if self._display is not None:  # else lines will do
            self._tick()

    def _tick(self) -> None:
        begun = time.thread_time()
        try:
            self._draw()
        except GONE:  # but training is not
            self._gone = True
            self._stop()
            return
        pause = max(INTERVAL, (time.thread_time() - begun) / SHARE)
        self._timer = asyncio.get_running_loop().call_later(pause, self._tick)

    def _draw(self) -> None:
        if self._display is not None:
            written, self._written = self._written, []
            self._display.draw(written, self._drawn(), self._frame)
            self._frame += 1

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        display, self._display = self._display, None
        written, self._written = self._written, []
        if display is not None:
            with suppress(*GONE):
                display.close(written)


_BOARDS: RunVar[dict[Console | None, Board]] = RunVar("aseq progress boards")


async def prepare(console: Console | None) -> None:
    """Import what a display needs, if one might be seen: in a worker thread, since it takes a while at first."""
    if console is not None or _is_interactive():
        await FILES.run(importlib.import_module, DISPLAY)


def say(message: str) -> None:
    """Print a callback's message, above the display if there is one.

    Examples:
        >>> say("Epoch 3: early stopping")
        Epoch 3: early stopping
    """
    try:
        board = _BOARDS.get()[None]
    except (LookupError, RuntimeError):  # no display, or no loop
        print(message, flush=True)
    else:
        board.write([(message, "")])


def _can_draw(console: Console | None) -> bool:
    """Whether a display would be seen; rich is only imported where it might."""
    if console is None:
        if not _is_interactive():
            return False
        from rich import get_console

        console = get_console()
    return console.is_jupyter or (console.is_terminal and not console.is_dumb_terminal)


def _is_interactive() -> bool:
    return sys.stdout.isatty() or "ipykernel" in sys.modules
