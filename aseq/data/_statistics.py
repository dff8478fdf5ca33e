"""What a stream has done so far: bytes, rows, retries, buffered items.

`Statistics` is written to by the stages of one running stream; `Statistics.snapshot` is what users see.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

__all__ = ["Statistics", "StreamStatistics"]


class StreamStatistics(NamedTuple):
    """An immutable picture of a stream, as `Dataset.statistics()` returns it.

    Attributes:
        bytes: Bytes received from the source, before decompression.
        rows: Rows parsed and kept; elements, if they come from iterables. What a cache gives is not counted.
        bad_rows: Rows left out because they could not be parsed.
        retries: Times that a source had to try again.
        resumed_at: Byte offset at which a source last went on after a loss, or None.
        buffered: Elements that lie ready in prefetch buffers now.
        buffered_peak: The most that ever lay there at once.

    Examples:
        >>> Statistics(rows=3).snapshot().rows
        3
    """

    bytes: int = 0
    rows: int = 0
    bad_rows: int = 0
    retries: int = 0
    resumed_at: int | None = None
    buffered: int = 0
    buffered_peak: int = 0


@dataclasses.dataclass(slots=True)
class Statistics:
    """The counters of one running stream; sources and stages add to them in place.

    Attributes: as in `StreamStatistics`.

    Examples:
        >>> statistics = Statistics()
        >>> statistics.bytes += 10
        >>> statistics.buffer(+2)
        >>> statistics.buffer(-1)
        >>> statistics.snapshot()
        StreamStatistics(bytes=10, rows=0, bad_rows=0, retries=0, resumed_at=None, buffered=1,
                         buffered_peak=2)
    """

    bytes: int = 0
    rows: int = 0
    bad_rows: int = 0
    retries: int = 0
    resumed_at: int | None = None
    buffered: int = 0
    buffered_peak: int = 0

    def buffer(self, change: int) -> None:
        """Note that `change` elements came into (or, if negative, left) a buffer."""
        self.buffered += change
        self.buffered_peak = max(self.buffered_peak, self.buffered)

    def snapshot(self) -> StreamStatistics:
        """Return the counters as they are now."""
        return StreamStatistics(*dataclasses.astuple(self))
