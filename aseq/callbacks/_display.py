"""Where the board shows its rows: at the bottom of a terminal, or in an output of a notebook."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.errors import LiveError
from rich.live import Live
from rich.text import Text

from aseq.callbacks._drawing import draw, fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aseq.callbacks._board import Segment
    from aseq.callbacks._row import Row

__all__ = ["Display", "Notebook", "Terminal", "open_display"]

PAGE = 100
"""Lines in one output of a notebook, which is sent as a whole at each drawing."""

HTML = (
    '<pre style="white-space:pre;overflow-x:auto;line-height:normal;'
    "font-family:Menlo,'DejaVu Sans Mono',consolas,'Courier New',monospace\">{code}</pre>"
)


class Display(Protocol):
    """What the board draws on."""

    def draw(self, written: Sequence[list[Segment]], rows: Sequence[Row], frame: int) -> None:
        """Add lines that stay, and replace the rows."""

    def close(self, written: Sequence[list[Segment]]) -> None:
        """Add the last lines, and take the rows away."""


def open_display(console: Console) -> Display | None:
    """The display of a console; None where it shows one of someone else's."""
    if console.is_jupyter:
        return Notebook(console)
    try:
        return Terminal(console)
    except LiveError:
        return None


class Terminal:
    """rich's live display: lines scroll by above the rows."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def draw(self, written: Sequence[list[Segment]], rows: Sequence[Row], frame: int) -> None:
        """Print the lines above the rows."""
        self._live.update(_text(draw(rows, self._live.console, frame)))
        self._print(written)
        self._live.refresh()

    def close(self, written: Sequence[list[Segment]]) -> None:
        """Give the cursor back, come what may."""
        try:
            self._print(written)
        finally:
            self._live.stop()

    def _print(self, written: Sequence[list[Segment]]) -> None:
        console = self._live.console
        lines = [part for line in written for part in fold(line, console.width)]
        if lines:
            console.print(_text(lines), soft_wrap=True)


class Notebook:
    """One output of the cell that began the run; each drawing replaces it.

    So it needs no widgets, stays in its cell when others are run, and is saved as it was last seen.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: list[list[Segment]] = []
        self._output: Any = None

    def draw(self, written: Sequence[list[Segment]], rows: Sequence[Row], frame: int) -> None:
        """Show lines and rows."""
        self._add(written, draw(rows, self._console, frame))

    def close(self, written: Sequence[list[Segment]]) -> None:
        """Leave the lines."""
        self._add(written, [])

    def _add(self, written: Sequence[list[Segment]], rows: list[list[Segment]]) -> None:
        self._lines += written
        while len(self._lines) > PAGE:
            self._show(self._lines[:PAGE])
            self._lines, self._output = self._lines[PAGE:], None
        self._show(self._lines + rows)

    def _show(self, lines: list[list[Segment]]) -> None:
        from IPython.display import display

        text = _text(lines)
        paper = Console(
            file=io.StringIO(), record=True, force_terminal=True, force_jupyter=False, color_system="standard"
        )
        paper.print(text, soft_wrap=True, end="")
        content = {
            "text/plain": text.plain,
            "text/html": paper.export_html(inline_styles=True, code_format=HTML),
        }
        if self._output is None:
            self._output = display(content, raw=True, display_id=True)
        else:
            self._output.update(content, raw=True)


def _text(lines: Sequence[list[Segment]]) -> Text:
    text = Text("\n").join(Text.assemble(*line) for line in lines)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
