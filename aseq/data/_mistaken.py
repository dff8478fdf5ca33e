"""What is often taken for a CSV, and how to say so: web pages, workbooks, other formats. Sans-IO."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aseq.data._csv_text import BYTE_ORDER_MARK
from aseq.data._stages import Stage
from aseq.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aseq.data._stages import Pass

__all__ = ["Recognize"]

ENOUGH = 64
"""Bytes that tell, if no line ends before."""

BEGINNINGS = tuple(
    (re.compile(pattern, re.IGNORECASE), what, way_out)
    for pattern, what, way_out in (
        (
            rb"<(?:html|!doctype\s+html|\?xml)\b",
            "a page of HTML or XML",
            "Look at it in a browser: it may ask to sign in, tell of an error, or link to the file itself.",
        ),
        (rb"PK\x03\x04", "a ZIP archive or an Excel workbook", "Unpack it, or save the sheet as CSV."),
        (rb"PAR1[\0-\x08\x0e-\x1f]", "a Parquet file", "Read it with data.parquet."),
        (rb"ARROW1\0\0", "an Arrow file", "Read it with data.arrow."),
    )
)
"""How they begin, what they are, and the way out."""


class Recognize(Stage):
    """Let text pass, and refuse what begins like a file of another kind."""

    def __init__(self, _: Pass | None, name: str) -> None:
        self.name = name
        self.head: bytes | None = b""

    def feed(self, chunk: bytes) -> Iterable[bytes]:
        """Hold the first line back until it tells."""
        if self.head is None:
            return (chunk,)
        self.head += chunk
        begun = self.head.removeprefix(BYTE_ORDER_MARK).lstrip()
        return self.flush() if b"\n" in begun or len(begun) >= ENOUGH else ()

    def flush(self) -> Iterable[bytes]:
        """Look at what there is."""
        head, self.head = self.head, None
        if not head:
            return ()
        begun = head.removeprefix(BYTE_ORDER_MARK).lstrip()
        for beginning, what, way_out in BEGINNINGS:
            if beginning.match(begun):
                raise ParseError(self.name, f"expected a CSV, received {what}. {way_out}")
        return (head,)
