"""The rows of the board as styled text: columns aligned, bars as wide as the terminal allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from aseq.callbacks._wording import clock, measures, rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from aseq.callbacks._board import Segment
    from aseq.callbacks._row import Row

__all__ = ["draw", "fold"]

GAP = "  "
WIDEST_LABEL = 24
BAR_WIDTHS = (8, 32)
STYLES = ("bold cyan", "", "", "", "dim", "dim", "dim")
BAR = 2
OPTIONAL = (4, 6, 5, BAR)
"""Columns that give way in a narrow terminal, in this order: rate, source, time, bar."""


def draw(rows: Sequence[Row], console: Console, frame: int) -> list[list[Segment]]:
    """One line a row; as many as the terminal has room for.

    Args:
        rows: To be drawn.
        console: Its size and encoding are looked at.
        frame: Number of this drawing; moves the bars of runs whose length nobody knows.
    """
    room = max(console.height - 2, 1)
    shown, hidden = rows[:room], len(rows) - room
    table = [_cells(row) for row in shown]
    measured = [measures(row.logs) for row in shown]
    needed = max((sum(cell_len(text) for text, _ in line) for line in measured), default=0)
    widths = _widths(table, console.width - needed)
    ascii_only = not console.encoding.startswith("utf")
    lines = []
    for row, cells, line in zip(shown, table, measured, strict=True):
        segments: list[Segment] = []
        for column, width in enumerate(widths):
            if column == BAR and width:
                segments += _bar(row.share(), width, frame, ascii_only)
            elif width:
                segments.append((set_cell_size(cells[column], width) + GAP, STYLES[column]))
        lines.append(segments + line)
    if hidden > 0:
        lines.append([(f"and {hidden} more", "dim")])
    return lines


def fold(line: list[Segment], width: int) -> list[list[Segment]]:
    """A line that is to stay, broken at its gaps where the terminal is too narrow.

    Examples:
        >>> line = [("big  ", ""), ("loss ", "dim"), ("0.1", ""), ("  ", ""), ("auc ", "dim"), ("0.9", "")]
        >>> for part in fold(line, 16):
        ...     print("".join(text for text, _ in part))
        big  loss 0.1
          auc 0.9
    """
    lines: list[list[Segment]] = [[]]
    for piece in _pieces(line):
        taken = "".join(text for text, _ in lines[-1] + piece).rstrip()
        if lines[-1] and cell_len(taken) > width:
            text, style = lines[-1].pop()
            lines[-1].append((text.rstrip(), style))
            lines.append([(GAP, "")])
        lines[-1] += piece
    return lines


def _pieces(line: list[Segment]) -> list[list[Segment]]:
    """What stands between the gaps, each with the gap behind it."""
    pieces: list[list[Segment]] = [[]]
    for segment in line:
        pieces[-1].append(segment)
        if segment[0].endswith(GAP):
            pieces.append([])
    return [piece for piece in pieces if piece]


def _cells(row: Row) -> list[str]:
    left, speed = row.left(), row.rate()
    return [
        row.label[:WIDEST_LABEL],
        row.stage(),
        "",
        row.count(),
        rate(speed) if speed else "",
        clock(row.elapsed()) if left is None else f"eta {clock(left)}",
        row.source(),
    ]


def _widths(table: Sequence[Sequence[str]], room: int) -> list[int]:
    """Widths of the columns: 0 for those that have to give way, what is left for the bar."""
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    narrow, wide = BAR_WIDTHS
    widths[BAR] = narrow
    for column in OPTIONAL:
        if _taken(widths) <= room:
            break
        widths[column] = 0
    if widths[BAR]:
        widths[BAR] = min(narrow + max(room - _taken(widths), 0), wide)
    return widths


def _taken(widths: Sequence[int]) -> int:
    return sum(width + len(GAP) for width in widths if width)


def _bar(share: float | None, width: int, frame: int, ascii_only: bool) -> list[Segment]:
    full, half, rest = ("#", "", "-") if ascii_only else ("━", "╸", "─")
    if share is None:  # a piece that wanders to and fro
        piece = max(width // 4, 2)
        at = frame % (2 * (width - piece))
        at = min(at, 2 * (width - piece) - at)
        return [
            (rest * at, "bright_black"),
            (full * piece, "cyan"),
            (rest * (width - piece - at) + GAP, "bright_black"),
        ]
    halves = int(share * 2 * width)
    done = full * (halves // 2) + half * (halves % 2)
    return [(done, "green"), (rest * (width - len(done)) + GAP, "bright_black")]
