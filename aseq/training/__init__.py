"""One gradient step, one loop, and the feeds that bring it batches. Users come in through `aseq.Sequential`."""

__all__: list[str] = []
