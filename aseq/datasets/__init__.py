"""Data that comes with aseq, for the demo, the examples and the docs. Origin and licence: ATTRIBUTION.md."""

from __future__ import annotations

from pathlib import Path

__all__ = ["digits"]


def digits() -> Path:
    """Where the UCI handwritten digits are: 1,797 rows of 64 pixels (0 to 16) and the digit; gzip, no header.

    Examples:
        >>> import asyncio
        >>> from aseq import data
        >>> rows = data.disk(digits(), has_header=False, label=-1)
        >>> [(x, y)] = asyncio.run(rows.take(1).to_list())
        >>> x.shape, int(y)
        ((64,), 0)
    """
    return Path(__file__).with_name("digits.csv.gz")
